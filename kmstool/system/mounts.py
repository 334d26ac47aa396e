"""What a file system may lack: modes, owners, locks, the syncing of folders. That is no failed write.

FAT has no modes and owners, SMB often refuses to change them, FUSE and shared folders of
virtual machines lack what their author left out. A file that others may read for that
reason is told once a file system, by a `MountWarning`.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import warnings
from contextlib import suppress
from pathlib import Path

from kmstool.errors import MountWarning

LACKING = frozenset({errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL})
"""What a call answers that the kernel or the file system does not have."""

REFUSING = LACKING | {errno.EPERM, errno.EACCES, errno.EROFS}
"""What one answers too, whoever asks, that the file system cannot do: to be taken so where the folder can be written."""

# A lock on a read-only descriptor is EBADF where it is made of one on a range of bytes.
_NO_LOCKS = LACKING | {errno.ENOLCK, errno.EBADF}
# A folder that may be written but not read has a descriptor that cannot be synced.
_NO_SYNC = LACKING | {errno.EBADF}
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC

_told: set[int] = set()


def open_folder(path: Path) -> int:
    """Open a folder for what is made in it, also one that may be written and not listed. Raises `OSError`."""
    try:
        return os.open(path, _OPEN_FOLDER)
    except PermissionError:
        # Linux alone can open it for its names only.
        if not hasattr(os, "O_PATH"):
            raise
        return os.open(path, _OPEN_FOLDER | os.O_PATH)


def sync(descriptor: int) -> bool:
    """Bring an open file or folder to disk; return False where its file system cannot. Raises `OSError` for a fault."""
    try:
        if not _flushed(descriptor):
            os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
        return False
    return True


def _flushed(descriptor: int) -> bool:
    """Bring a file through the disk's own memory too, which macOS alone has a call for, and needs one."""
    request = getattr(fcntl, "F_FULLFSYNC", None)
    if request is None:
        return False
    # Network file systems do not know it.
    with suppress(OSError):
        fcntl.fcntl(descriptor, request)
        return True
    return False


def syncs(folder: Path) -> bool:
    """Return whether a folder can be brought to disk. Raises `OSError` for a fault."""
    descriptor = open_folder(folder)
    try:
        return sync(descriptor)
    finally:
        os.close(descriptor)


def set_mode(descriptor: int, mode: int) -> None:
    """Give what was just made a mode, as far as its file system keeps one. Raises `OSError` for a fault."""
    try:
        os.fchmod(descriptor, mode)
    except OSError as error:
        if error.errno not in REFUSING:
            raise


def warn_if_open(descriptor: int, mode: int, folder: Path) -> None:
    """Say, once a file system, that others may do more than `mode` with what was just made in a folder."""
    there = os.fstat(descriptor)
    more = there.st_mode & ~mode & (stat.S_IRWXG | stat.S_IRWXO)
    if more and there.st_dev not in _told:
        _told.add(there.st_dev)
        may = "read and change" if more & (stat.S_IWGRP | stat.S_IWOTH) else "read"
        text = f"the file system of {folder.absolute()} keeps no modes: others may {may} what is written there"
        warnings.warn(MountWarning(text), stacklevel=2)


def set_owner(descriptor: int, user: int, group: int) -> None:
    """Give what was just made to another user, if its file system knows owners. Raises `OSError` for a fault."""
    try:
        os.fchown(descriptor, user, group)
    except OSError as error:
        if error.errno not in REFUSING:
            raise


def lock(descriptor: int, *, shared: bool = False, wait: bool = True) -> bool:
    """Lock an open file or folder until it is closed; return False where there are no locks.

    Raises `BlockingIOError` without `wait` if another process holds it, `OSError` for other faults.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return False
    return True
