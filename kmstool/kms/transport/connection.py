"""One HTTP/1.1 connection to an endpoint, kept for the next request: sockets, TLS and the proxy on the way.

A request is sent once and never again from here, and no redirection is followed. The error
tells what is known: after `UnreachableError` nothing was sent, after any other
`NetworkError` the service may have acted.
"""

from __future__ import annotations

import http.client
import select
import ssl
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any

from kmstool import __version__
from kmstool.errors import InputError, NetworkError, Reason, UnreachableError
from kmstool.kms.transport import failures, sockets, tls, trust
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.kms.transport.failures import GATEWAY
from kmstool.kms.transport.proxies import Proxy
from kmstool.kms.transport.sockets import TimedSocket

MAX_ANSWER_BYTES = 16 * 2**20

_USER_AGENT = f"kmstool/{__version__}"
_PART_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `date` is the header of that name, the body may hold secrets.

    `origin` tells the status, the type and the server in a few words, for messages.
    """

    status: int
    date: str | None
    body: bytes = field(repr=False)
    origin: str = field(default="", compare=False)


class Connection:
    """A connection to a service; one request, with all that it takes, ends within `timeout` seconds and the deadline."""

    def __init__(
        self,
        server: Endpoint,
        timeout: float,
        ca_bundle: str | None = None,
        deadline: Deadline | None = None,
        *,
        strict: bool = False,
    ) -> None:
        self._server = server
        self._timeout = timeout
        self._deadline = deadline
        self._ca_bundle = ca_bundle
        self._strict = strict
        self._proxy = server.proxy
        self._http = http.client.HTTPConnection(server.host, server.port)

    def exchange(self, method: str, headers: Mapping[str, str], body: bytes = b"", target: str = "/") -> Answer:
        """Send one request for a target and return its answer, whatever the status.

        Raises `InputError` for a value that no header can hold, `UnreachableError` if nothing
        was sent, and `NetworkError` if no whole answer of at most 16 MiB came in time.
        """
        headers = {"Host": self._server.authority, "User-Agent": _USER_AGENT, **headers}
        for name, value in headers.items():
            if not value.isascii() or not value.isprintable():
                raise InputError(f"the value of the header {name} has characters that none can have")
        try:
            with self._deadline.running() if self._deadline else nullcontext():
                answer = self._ask(self._reached(self._end()), method, target, headers, body)
        except BaseException:
            # The rest of this answer must never be taken for the answer to the next request.
            self.close()
            raise
        if answer.status < HTTPStatus.OK:
            # Nor what follows an interim one, such as 103 Early Hints.
            self.close()
        return answer

    def close(self) -> None:
        """Close the connection; the next request opens it anew."""
        self._http.close()

    def _end(self) -> float:
        end = self._deadline.end(self._timeout) if self._deadline else time.monotonic() + self._timeout
        if end <= time.monotonic():
            raise UnreachableError(
                f"cannot reach {self._server.shown}: the time for this command is used up",
                reason=Reason.DEADLINE_PASSED,
            )
        return end

    def _reached(self, end: float) -> TimedSocket:
        """Return the socket to the service for a request that ends at a moment, a new one if need be."""
        sock = self._http.sock
        if not isinstance(sock, TimedSocket) or not _stands(sock.inner):
            sock = self._opened(end)
        sock.end, sock.allowance = end, sockets.MAX_HEAD_BYTES
        return sock

    def _opened(self, end: float) -> TimedSocket:
        self.close()
        sock = self._through(self._proxy, end) if self._proxy else self._direct(end)
        if self._server.scheme == "https":
            try:
                sock = self._http.sock = tls.secured(sock, self._context, self._server.host)
            except (OSError, ValueError) as error:
                raise failures.of_service(self._server.shown, error, self._trusted) from error
        return sock

    def _direct(self, end: float) -> TimedSocket:
        path = self._server.socket_path
        try:
            sock = (
                sockets.connect_unix(path, end) if path else sockets.connect(self._server.host, self._server.port, end)
            )
        except (OSError, UnicodeError) as error:
            raise failures.of_service(self._server.shown, error, None) from error
        self._http.sock = sock
        return sock

    def _through(self, proxy: Proxy, end: float) -> TimedSocket:
        try:
            sock = self._http.sock = sockets.connect(proxy.host, proxy.port, end)
            if proxy.scheme == "https":
                sock = self._http.sock = tls.secured(sock, self._context, proxy.host)
            sockets.tunnel(sock, self._server.host_and_port, proxy.authorization)
        except (OSError, ValueError, sockets.Refused, sockets.TooLong) as error:
            raise failures.of_proxy(self._server.shown, proxy, error) from error
        return sock

    @cached_property
    def _trusted(self) -> trust.TrustedCertificates:
        return trust.certificates(self._ca_bundle)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return trust.context(self._trusted, strict=self._strict)

    def _ask(self, sock: TimedSocket, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            self._http.request(method, target, body, headers)
            with self._http.getresponse() as response:
                # What chunks have around them is not counted in what they hold.
                sock.allowance += 2 * MAX_ANSWER_BYTES
                told = [response.getheader(name) for name in ("Server", "Content-Type")]
                origin = failures.status(response.status, *told)
                return Answer(response.status, response.getheader("Date"), _body(response), origin)
        except (http.client.IncompleteRead, sockets.TooLong) as error:
            raise NetworkError(
                f"the answer of {self._server.shown} was cut short or is too long", hint=GATEWAY
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise NetworkError(
                f"cannot reach {self._server.shown}: {failures.reason(error)}", reason=Reason.UNREACHABLE
            ) from error


def _stands(sock: Any) -> bool:
    """Return whether the service has not closed a connection.

    Nothing is awaited on it, so that anything to be read is its end. Once a request is on
    its way, a closed connection leaves it unknown whether the service has acted.
    """
    if hasattr(sock, "pending") and sock.pending():
        # Decrypted already, where the system sees nothing of it.
        return False
    if not hasattr(select, "poll"):
        return not select.select([sock], [], [], 0)[0]
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return not poll.poll(0)


def _body(response: http.client.HTTPResponse) -> bytes:
    """Read as it comes, so that no length that an answer claims is allocated; raise `IncompleteRead` unless all came."""
    data = bytearray()
    while len(data) <= MAX_ANSWER_BYTES and (part := response.read1(_PART_BYTES)):
        data += part
    lengths = response.headers.get_all("Content-Length", [])
    # An answer with two lengths has two readings, and who stands in between may prefer the other one.
    if len(data) > MAX_ANSWER_BYTES or response.length or len(lengths) + response.chunked > 1:
        raise http.client.IncompleteRead(b"")
    return bytes(data)
