"""How commands read their input: files, pipes and terminals; what is written, `outputs` knows."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kmstool.errors import InputError, OutputError, UsageError
from kmstool.storage.places import is_url, parse_place
from kmstool.system import descriptors

STDIN = "-"
# The names of what is open already.
DESCRIPTORS = ("/dev/fd/", "/dev/stdin", "/proc/self/fd/")
DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Input:
    """What was read, and from where."""

    data: bytes = field(repr=False)
    piped: bool
    inode: tuple[int, int]
    shown: str = "stdin"
    """What a message calls it."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A file or stdin that is read in pieces, each piece once."""

    descriptor: int
    inode: tuple[int, int]
    size: int | None = None
    """How many bytes a file has, None for a pipe."""

    def take(self, limit: int) -> bytes:
        """Return the next `limit` bytes, or all that come before the end."""
        return descriptors.read_up_to(self.descriptor, limit)

    def chunks(self) -> Iterator[bytes]:
        """Yield what is left, to the end."""
        return descriptors.chunks(self.descriptor)


@contextmanager
def open_input(name: str | None) -> Iterator[int]:
    """Open FILE, or stdin for None and `-`, and give the descriptor.

    Raises `InputError` for what cannot be opened; `UsageError` for an empty name, and rather
    than wait for a terminal that nobody named.
    """
    if name == "":
        raise UsageError("an empty name is no file", hint="is a shell variable unset? use - for stdin")
    if name is None and sys.stdin.isatty():
        raise UsageError(
            "no FILE was named and stdin is a terminal", hint="name a file, pipe data in, or say - to type"
        )
    with _readable(name):
        descriptor = os.dup(0) if name in (None, STDIN) else _opened(str(name))
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _opened(name: str) -> int:
    try:
        return os.open(name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        # A socket, as Node gives to programs that it starts: there is no other way to it than the descriptor itself.
        number = 0 if name == "/dev/stdin" else int(match[1]) if (match := DESCRIPTOR.fullmatch(name)) else None
        if error.errno != errno.ENXIO or number is None:
            raise
        return os.dup(number)


def read(name: str | None, limit: int, too_long: str, hint: str, *, secret: bool = False, wait: bool = True) -> Input:
    """Read FILE, or stdin for None and `-`, up to `limit` bytes.

    Raises as `open_input` does, and `InputError` for what cannot be read, with `too_long` and `hint` for
    more bytes, and without `wait` for a named pipe or device: there may never be anything in it. For
    a key or a passphrase, which is `read_secret`, it raises `AccessError` where others may read or write the file.
    """
    if not wait:
        _refuse_special(name)
    with open_input(name) as descriptor, _readable(name):
        status = os.fstat(descriptor)
        if secret:
            _check_secret(name, status)
        data = descriptors.read_up_to(descriptor, limit + 1)
    if len(data) > limit:
        size = f"{status.st_size:,}" if status.st_size > limit else f"over {limit:,}"
        raise InputError(too_long.format(size=size), hint=hint)
    return Input(data, name in (None, STDIN), (status.st_dev, status.st_ino), shown(name))


def _check_secret(name: str | None, status: os.stat_result) -> None:
    """Raise `AccessError` for a file that others may use, see `ownership.check`; a descriptor is taken as it was given.

    Of a pipe under a name it is asked whose it is, not who may read it.
    """
    if name in (None, STDIN) or str(name).startswith(DESCRIPTORS) or stat.S_ISCHR(status.st_mode):
        return
    from kmstool.system import ownership

    path = Path(str(name))
    ownership.resolve(path)
    ownership.check(status, path, secret=stat.S_ISREG(status.st_mode))


def _refuse_special(name: str | None) -> None:
    # What the shell makes of <(command) is open at its other end.
    if not name or name == STDIN or name.startswith(DESCRIPTORS):
        return
    with _readable(name):
        mode = os.stat(name).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{name} is not a regular file", hint="- means stdin")


@contextmanager
def open_pieces(name: str | None, size: int) -> Iterator[Iterator[bytes]]:
    """Open FILE, which may be the URL of an object, or stdin as `open_input` does, and give what is in it in pieces."""
    if name is not None and is_url(name):
        from kmstool.storage import objects
        from kmstool.storage.places import ObjectUrl

        at = parse_place(name)
        if isinstance(at, ObjectUrl):
            yield objects.opened(at).pieces(size)
            return
        name = str(at)
    with open_input(name) as descriptor:
        yield descriptors.chunks(descriptor, size)


@contextmanager
def open_stream(name: str | None) -> Iterator[Stream]:
    """Open FILE, or stdin for None and `-`, as `open_input` does; raise `InputError` too for faults of reading in the block."""
    with open_input(name) as descriptor, _readable(name):
        status = os.fstat(descriptor)
        size = status.st_size if stat.S_ISREG(status.st_mode) else None
        yield Stream(descriptor, (status.st_dev, status.st_ino), size)


def shown(name: str | None) -> str:
    """Return what a message calls FILE, or stdin for None and `-`."""
    return "stdin" if name in (None, STDIN) else str(name)


def unreadable(name: str | None, error: OSError) -> InputError:
    """Make the error for a file that cannot be read; None is stdin."""
    return InputError(f"cannot read {name or 'stdin'}: {(error.strerror or '').lower()}")


@contextmanager
def _readable(name: str | None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unreadable(name, error) from error


def refuse_same(out: str, inode: tuple[int, int] | None) -> None:
    """Raise `UsageError` for an output that is the input, given by device and inode, and for one without a name."""
    if out == "":
        raise UsageError("an empty name is no file", hint="is a shell variable unset? use - for stdout")
    try:
        status = os.stat(out)
    except OSError:
        return
    if inode == (status.st_dev, status.st_ino):
        raise UsageError(f"{out} is both input and output", hint="write to another file and rename it afterwards")


def spare(out: str | None, *names: str) -> None:
    """Raise `UsageError` for an output that is one of the files to work with, such as keys: they may be the only copies.

    `-` among the names is stdin; an output to stdout replaces nothing.
    """
    if out is None or out == STDIN:
        return
    for name in names:
        if is_url(out) and is_url(name) and parse_place(out) == parse_place(name):
            raise UsageError(f"{out} is both input and output", hint="write to another object")
        with suppress(OSError):
            status = os.stat(0 if name == STDIN else name)
            refuse_same(out, (status.st_dev, status.st_ino))


def not_for_terminals(ways: str = "a pipe") -> OutputError:
    """Make the error for binary data on a terminal; `ways` are those round it besides `-o`."""
    return OutputError("binary data is not written to a terminal", hint=f"use -o FILE, {ways}, or -o - to force it")


def is_text(data: bytes) -> bool:
    """Return whether a terminal can show the bytes as they are."""
    try:
        return all(char.isprintable() or char in "\t\r\n" for char in data.decode())
    except UnicodeDecodeError:
        return False


def read_secret(name: str) -> bytes:
    """Return the content of a file without its last newline; raise `InputError` for none or an empty one.

    `AccessError` for one that others may read or write.
    """
    text = read(name, 1024, "a passphrase of {size} bytes is too long", "use at most 1,024 bytes", secret=True).data
    text = text.removesuffix(b"\n").removesuffix(b"\r")
    if not text:
        raise InputError(f"{name} holds no passphrase")
    return text
