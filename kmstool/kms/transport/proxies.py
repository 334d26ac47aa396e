"""The HTTP proxy that the environment names for a host, and the hosts that are reached without one.

`https_proxy` or `HTTPS_PROXY`, else `all_proxy` or `ALL_PROXY`; the lower-case variable comes first, also where it
is empty. `no_proxy` and `NO_PROXY` are read as curl reads them, and `*.NAME` and `HOST:PORT` as Go does.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from kmstool.errors import InputError
from kmstool.system import hosts

_PORTS = {"http": 80, "https": 443}
_BITS = 8
_MAX_PORT = 65535
_BETWEEN = re.compile(r"[,\s]+")
_WITH_PORT = re.compile(r"(.*[^:]|\[.*\]):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy, with TLS to itself if the scheme is https; `variable` is what named it.

    `authorization` is the value of the header with its user and password, None without.
    """

    scheme: str
    host: str
    port: int
    authorization: str | None = field(repr=False)
    variable: str

    @classmethod
    def parse(cls, text: str, variable: str = "HTTPS_PROXY") -> Proxy:
        """Read http[s]://[USER:PASSWORD@]HOST[:PORT], where http:// may be left out.

        Raises `InputError` for anything else, without showing it: it may hold a password.
        """
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
        except ValueError:
            parts = urlsplit("")
        address = hosts.parts(parts.netloc.rpartition("@")[2])
        if parts.scheme not in _PORTS or not address or (address[1] or 0) > _MAX_PORT:
            raise InputError(
                f"the environment ({variable}) names no proxy that can be used",
                hint="it has the form http://HOST:PORT, or https:// for one that speaks TLS itself; SOCKS is not spoken",
            )
        host, port = address
        authorization = None
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode("utf-8", "surrogateescape")
            authorization = f"Basic {base64.b64encode(user).decode()}"
        return cls(parts.scheme, host, _PORTS[parts.scheme] if port is None else port, authorization, variable)

    @property
    def shown(self) -> str:
        """What a message calls it: never its user and password."""
        return hosts.with_port(self.host, self.port)


def of_environment(scheme: str, host: str, port: int) -> Proxy | None:
    """Return the proxy for a host, None if it is reached without; raise as `Proxy.parse` does."""
    exceptions, _ = _variable("no")
    if any(_matches(entry, host, port) for entry in _BETWEEN.split(exceptions) if entry):
        return None
    for kind in (scheme, "all"):
        named, variable = _variable(kind)
        if named:
            return Proxy.parse(named, variable)
    return _of_system(scheme, host)


def _variable(kind: str) -> tuple[str, str]:
    """Return what a variable holds, and its name."""
    lower = f"{kind}_proxy"
    name = lower if lower in os.environ else lower.upper()
    return os.environ.get(name, "").strip(), name


def _of_system(scheme: str, host: str) -> Proxy | None:
    """Return the proxy of the system's settings, which macOS and Windows have."""
    if sys.platform in {"darwin", "win32"}:
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 - for these platforms only

        if (named := getproxies().get(scheme)) and not proxy_bypass(host):
            return Proxy.parse(named, "the system's settings")
    return None


def _matches(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of NO_PROXY means a host: `*`, a name with all below it, an address, or a range of them."""
    if entry == "*":
        return True
    entry, ports = _without_port(entry)
    if ports and port not in ports:
        return False
    address = hosts.packed(host)
    if address is not None:
        return _is_within(address, entry)
    name, entry = host.lower().rstrip("."), entry.lower().removeprefix("*").strip(".")
    return bool(entry) and (name == entry or name.endswith(f".{entry}"))


def _without_port(entry: str) -> tuple[str, list[int]]:
    """Return an entry without brackets and its port, and that as a list; an IPv6 address need not have brackets."""
    match = None if hosts.packed(entry.partition("/")[0]) else _WITH_PORT.fullmatch(entry)
    host = match[1] if match else entry
    return host.replace("[", "").replace("]", ""), [int(match[2])] if match else []


def _is_within(address: bytes, entry: str) -> bool:
    base, slash, length = entry.partition("/")
    network = hosts.packed(base)
    if network is None or len(network) != len(address):
        return False
    if not slash:
        return network == address
    if not (length.isascii() and length.isdigit() and len(length) <= len("128")):
        return False
    bits = len(address) * _BITS
    shift = bits - int(length)
    return 0 <= shift <= bits and int.from_bytes(address, "big") >> shift == int.from_bytes(network, "big") >> shift
