"""The steps by which a finished file gets its name: the best one that its file system has.

A hard link; else a renaming that never replaces; else the name is taken by an empty file that
the finished one then replaces; else, where nothing can be renamed, that one is filled. A
file that is there already is never touched unless that was asked for.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from kmstool.system import copying, leftovers, mounts, renaming, signals
from kmstool.system.mounts import REFUSING

# FAT, exFAT, SMB and most of FUSE have no links: EPERM, EOPNOTSUPP and ENOSYS, or what their author thought of.
# Security modules and quotas of projects refuse them too. A file with no names, or that seems to have none, is
# not found. Whether the folder can be written, the next step shows.
NO_LINK = REFUSING | {errno.EMLINK, errno.EXDEV, errno.ENOENT}
"""What an attempt to link answers where that cannot be done."""

_EMPTY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILL = os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC


class NoReplacingError(OSError):
    """The file system cannot put a file in the place of another one."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A file whose last byte is written: its folder, itself, and the name that it has for now if it has one."""

    folder: int
    descriptor: int
    temporary: str | None

    def link(self, name: str) -> bool:
        """Give it a name that no file has; return False where that is not to be had. Raises `OSError`."""
        source = self.temporary or f"/proc/self/fd/{self.descriptor}"
        try:
            # The descriptors are given for an absolute source too: without one CPython calls link(2),
            # which does not follow the /proc link to the file.
            os.link(source, name, src_dir_fd=self.folder, dst_dir_fd=self.folder, follow_symlinks=True)
        except OSError as error:
            if error.errno in NO_LINK:
                return False
            raise
        return True


def publish(finished: Finished, temporary: str, name: str, *, replace: bool) -> None:
    """Give a finished file its name, in one step where that can be; `temporary` is a name that it may have until then.

    Raises `FileExistsError` where the name is taken and not to be replaced, `NoReplacingError`
    where it cannot be, and `OSError` for every fault.
    """
    with ExitStack() as stack:
        if replace:
            _rename_over(_named(finished, temporary, stack), name)
        elif not finished.link(name):
            named = _named(finished, temporary, stack)
            if not renaming.rename_new(named.folder, temporary, name):
                _take(named, name)


def _named(finished: Finished, temporary: str, stack: ExitStack) -> Finished:
    """Return a file that has the temporary name: itself, or a copy where one without a name cannot get one."""
    if finished.temporary or finished.link(temporary):
        return Finished(finished.folder, finished.descriptor, temporary)
    copy = os.open(temporary, _NEW, 0o600, dir_fd=finished.folder)
    stack.callback(os.close, copy)
    leftovers.hold(copy, finished.folder, temporary)
    _copy(finished, copy)
    return Finished(finished.folder, copy, temporary)


def _copy(finished: Finished, target: int) -> None:
    """Fill an empty file with what a finished one holds, to the disk, and make it as that is."""
    there = os.fstat(finished.descriptor)
    mounts.set_mode(target, stat.S_IMODE(there.st_mode))
    mounts.set_owner(target, there.st_uid, there.st_gid)
    copying.copy(finished.descriptor, 0, target)
    mounts.sync(target)


def _rename_over(finished: Finished, name: str) -> None:
    folder, temporary = finished.folder, str(finished.temporary)
    try:
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError as error:
        if error.errno not in renaming.NO_RENAME:
            raise
        try:
            os.stat(name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            _take(finished, name)
        else:
            raise NoReplacingError(error.errno, error.strerror) from error


def _take(finished: Finished, name: str) -> None:
    """Make an empty file under the name, which nobody else can then make, and put the finished one in its place."""
    folder = finished.folder
    with signals.held():
        os.close(os.open(name, _EMPTY, 0o600, dir_fd=folder))
        try:
            os.rename(str(finished.temporary), name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        except OSError as error:
            if error.errno not in renaming.NO_RENAME:
                _remove(folder, name)
                raise
    try:
        target = os.open(name, _FILL, dir_fd=folder)
        try:
            _copy(finished, target)
        finally:
            os.close(target)
    except BaseException:
        _remove(folder, name)
        raise


def _remove(folder: int, name: str) -> None:
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)
