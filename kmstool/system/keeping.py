"""The other files of a folder that is replaced as a whole: they are in the new one too.

By a second name, which is one step and needs no room. Where the file system has no hard links
they are copied. What was kept is known by name, size and time, so that of both only one stays.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection
from contextlib import suppress

from kmstool.system import copying, leftovers, mounts, publishing

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep(former: int, new: int, names: Collection[str], kept: set[leftovers.Stamp]) -> None:
    """Put all files of an open folder but those of `names` into a new one; those that are there already stay.

    Both are noted in `kept`. Raises `OSError`.
    """
    for name in set(os.listdir(former)) - set(names):
        if not leftovers.is_temporary(name):
            # One that another process has taken away is not to be kept.
            with suppress(FileExistsError, FileNotFoundError):
                _keep_one(former, new, name, kept)


def keep_late(former: int, new: int, names: Collection[str], kept: set[leftovers.Stamp]) -> None:
    """Keep what came up before the exchange; what cannot be kept stays where it is, and the former folder with it."""
    with suppress(OSError):
        keep(former, new, names, kept)


def _keep_one(former: int, new: int, name: str, kept: set[leftovers.Stamp]) -> None:
    there = os.lstat(name, dir_fd=former)
    try:
        os.link(name, name, src_dir_fd=former, dst_dir_fd=new, follow_symlinks=False)
    except OSError as error:
        if error.errno not in publishing.NO_LINK:
            raise
        _copy(former, new, name, there)
    kept |= {leftovers.stamp(name, there), leftovers.stamp(name, os.lstat(name, dir_fd=new))}


def _copy(former: int, new: int, name: str, there: os.stat_result) -> None:
    if stat.S_ISLNK(there.st_mode):
        os.symlink(os.readlink(name, dir_fd=former), name, dir_fd=new)
    elif stat.S_ISREG(there.st_mode):
        _copy_file(former, new, name, there)
    else:
        raise OSError(errno.EINVAL, f"{name} is no regular file and can have no second name")


def _copy_file(former: int, new: int, name: str, there: os.stat_result) -> None:
    source = os.open(name, _READ, dir_fd=former)
    try:
        target = os.open(name, _NEW, 0o600, dir_fd=new)
        try:
            copying.copy(source, 0, target)
            mounts.set_mode(target, stat.S_IMODE(there.st_mode))
            mounts.set_owner(target, there.st_uid, there.st_gid)
            with suppress(OSError):
                os.utime(target, ns=(there.st_atime_ns, there.st_mtime_ns))
            mounts.sync(target)
        except BaseException:
            os.unlink(name, dir_fd=new)
            raise
        finally:
            os.close(target)
    finally:
        os.close(source)
