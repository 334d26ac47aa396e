"""Threads that share the work on a payload: in any order between files, in turns through pipes.

A failure stops all of them. After that nobody writes any more, so that the caller can
close or discard its descriptors.
"""

from __future__ import annotations

import os
import threading
import traceback
from collections.abc import Callable, Iterator
from queue import SimpleQueue

from kmstool.errors import IntegrityError

MAX_THREADS = 8
THREAD_FROM_BYTES = 8 * 2**20

_GRACE = 0.2  # seconds

Progress = Callable[[int], None]
"""Called with the number of plaintext bytes that were just done; from several threads, one at a time."""

Read = Callable[[memoryview], int]
"""Fills a buffer and returns how much it got; less than the whole means the end."""

Write = Callable[[memoryview], object]


def threads_for(size: int | None) -> int:
    """Return how many workers are worth it: one a core, fewer for small inputs."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = MAX_THREADS if size is None else -(-size // THREAD_FROM_BYTES)
    return max(1, min(cores, MAX_THREADS, share))


class Turns:
    """Lets workers read pieces in order, work on them at once, and write the results in order.

    The caller's thread only waits, so that neither a failure nor a signal is held up by
    a pipe. A worker that still waits for input then is left to itself.
    """

    def __init__(self, read: Read, write: Write, progress: Progress) -> None:
        self._read, self._write, self._progress = read, write, progress
        self._input, self._output, self._order = threading.Lock(), threading.Lock(), threading.Condition()
        self._next = self._turn = 0
        self._ended = self._finished = self._halted = False

    def taken(self, buffer: memoryview) -> Iterator[tuple[int, int]]:
        """Yield number and length of each piece that was read into the caller's buffer."""
        while True:
            with self._input:
                if self._ended or self._finished or self._halted:
                    return
                number, length = self._next, self._read(buffer)
                self._next, self._ended = number + 1, length < len(buffer)
            yield number, length

    def give(self, number: int, data: memoryview, plain_bytes: int, *, last: bool) -> None:
        """Write a result when its turn has come; nothing may follow the last one."""
        with self._order:
            self._order.wait_for(lambda: self._turn == number or self._halted)
        # Only one has the turn. It writes outside of that lock: who stands in a full pipe must not hold up the others.
        if self._halted or (self._finished and not data):
            return
        if self._finished:
            raise behind()
        with self._output:
            self._write(data)
            self._progress(plain_bytes)
        with self._order:
            self._turn, self._finished = number + 1, last
            self._order.notify_all()

    def run(self, work: Callable[[], None]) -> None:
        """Run the work in all threads; raise the first failure, and `IntegrityError` if no piece was the last."""
        workers = _Workers(work, threads_for(None))
        try:
            failure = workers.first_failure()
        except BaseException:
            # After a signal nobody waits long for a worker that stands in a full pipe.
            self._halt(_GRACE)
            raise
        if failure is not None:
            self._halt()
            workers.join(_GRACE)
            raise failure
        if not self._finished:
            raise IntegrityError("the payload is cut short")

    def _halt(self, timeout: float = -1) -> None:
        """Let nothing more be written: wait for a write that has begun, and keep the right to the next one."""
        with self._order:
            self._halted = True
            self._order.notify_all()
        self._output.acquire(timeout=timeout)


def in_parallel(work: Callable[[Iterator[int]], Iterator[int]], count: int, threads: int, progress: Progress) -> None:
    """Let workers take numbers below `count` until none is left; the first failure stops all and is raised."""
    numbers = iter(range(count))
    lock = threading.Lock()
    halted = False

    def shared() -> Iterator[int]:
        while not halted:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            yield number

    def run() -> None:
        for done in work(shared()):
            with lock:
                progress(done)

    if min(threads, count) == 1:
        # The many small files of a tree are not worth a thread each.
        run()
        return
    workers = _Workers(run, min(threads, count))
    try:
        failure = workers.first_failure()
    finally:
        halted = True
        # Whatever happened, nobody writes to the caller's descriptors after this.
        workers.join()
    if failure is not None:
        raise failure


class _Workers:
    """Threads that all do the same work."""

    def __init__(self, work: Callable[[], None], count: int) -> None:
        self._ends: SimpleQueue[BaseException | None] = SimpleQueue()

        def guarded() -> None:
            failure = None
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - raised again by the caller's thread
                failure = error
                _release(error)
            self._ends.put(failure)

        self._threads = [threading.Thread(target=guarded, daemon=True) for _ in range(count)]

    def first_failure(self) -> BaseException | None:
        """Start them and wait until one fails, or until all have ended well."""
        for thread in self._threads:
            thread.start()
        return next(filter(None, (self._ends.get() for _ in self._threads)), None)

    def join(self, seconds: float | None = None) -> None:
        """Wait until all that were started have ended, or for each so many seconds."""
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(seconds)


def _release(failure: BaseException | None) -> None:
    """Forget what the frames of a failure and of its causes hold: in a cycle with it, the buffers would stay."""
    while failure is not None:
        traceback.clear_frames(failure.__traceback__)
        failure = failure.__context__


def behind() -> IntegrityError:
    """Make the error for bytes that follow the last piece."""
    return IntegrityError("trailing data after the payload")
