"""Listens on a loopback socket and keeps the connections: how many there are, who gives way, whose time is over."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Callable

from kmstool.server.web.connection import Connection, Shared
from kmstool.server.web.http import Answer, HttpRequest
from kmstool.server.web.incoming import Admit

MAX_CONNECTIONS = 256
SWEEP_SECONDS = 1
STOP_SECONDS = 10

# The event loop accepts so many before it does anything else; the others wait in the kernel.
_ACCEPTED_AT_ONCE = 8
_WAITING = 1024


class HttpServer:
    """Hands requests to `handle`, which must not block and not raise.

    `admit` gets the head of a request with a large body, and its length, and returns the answer
    to it if the body need not be there; by default it always must.
    """

    def __init__(
        self,
        handle: Callable[[HttpRequest], Answer],
        admit: Admit = lambda _, __: None,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.shared = Shared(handle, admit, self._make_room, report)

    @property
    def stopping(self) -> bool:
        """Whether nothing new is taken."""
        return self.shared.stopping

    async def serve(
        self,
        host: str,
        port: int,
        ready: Callable[[int], None],
        stop: asyncio.Event,
        *,
        unix: socket.socket | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Listen until `stop` is set, then answer what has begun; `ready` gets the port.

        `unix` is a bound Unix socket, on which it listens too; `tls` is for the port alone.
        Raises `OSError` if the address cannot be had.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self.shared, tls), host, port, backlog=_ACCEPTED_AT_ONCE)
        servers = [server]
        if unix is not None:
            unix_server = await loop.create_unix_server(
                lambda: Connection(self.shared), sock=unix, backlog=_ACCEPTED_AT_ONCE
            )
            servers.append(unix_server)
        for listening in (item for one in servers for item in one.sockets):
            with listening.dup() as again:
                again.listen(_WAITING)
        ready(server.sockets[0].getsockname()[1])
        while not stop.is_set():
            self._sweep()
            try:
                await asyncio.wait_for(stop.wait(), timeout=SWEEP_SECONDS)
            except TimeoutError:
                continue
        self.shared.stopping = True
        for item in servers:
            item.close()
        await self._finish()
        for item in servers:
            await item.wait_closed()

    async def _finish(self) -> None:
        """Let what has begun be answered, and the answers be read, within some time."""
        connections, deadline = self.shared.connections, time.monotonic() + STOP_SECONDS
        while any(connection.busy for connection in connections) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(connections):
            connection.close()
        while connections and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        for connection in list(connections):
            connection.abort_unread()

    def _sweep(self) -> None:
        now = time.monotonic()
        for connection in list(self.shared.connections):
            connection.end_overdue(now)

    def _make_room(self) -> bool:
        """Return whether one more connection may come; when all places are taken, another one gives way to it.

        Otherwise whoever opens all and sends nothing locks everybody out.
        """
        connections = self.shared.connections
        if len(connections) < MAX_CONNECTIONS:
            return True
        idle = [connection for connection in connections if not connection.busy]
        if not idle:
            return False
        now = time.monotonic()
        min(idle, key=lambda connection: connection.precedence(now)).give_way()
        return True
