"""Moves a payload's segments: several at once between files, in order through pipes, in constant memory.

Between regular files every worker reads, seals and writes segments of its own choosing at
computed places; through a pipe they take turns at reading and at writing. Buffers are
allocated once, and lie in their page as the data lies in the file.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterator

from kmstool.envelope.floe import MAX_SEGMENTS, OVERHEAD_BYTES, Floe
from kmstool.envelope.workers import Progress, Read, Turns, Write, behind, in_parallel, threads_for
from kmstool.errors import InputError, IntegrityError
from kmstool.system import descriptors

_PAGE = 4096


def seal_file(floe: Floe, source: int, size: int, target: int, offset: int, progress: Progress) -> None:
    """Seal `size` bytes of a regular file into a regular file from `offset` on.

    Raises `InputError` if the source is shorter than it was; `OSError` is the target's.
    """
    count = max(1, -(-size // floe.plain_bytes))
    if count > MAX_SEGMENTS:
        raise InputError("the input is too large for one envelope")

    def work(numbers: Iterator[int]) -> Iterator[int]:
        plain, sealed = _buffer(floe.plain_bytes), _buffer(floe.segment_bytes)
        for number in numbers:
            begin, position = number * floe.plain_bytes, offset + number * floe.segment_bytes
            piece = plain[begin % _PAGE :][: min(floe.plain_bytes, size - begin)]
            out = sealed[position % _PAGE :][: floe.segment_bytes]
            read_at(source, piece, begin)
            length = floe.seal_into(number, piece, out, final=number == count - 1)
            descriptors.write_all_at(target, out[:length], position)
            yield len(piece)

    in_parallel(work, count, threads_for(size), progress)


def unseal_file(floe: Floe, source: int, offset: int, size: int, target: int | None, progress: Progress) -> None:
    """Open `size` sealed bytes of a regular file from `offset` on into another, or into nothing to verify them.

    Raises `IntegrityError` for anything altered, missing or added; the target must not be used then.
    """
    count = segments_of(floe, size)

    def work(numbers: Iterator[int]) -> Iterator[int]:
        plain, sealed = _buffer(floe.plain_bytes), _buffer(floe.segment_bytes)
        for number in numbers:
            begin, position = offset + number * floe.segment_bytes, number * floe.plain_bytes
            piece = sealed[begin % _PAGE :][: min(floe.segment_bytes, size - number * floe.segment_bytes)]
            out = plain[position % _PAGE :][: floe.plain_bytes]
            read_at(source, piece, begin)
            length = floe.unseal_into(number, piece, out, final=number == count - 1)
            if target is not None:
                descriptors.write_all_at(target, out[:length], position)
            yield length

    in_parallel(work, count, threads_for(size), progress)


def segments_of(floe: Floe, size: int) -> int:
    """Return how many segments `size` sealed bytes are; raise `IntegrityError` if they cannot be whole ones."""
    count = -(-size // floe.segment_bytes)
    if count < 1 or size - (count - 1) * floe.segment_bytes < OVERHEAD_BYTES or count > MAX_SEGMENTS:
        raise IntegrityError("the payload is cut short")
    return count


def seal_stream(floe: Floe, read: Read, write: Write, progress: Progress) -> None:
    """Seal all that `read` gives until its end, and write the segments in order.

    A full segment at the very end is followed by an empty final one: the end of a pipe
    shows only after it.
    """
    turns = Turns(read, write, progress)

    def work() -> None:
        plain, sealed = _buffer(floe.plain_bytes)[: floe.plain_bytes], _buffer(floe.segment_bytes)
        for number, length in turns.taken(plain):
            final = length < floe.plain_bytes
            done = floe.seal_into(number, plain[:length], sealed, final=final)
            turns.give(number, sealed[:done], length, last=final)

    turns.run(work)


def unseal_stream(floe: Floe, read: Read, write: Write, progress: Progress) -> None:
    """Open all that `read` gives until its end, writing each segment after it was verified.

    Raises `IntegrityError` for anything altered, missing or added: what was written until
    then is authentic, but not all.
    """
    turns = Turns(read, write, progress)

    def work() -> None:
        plain, sealed = _buffer(floe.plain_bytes), _buffer(floe.segment_bytes)[: floe.segment_bytes]
        for number, length in turns.taken(sealed):
            if length == 0 and number > 0:
                # Either the last segment was a full one, or there is no last segment.
                turns.give(number, plain[:0], 0, last=False)
                return
            final = bytes(sealed[:4]) != b"\xff\xff\xff\xff"
            done = floe.unseal_into(number, sealed[:length], plain, final=final)
            turns.give(number, plain[:done], done, last=final)

    turns.run(work)
    if read(memoryview(bytearray(1))):
        raise behind()


def _buffer(size: int) -> memoryview:
    """Return a page-aligned buffer with room to begin at any place of its first page."""
    return memoryview(mmap.mmap(-1, size + _PAGE + 64))


def read_at(descriptor: int, buffer: memoryview, offset: int) -> None:
    """Fill a buffer from a place of a regular file; raise `InputError` if the file ends before."""
    if _readable(lambda: descriptors.fill_at(descriptor, buffer, offset)) < len(buffer):
        raise InputError("the input became shorter while it was read")


def reader(descriptor: int) -> Read:
    """Return a function that fills a buffer from a pipe or file, and gives less only at its end."""
    return lambda buffer: _readable(lambda: descriptors.fill(descriptor, buffer))


def writer(descriptor: int) -> Write:
    """Return a function that writes a whole buffer to a pipe or file."""
    return lambda data: descriptors.write_all(descriptor, data)


def _readable(read: Callable[[], int]) -> int:
    try:
        return read()
    except OSError as error:
        raise InputError(f"cannot read the input: {(error.strerror or '').lower()}") from error
