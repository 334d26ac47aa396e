"""What went wrong on the way to a service, in a few words: none of them the other side's, but for a name or two."""

from __future__ import annotations

import http.client
import os
import socket
import ssl

from kmstool.errors import AccessError, KmsToolError, NobodyThereError, Reason, UnreachableError
from kmstool.kms.transport import sockets
from kmstool.kms.transport.proxies import Proxy
from kmstool.kms.transport.trust import TrustedCertificates

GATEWAY = "is there a gateway or proxy on the way?"
"""The hint where an answer is none."""

_MOST_CHARACTERS = 60
_PROXY_AUTHENTICATION = 407
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
# What a server that speaks in plaintext makes of a greeting in TLS.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")


def reason(error: Exception) -> str:
    """Say what happened; the library's own words may hold anything that the other side sent."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _OTHER_NAME:
            return "its certificate is for another name"
        # OpenSSL has a fixed text for each code.
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason in _NO_TLS:
        return "it does not speak TLS"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved now" if error.errno == socket.EAI_AGAIN else "the name is not known"
    return next((text for kind, text in _REASONS if isinstance(error, kind)), None) or _of_system(error)


def _of_system(error: Exception) -> str:
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.errno:
        # The system's own words, such as those for a network without a way to it.
        return os.strerror(error.errno).lower()
    return "the connection failed"


def status(code: int, server: str | None = None, kind: str | None = None) -> str:
    """Name an HTTP status, with the server that gave it and the type of what it sent, as far as they are told."""
    parts = [f"HTTP {code}"]
    if kind:
        parts.append(_shown(kind))
    if server:
        parts.append(f"server {_shown(server)}")
    return ", ".join(parts)


def of_service(shown: str, error: Exception, trusted: TrustedCertificates | None) -> UnreachableError:
    """Make the error for a service that was not reached, and to which nothing was sent."""
    message = f"cannot reach {shown}: {reason(error)}"
    if isinstance(error, ssl.SSLCertVerificationError) and error.verify_code not in _OTHER_NAME and trusted:
        hint = f"trusted are those in {trusted.shown}; SSL_CERT_FILE names a file with the certificates of another CA"
        return UnreachableError(message, hint=hint)
    return _kind(error)(message, reason=Reason.UNREACHABLE)


def _kind(error: Exception) -> type[UnreachableError]:
    if isinstance(error, socket.gaierror):
        # A name server that does not answer now may do so soon.
        return UnreachableError if error.errno == socket.EAI_AGAIN else NobodyThereError
    return NobodyThereError if isinstance(error, (ConnectionRefusedError, UnicodeError)) else UnreachableError


def of_proxy(shown: str, proxy: Proxy, error: Exception) -> KmsToolError:
    """Make the error for a service that a proxy did not connect to; its user and password are never told."""
    begin = f"cannot reach {shown}: the proxy {proxy.shown}"
    if isinstance(error, sockets.Refused):
        if error.status == _PROXY_AUTHENTICATION:
            says = "refuses the user and password" if proxy.authorization else "wants a user and password"
            return AccessError(
                f"{begin} {says} ({status(error.status, error.server)})",
                hint=f"write both into {proxy.variable}: {proxy.scheme}://USER:PASSWORD@HOST:PORT",
            )
        return UnreachableError(f"{begin} refuses: {status(error.status, error.server)}", hint=_exception(proxy))
    if proxy.scheme == "https" and _is_no_tls(error):
        return UnreachableError(
            f"{begin} does not speak TLS", hint=f"write http:// into {proxy.variable}, not https://"
        )
    return _kind(error)(f"{begin} refuses or does not answer: {reason(error)}", hint=_exception(proxy))


def _is_no_tls(error: Exception) -> bool:
    return isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLCertVerificationError)


def _exception(proxy: Proxy) -> str:
    return f"{proxy.variable} names the proxy; NO_PROXY names hosts that are reached without"


def _shown(text: str) -> str:
    return "".join(char if char.isascii() and char.isprintable() else "?" for char in text.strip()[:_MOST_CHARACTERS])
