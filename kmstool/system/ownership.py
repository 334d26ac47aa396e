"""Who may have touched a file that kmstool trusts, and who can read one that it keeps secret: checked as ssh does.

Trusted are this user, root and, for root alone, the owner of HOME: `sudo kmstool` in a user's home works on that
user's files, and leaves them to that user. A path is walked from the root down and each link on it followed by
hand: where nobody else can change a folder, nobody can exchange what is in it between the check and its use.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kmstool.errors import AccessError, InputError
from kmstool.system import descriptors, mounts

_MAX_LINKS = 40
_OVERFLOW_USER = 65534
_WRITE = stat.S_IWGRP | stat.S_IWOTH
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


@contextmanager
def open_file(path: Path, *, secret: bool = True) -> Iterator[int]:
    """Open a regular file for reading, and give the descriptor once it is known whose it is.

    Raises `AccessError` as `check` and `resolve` do and for a file that may not be read, `OSError`
    for one that is no regular file and for every other fault of opening it.
    """
    real = resolve(path)
    try:
        # Without O_NONBLOCK a pipe under this name would be waited for.
        descriptor = os.open(real, _FLAGS)
    except PermissionError as error:
        hint = f"if it is yours: sudo chown {os.geteuid()} {_quoted(real)}; else set HOME to a folder of this user"
        raise AccessError(f"{path} may not be read", hint=hint) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            fault = errno.EISDIR if stat.S_ISDIR(status.st_mode) else errno.EINVAL
            raise OSError(fault, "It is a directory" if fault == errno.EISDIR else "It is not a regular file")
        check(status, path, secret=secret)
        yield descriptor
    finally:
        os.close(descriptor)


def read(path: Path, limit: int, *, secret: bool = True) -> bytes:
    """Return up to `limit` bytes of a file; raise as `open_file` does."""
    with open_file(path, secret=secret) as descriptor:
        return descriptors.read_up_to(descriptor, limit)


def check(status: os.stat_result, path: Path, *, secret: bool) -> None:
    """Raise `AccessError` for what a stranger owns or others may write and, where it is secret, read.

    What root gives to one of its services may be readable for a group.
    """
    _check_owner(path, status)
    given_by_root = status.st_uid == 0 and os.geteuid() != 0
    closed_to = stat.S_IRWXO if given_by_root else stat.S_IRWXG | stat.S_IRWXO
    if status.st_mode & _WRITE or (secret and status.st_mode & closed_to):
        verb = "write" if status.st_mode & _WRITE else "read"
        mode = "700" if stat.S_ISDIR(status.st_mode) else "600"
        # A folder that is there for all, such as /tmp, must stay open.
        shared = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
        hint = "use a folder of your own" if shared else f"close it: chmod {mode} {_quoted(path)}"
        raise AccessError(f"others may {verb} {path}", hint=hint)


def check_path(path: Path, *, secret: bool) -> None:
    """Check as `check` does what must not be opened, such as a folder, if it is there.

    Who then opens it by its name gets the same thing, because the way to it was checked first.
    """
    real = resolve(path)
    with suppress(OSError):
        check(os.lstat(real), path, secret=secret)


def public_mode() -> int:
    """Return the mode of a new file that holds no secret: what the umask leaves of reading and writing for all."""
    with suppress(OSError):
        # Elsewhere than on Linux to see the umask is to set it, for the other threads too.
        for line in Path("/proc/self/status").read_bytes().splitlines():
            if line.startswith(b"Umask:"):
                return 0o666 & ~int(line.split()[1], 8)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask


def make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, all of them 0700 whatever the umask says.

    Of those that are there nothing is changed. Raises `OSError`.
    """
    missing = []
    while not folder.is_dir():
        missing.append(folder.name)
        folder = folder.parent
    if not missing:
        return
    here = os.open(folder, _FOLDER)
    try:
        for name in reversed(missing):
            try:
                below = new_folder(name, here)
            except FileExistsError:
                # Another process was faster, or it is no folder.
                below = os.open(name, _FOLDER, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)


def new_folder(name: str, within: int) -> int:
    """Make a folder in an open one, 0700 whatever the umask says, and return its descriptor. Raises `OSError`.

    By that alone it is changed: where root works in a user's home, its name may be another thing's at any moment.
    """
    os.mkdir(name, 0o700, dir_fd=within)
    try:
        descriptor = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=within)
    except PermissionError:
        # A umask closed it to its own user, which never keeps root out.
        os.chmod(name, 0o700, dir_fd=within)
        descriptor = os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=within)
    try:
        mounts.set_mode(descriptor, 0o700)
        adopt(descriptor, within)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def adopt(descriptor: int, folder: int | Path) -> None:
    """Give a new file to the owner of the folder that it is made in, where root works in that user's home."""
    heir = _heir(os.stat(folder))
    if heir is not None:
        mounts.set_owner(descriptor, *heir)


def resolve(path: Path) -> Path:
    """Return a path without links, after making sure that no stranger can change where it leads.

    A path that ends early is returned as far as it is one. Raises `AccessError` for a folder on it that is
    a stranger's or open to all without the sticky bit, and for a stranger's link, `InputError` for too many links.
    """
    real, rest, links = Path("/"), list(reversed(path.absolute().parts[1:])), 0
    while rest:
        part = rest.pop()
        if part == "..":
            real = real.parent
            continue
        try:
            _check_parent(real, os.lstat(real))
            status = os.lstat(real / part)
            target = os.readlink(real / part) if stat.S_ISLNK(status.st_mode) else None
        except OSError:
            # Whoever opens it is told the same.
            return real.joinpath(part, *reversed(rest))
        if target is None:
            real /= part
            continue
        _check_owner(real / part, status, above=True)
        links += 1
        if links > _MAX_LINKS:
            raise InputError(f"cannot read {path}: {os.strerror(errno.ELOOP).lower()}")
        real = Path("/") if target.startswith("/") else real
        rest += [name for name in reversed(target.split("/")) if name not in ("", ".")]
    return real


def _check_parent(folder: Path, status: os.stat_result) -> None:
    if not _is_unmapped(status.st_uid):
        # Whose folder it is would be no gift to take over.
        _check_owner(folder, status, above=True)
    # A group is the business of who lets it write; ssh, too, looks only at the file itself.
    if status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX:
        raise AccessError(
            f"others may exchange what is in {folder}: it is open to all",
            hint=f"close it: chmod o-w {_quoted(folder)}",
        )


def _check_owner(path: Path, status: os.stat_result, *, above: bool = False) -> None:
    if status.st_uid in _trusted():
        return
    user = os.geteuid()
    hint = (
        "use another place" if user else "use another place, or HOME of the user whose files they are, as sudo -E does"
    )
    if not above:
        change = f"{'sudo ' if user else ''}chown {user} {_quoted(path)}"
        hint = f"if what it holds is yours: {change}; else {hint}"
    raise AccessError(f"{path} belongs to another user (uid {status.st_uid})", hint=hint)


def _trusted() -> set[int]:
    user = os.geteuid()
    return {user, 0} if user else {0, _owner_of_home()}


def _is_unmapped(user: int) -> bool:
    """Return whether it stands for users outside of this user namespace, such as the host's root in a sandbox."""
    if user != _OVERFLOW_USER:
        return False
    try:
        ranges = [line.split() for line in Path("/proc/self/uid_map").read_text("ascii").splitlines()]
    except OSError:
        return False
    return not any(int(first) <= user < int(first) + int(count) for first, _, count in ranges)


def _owner_of_home() -> int:
    try:
        return os.stat(os.environ["HOME"]).st_uid
    except (KeyError, OSError):
        return 0


def _heir(folder: os.stat_result) -> tuple[int, int] | None:
    """Return uid and gid for what is made in a folder, None for those of this process."""
    if os.geteuid() or folder.st_uid == 0 or folder.st_uid != _owner_of_home():
        return None
    return folder.st_uid, folder.st_gid


def _quoted(path: Path) -> str:
    import shlex  # noqa: PLC0415 - for refusals only

    return shlex.quote(str(path))
