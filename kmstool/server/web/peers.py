"""Whose process is at the other end of a connection on this machine, where the platform tells.

Linux does, for Unix sockets and for loopback TCP; elsewhere only secrets and the modes of
files keep users apart.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))

_ESTABLISHED = "01"
_CREDENTIALS = struct.Struct("=iII")
_WORD = struct.Struct("=I")


def is_own(near: Any) -> bool:
    """Return whether the other end of a connected socket belongs to the user of this process; true if nobody can tell.

    Root is no exception: as another user's process it is refused, and what root serves is for
    root. A TCP connection that is not wholly open any more belongs to nobody: the kernel shows
    such sockets as root's.
    """
    if near.family == socket.AF_UNIX:
        return _unix_user(near) in (None, os.geteuid())
    if not any(table.exists() for table in TABLES):
        return True
    return _tcp_user(near.getpeername(), near.getsockname()) == os.geteuid()


def _unix_user(near: Any) -> int | None:
    if sys.platform != "linux":
        return None
    _, uid, _ = _CREDENTIALS.unpack(near.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return int(uid)


def _tcp_user(far: tuple[Any, ...], near: tuple[Any, ...]) -> int | None:
    """Return the uid of the open TCP socket on this machine that has these two ends, None if there is none."""
    ends = set(zip(_shown(far), _shown(near), strict=True))
    for table in TABLES:
        for line in _lines(table):
            _, local, remote, state, _, _, _, uid, _, inode, *_ = line.split()
            if (local, remote) in ends and state == _ESTABLISHED and inode != "0":
                return int(uid)
    return None


def _lines(table: Path) -> Iterator[str]:
    try:
        # As bytes: a codec would be imported now, and whose files can be read may have changed since the start.
        with table.open("rb") as lines:
            next(lines, None)
            yield from (line.decode("ascii") for line in lines)
    except FileNotFoundError:
        return


def _shown(address: tuple[Any, ...]) -> Iterator[str]:
    """Yield the forms that the kernel's tables have of an address: IPv4 is also shown inside IPv6 (RFC 4291, 2.5.5.2)."""
    host = ipaddress.ip_address(address[0])
    yield f"{_words(host.packed)}:{address[1]:04X}"
    mapped = host.packed if host.version == 6 else b"\0" * 10 + b"\xff\xff" + host.packed  # noqa: PLR2004 - IPv6
    yield f"{_words(mapped)}:{address[1]:04X}"


def _words(packed: bytes) -> str:
    return "".join(f"{word:08X}" for (word,) in _WORD.iter_unpack(packed))
