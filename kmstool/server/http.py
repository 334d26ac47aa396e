"""HTTP/1.1 on a loopback socket, strict and small: requests in, one form of answer out. It knows nothing of KMS.

Content-Length only, one request at a time a connection, limits on everything
(RFC 9112; what is ambiguous there is refused here).
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from typing import cast

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 10 * 2**20
MAX_HEADERS = 100
MAX_CONNECTIONS = 256
IDLE_SECONDS = 30

_MAX_DIGITS = 10

_REQUEST_LINE = re.compile(rb"([A-Z]{1,10}) ([!-~]{1,8192}) HTTP/1\.([01])")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)?(?:\?([^#]*))?")
_REASONS = {
    100: "Continue", 200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 413: "Content Too Large", 417: "Expectation Failed",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; header names are lower-case, values as sent, decoded as Latin-1."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = field(repr=False, default=b"")
    keep_alive: bool = True


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer; the last four fields are for faults that are asked for on purpose."""

    body: bytes = field(repr=False)
    status: int = 200
    content_type: str = "application/json"
    delay_seconds: float = 0
    drop: bool = False
    truncate: bool = False


class HttpError(Exception):
    """A request that is not understood; the connection is closed after the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Answer = HttpAnswer | asyncio.Future[HttpAnswer]


def parse_head(head: bytes) -> tuple[HttpRequest, int]:
    """Parse request line and headers, without the empty line; return the request and the length of its body.

    Raises `HttpError`, and nothing else, for whatever is not a request that this server takes.
    """
    first, *lines = head.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if not line:
        raise HttpError(400, "malformed request line")
    if len(lines) > MAX_HEADERS:
        raise HttpError(431, "too many headers")
    headers: dict[str, str] = {}
    for text in lines:
        raw_name, colon, value = text.partition(b":")
        if not colon or not _NAME.fullmatch(raw_name) or not _VALUE.fullmatch(value):
            raise HttpError(400, "malformed header")
        name = raw_name.decode("ascii").lower()
        if name in headers:
            # Two answers to one question are how requests are smuggled.
            raise HttpError(400, f"header {name} given twice")
        headers[name] = value.strip(b" \t").decode("latin-1")
    target = _TARGET.fullmatch(line[2].decode("ascii"))
    if not target:
        raise HttpError(400, "malformed target")
    method = line[1].decode("ascii")
    if line[3] == b"1" and "host" not in headers:
        raise HttpError(400, "header host is missing")
    if line[3] == b"0":
        # Version 1.0 has no interim answers.
        headers.pop("expect", None)
    wishes = {wish.strip().lower() for wish in headers.get("connection", "").split(",")}
    keep_alive = "close" not in wishes and (line[3] == b"1" or "keep-alive" in wishes)
    request = HttpRequest(method, target[1] or "/", target[2] or "", headers, keep_alive=keep_alive)
    return request, _body_length(request)


def _body_length(request: HttpRequest) -> int:
    if "transfer-encoding" in request.headers:
        raise HttpError(411, "Transfer-Encoding is not supported, send Content-Length")
    text = request.headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise HttpError(400, "malformed Content-Length")
    if int(text) > MAX_BODY_BYTES:
        raise HttpError(413, "the body is over 10 MiB")
    if request.headers.get("expect", "100-continue").lower() != "100-continue":
        raise HttpError(417, "unknown expectation")
    return int(text)


class Connection(asyncio.Protocol):
    """One client; requests are answered in order, and no further one is parsed before its answer is out."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self._buffer = bytearray()
        self._head: tuple[HttpRequest, int] | None = None
        self._transport: asyncio.Transport | None = None
        self.busy = False
        self.active = time.monotonic()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or say that there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.connections.add(self)
        if len(self._server.connections) > MAX_CONNECTIONS:
            self._refuse(HttpError(503, "too many connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._transport = None
        self._server.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Collect bytes and answer what is complete."""
        self.active = time.monotonic()
        self._buffer += data
        if len(self._buffer) > MAX_HEAD_BYTES + MAX_BODY_BYTES:
            self._refuse(HttpError(413, "too much at once"))
        self._work()

    def close(self) -> None:
        """Close the connection after what was written."""
        if self._transport is not None:
            self._transport.close()

    def _work(self) -> None:
        while self._transport is not None and not self.busy and not self._transport.is_closing():
            try:
                request = self._take()
            except HttpError as fault:
                self._refuse(fault)
                return
            if request is None:
                return
            self.busy = True
            self._answer(request)

    def _take(self) -> HttpRequest | None:
        """Cut the next complete request out of the buffer."""
        if self._head is None:
            end = self._buffer.find(b"\r\n\r\n", 0, MAX_HEAD_BYTES + 4)
            if end < 0:
                if len(self._buffer) > MAX_HEAD_BYTES + 3:
                    raise HttpError(431, "the head is over 16 KiB")
                return None
            self._head = parse_head(bytes(self._buffer[:end]))
            del self._buffer[: end + 4]
            if "expect" in self._head[0].headers and len(self._buffer) < self._head[1]:
                self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request, length = self._head
        if len(self._buffer) < length:
            return None
        body = bytes(self._buffer[:length])
        del self._buffer[:length]
        self._head = None
        return HttpRequest(request.method, request.path, request.query, request.headers, body, request.keep_alive)

    def _answer(self, request: HttpRequest) -> None:
        answer = self._server.handle(request)
        if isinstance(answer, HttpAnswer):
            self._send(request, answer)
        else:
            answer.add_done_callback(lambda future: self._send(request, future.result()))

    def _send(self, request: HttpRequest, answer: HttpAnswer) -> None:
        if answer.delay_seconds:
            asyncio.get_running_loop().call_later(answer.delay_seconds, self._finish, request, answer)
        else:
            self._finish(request, answer)

    def _finish(self, request: HttpRequest, answer: HttpAnswer) -> None:
        if answer.drop and self._transport is not None:
            self._transport.abort()
            return
        body = answer.body[: len(answer.body) // 2] if answer.truncate else answer.body
        keep = request.keep_alive and not self._server.stopping and not answer.truncate
        self._write(_head_of(answer, len(answer.body), keep=keep) + body)
        self.busy = False
        if not keep:
            self.close()
        elif self._buffer:
            asyncio.get_running_loop().call_soon(self._work)

    def _refuse(self, fault: HttpError) -> None:
        body = f"{fault}\n".encode("latin-1", "replace")
        answer = HttpAnswer(body, fault.status, "text/plain")
        self._write(_head_of(answer, len(body), keep=False) + body)
        self._buffer.clear()
        self.close()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


class HttpServer:
    """Listens on one address and hands requests to `handle`, which must not block and not raise."""

    def __init__(self, handle: Callable[[HttpRequest], Answer]) -> None:
        self.handle = handle
        self.connections: set[Connection] = set()
        self.stopping = False

    async def serve(self, host: str, port: int, ready: Callable[[int], None], stop: asyncio.Event) -> None:
        """Listen until `stop` is set, then answer what has begun; `ready` gets the port.

        Raises `OSError` if the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), host, port, backlog=MAX_CONNECTIONS)
        ready(server.sockets[0].getsockname()[1])
        while not stop.is_set():
            self._close_idle()
            try:
                await asyncio.wait_for(stop.wait(), timeout=5)
            except TimeoutError:
                continue
        self.stopping = True
        server.close()
        deadline = time.monotonic() + 10
        while any(connection.busy for connection in self.connections) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(self.connections):
            connection.close()
        await server.wait_closed()

    def _close_idle(self) -> None:
        oldest = time.monotonic() - IDLE_SECONDS
        for connection in [item for item in self.connections if not item.busy and item.active < oldest]:
            connection.close()


@lru_cache(maxsize=2)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)


def _head_of(answer: HttpAnswer, length: int, *, keep: bool) -> bytes:
    reason = _REASONS.get(answer.status, "Unknown")
    return (
        f"HTTP/1.1 {answer.status} {reason}\r\nDate: {_date(int(time.time()))}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {length}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("latin-1")
