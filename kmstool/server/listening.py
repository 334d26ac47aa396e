"""Runs the served KMS: one server a store, its port written down for others, and a graceful end."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kmstool import atomic, ownership
from kmstool.errors import KmsToolError, NetworkError, OutputError
from kmstool.server.gateway import Gateway
from kmstool.server.http_server import HttpServer

_LOCK = "serve.lock"
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def serve(gateway: Gateway, folder: Path, host: str, port: int, ready: Callable[[int], None]) -> None:
    """Listen on a loopback address until SIGINT or SIGTERM; `ready` gets the port.

    Raises `OutputError` if the store is served already, `NetworkError` for an address that
    cannot be had.
    """
    with _only_server(folder) as lock:

        def announce(actual: int) -> None:
            os.pwrite(lock, f"{bracketed(host)}:{actual}\n".encode(), 0)
            ready(actual)

        try:
            asyncio.run(_until_stopped(HttpServer(gateway.handle, gateway.admit), host, port, announce))
        except OSError as error:
            raise NetworkError(
                f"cannot listen on {host}:{port}: {(error.strerror or '').lower()}", hint="choose another --port, or 0"
            ) from error


def address(folder: Path) -> str:
    """Return host:port of the server of this store; raise `NetworkError` if none is running."""
    path = folder / _LOCK
    ownership.check_path(folder, secret=False)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise _not_running() from error
    try:
        # Who writes it says where credentials and requests go.
        ownership.check(os.fstat(descriptor), path, secret=True)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        found = os.pread(descriptor, 200, 0).decode("ascii", "replace").strip()
        if found:
            return found
    finally:
        os.close(descriptor)
    raise _not_running()


def refuse_served(folder: Path) -> None:
    """Raise `OutputError` if this store is served: its server would go on without it."""
    try:
        found = address(folder)
    except NetworkError:
        return
    raise OutputError(f"the store in {folder} is served at {found}", hint="stop kmstool local serve first")


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


async def _until_stopped(server: HttpServer, host: str, port: int, ready: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.serve(host, port, ready, stop)


@contextmanager
def _only_server(folder: Path) -> Iterator[int]:
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise atomic.fault(path, error) from error
    try:
        ownership.check(os.fstat(descriptor), path, secret=True)
        os.fchmod(descriptor, 0o600)
        ownership.adopt(descriptor, folder)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(descriptor, 0)
        yield descriptor
    except BlockingIOError as error:
        raise OutputError(
            f"the store in {folder} is served already", hint="see where: kmstool local env; or set KMSTOOL_LOCAL_HOME"
        ) from error
    finally:
        os.close(descriptor)


def _not_running() -> KmsToolError:
    return NetworkError("no server is running for this store", hint="start it: kmstool local serve")
