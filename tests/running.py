"""An HTTP server of kmstool in a thread, any handler behind it, and its answers taken apart byte by byte."""

import asyncio
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

from kmstool.server.web.http import Answer, HttpAnswer, HttpRequest
from kmstool.server.web.http_server import HttpServer

TIMEOUT_SECONDS = 20


class Running:
    """A server in a thread of its own; `faults` are what went wrong in its event loop."""

    def __init__(
        self,
        handle: Callable[[HttpRequest], Answer],
        admit: Callable[[HttpRequest, int], HttpAnswer | None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.server = HttpServer(handle, admit)
        self.port = 0
        self.faults: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        assert self._ready.wait(TIMEOUT_SECONDS)

    def later(self, call: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(call)

    def stop(self) -> None:
        with suppress(RuntimeError):  # the loop has ended already
            self.later(self._stop.set)

    def join(self) -> None:
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._loop.set_exception_handler(lambda _, context: self.faults.append(context))

        def ready(port: int) -> None:
            self.port = port
            self._ready.set()

        await self.server.serve("127.0.0.1", 0, ready, self._stop, tls=self._tls)


@contextmanager
def running(
    handle: Callable[[HttpRequest], Answer],
    admit: Callable[[HttpRequest, int], HttpAnswer | None] = lambda _, __: None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Running]:
    server = Running(handle, admit, tls)
    try:
        yield server
    finally:
        server.stop()
        server.join()
    assert server.faults == []


def connect(server: Running) -> "closing[socket.socket]":
    return closing(socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT_SECONDS))


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes; what it still had to read from us may reset the connection then."""
    data = b""
    with suppress(ConnectionResetError):
        while part := client.recv(65536):
            data += part
    return data


def answers(data: bytes) -> list[tuple[int, str, bytes]]:
    """Take a stream of answers apart: status, Connection and body of each; fail if it is anything else."""
    found = []
    while data:
        head, separator, data = data.partition(b"\r\n\r\n")
        assert separator
        first, *lines = head.decode("ascii").split("\r\n")
        line = re.fullmatch(r"HTTP/1\.1 ([0-9]{3}) [A-Za-z ]+", first)
        assert line, first
        if line[1] == "100":
            continue
        headers = dict(text.split(": ", 1) for text in lines)
        assert headers.keys() == {"Date", "Content-Type", "Content-Length", "Connection"}
        length = int(headers["Content-Length"])
        assert len(data) >= length
        found.append((int(line[1]), headers["Connection"], data[:length]))
        data = data[length:]
    return found


def exchange(server: Running, data: bytes, *more: bytes) -> list[tuple[int, str, bytes]]:
    """Send bytes, each part in a packet of its own, and return all answers until the server closes."""
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(data)
        for part in more:
            time.sleep(0.05)
            client.sendall(part)
        return answers(read_all(client))


def last(head: bytes) -> bytes:
    """Return a request without body that ends its connection."""
    return head + b"\r\nHost: a\r\nConnection: close\r\n\r\n"
