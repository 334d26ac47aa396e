"""Where a service is reached: host and scheme, the proxy on the way, and whose certificates are trusted."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from kmstool.errors import InputError
from kmstool.kms.transport import LOOPBACK

_AUTHORITY = re.compile(r"(?:[0-9A-Za-z.-]{1,253}|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_HASHED_CERTIFICATE = re.compile(r"[0-9a-f]{8}\.0")
_SYSTEM_CERTIFICATES = "/etc/ssl/certs"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A scheme, a host and perhaps a port; nothing secret, and plain HTTP on loopback only."""

    scheme: str
    authority: str
    is_loopback: bool

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read a host, host:port or URL; raise `InputError` for anything else, without repeating a password in it."""
        shown = repr(re.sub(r"[^/]*@", "…@", text))
        hint = "for example kms.ap-singapore.tencentcloudapi.com"
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
        except ValueError as error:
            raise InputError(f"{shown} is no endpoint", hint=hint) from error
        loopback = parts.hostname in LOOPBACK and "@" not in parts.netloc
        if parts.scheme == "http" and not loopback:
            raise InputError(f"{shown} would send secrets in clear", hint="use https; http is for loopback only")
        plain = not parts.query and not parts.fragment and parts.path in ("", "/")
        if parts.scheme not in ("http", "https") or not plain or not _AUTHORITY.fullmatch(parts.netloc):
            raise InputError(f"{shown} is no endpoint", hint=hint)
        return cls(parts.scheme, parts.netloc, loopback)

    @property
    def url(self) -> str:
        """The URL of its root."""
        return f"{self.scheme}://{self.authority}/"

    @property
    def proxies(self) -> Mapping[str, str]:
        """The proxy of the environment, unless the host is an exception there; never one for loopback."""
        if self.is_loopback or proxy_bypass(self.authority):
            return {}
        proxy = getproxies().get(self.scheme)
        return {self.scheme: proxy} if proxy else {}


def certificates() -> str | None:
    """Return the file or folder of trusted certificates: the user's choice or the system's, None for neither.

    A hashed folder is a hundred times quicker to open than a bundle.
    """
    chosen = os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
    if chosen:
        return chosen
    try:
        with os.scandir(_SYSTEM_CERTIFICATES) as entries:
            return _SYSTEM_CERTIFICATES if any(_HASHED_CERTIFICATE.fullmatch(entry.name) for entry in entries) else None
    except OSError:
        return None
