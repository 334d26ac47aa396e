"""TLS of one connection, between its bytes and its requests: nothing here knows a socket, nothing waits."""

from __future__ import annotations

import ssl
from contextlib import suppress

from kmstool.server.web.http import HttpError, refusal, written

_READ_BYTES = 2**16
_PLAIN = HttpError(400, "this port speaks TLS: use https://")


class TlsSide:
    """The server's side. What arrives is added, and taken apart when it is its turn."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._arrived, self._leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._arrived, self._leaving, server_side=True)
        self._is_over = False
        self.is_ready = False
        """Whether the handshake is done: before that nothing can be told to the client."""
        self.has_ended = False
        """Whether the client has said that nothing more comes."""
        self.has_failed = False
        """Whether what came was no TLS."""

    def __bool__(self) -> bool:
        """Return whether bytes wait to be taken apart."""
        return self._arrived.pending > 0

    def add(self, data: memoryview) -> None:
        """Keep bytes that have arrived."""
        self._arrived.write(data)

    def take(self) -> tuple[bytes, bytes]:
        """Go on with the handshake; return what the client has sent under it, and what has to be sent to the client."""
        plain = bytearray()
        try:
            if not self.is_ready:
                self._tls.do_handshake()
                self.is_ready = True
            while part := self._tls.read(_READ_BYTES):
                plain += part
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        except ssl.SSLError as error:
            self.has_failed = self._is_over = True
            if error.reason == "HTTP_REQUEST":
                # Instead of an alert, which a client of plain HTTP could not read.
                return b"", written(refusal(_PLAIN), keep=False)
        return bytes(plain), self._leaving.read()

    def sealed(self, data: bytes) -> bytes:
        """Return what is sent in place of some bytes."""
        self._tls.write(data)
        return self._leaving.read()

    def goodbye(self) -> bytes:
        """Return what says that nothing more comes, once; there is no answer to it to wait for."""
        if self._is_over or not self.is_ready:
            return b""
        self._is_over = True
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._leaving.read()
