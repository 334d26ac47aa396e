"""From the bytes of one connection to its requests: what is searched once is not searched again, what is refused not kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kmstool.server.web.bodies import Body, ChunkedBody, SizedBody
from kmstool.server.web.http import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    HttpAnswer,
    HttpError,
    HttpRequest,
    parse_head,
    refusal,
)

HEAD_SECONDS = 10
BODY_SECONDS = 20

SMALL_BODY_BYTES = 32 * 1024
MAX_LARGE_BYTES = 20 * 2**20

_LINE_END = b"\r\n"
_END = b"\r\n\r\n"
# The first byte of a record of TLS that holds a ClientHello (RFC 8446, 5.1).
_HANDSHAKE = 0x16

Admit = Callable[[HttpRequest, int], HttpAnswer | None]
"""Is asked about the head of a request with a large body, and how long that is, or has become so far."""


@dataclass(slots=True)
class Budget:
    """The memory that the large bodies of all connections together may take until it is known who sent them."""

    taken: int = 0


class TlsError(HttpError):
    """A client that speaks TLS where plain HTTP is spoken; HTTP is what most of them can tell their user of."""

    def __init__(self) -> None:
        super().__init__(400, "this port speaks plain HTTP: use http://, or serve with TLS")


class Incoming:
    """Bytes of requests that have not been answered; `admit` is asked about those with a body over SMALL_BODY_BYTES.

    `refusal` is the answer to the request that arrives where its body makes no difference:
    that is not kept, but the client may send it, since many read no answer before they have.
    """

    def __init__(self, admit: Admit, budget: Budget, is_from_own_user: Callable[[], bool] = lambda: False) -> None:
        self._admit = admit
        self._is_from_own_user = is_from_own_user
        self._budget = budget
        self._reserved = 0
        self._buffer = bytearray()
        self._searched = 0
        self._head: HttpRequest | None = None
        self._body: Body | None = None
        self.refusal: HttpAnswer | None = None
        self.continues = False
        """Whether the client waits to be told that its body is wanted."""
        self.deadline = 0.0
        """When the head, and after it the body, has to be there; it means nothing before the first byte."""

    def __bool__(self) -> bool:
        """Return whether a request has begun."""
        return bool(self._buffer) or self._head is not None

    def add(self, data: memoryview) -> None:
        """Take bytes that have arrived."""
        if not self:
            self.deadline = time.monotonic() + HEAD_SECONDS
        self._buffer += data

    def clear(self) -> None:
        """Forget everything."""
        self._buffer = bytearray()
        self._head = self._body = self.refusal = None
        self.release()

    def release(self) -> None:
        """Tell that the body of the request that was taken is gone, or known to be somebody's."""
        self._budget.taken -= self._reserved
        self._reserved = 0

    def take(self) -> HttpRequest | None:
        """Cut the next complete request off; raise `HttpError` if it is not one that is understood."""
        if self._head is None:
            self._take_head()
        if self._head is None or self._body is None:
            return None
        complete = self._body.take(self._buffer, keep=self.refusal is None)
        if self.refusal is None and self._body.growth > SMALL_BODY_BYTES:
            self._grow(self._head, self._body.growth)
        if not complete:
            return None
        body = b"" if self.refusal is not None else self._body.data
        head, self._head, self._body = self._head, None, None
        if self._buffer:
            # It belongs to the next one.
            self.deadline = time.monotonic() + HEAD_SECONDS
        # Not by `replace`, which takes as long as the rest of this.
        own = self._is_from_own_user
        return HttpRequest(head.method, head.path, head.query, head.headers, body, head.keep_alive, own)

    def _take_head(self) -> None:
        while self._buffer.startswith(_LINE_END):
            # An empty line before a request is a mistake of old clients that means nothing (RFC 9112, 2.2).
            del self._buffer[: len(_LINE_END)]
            self._searched = 0
        end = self._buffer.find(_END, max(0, self._searched - len(_END) + 1), MAX_HEAD_BYTES + len(_END))
        if end < 0:
            if self._buffer[:1] == bytes([_HANDSHAKE]):
                raise TlsError
            if len(self._buffer) >= MAX_HEAD_BYTES + len(_END):
                raise HttpError(431, f"the head is over {MAX_HEAD_BYTES // 1024} KiB")
            self._searched = len(self._buffer)
            return
        head, length = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + len(_END)]
        self._searched = 0
        self.deadline = time.monotonic() + BODY_SECONDS
        self._body = ChunkedBody() if length is None else SizedBody(length)
        if length is not None and length > SMALL_BODY_BYTES:
            self.refusal = self._admitted(head, length) or self._reserve(length)
        if "expect" in head.headers and (length is None or len(self._buffer) < length):
            if self.refusal is None:
                self.continues = True
            else:
                # No body will come; if it does all the same, it must not be taken for a request.
                head, self._body = replace(head, keep_alive=False), SizedBody(0)
        self._head = head

    def _grow(self, head: HttpRequest, length: int) -> None:
        """Ask for a body in chunks, whose length nobody has told, what is asked for another one at its head."""
        refused = self._admitted(head, length) if not self._reserved or length > MAX_BODY_BYTES else None
        self.refusal = refused or self._reserve(length - self._reserved)
        if self.refusal is not None:
            self.release()

    def _admitted(self, head: HttpRequest, length: int) -> HttpAnswer | None:
        answer = self._admit(head, length)
        if answer is None and length > MAX_BODY_BYTES:
            answer = refusal(HttpError(413, f"the body is over {MAX_BODY_BYTES // 2**20} MiB"))
        return answer

    def _reserve(self, length: int) -> HttpAnswer | None:
        if self._budget.taken + length > MAX_LARGE_BYTES:
            return refusal(HttpError(503, "too many large requests at once"))
        self._budget.taken += length
        self._reserved += length
        return None
