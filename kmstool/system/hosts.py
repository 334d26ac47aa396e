"""Hosts as they stand in addresses: names, IPv4 and IPv6, with a port or without."""

from __future__ import annotations

import re
import socket

# Names with an underscore are none of the public DNS, but container tools give them.
_AUTHORITY = re.compile(r"(?:([0-9A-Za-z._-]{1,253})|\[([0-9A-Fa-f:.]+)\])(?::([0-9]{1,5}))?", re.ASCII)

_MAPPED = bytes(10) + b"\xff\xff"
_LOOPBACK_V4 = 127


def parts(authority: str) -> tuple[str, int | None] | None:
    """Return the host, without brackets, and the port of HOST[:PORT]; None for what is none."""
    match = _AUTHORITY.fullmatch(authority)
    if not match:
        return None
    name, address, port = match.groups()
    return name or address, int(port) if port else None


def packed(host: str) -> bytes | None:
    """Return the 4 or 16 bytes of an IP address, None for a name; one of IPv4 that is written as IPv6 is IPv4."""
    try:
        return socket.inet_pton(socket.AF_INET, host)
    except OSError:
        pass
    try:
        address = socket.inet_pton(socket.AF_INET6, host)
    except (OSError, ValueError):
        return None
    return address[12:] if address.startswith(_MAPPED) else address


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine itself: localhost, 127.0.0.0/8 and ::1 (RFC 6890)."""
    address = packed(host)
    if address is None:
        return host.lower() == "localhost"
    return (
        address[0] == _LOOPBACK_V4
        if len(address) == len(b"IPv4")
        else address == socket.inet_pton(socket.AF_INET6, "::1")
    )


def with_port(host: str, port: int) -> str:
    """Return host:port as it stands in a request line, an IPv6 address in brackets (RFC 3986, section 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
