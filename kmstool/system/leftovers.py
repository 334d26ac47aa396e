"""Temporary names: each is held by a lock while its writer lives, so that what a kill left can be told and removed.

A temporary file or folder is called `.kmstool-` and 16 hex digits. Only such a name is ever
removed here, only of this user, and only when no process holds it.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
from collections.abc import Collection
from contextlib import suppress
from itertools import islice
from typing import TypeAlias

from kmstool.system import mounts

OWN_FILES = frozenset(
    {
        *("iv.base64", "ciphertext.base64", "mac.base64", "decrypt_key_aes256.bin", "decrypt_key_sm4.bin"),
        *("params.json", "wrapping-key.pem", "import-token.base64"),
    }
)
"""Names of the files that commands put into folders of their own. A leftover folder with any other file that has no
second name stays as it is: that file would be a user's."""

Stamp: TypeAlias = tuple[str, int, int]
"""Name, size in bytes and time of the last change in nanoseconds."""

MOST_ENTRIES = 10_000
"""So many entries of a folder are looked at; what is left behind in a larger one may stay."""

# One look at a folder is enough for a process.
_swept: set[tuple[int, int]] = set()
_MOST_FOLDERS = 1024

_NAME = re.compile(r"\.kmstool-[0-9a-f]{16}")


def new_name() -> str:
    """Return a temporary name, not made from the final one, which may be as long as a name can be."""
    return f".kmstool-{secrets.token_hex(8)}"


def is_temporary(name: str) -> bool:
    """Return whether `new_name` could have made it."""
    return _NAME.fullmatch(name) is not None


def hold(descriptor: int, folder: int, name: str) -> bool:
    """Hold an open temporary file or folder until it is closed; tell whether it still has its name.

    It has none if it was taken for a leftover in the moment between its making and this call.
    """
    # Where there are no locks, nothing can be told to be a leftover, and nothing is removed.
    with suppress(OSError):
        mounts.lock(descriptor)
    # Not by the number of its names, which some file systems leave at zero.
    with suppress(FileNotFoundError):
        os.lstat(name, dir_fd=folder)
        return True
    return False


def sweep(folder: int) -> None:
    """Remove what killed processes left in an open folder; no fault keeps a command from its work."""
    with suppress(OSError):
        status = os.fstat(folder)
        if (status.st_dev, status.st_ino) in _swept:
            return
        if len(_swept) >= _MOST_FOLDERS:
            _swept.clear()
        _swept.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            names = [entry.name for entry in islice(entries, MOST_ENTRIES) if is_temporary(entry.name)]
        for name in names:
            with suppress(OSError):
                _remove(folder, name)


def stamp(name: str, status: os.stat_result) -> Stamp:
    """Return what tells a file from one that came into its place."""
    return name, status.st_size, status.st_mtime_ns


def discard(parent: int, name: str, own: Collection[str] = OWN_FILES, kept: Collection[Stamp] = frozenset()) -> None:
    """Remove a folder with the files of `own` names, and those that have a second name or are among those `kept` elsewhere.

    Any other file stays, and the folder with it. Faults are passed over: the next sweep tries again.
    """
    with suppress(OSError):
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            for entry in os.listdir(folder):
                with suppress(OSError):
                    status = os.lstat(entry, dir_fd=folder)
                    if entry in own or status.st_nlink > 1 or stamp(entry, status) in kept:
                        os.unlink(entry, dir_fd=folder)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=parent)


def _remove(folder: int, name: str) -> None:
    status = os.lstat(name, dir_fd=folder)
    if status.st_uid != os.geteuid() or not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        return
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        if not mounts.lock(descriptor, wait=False):
            return
        # A writer that has come to its end has given it its name, and another file may have this one.
        if not os.path.samestat(os.fstat(descriptor), os.lstat(name, dir_fd=folder)):
            return
        if stat.S_ISDIR(status.st_mode):
            discard(folder, name)
        else:
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(descriptor)
