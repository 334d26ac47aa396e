"""Moves a payload's segments: several at once between files, in order through pipes, in constant memory.

Between regular files every worker reads, seals and writes segments of its own choosing at
computed places; through a pipe they take turns at reading and at writing. Buffers are
allocated once, and lie in their page as the data lies in the file.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterator

from kmstool.envelope.floe import MAX_SEGMENTS, OVERHEAD_BYTES, Floe
from kmstool.errors import InputError, IntegrityError

MAX_THREADS = 8
THREAD_FROM_BYTES = 8 * 2**20

_PAGE = 4096
_GRACE = 0.2  # seconds

Progress = Callable[[int], None]
"""Called with the number of plaintext bytes that were just done; from several threads, one at a time."""


Read = Callable[[memoryview], int]
"""Fills a buffer and returns how much it got; less than the whole means the end."""
Write = Callable[[memoryview], None]


def threads_for(size: int | None) -> int:
    """Return how many workers are worth it: one a core, fewer for small inputs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = MAX_THREADS if size is None else -(-size // THREAD_FROM_BYTES)
    return max(1, min(cores, MAX_THREADS, share))


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
            begin, place = number * floe.plain_bytes, offset + number * floe.segment_bytes
            piece = plain[begin % _PAGE :][: min(floe.plain_bytes, size - begin)]
            out = sealed[place % _PAGE :][: floe.segment_bytes]
            read_at(source, piece, begin)
            length = floe.seal_into(number, piece, out, final=number == count - 1)
            _write_at(target, out[:length], place)
            yield len(piece)

    _in_parallel(work, count, threads_for(size), progress)


def unseal_file(floe: Floe, source: int, offset: int, size: int, target: int | None, progress: Progress) -> None:
    """Open `size` sealed bytes of a regular file from `offset` on into another, or into nothing to verify them.

    Raises `IntegrityError` for anything altered, missing or added; the target must not be used then.
    """
    count = segments_of(floe, size)

    def work(numbers: Iterator[int]) -> Iterator[int]:
        plain, sealed = _buffer(floe.plain_bytes), _buffer(floe.segment_bytes)
        for number in numbers:
            begin, place = offset + number * floe.segment_bytes, number * floe.plain_bytes
            piece = sealed[begin % _PAGE :][: min(floe.segment_bytes, size - number * floe.segment_bytes)]
            out = plain[place % _PAGE :][: floe.plain_bytes]
            read_at(source, piece, begin)
            length = floe.unseal_into(number, piece, out, final=number == count - 1)
            if target is not None:
                _write_at(target, out[:length], place)
            yield length

    _in_parallel(work, count, threads_for(size), progress)


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
    turns = _Turns(read, write)

    def work() -> None:
        plain, sealed = _buffer(floe.plain_bytes)[: floe.plain_bytes], _buffer(floe.segment_bytes)
        for number, length in turns.taken(plain):
            final = length < floe.plain_bytes
            done = floe.seal_into(number, plain[:length], sealed, final=final)
            turns.give(number, sealed[:done], last=final)
            progress(length)

    turns.run(work)


def unseal_stream(floe: Floe, read: Read, write: Write, progress: Progress) -> None:
    """Open all that `read` gives until its end, writing each segment after it was verified.

    Raises `IntegrityError` for anything altered, missing or added: what was written until
    then is authentic, but not all.
    """
    turns = _Turns(read, write)

    def work() -> None:
        plain, sealed = _buffer(floe.plain_bytes), _buffer(floe.segment_bytes)[: floe.segment_bytes]
        for number, length in turns.taken(sealed):
            if length == 0 and number > 0:
                # Either the last segment was a full one, or there is no last segment.
                turns.give(number, plain[:0], last=False)
                return
            final = bytes(sealed[:4]) != b"\xff\xff\xff\xff"
            done = floe.unseal_into(number, sealed[:length], plain, final=final)
            turns.give(number, plain[:done], last=final)
            progress(done)

    turns.run(work)
    if read(memoryview(bytearray(1))):
        raise _behind()


class _Turns:
    """Lets workers read pieces in order, work on them at once, and write the results in order."""

    def __init__(self, read: Read, write: Write) -> None:
        self._read, self._write = read, write
        self._reading, self._writing = threading.Lock(), threading.Condition()
        self._failures: list[BaseException] = []
        self._next = self._turn = 0
        self._ended = self._finished = False

    def taken(self, buffer: memoryview) -> Iterator[tuple[int, int]]:
        """Yield number and length of each piece that was read into the caller's buffer."""
        while True:
            with self._reading:
                if self._ended or self._finished or self._failures:
                    return
                number, length = self._next, self._read(buffer)
                self._next, self._ended = number + 1, length < len(buffer)
            yield number, length

    def give(self, number: int, data: memoryview, *, last: bool) -> None:
        """Write a result when its turn has come; nothing may follow the last one."""
        with self._writing:
            self._writing.wait_for(lambda: self._turn == number or self._failures)
        # Only one has the turn. It writes outside of the lock: who stands in a full pipe must not hold up a signal.
        if self._failures or (self._finished and not data):
            return
        if self._finished:
            raise _behind()
        self._write(data)
        with self._writing:
            self._turn, self._finished = number + 1, last
            self._writing.notify_all()

    def run(self, work: Callable[[], None]) -> None:
        """Run the work in all threads; raise the first failure, and `IntegrityError` if no piece was the last."""

        def guarded() -> None:
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                with self._writing:
                    self._failures.append(error)
                    self._writing.notify_all()

        others = [threading.Thread(target=guarded, daemon=True) for _ in range(threads_for(None))]
        _run_all(guarded, others, self._failures)
        if not self._finished:
            raise IntegrityError("the payload is cut short")


def _in_parallel(work: Callable[[Iterator[int]], Iterator[int]], count: int, threads: int, progress: Progress) -> None:
    """Let workers take numbers below `count` until none is left; the first failure stops all and is raised."""
    numbers = iter(range(count))
    lock = threading.Lock()
    failures: list[BaseException] = []

    def shared() -> Iterator[int]:
        while not failures:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    def run() -> None:
        try:
            for done in work(shared()):
                with lock:
                    progress(done)
        except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
            failures.append(error)

    others = [threading.Thread(target=run, daemon=True) for _ in range(min(threads, count) - 1)]
    _run_all(run, others, failures)


def _run_all(run: Callable[[], None], others: list[threading.Thread], failures: list[BaseException]) -> None:
    for thread in others:
        thread.start()
    try:
        run()
    except BaseException as error:
        # A signal that reached this thread between two statements of a worker.
        failures.append(error)
        raise
    finally:
        for thread in others:
            # After a signal nobody waits for a worker that stands in a write or read of a pipe.
            interrupted = any(not isinstance(error, Exception) for error in failures)
            thread.join(_GRACE if interrupted else None)
    if failures:
        raise failures[0]


def _behind() -> IntegrityError:
    return IntegrityError("there is something behind the payload")


def _buffer(size: int) -> memoryview:
    """Return a page-aligned buffer with room to begin at any place of its first page."""
    return memoryview(mmap.mmap(-1, size + _PAGE + 64))


def read_at(descriptor: int, buffer: memoryview, offset: int) -> None:
    """Fill a buffer from a place of a regular file; raise `InputError` if the file ends before."""
    done = 0
    while done < len(buffer):
        try:
            got = os.preadv(descriptor, [buffer[done:]], offset + done)
        except OSError as error:
            raise InputError(f"cannot read the input: {(error.strerror or '').lower()}") from error
        if got == 0:
            raise InputError("the input became shorter while it was read")
        done += got


def _write_at(descriptor: int, data: memoryview, offset: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(descriptor, data[done:], offset + done)


def reader(descriptor: int) -> Read:
    """Return a function that fills a buffer from a pipe or file, and gives less only at its end."""

    def read(buffer: memoryview) -> int:
        done = 0
        while done < len(buffer):
            try:
                got = os.readv(descriptor, [buffer[done:]])
            except OSError as error:
                raise InputError(f"cannot read the input: {(error.strerror or '').lower()}") from error
            if got == 0:
                break
            done += got
        return done

    return read


def writer(descriptor: int) -> Write:
    """Return a function that writes a whole buffer to a pipe or file."""

    def write(data: memoryview) -> None:
        done = 0
        while done < len(data):
            done += os.write(descriptor, data[done:])

    return write
