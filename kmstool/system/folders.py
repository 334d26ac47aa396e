"""Folders of files that belong together: their files are all old or all new.

A new folder is written beside the old one and takes its place in one step, an exchange of
the two names. So a reader that has opened the folder sees one state of it, and a fault or a
kill leaves the old folder or the new one. Files of other names are kept: they are in both.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from kmstool.errors import OutputError
from kmstool.system import atomic, keeping, leftovers, mounts, ownership, renaming, signals

_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HINT = "choose a folder for these files alone"


@contextmanager
def changed(
    folder: Path, names: Collection[str], *, replace: bool = False, room: int = 0
) -> Iterator[dict[str, bytes]]:
    """Give a dictionary for the contents of files; after the block the folder has these, and no others of `names`.

    What can be refused is refused before the block: a file of `names` that is there and not to
    be replaced, subfolders, the working folder, a mount point. With `room`, so many bytes on
    disk are taken for each of the names by then. Files get the mode 0600 and a new folder 0700.

    Raises `OutputError`, for faults of the file system too.
    """
    if unknown := set(names) - leftovers.OWN_FILES:
        raise ValueError(f"a sweep would not know {unknown}")
    real = Path(os.path.realpath(folder))
    try:
        parent = os.open(real.parent, _OPEN_FOLDER)
    except OSError as error:
        raise atomic.fault(folder, error) from error
    temporary, kept = leftovers.new_name(), set[leftovers.Stamp]()
    # Twice, and in this frame, for the reasons that atomic.py gives.
    try:
        try:
            yield from _changed(folder, real, parent, temporary, names, kept, replace=replace, room=room)
        finally:
            leftovers.discard(parent, temporary, names, kept)
    finally:
        leftovers.discard(parent, temporary, names, kept)
        os.close(parent)


def recover(folder: Path) -> None:
    """Give a folder its name back that a kill took, which can be only where the file system knows no exchange."""
    real = Path(os.path.realpath(folder))
    aside = real.with_name(_aside(real.name)) if real.name else real
    with suppress(OSError), ExitStack() as stack:
        descriptor = _open(stack, aside)
        if os.fstat(descriptor).st_uid != os.geteuid():
            return
        # A process that lives holds it.
        if not mounts.lock(descriptor, wait=False):
            return
        if os.path.lexists(real):
            leftovers.discard(_open(stack, real.parent), aside.name)
        else:
            os.rename(aside, real)


def is_current(descriptor: int, folder: Path) -> bool:
    """Return whether an open folder is the one that has this name now."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except FileNotFoundError:
        return False


def _changed(
    folder: Path,
    real: Path,
    parent: int,
    temporary: str,
    names: Collection[str],
    kept: set[leftovers.Stamp],
    *,
    replace: bool,
    room: int,
) -> Iterator[dict[str, bytes]]:
    try:
        with ExitStack() as stack:
            leftovers.sweep(parent)
            recover(real)
            former = _former(stack, real)
            if former is not None:
                _check(folder, real, former, names, replace=replace)
            new = _made(stack, parent, temporary)
            mounts.warn_if_open(new, 0o700, real.parent)
            if former is not None:
                mounts.set_mode(new, stat.S_IMODE(os.fstat(former).st_mode))
                keeping.keep(former, new, names, kept)
            for name in names if room else ():
                _write(new, name, bytes(room))
            contents: dict[str, bytes] = {}
            yield contents
            with signals.held():
                _fill(new, contents, names)
                if former is None:
                    # An empty folder that came up meanwhile is replaced, any other is a fault.
                    os.rename(temporary, real.name, src_dir_fd=parent, dst_dir_fd=parent)
                else:
                    if not renaming.exchange(parent, temporary, real.name):
                        _exchange_by_steps(parent, temporary, real.name)
                    keeping.keep_late(former, new, names, kept)
                atomic.settle(parent, folder, "is written")
    except OSError as error:
        raise atomic.fault(folder, error) from error


def _open(stack: ExitStack, folder: Path) -> int:
    descriptor = os.open(folder, _OPEN_FOLDER)
    stack.callback(os.close, descriptor)
    return descriptor


def _former(stack: ExitStack, real: Path) -> int | None:
    """Open the folder that is there, if one is, and wait until no other process changes it."""
    while True:
        try:
            descriptor = _open(stack, real)
        except FileNotFoundError:
            return None
        mounts.lock(descriptor)
        if is_current(descriptor, real):
            leftovers.sweep(descriptor)
            return descriptor


def _check(folder: Path, real: Path, former: int, names: Collection[str], *, replace: bool) -> None:
    # Whoever stands in it would stay in the old folder, which is removed.
    if is_current(former, Path()):
        raise OutputError(f"cannot write {folder}: it is the working folder, and is replaced as a whole", hint=_HINT)
    if os.path.ismount(real):
        raise OutputError(f"cannot write {folder}: something is mounted there", hint="choose a folder in it")
    for name in sorted(os.listdir(former)):
        mode = os.lstat(name, dir_fd=former).st_mode
        if name in names and not replace:
            raise atomic.fault(folder / name, FileExistsError(errno.EEXIST, "exists"))
        if name in names and not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise OutputError(f"cannot write {folder / name}: it is not a regular file", hint=_HINT)
        if stat.S_ISDIR(mode):
            raise OutputError(f"cannot write {folder}: it is replaced as a whole, and has a folder {name}", hint=_HINT)


def _made(stack: ExitStack, parent: int, name: str) -> int:
    """Make a folder that this process holds, and open it."""
    while True:
        descriptor = ownership.new_folder(name, parent)
        stack.callback(os.close, descriptor)
        if leftovers.hold(descriptor, parent, name):
            return descriptor


def _fill(folder: int, contents: Mapping[str, bytes], names: Collection[str]) -> None:
    for name in names:
        if name in contents:
            _write(folder, name, contents[name])
        else:
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
    mounts.sync(folder)


def _write(folder: int, name: str, data: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    try:
        mounts.set_mode(descriptor, 0o600)
        ownership.adopt(descriptor, folder)
        with os.fdopen(descriptor, "wb", closefd=False) as file:
            file.write(data)
        # Not before: the room that is taken would be given back.
        os.ftruncate(descriptor, len(data))
        mounts.sync(descriptor)
    finally:
        os.close(descriptor)


def _exchange_by_steps(parent: int, first: str, second: str) -> None:
    """Exchange two names; a kill in between takes the second one away, until `recover`."""

    def rename(before: str, after: str) -> None:
        os.rename(before, after, src_dir_fd=parent, dst_dir_fd=parent)

    aside = _aside(second)
    rename(second, aside)
    try:
        rename(first, second)
    except OSError:
        rename(aside, second)
        raise
    rename(aside, first)


def _aside(name: str) -> str:
    """Return the name that a folder has while the new one gets its own; it tells which one it was."""
    return f".kmstool-old-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
