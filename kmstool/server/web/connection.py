"""One client of the HTTP server: requests to the handler in order, answers out, everything bounded.

A connection reads no further while it has something to do or its answers are not
read, and each of its states has a deadline that no number of bytes moves.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

from kmstool.server.web import peers
from kmstool.server.web.http import Answer, HttpAnswer, HttpError, HttpRequest, refusal, written
from kmstool.server.web.incoming import HEAD_SECONDS, Admit, Budget, Incoming, TlsError
from kmstool.server.web.tls import TlsSide
from kmstool.server.web.turns import Turns

IDLE_SECONDS = 30
UNREAD_SECONDS = 20
# How long a refused client may go on sending: were the connection closed at once, it would be reset (RFC 9112, 9.6).
LINGER_SECONDS = 2
GRACE_SECONDS = 1

CHUNK_BYTES = 32 * 1024
MAX_UNREAD_BYTES = 16 * 1024


@dataclass(eq=False, slots=True)
class Shared:
    """What the connections of a server have in common.

    `handle` answers a request and must not block and not raise; `make_room` tells whether one
    more connection may come; `report` tells the user of what a client gets wrong.
    """

    handle: Callable[[HttpRequest], Answer]
    admit: Admit
    make_room: Callable[[], bool]
    report: Callable[[str], None] = lambda _: None
    connections: set[Connection] = field(default_factory=set)
    turns: Turns = field(default_factory=Turns)
    budget: Budget = field(default_factory=Budget)
    chunk: memoryview = field(default_factory=lambda: memoryview(bytearray(CHUNK_BYTES)))
    """Where bytes are read to, for one connection after the other."""
    stopping: bool = False


class Connection(asyncio.BufferedProtocol):
    """One client; no further request is parsed before the answer to the last one is out. With a context it speaks TLS."""

    def __init__(self, shared: Shared, context: ssl.SSLContext | None = None) -> None:
        self._shared = shared
        self._tls = TlsSide(context) if context is not None else None
        self._incoming = Incoming(shared.admit, shared.budget, self.is_from_own_user)
        self._transport: asyncio.Transport | None = None
        self.busy = False
        self._trusted = self._was_refused = False
        self._queued = self._choked = self._paused = self._ended = False
        self._lingers_until = 0.0
        self._made = self._since = self._unread_since = time.monotonic()

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection if there is room, or say that there are too many."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MAX_UNREAD_BYTES)
        if self._shared.make_room():
            self._shared.connections.add(self)
        else:
            self._refuse(HttpError(503, "too many connections"))
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client."""
        self._transport = None
        self._incoming.clear()
        self._shared.connections.discard(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where the bytes go, until `buffer_updated` takes them from there."""
        return self._shared.chunk

    def buffer_updated(self, nbytes: int) -> None:
        """Collect bytes and answer what is complete, at once or in turn."""
        if self._lingers_until:
            return
        (self._incoming if self._tls is None else self._tls).add(self._shared.chunk[:nbytes])
        if self.busy or self._queued or self._choked:
            self._pause()
        elif self._trusted or self._shared.turns.is_free(first=not self._was_refused):
            self.work()
        else:
            self._queue()

    def eof_received(self) -> bool:
        """Answer what has come although the client sends nothing more."""
        self._ended = True
        return self.busy or self._queued or self._choked

    def pause_writing(self) -> None:
        """Do nothing more for a client that does not read its answers."""
        self._choked = True

    def resume_writing(self) -> None:
        """Go on with a client that reads again."""
        self._choked = False
        if not self.busy:
            self._go_on()

    # What the server asks and tells.

    def is_from_own_user(self) -> bool:
        """Return whether the client is a process of the user that serves."""
        return self._transport is not None and peers.is_own(self._transport.get_extra_info("socket"))

    @property
    def unread_bytes(self) -> int:
        """How much of its answers waits for the client, beside what the kernel has."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def precedence(self, now: float) -> tuple[bool, bool, float]:
        """Return the place in the order in which connections give way to new ones, lowest first.

        Strangers before those who proved who they are; among strangers those who had their time
        to send a request, or were refused, before those who just came; the oldest first.
        """
        if self._trusted and not self._lingers_until:
            return True, True, self._since
        has_just_come = not (self._was_refused or self._lingers_until) and (
            self._queued or now < self._made + GRACE_SECONDS
        )
        return False, has_just_come, self._made

    def give_way(self) -> None:
        """End a connection for a new one."""
        self._shared.connections.discard(self)
        if self._incoming:
            self._refuse(HttpError(503, "too many connections"))
        self.close()
        self.abort_unread()

    def end_overdue(self, now: float) -> None:
        """End the connection if a deadline has passed; while a request is being answered there is none."""
        if self.unread_bytes:
            if now > self._unread_since + UNREAD_SECONDS:
                self.abort_unread()
        elif self._lingers_until:
            if now > self._lingers_until:
                self.close()
        elif not self.busy and not self._queued:
            # A handshake of TLS has no more time than a head.
            idle_seconds = IDLE_SECONDS if self._tls is None or self._tls.is_ready else HEAD_SECONDS
            if self._incoming and now > self._incoming.deadline:
                self._refuse(HttpError(408, "the request did not arrive in time"))
            elif not self._incoming and now > self._since + idle_seconds:
                self.close()

    def abort_unread(self) -> None:
        """Drop a connection whose client has not read all answers."""
        if self.unread_bytes and self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection after what was written."""
        if self._transport is not None:
            self._say_goodbye(self._transport)
            self._transport.close()

    def _say_goodbye(self, transport: asyncio.Transport) -> None:
        goodbye = self._tls.goodbye() if self._tls is not None and not transport.is_closing() else b""
        if goodbye:
            transport.write(goodbye)

    def work(self) -> None:
        """Answer the next request if it is complete, or read on."""
        self._queued = False
        if self._transport is None or self._transport.is_closing() or self._lingers_until:
            return
        if self._tls is not None:
            plain, told = self._tls.take()
            self._transport.write(told)
            if self._tls.has_failed:
                self._linger()
                return
            self._ended = self._ended or self._tls.has_ended
            if plain:
                self._incoming.add(memoryview(plain))
        try:
            request = self._incoming.take()
        except HttpError as fault:
            self._refuse(fault)
            return
        if request is not None:
            self.busy = True
            self._answer(request)
        elif self._ended:
            self.close()
        else:
            self._wait()

    # Answers.

    def _wait(self) -> None:
        """Wait for the rest of a request."""
        if self._incoming.continues:
            self._incoming.continues = False
            self._write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # Who sends bytes faster than they are looked at is nearly always in the queue.
        if self._incoming and time.monotonic() > self._incoming.deadline:
            self._refuse(HttpError(408, "the request did not arrive in time"))
        else:
            self._read_on()

    def _answer(self, request: HttpRequest) -> None:
        answer = self._incoming.refusal or self._shared.handle(request)
        self._incoming.refusal = None
        self._incoming.release()
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
        self.busy = False
        self._trusted = self._trusted or answer.trusted
        self._was_refused = not self._trusted
        self._since = time.monotonic()
        if answer.drop and self._transport is not None:
            self._transport.abort()
            return
        keep = request.keep_alive and not self._shared.stopping and not answer.truncate
        self._write(written(answer, keep=keep, has_body=request.method != "HEAD"))
        if not keep:
            self.close()
        elif not self._choked:
            self._go_on()

    def _refuse(self, fault: HttpError) -> None:
        """Tell what is wrong and that nothing more will be read; the client has some time to notice."""
        if isinstance(fault, TlsError):
            self._shared.report(str(fault))
        if self._tls is not None and not self._tls.is_ready:
            self.close()
            return
        self._write(written(refusal(fault), keep=False))
        self._linger()

    def _linger(self) -> None:
        self._incoming.clear()
        if self._ended or self._transport is None or not self._transport.can_write_eof():
            self.close()
            return
        self._lingers_until = time.monotonic() + LINGER_SECONDS
        self._say_goodbye(self._transport)
        self._transport.write_eof()
        self._read_on()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data if self._tls is None else self._tls.sealed(data))
            if self.unread_bytes:
                self._unread_since = time.monotonic()

    # Taking turns.

    def _go_on(self) -> None:
        if self._incoming or self._tls:
            self._queue()
        elif self._ended:
            self.close()
        else:
            self._read_on()

    def _queue(self) -> None:
        self._pause()
        self._queued = True
        self._shared.turns.queue(self, first=not self._was_refused)

    def _pause(self) -> None:
        if not self._paused and not self._ended and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def _read_on(self) -> None:
        if self._paused and not self._ended and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
