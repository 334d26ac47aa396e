"""The one place that reads from descriptors of others and writes to them: a whole is never taken for a part of it.

A process earlier in the same pipeline or shell may have left a pipe or terminal non-blocking, which is a setting of
the open file and so holds for everyone who shares it. Python's own files then give less, None or an exception; here
the descriptor is waited for, as a blocking call would do. Faults of the system are `OSError`.
"""

from __future__ import annotations

import io
import os
import select
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK_BYTES = 256 * 1024
"""Large enough that calls cost nothing, small enough to stay in the processor's cache."""

# What says that it is ready and is not (a lock, a file system in user space) is asked again after this, in seconds.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.1

Result = TypeVar("Result")


def read_up_to(descriptor: int, limit: int) -> bytes:
    """Return `limit` bytes, or all that come before the end."""
    # Not a buffered file, whose read can miss a signal that comes together with the data.
    data = io.BytesIO()
    while data.tell() < limit and (piece := _read(descriptor, min(limit - data.tell(), 2**20))):
        data.write(piece)
    return data.getvalue()


def read_line(descriptor: int, limit: int) -> bytes:
    """Return a line with its end, or `limit` bytes of one; what follows is still there for the next reader."""
    line = bytearray()
    while len(line) < limit and not line.endswith(b"\n") and (byte := _read(descriptor, 1)):
        line += byte
    return bytes(line)


def chunks(descriptor: int, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """Yield what a descriptor gives until its end, each time up to `size` bytes."""
    while piece := _read(descriptor, size):
        yield piece


def fill(descriptor: int, buffer: memoryview) -> int:
    """Fill a buffer and return how much it got: less than the whole only at the end."""
    done = 0
    while done < len(buffer):
        got = _waited(descriptor, partial(os.readv, descriptor, [buffer[done:]]))
        if got == 0:
            break
        done += got
    return done


def fill_at(descriptor: int, buffer: memoryview, offset: int) -> int:
    """Fill a buffer from a place of a file and return how much it got, as `fill` does."""
    done = 0
    while done < len(buffer):
        got = _waited(descriptor, partial(os.preadv, descriptor, [buffer[done:]], offset + done))
        if got == 0:
            break
        done += got
    return done


def write_all(descriptor: int, data: ReadableBuffer) -> None:
    """Write all of some bytes."""
    view, done = memoryview(data), 0
    while done < len(view):
        done += _write(descriptor, view[done:])


def write_all_at(descriptor: int, data: ReadableBuffer, offset: int) -> None:
    """Write all of some bytes to a place of a file."""
    view, done = memoryview(data), 0
    while done < len(view):
        done += _waited(descriptor, partial(os.pwrite, descriptor, view[done:], offset + done), writing=True)


def read_file(path: Path, limit: int, flags: int = 0) -> bytes:
    """Return up to `limit` bytes of a file; `flags` are more ways to open it, such as not through a link."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        return read_up_to(descriptor, limit)
    finally:
        os.close(descriptor)


class Output(io.RawIOBase):
    """A descriptor as the lowest layer of Python's files for writing; it stays open when they are closed."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return os.isatty(self._descriptor)

    def writable(self) -> bool:
        """Tell that it is for writing."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Write some bytes, at least one, and return how many."""
        return _write(self._descriptor, memoryview(data))


class UnbufferedWriter(io.BufferedWriter):
    """A file for writing that keeps nothing back."""

    def write(self, data: ReadableBuffer, /) -> int:
        """Write all of it at once."""
        count = super().write(data)
        self.flush()
        return count


def _read(descriptor: int, size: int) -> bytes:
    return _waited(descriptor, partial(os.read, descriptor, size))


def _write(descriptor: int, data: memoryview) -> int:
    return _waited(descriptor, partial(os.write, descriptor, data), writing=True)


def _waited(descriptor: int, call: Callable[[], Result], *, writing: bool = False) -> Result:
    pause = 0.0
    while True:
        try:
            return call()
        except BlockingIOError:
            time.sleep(pause)
            _wait(descriptor, writing=writing)
            pause = min(max(_FIRST_PAUSE, 2 * pause), _LONGEST_PAUSE)


def _wait(descriptor: int, *, writing: bool) -> None:
    """Return when a descriptor is ready, has ended or failed, or when that cannot be told."""
    if hasattr(select, "poll"):
        waiting = select.poll()
        waiting.register(descriptor, select.POLLOUT if writing else select.POLLIN)
        # On macOS it knows no terminals and says so at once.
        if not any(state & select.POLLNVAL for _, state in waiting.poll()):
            return
    with suppress(OSError, ValueError):
        # Numbers over 1,023 do not fit: then the pauses between attempts have to do.
        select.select([] if writing else [descriptor], [descriptor] if writing else [], [])
