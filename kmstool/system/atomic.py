"""Files that are either old or complete.

Nothing appears under the final name before its last byte is on disk; a failure or a
kill leaves the former file as it was. Where the file system can do it, the bytes have
no name at all until then, so that a kill leaves no plaintext behind. What a kill does
leave has a temporary name, and the next write in that folder removes it (kmstool/system/leftovers.py).
What the file system cannot do is done in another way, see kmstool/system/publishing.py. Once
the name is there, no fault is told as one of writing.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kmstool.errors import OutputError, Reason
from kmstool.system import leftovers, mounts, ownership, publishing


def write(path: Path, data: bytes, *, replace: bool = False, mode: int = 0o600) -> None:
    """Write `data` to `path` at once; see `create` for what is promised and raised."""
    with create(path, replace=replace, mode=mode) as out:
        out.write(data)


@contextmanager
def create(
    path: Path,
    *,
    replace: bool = False,
    mode: int = 0o600,
    durable: bool = True,
    publish: bool = True,
    within: int | None = None,
) -> Iterator[BinaryIO]:
    """Give a file to write to that becomes `path` when the block ends without an exception.

    A durable one is on disk by then; without that a crash of the machine soon after may
    lose the new file, but never leaves half of it where the file system keeps order.
    Without `publish` it is checked and written all the same, and then thrown away.
    `within` is a descriptor of the folder, for those who opened it in a way of their own.

    `mode` holds whatever the umask says, and in a user's home root makes files of that user.
    A symbolic link under that name is replaced, never followed. Raises `OutputError` if the
    name exists and `replace` is false, and for every fault of the file system.
    """
    _check_target(path, within, replace=replace)
    try:
        folder = mounts.open_folder(path.parent) if within is None else os.dup(within)
    except OSError as error:
        raise fault(path, error) from error
    name = leftovers.new_name()
    # A signal raises after any call, and a second one never does: one of two removals is undisturbed. They stand
    # in this frame, and the name is known before anything has it: so nothing is made that is not removed.
    try:
        try:
            if publish:
                leftovers.sweep(folder)
            yield from _written(folder, name, path, replace=replace, mode=mode, durable=durable, publish=publish)
        finally:
            _forget(folder, name)
        if publish and durable:
            settle(folder, path, "is written")
    finally:
        _forget(folder, name)
        os.close(folder)


def check(path: Path, *, replace: bool = False) -> None:
    """Raise what `create` would raise as far as that can be seen, without a trace; another process may change it."""
    _check_target(path, None, replace=replace)
    _check_folder(path.parent, path)


def check_folder(folder: Path, names: Collection[str] = (), *, replace: bool = False) -> None:
    """Raise `OutputError` where a folder cannot have files of these names; it may be missing, with those above it."""
    taken = next((folder / name for name in sorted(names) if os.path.lexists(folder / name)), None)
    if taken and not replace:
        raise fault(taken, FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)))
    nearest = next((one for one in (folder, *folder.absolute().parents) if os.path.lexists(one)), folder)
    _check_folder(nearest, folder)


def _check_folder(folder: Path, path: Path) -> None:
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise fault(path, error) from error


def remove(path: Path) -> None:
    """Remove a file durably; a missing file is not an error. Raises `OutputError`."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise fault(path, error) from error
    _settle_folder(path, "is removed")


def rename(path: Path, name: str) -> None:
    """Give a file another name in its folder, on disk too when this returns, over one that has that name.

    One that is not there is no fault. Raises `OutputError`.
    """
    try:
        path.replace(path.with_name(name))
    except FileNotFoundError:
        return
    except OSError as error:
        raise fault(path, error) from error
    _settle_folder(path, f"is called {name} now")


def settle(folder: int, path: Path, done: str) -> None:
    """Bring a change in a folder to disk; a fault does not undo it, and is not told as if it had. Raises `OutputError`."""
    try:
        mounts.sync(folder)
    except OSError as error:
        raise OutputError(
            f"{path} {done}, but its folder did not get to the disk: {(error.strerror or 'unknown fault').lower()}",
            hint="is the disk sound? a crash of the machine may undo it",
        ) from error


def make_own_folder(folder: Path) -> None:
    """Make a folder in which kmstool keeps what is its own (0700), and those above that are missing.

    Raises `OutputError`, which says how to choose another one.
    """
    try:
        ownership.make_folder(folder)
    except OSError as error:
        failure = fault(folder, error)
        if error.errno in {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR}:
            failure.hint = "set HOME, or KMSTOOL_HOME, to a folder that this user may write to"
        raise failure from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder (0700) if it is not there, and wait until no other process is in such a block of it.

    So what the block reads there is what it changes, except on a file system without locks.
    Raises `OutputError` for a folder that cannot be made or locked.
    """
    make_own_folder(folder)
    with ExitStack() as stack:
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            mounts.lock(descriptor)
        except OSError as error:
            raise fault(folder, error) from error
        yield


def fault(path: Path, error: OSError) -> OutputError:
    """Translate a fault of the file system into an error that names the file and the way out."""
    hints = {
        errno.ENOSPC: "free some space first",
        errno.EDQUOT: "free some space first",
        errno.EACCES: "choose a folder that you may write to",
        errno.EPERM: "choose a folder that you may write to",
        errno.EROFS: "choose a folder that you may write to",
        errno.ENOENT: "make the folder first",
        errno.ENOTDIR: "choose a folder: a part of the name is a file",
        errno.ENAMETOOLONG: "choose a shorter name",
    }
    if error.errno == errno.EEXIST:
        return OutputError(f"cannot write {path}: it exists already", reason=Reason.FILE_EXISTS)
    reason = (error.strerror or "unknown fault").lower()
    return OutputError(f"cannot write {path}: {reason}", hint=hints.get(error.errno or 0))


def _settle_folder(path: Path, done: str) -> None:
    with ExitStack() as stack:
        try:
            folder = mounts.open_folder(path.parent)
        except OSError:
            # It was there a moment ago, so that somebody else takes it away.
            return
        stack.callback(os.close, folder)
        settle(folder, path, done)


def _check_target(path: Path, within: int | None, *, replace: bool) -> None:
    try:
        status = os.lstat(path) if within is None else os.stat(path.name, dir_fd=within, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return
        raise fault(path, error) from error
    if stat.S_ISDIR(status.st_mode):
        raise OutputError(f"cannot write {path}: it is a folder", hint="name a file in it, or another one")
    if not (stat.S_ISREG(status.st_mode) or _is_plain_link(path, status.st_mode)):
        raise OutputError(f"cannot write {path}: it is not a regular file", hint="use - and a redirection instead")
    if not replace:
        raise fault(path, FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)))


def _is_plain_link(path: Path, mode: int) -> bool:
    """Return whether it is a link that may be replaced: not /dev/stdout, nor one to a device, pipe or socket."""
    if not stat.S_ISLNK(mode) or os.path.realpath(path.parent) == "/dev":
        return False
    try:
        target_mode = os.stat(path).st_mode
    except OSError:
        return True
    return stat.S_ISREG(target_mode) or stat.S_ISDIR(target_mode)


def _written(
    folder: int, temporary: str, path: Path, *, replace: bool, mode: int, durable: bool, publish: bool
) -> Iterator[BinaryIO]:
    """Yield a new file, which may have the temporary name, and give it its own name when it is whole."""
    try:
        descriptor = _open_unnamed(folder, temporary)
        unnamed = descriptor is not None
        if descriptor is None:
            descriptor = _open_named(folder, temporary)
        try:
            mounts.set_mode(descriptor, mode)
            mounts.warn_if_open(descriptor, mode, path.parent)
            ownership.adopt(descriptor, folder)
            with os.fdopen(descriptor, "wb", closefd=False) as out:
                yield out
            if not publish:
                return
            if durable:
                mounts.sync(descriptor)
            # Network file systems tell some faults only to who closes a file, and later would be too late.
            os.close(os.dup(descriptor))
            finished = publishing.Finished(folder, descriptor, None if unnamed else temporary)
            publishing.publish(finished, temporary, path.name, replace=replace)
        finally:
            with suppress(OSError):
                os.close(descriptor)
    except publishing.NoReplacingError as error:
        raise OutputError(
            f"cannot write {path}: its file system cannot put a file in the place of another one",
            hint="remove the former one first, or choose another name",
        ) from error
    except OSError as error:
        raise fault(path, error) from error


def _forget(folder: int, name: str) -> None:
    # What cannot be removed now is removed by a later write in the folder.
    with suppress(OSError):
        os.unlink(name, dir_fd=folder)


def _open_named(folder: int, name: str) -> int:
    while True:
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        if leftovers.hold(descriptor, folder, name):
            return descriptor
        os.close(descriptor)


def _open_unnamed(folder: int, name: str) -> int | None:
    """Open a file without a name; return None where there is no such thing, or no way to name it later."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        descriptor = os.open(".", os.O_TMPFILE | os.O_RDWR, 0o600, dir_fd=folder)
    except OSError:
        # Kernels and file systems without it have many ways to say so; a real fault strikes the named one too.
        return None
    # It may have the temporary name for a moment.
    leftovers.hold(descriptor, folder, name)
    return descriptor
