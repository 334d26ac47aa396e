"""What the file system of a folder can do, found by trying it with files that are removed again."""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, suppress
from pathlib import Path

from kmstool.system import leftovers, mounts, publishing, renaming

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def missing(folder: Path) -> list[str]:
    """Return what a folder's file system has not, each in a few words, and what is done in its place.

    Raises `OSError` for a folder that cannot be written.
    """
    with ExitStack() as stack:
        within = mounts.open_folder(folder)
        stack.callback(os.close, within)
        first, second = leftovers.new_name(), leftovers.new_name()
        for name in (first, second):
            stack.callback(_forget, within, name)
        file = os.open(first, _NEW, 0o600, dir_fd=within)
        stack.callback(os.close, file)
        mounts.set_mode(file, 0o600)
        lacks = []
        if not publishing.Finished(within, file, first).link(second):
            lacks.append(_instead_of_links(within, first, second))
        if stat.S_IMODE(os.fstat(file).st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
            lacks.append("modes, so that others may read what is there")
        if not mounts.lock(file, wait=False):
            lacks.append("locks, so that commands at the same time may undo each other's changes")
        return lacks


def _instead_of_links(folder: int, first: str, second: str) -> str:
    if renaming.rename_new(folder, first, second):
        return "hard links: new files are renamed"
    return "hard links: a name is taken by an empty file until the new one replaces it"


def _forget(folder: int, name: str) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)
