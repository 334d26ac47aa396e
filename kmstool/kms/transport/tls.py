"""TLS over a socket, and over another TLS: a proxy may speak it itself, and the service behind it again."""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from kmstool.kms.transport import sockets
from kmstool.kms.transport.sockets import TimedSocket

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PART_BYTES = 2**14
_LONG_SECONDS = 3600.0

Result = TypeVar("Result")


def secured(sock: TimedSocket, context: ssl.SSLContext, host: str) -> TimedSocket:
    """Return the socket under TLS; raise `OSError` or `ValueError` if there is none with whom it should be, in time."""
    # The timeout of a handshake is for the whole of it.
    sock.arm()
    if isinstance(sock.inner, ssl.SSLSocket):
        return TimedSocket(_Layered(sock.inner, context, host, sock.end), sock.end)
    return TimedSocket(context.wrap_socket(sock.inner, server_hostname=host), sock.end)


class _Layered:
    """TLS within TLS, which a socket of Python's cannot do: the records of the inner one go through memory."""

    def __init__(self, outer: ssl.SSLSocket, context: ssl.SSLContext, host: str, end: float) -> None:
        self._outer = outer
        self._end = end
        self._readers, self._closed = 0, False
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self._done(self._tls.do_handshake)

    def fileno(self) -> int:
        return self._outer.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """Set when all that is waited for ends, however often that is."""
        self._end = time.monotonic() + (_LONG_SECONDS if seconds is None else seconds)

    def pending(self) -> int:
        """Return how much has come and is not read, decrypted once or twice."""
        return self._tls.pending() + self._incoming.pending + self._outer.pending()

    def send(self, data: memoryview) -> int:
        return self._done(lambda: self._tls.write(data))

    def recv(self, size: int) -> bytes:
        try:
            return self._done(lambda: self._tls.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def makefile(self, *_: Any, **__: Any) -> io.RawIOBase:
        """Return a reader, which keeps the socket open until it is closed itself."""
        self._readers += 1
        return _Reader(self)

    def close(self) -> None:
        self._closed = True
        if not self._readers:
            self._outer.close()

    def reader_closed(self) -> None:
        """Close what was to be closed while somebody still read."""
        self._readers -= 1
        if self._closed:
            self.close()

    def _done(self, action: Callable[[], Result]) -> Result:
        while True:
            try:
                result = action()
            except ssl.SSLWantReadError:
                self._flush()
                self._outer.settimeout(sockets.left(self._end))
                part = self._outer.recv(_PART_BYTES)
                if part:
                    self._incoming.write(part)
                else:
                    self._incoming.write_eof()
            else:
                self._flush()
                return result

    def _flush(self) -> None:
        while part := self._outgoing.read(_PART_BYTES):
            self._outer.settimeout(sockets.left(self._end))
            self._outer.sendall(part)


class _Reader(io.RawIOBase):
    def __init__(self, layered: _Layered) -> None:
        super().__init__()
        self._layered = layered

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        part = self._layered.recv(len(view))
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if not self.closed:
            self._layered.reader_closed()
        super().close()
