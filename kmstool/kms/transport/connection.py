"""One HTTP/1.1 connection to an endpoint, kept for the next request: sockets, TLS and the proxy on the way.

A request is sent once and never again from here, and no redirection is followed. The error
tells what is known: after `UnreachableError` nothing was sent, after any other
`NetworkError` the service may have acted.
"""

from __future__ import annotations

import http.client
import os
import select
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from http import HTTPStatus

from kmstool import __version__
from kmstool.errors import InputError, NetworkError, Reason, UnreachableError
from kmstool.kms.transport import sockets
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.endpoint import Endpoint, certificates
from kmstool.kms.transport.sockets import TimedSocket

MAX_ANSWER_BYTES = 16 * 2**20

GATEWAY = "is there a gateway or proxy on the way?"
"""The hint where an answer is none."""

_USER_AGENT = f"kmstool/{__version__}"
_PART_BYTES = 2**16
# X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH of OpenSSL.
_OTHER_NAME = (62, 64)
_REASONS = (
    (TimeoutError, "no answer in time"),
    (ConnectionRefusedError, "connection refused"),
    # Python's name for an end in place of an answer is a kind of reset too.
    (http.client.BadStatusLine, "the connection was closed without an answer"),
    (ConnectionResetError, "connection reset"),
    (ConnectionError, "the connection was closed without an answer"),
    (UnicodeError, "the name is not known"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `date` is the header of that name, the body may hold secrets."""

    status: int
    date: str | None
    body: bytes = field(repr=False)


class Connection:
    """A connection to a service; one request, with all that it takes, ends within `timeout` seconds and the deadline."""

    def __init__(
        self, place: Endpoint, timeout: float, ca_bundle: str | None = None, deadline: Deadline | None = None
    ) -> None:
        self._place = place
        self._timeout = timeout
        self._deadline = deadline
        self._ca_bundle = ca_bundle
        self._context: ssl.SSLContext | None = None
        self._proxy = place.proxy
        self._http = http.client.HTTPConnection(place.host, place.port)

    def exchange(self, method: str, headers: Mapping[str, str], body: bytes = b"", target: str = "/") -> Answer:
        """Send one request for a target and return its answer, whatever the status.

        Raises `InputError` for a value that no header can hold, `UnreachableError` if nothing
        was sent, and `NetworkError` if no whole answer of at most 16 MiB came in time.
        """
        headers = {"Host": self._place.authority, "User-Agent": _USER_AGENT, **headers}
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
                f"cannot reach {self._place.shown}: the time for this command is used up",
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
        way = self._proxy or self._place
        try:
            path = self._place.socket_path
            sock = sockets.connect_unix(path, end) if path else sockets.connect(way.host, way.port, end)
            self._http.sock = sock
            if self._proxy:
                sockets.tunnel(sock, self._place.host_and_port, self._proxy.authorization)
        except (OSError, UnicodeError, sockets.TooLong) as error:
            reason = "the proxy refuses or does not answer" if self._proxy else _reason(error)
            raise self._unreached(UnreachableError, reason) from error
        if self._place.scheme == "https":
            self._context = self._context or _trusting(self._ca_bundle or certificates())
            try:
                sock = self._http.sock = sockets.secured(sock, self._context, self._place.host)
            except (OSError, ValueError) as error:
                raise self._unreached(UnreachableError, _reason(error)) from error
        return sock

    def _ask(self, sock: TimedSocket, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            self._http.request(method, target, body, headers)
            with self._http.getresponse() as response:
                # What chunks have around them is not counted in what they hold.
                sock.allowance += 2 * MAX_ANSWER_BYTES
                return Answer(response.status, response.getheader("Date"), _body(response))
        except (http.client.IncompleteRead, sockets.TooLong) as error:
            raise NetworkError(
                f"the answer of {self._place.shown} was cut short or is too long", hint=GATEWAY
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._unreached(NetworkError, _reason(error)) from error

    def _unreached(self, kind: type[NetworkError], reason: str) -> NetworkError:
        return kind(
            f"cannot reach {self._place.shown}: {reason}",
            reason=Reason.UNREACHABLE,
        )


def _stands(sock: socket.socket) -> bool:
    """Tell whether the service has not closed a connection.

    Nothing is awaited on it, so that anything to be read is its end. Once a request is on
    its way, a closed connection leaves it unknown whether the service has acted.
    """
    if isinstance(sock, ssl.SSLSocket) and sock.pending():
        # Decrypted already, where the system sees nothing of it.
        return False
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


def _trusting(place: str) -> ssl.SSLContext:
    try:
        if os.path.isdir(place):
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)
    except OSError as error:
        raise InputError(
            f"the trusted certificates {place} cannot be loaded", hint="SSL_CERT_FILE names a file of them in PEM"
        ) from error


def _reason(error: Exception) -> str:
    """Say what happened in a few words; those of the library may hold anything that the other side sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        other_name = error.verify_code in _OTHER_NAME
        return "its certificate is for another name" if other_name else "its certificate is not trusted"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved now" if error.errno == socket.EAI_AGAIN else "the name is not known"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "the connection failed")
