"""From the bytes of one connection to its requests: what is searched once is not searched again, what is refused not kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from kmstool.server.web.http import MAX_HEAD_BYTES, HttpAnswer, HttpError, HttpRequest, parse_head, refusal

HEAD_SECONDS = 10
BODY_SECONDS = 20

SMALL_BODY_BYTES = 32 * 1024
MAX_LARGE_BYTES = 20 * 2**20

_END = b"\r\n\r\n"

Admit = Callable[[HttpRequest], HttpAnswer | None]


@dataclass(slots=True)
class Budget:
    """The memory that the large bodies of all connections together may take until it is known who sent them."""

    taken: int = 0


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
        self._missing = 0
        self.refusal: HttpAnswer | None = None
        self.continues = False
        """Whether the client waits to be told that its body is wanted."""
        self.deadline = 0.0
        """When the head, and after it the body, has to be there; it means nothing before the first byte."""

    def __bool__(self) -> bool:
        """Tell whether a request has begun."""
        return bool(self._buffer) or self._head is not None

    def add(self, data: memoryview) -> None:
        """Take bytes that have arrived."""
        if not self:
            self.deadline = time.monotonic() + HEAD_SECONDS
        self._buffer += data

    def clear(self) -> None:
        """Forget everything."""
        self._buffer = bytearray()
        self._head = self.refusal = None
        self.release()

    def release(self) -> None:
        """Tell that the body of the request that was taken is gone, or known to be somebody's."""
        self._budget.taken -= self._reserved
        self._reserved = 0

    def take(self) -> HttpRequest | None:
        """Cut the next complete request off; raise `HttpError` if it is not one that is understood."""
        if self._head is None:
            self._take_head()
        if self._head is None:
            return None
        if self.refusal is not None:
            gone = min(self._missing, len(self._buffer))
            del self._buffer[:gone]
            self._missing -= gone
        if len(self._buffer) < self._missing:
            return None
        with memoryview(self._buffer) as view:
            body, rest = bytes(view[: self._missing]), bytearray(view[self._missing :])
        head, self._head, self._buffer, self._missing = self._head, None, rest, 0
        if rest:
            # It belongs to the next one.
            self.deadline = time.monotonic() + HEAD_SECONDS
        # Not by `replace`, which takes as long as the rest of this.
        own = self._is_from_own_user
        return HttpRequest(head.method, head.path, head.query, head.headers, body, head.keep_alive, own)

    def _take_head(self) -> None:
        end = self._buffer.find(_END, max(0, self._searched - len(_END) + 1), MAX_HEAD_BYTES + len(_END))
        if end < 0:
            if len(self._buffer) >= MAX_HEAD_BYTES + len(_END):
                raise HttpError(431, "the head is over 16 KiB")
            self._searched = len(self._buffer)
            return
        head, self._missing = parse_head(bytes(self._buffer[:end]))
        del self._buffer[: end + len(_END)]
        self._searched = 0
        self.deadline = time.monotonic() + BODY_SECONDS
        if self._missing > SMALL_BODY_BYTES:
            self.refusal = self._admit(head) or self._reserve(self._missing)
        if "expect" in head.headers and len(self._buffer) < self._missing:
            if self.refusal is None:
                self.continues = True
            else:
                # No body will come; if it does all the same, it must not be taken for a request.
                head, self._missing = replace(head, keep_alive=False), 0
        self._head = head

    def _reserve(self, length: int) -> HttpAnswer | None:
        if self._budget.taken + length > MAX_LARGE_BYTES:
            return refusal(HttpError(503, "too many large requests at once"))
        self._budget.taken += length
        self._reserved = length
        return None
