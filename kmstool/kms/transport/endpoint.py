"""Where a service is reached: scheme, host and port, and the proxy on the way."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from kmstool.errors import InputError
from kmstool.kms.transport import proxies
from kmstool.kms.transport.proxies import Proxy
from kmstool.system import hosts

_UNIX = "unix:///"
_PORTS = {"https": 443, "http": 80}


def _without_user(text: str) -> str:
    """Return an address without what stands before its last @, which may be a password with any sign in it."""
    before, at, host = text.rpartition("@")
    scheme, slashes, _ = before.partition("//")
    return (scheme + slashes if slashes else "") + "…@" + host if at else text


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A scheme, a host and perhaps a port; nothing secret, and plain HTTP on loopback only.

    With `socket_path` it is reached by that Unix socket, and the host is a name for requests only.
    """

    scheme: str
    authority: str
    host: str
    port: int
    is_loopback: bool
    socket_path: str = ""

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read a host, host:port, URL or unix:///PATH.

        Raises `InputError` for anything else, without repeating a password in it.
        """
        if text.startswith(_UNIX) and "\0" not in text:
            return cls("http", "localhost", "localhost", _PORTS["http"], True, text.removeprefix(_UNIX[:-1]))
        shown = repr(_without_user(text))
        hint = "for example kms.ap-singapore.tencentcloudapi.com"
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
        except ValueError as error:
            raise InputError(f"{shown} is no endpoint", hint=hint) from error
        loopback = hosts.is_loopback(parts.hostname or "") and "@" not in parts.netloc
        if parts.scheme == "http" and not loopback:
            raise InputError(f"{shown} would send secrets in plaintext", hint="use https; http is for loopback only")
        plain = not parts.query and not parts.fragment and parts.path in ("", "/")
        authority = hosts.parts(parts.netloc)
        if parts.scheme not in _PORTS or not plain or not authority:
            raise InputError(f"{shown} is no endpoint", hint=hint)
        host, port = authority
        return cls(parts.scheme, parts.netloc, host, _PORTS[parts.scheme] if port is None else port, loopback)

    @property
    def shown(self) -> str:
        """What a message calls it."""
        return self.socket_path or self.authority

    @property
    def host_and_port(self) -> str:
        """The host and the port, as a proxy wants both."""
        return hosts.with_port(self.host, self.port)

    @property
    def proxy(self) -> Proxy | None:
        """The proxy of the environment, unless the host is an exception there; never one for loopback."""
        return None if self.is_loopback else proxies.of_environment(self.scheme, self.host, self.port)
