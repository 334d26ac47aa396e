"""Sockets on which all waiting ends at one moment, however little comes at a time, and no answer is without end.

A timeout of the system's is for one read: who sends a byte now and then holds up its reader for ever.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

MAX_HEAD_BYTES = 2**17
"""As long as the head of an answer can be, with all interim answers before it."""

_PART_BYTES = 4096
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})\b")
_SERVER = re.compile(rb"\r?\n(?:server|via):[ \t]*([^\r\n]{1,200})", re.IGNORECASE)
_GRANTED, _GRANTED_END = 200, 300


class TooLong(http.client.HTTPException):
    """The other side goes on and on."""


class Refused(http.client.HTTPException):
    """A proxy answered that it does not connect; `server` is what it says of itself."""

    def __init__(self, status: int, server: str | None) -> None:
        super().__init__(status)
        self.status = status
        self.server = server


class TimedSocket:
    """A socket as `http.client` uses it; `end` is a moment of `time.monotonic`, `allowance` what may be read in bytes."""

    def __init__(self, inner: Any, end: float) -> None:
        self.inner = inner
        self.end = end
        self.allowance = MAX_HEAD_BYTES

    def sendall(self, data: ReadableBuffer) -> None:
        """Send everything, or raise `TimeoutError`."""
        rest = memoryview(data)
        while rest:
            self.arm()
            rest = rest[self.inner.send(rest) :]

    def makefile(self, *_: Any) -> io.BufferedReader:
        """Return a reader that keeps to the end and the allowance."""
        return io.BufferedReader(_TimedReader(self))

    def arm(self) -> None:
        """Let the next wait last no longer than there is time."""
        self.inner.settimeout(left(self.end))

    def received(self, count: int) -> None:
        """Take note of bytes that came; raise `TooLong` for more than are allowed."""
        self.allowance -= count
        if self.allowance < 0:
            raise TooLong

    def close(self) -> None:
        """Close the socket, once its readers are closed too."""
        self.inner.close()


class _TimedReader(io.RawIOBase):
    def __init__(self, timed: TimedSocket) -> None:
        super().__init__()
        self._timed = timed
        # The file that the socket makes keeps it open until it is closed itself.
        self._raw = timed.inner.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        self._timed.arm()
        count: int | None = self._raw.readinto(buffer)
        self._timed.received(count or 0)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def left(end: float) -> float:
    """Return the seconds until a moment; raise `TimeoutError` if it has come."""
    seconds = end - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def connect(host: str, port: int, end: float) -> TimedSocket:
    """Connect to the first address of a host that answers; raise `OSError` or `UnicodeError` if none does in time."""
    addresses = _resolved(host, port, end)
    failure = OSError("the name has no address")
    for number, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            # Who does not answer at all leaves the others their share.
            sock.settimeout(left(end) / (len(addresses) - number))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return TimedSocket(sock, end)
    raise failure


def connect_unix(path: str, end: float) -> TimedSocket:
    """Connect to a Unix socket; raise `OSError` if nobody listens there, or takes no one in time."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(left(end))
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return TimedSocket(sock, end)


def tunnel(sock: TimedSocket, authority: str, authorization: str | None) -> None:
    """Let a proxy connect to `host:port`; raise `Refused`, `OSError` or `TooLong` if it does not.

    What comes after its answer before anything was sent would be read as the service's.
    """
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if authorization:
        lines.append(f"Proxy-Authorization: {authorization}")
    sock.sendall("\r\n".join([*lines, "", ""]).encode("ascii"))
    head = b""
    while not (end := _HEAD_END.search(head)):
        sock.arm()
        part = sock.inner.recv(_PART_BYTES)
        if not part:
            raise ConnectionError
        sock.received(len(part))
        head += part
    status = _STATUS.match(head)
    if not status:
        raise ConnectionError
    if not _GRANTED <= int(status[1]) < _GRANTED_END:
        server = _SERVER.search(head[: end.start()])
        raise Refused(int(status[1]), server[1].decode("latin-1") if server else None)
    if end.end() != len(head):
        raise ConnectionError


def _resolved(host: str, port: int, end: float) -> list[Any]:
    """Return the addresses of a host; the system's own way to them knows no timeout."""
    try:
        return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except socket.gaierror:
        pass
    from threading import Thread  # noqa: PLC0415 - an address that is none needs no thread

    results: list[Any] = []

    def ask() -> None:
        try:
            results.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            results.append(error)

    # A daemon, so that one that never ends does not keep the program from its end.
    thread = Thread(target=ask, daemon=True)
    thread.start()
    thread.join(left(end))
    if not results:
        raise TimeoutError
    if isinstance(results[0], Exception):
        raise results[0]
    addresses: list[Any] = results[0]
    return addresses
