"""Where a service is reached: host and scheme, the proxy on the way, and whose certificates are trusted."""

from __future__ import annotations

import base64
import os
import re
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from kmstool import words
from kmstool.errors import InputError

_AUTHORITY = re.compile(r"(?:([0-9A-Za-z.-]{1,253})|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?", re.ASCII)
_HASHED_CERTIFICATE = re.compile(r"[0-9a-f]{8}\.0")
_SYSTEM_CERTIFICATES = "/etc/ssl/certs"
_UNIX = "unix:///"
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `authorization` is the value of the header with its user and password, None without."""

    host: str
    port: int
    authorization: str | None = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Proxy:
        """Read http://[USER:PASSWORD@]HOST[:PORT], where http:// may be left out.

        Raises `InputError` for anything else, without showing it: it may hold a password.
        """
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
        except ValueError:
            parts = urlsplit("")
        found = _AUTHORITY.fullmatch(parts.netloc.rpartition("@")[2])
        if parts.scheme != "http" or not found:
            raise InputError(
                "the environment (HTTPS_PROXY) names no proxy that can be used",
                hint="it has the form http://HOST:PORT; neither TLS to the proxy itself nor SOCKS is spoken",
            )
        name, address, port = found.groups()
        authorization = None
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode("utf-8", "surrogateescape")
            authorization = f"Basic {base64.b64encode(user).decode()}"
        return cls(name or address, int(port or _PORTS["http"]), authorization)


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
        loopback = parts.hostname in words.LOOPBACK and "@" not in parts.netloc
        if parts.scheme == "http" and not loopback:
            raise InputError(f"{shown} would send secrets in clear", hint="use https; http is for loopback only")
        plain = not parts.query and not parts.fragment and parts.path in ("", "/")
        found = _AUTHORITY.fullmatch(parts.netloc)
        if parts.scheme not in _PORTS or not plain or not found:
            raise InputError(f"{shown} is no endpoint", hint=hint)
        name, address, port = found.groups()
        return cls(parts.scheme, parts.netloc, name or address, int(port or _PORTS[parts.scheme]), loopback)

    @property
    def shown(self) -> str:
        """What a message calls it."""
        return self.socket_path or self.authority

    @property
    def host_and_port(self) -> str:
        """The host and the port, as a proxy wants both."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def proxy(self) -> Proxy | None:
        """The proxy of the environment, unless the host is an exception there; never one for loopback."""
        if self.is_loopback:
            return None
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - 3 ms that loopback saves

        if proxy_bypass(self.authority):
            return None
        proxy = getproxies().get(self.scheme)
        return Proxy.parse(proxy) if proxy else None


def certificates() -> str:
    """Return the file or folder of trusted certificates: the user's choice, the system's, or else Mozilla's.

    A hashed folder is a hundred times quicker to open than a bundle.
    """
    chosen = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if chosen:
        return chosen
    try:
        with os.scandir(_SYSTEM_CERTIFICATES) as entries:
            if any(_HASHED_CERTIFICATE.fullmatch(entry.name) for entry in entries):
                return _SYSTEM_CERTIFICATES
    except FileNotFoundError:
        pass
    return ssl.get_default_verify_paths().cafile or _of_mozilla()


def _of_mozilla() -> str:
    import certifi  # noqa: PLC0415 - 7 ms that a system with certificates of its own saves

    return certifi.where()
