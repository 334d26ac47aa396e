"""Files below a folder, reached component by component, so that no link leads out of it.

What lies in the folder may be another's, and may change at any moment: every step is made
from the descriptor of the one before, and a link is refused wherever it stands.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from kmstool.system import ownership

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(slots=True)
class Beneath:
    """A folder, which is trusted itself and may be named by a link, and everything below it, which is not.

    Paths are relative to it, with slashes. The last folder stays open: most files come folder by folder.
    """

    root: Path
    _path: str | None = field(default=None, repr=False)
    _descriptor: int = field(default=-1, repr=False)

    def __del__(self) -> None:
        # Who seals many trees in one process would run out of descriptors.
        self.close()

    def folder_of(self, path: str, *, make: bool = False) -> int:
        """Return the descriptor of the folder that a path is in, which holds until the next call.

        With `make`, folders that are missing are made. Raises `OSError`; a link is ELOOP.
        """
        wanted = path.rpartition("/")[0]
        if self._path != wanted:
            descriptor = self._opened(wanted.split("/") if wanted else [], make=make)
            self.close()
            self._path, self._descriptor = wanted, descriptor
        return self._descriptor

    def open(self, path: str) -> int:
        """Open a regular file to read it, and return its descriptor. Raises `OSError`, for a link and a pipe too."""
        folder, name = self.folder_of(path), path.rpartition("/")[2]
        descriptor = os.open(name, _FILE, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "it is not a regular file")
        return descriptor

    def close(self) -> None:
        """Close the folder that is open; the next call opens it again."""
        if self._path is not None:
            os.close(self._descriptor)
            self._path = None

    def _opened(self, names: list[str], *, make: bool) -> int:
        is_new = make and not self.root.exists()
        if is_new:
            self.root.mkdir(parents=True, exist_ok=True)
        here = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        if is_new:
            ownership.adopt(here, self.root.parent)
        for name in names:
            try:
                below = _step(here, name, make=make)
            finally:
                os.close(here)
            here = below
        return here


def _step(here: int, name: str, *, make: bool) -> int:
    if name in ("", os.curdir, os.pardir):
        raise OSError(errno.EINVAL, "its path leads elsewhere")
    is_new = False
    if make:
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=here)
            is_new = True
    try:
        below = os.open(name, _FOLDER, dir_fd=here)
    except OSError as error:
        if error.errno == errno.ENOTDIR and stat.S_ISLNK(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            raise OSError(errno.ELOOP, f"{name} is a link, and links are not followed") from error
        raise
    if is_new:
        ownership.adopt(below, here)
    return below
