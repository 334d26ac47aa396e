"""Runs the served KMS: one server a store, where it is written down for others of its user, and a graceful end."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kmstool.errors import KmsToolError, NetworkError, OutputError, Reason
from kmstool.server import tls_files
from kmstool.server.web import unix_sockets
from kmstool.server.web.gateway import Gateway
from kmstool.server.web.http_server import HttpServer
from kmstool.system import atomic, mounts, ownership

_LOCK = "serve.lock"
_MAX_LOCK_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Served:
    """What a running server tells its own user: host:port, the secret path of the metadata service, and the rest.

    `metadata` and `socket` are empty where there is none.
    """

    address: str
    metadata: str = field(repr=False, default="")
    web_identity: bool = False
    socket: str = ""
    tls: bool = False
    authority: str = ""
    bundle: str = ""

    @property
    def url(self) -> str:
        """Where requests go."""
        return f"{'https' if self.tls else 'http'}://{self.address}"


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS with the store's own authority or, where a certificate and its key are named, with these."""

    certificate: Path | None = None
    key: Path | None = None

    def context(self, folder: Path) -> tuple[ssl.SSLContext, tls_files.Trust]:
        """Return the context and what clients need to trust it; raise as `tls_files` does."""
        if self.certificate is None or self.key is None:
            return tls_files.own(folder)
        return tls_files.brought(self.certificate, self.key), tls_files.Trust()


def serve(
    gateway: Gateway,
    folder: Path,
    host: str,
    port: int,
    ready: Callable[[int], None],
    *,
    unix: Path | None = None,
    tls: Tls | None = None,
    report: Callable[[str], None] = lambda _: None,
) -> None:
    """Listen on a loopback address until SIGINT or SIGTERM, and on a Unix socket too; `ready` gets the port.

    Raises `OutputError` if the store is served already, `NetworkError` for an address that
    cannot be had, and what `unix_sockets.listening` and `Tls.context` raise.
    """
    with _only_server(folder) as lock, ExitStack() as stack:
        listener = stack.enter_context(unix_sockets.listening(unix)) if unix else None
        context, trust = tls.context(folder) if tls else (None, tls_files.Trust())
        server = HttpServer(gateway.handle, gateway.admit, report)

        def announce(actual: int) -> None:
            stubs = gateway.stubs
            name = os.path.abspath(unix) if unix else ""
            served = Served(
                f"{bracketed(host)}:{actual}", stubs.metadata, stubs.web_identity, name,
                context is not None, trust.authority, trust.bundle,
            )  # fmt: skip
            os.pwrite(lock, json.dumps(asdict(served)).encode(), 0)
            ready(actual)

        # What is there by now stays for good: no collection of garbage need look at it again, and stop requests meanwhile.
        gc.collect()
        gc.freeze()
        try:
            asyncio.run(_until_stopped(server, host, port, announce, listener, context))
        except OSError as error:
            raise NetworkError(
                f"cannot listen on {host}:{port}: {(error.strerror or '').lower()}", reason=Reason.PORT_TAKEN
            ) from error


def served(folder: Path) -> Served | None:
    """Return what the server of this store tells, None if none is running."""
    path = folder / _LOCK
    ownership.check_path(folder, secret=False)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        # Who writes it says where credentials and requests go.
        ownership.check(os.fstat(descriptor), path, secret=True)
        mounts.lock(descriptor, shared=True, wait=False)
    except BlockingIOError:
        text = os.pread(descriptor, _MAX_LOCK_BYTES, 0)
        # Empty while the server starts.
        return _told(text, folder) if text else None
    finally:
        os.close(descriptor)
    return None


def running(folder: Path) -> Served:
    """Return what the server of this store tells; raise `NetworkError` if none is running."""
    server = served(folder)
    if server is None:
        raise _not_running()
    return server


def refuse_served(folder: Path) -> None:
    """Raise `OutputError` if this store is served: its server would go on without it."""
    server = served(folder)
    if server:
        raise OutputError(f"the store in {folder} is served at {server.address}", reason=Reason.STORE_SERVED)


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


async def _until_stopped(
    server: HttpServer,
    host: str,
    port: int,
    ready: Callable[[int], None],
    unix: socket.socket | None,
    tls: ssl.SSLContext | None,
) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.serve(host, port, ready, stop, unix=unix, tls=tls)


@contextmanager
def _only_server(folder: Path) -> Iterator[int]:
    path = folder / _LOCK
    try:
        descriptor = _lock_file(folder)
    except OSError as error:
        raise atomic.fault(path, error) from error
    try:
        ownership.check(os.fstat(descriptor), path, secret=True)
        mounts.lock(descriptor, wait=False)
        os.ftruncate(descriptor, 0)
        yield descriptor
    except BlockingIOError as error:
        raise OutputError(f"the store in {folder} is served already", reason=Reason.STORE_SERVED_ALREADY) from error
    finally:
        os.close(descriptor)


def _told(text: bytes, folder: Path) -> Served:
    try:
        return Served(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise OutputError(
            f"the store in {folder} is served by another version of kmstool", hint="stop that server first"
        ) from error


def _lock_file(folder: Path) -> int:
    """Open the file that a server locks; a new one is closed to others, and the home's owner gets it."""
    path, flags = folder / _LOCK, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        # Root leaves a user nothing that the user put under this name: it may be root's own.
        return os.open(path, flags)
    mounts.set_mode(descriptor, 0o600)
    ownership.adopt(descriptor, folder)
    return descriptor


def _not_running() -> KmsToolError:
    return NetworkError("no server is running for this store", reason=Reason.SERVER_MISSING)
