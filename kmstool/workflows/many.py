"""Many items, one task, any executor: what came of each, in the order of the items.

No message between processes holds a data key. A task is sent by what it is to do, and gets keys where it runs:
a process that was forked has those of its parent in memory, any other one asks KMS for its own.
"""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from kmstool.api import beta
from kmstool.envelope.workers import threads_for
from kmstool.errors import KmsToolError, NetworkError

THREADS = 8
"""Calls to KMS that are in flight at once where each item is one."""

_ITEMS_WORTH_A_PROCESS = 64
_BATCHES_A_WORKER = 8
_MOST_IN_A_BATCH = 512


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one path: the digest of its envelope and a word on it, or what went wrong."""

    path: str
    digest: str = ""
    word: str = ""
    fault: str | None = None
    kept: bool = False
    """Whether it had been done before, by a run that was stopped."""
    left: bool = False
    """Whether only the process that began the job can do it."""


Done = Callable[[Outcome], None]


class NeedsKms(BaseException):
    """A forked process would have to ask KMS, over a connection that is its parent's."""


def no_client(region: str) -> NoReturn:
    """Stand in for the client of a KMS in a forked process."""
    raise NeedsKms


class Task(Protocol):
    """The work on one item. It is pickled for workers that were not forked, without any key."""

    def __call__(self, path: str) -> Outcome:
        """Do it; raise `KmsToolError` if it fails, `NeedsKms` where another process has to do it."""
        ...

    def forked(self) -> None:
        """Give up, in a process that was just forked, what cannot be shared with its parent."""
        ...


def ends_all(error: KmsToolError) -> bool:
    """Tell whether no other item can do better: KMS cannot be reached, throttles, or takes no credential."""
    code = error.kms_code or ""
    in_words = code.startswith(("RequestLimitExceeded", "AuthFailure"))
    return isinstance(error, NetworkError) or in_words or beta.concerns_all(code)


def run_in_order(task: Callable[[str], Outcome], paths: Sequence[str], done: Done | None = None) -> list[Outcome]:
    """Do one path after the other; a failure of one does not keep the others from it."""
    outcomes = []
    for path in paths:
        try:
            outcome = task(path)
        except KmsToolError as error:
            outcome = Outcome(path, fault=error.message)
        except NeedsKms:
            outcome = Outcome(path, left=True)
        outcomes.append(outcome)
        if done:
            done(outcome)
    return outcomes


def run_many(
    task: Task, paths: Sequence[str], executor: Executor | None = None, done: Done | None = None
) -> list[Outcome]:
    """Share the paths among the workers of an executor, None for a process a core where that pays.

    `done` is called in this process for each that is through. What workers leave, because they cannot ask KMS
    or because one of them was killed, this process does. When what ends the job as a whole is raised, such as
    `KeyboardInterrupt`, no worker is left.
    """
    workers = min(threads_for(None), 1 + len(paths) // _ITEMS_WORTH_A_PROCESS)
    if executor is not None:
        outcomes = _collected(executor, task, paths, workers, done)
    elif workers == 1:
        return run_in_order(task, paths, done)
    else:
        with _forked(task, workers) as (pool, inherited):
            outcomes = _collected(pool, inherited, paths, workers, done)
    finished = {
        outcome.path: outcome
        for outcome in run_in_order(task, [outcome.path for outcome in outcomes if outcome.left], done)
    }
    return [finished.get(outcome.path, outcome) for outcome in outcomes]


def run_threads(task: Task, paths: Sequence[str], done: Done | None = None) -> list[Outcome]:
    """Share the paths among threads: for items that each wait for KMS."""
    if len(paths) <= 1:
        return run_in_order(task, paths, done)
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(THREADS)
    try:
        return _collected(pool, task, paths, THREADS, done)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _collected(
    executor: Executor, task: Callable[[str], Outcome], paths: Sequence[str], workers: int, done: Done | None
) -> list[Outcome]:
    from concurrent.futures import BrokenExecutor

    size = max(1, min(_MOST_IN_A_BATCH, -(-len(paths) // (workers * _BATCHES_A_WORKER))))
    batches = [paths[start : start + size] for start in range(0, len(paths), size)]
    futures = [executor.submit(run_in_order, task, batch) for batch in batches]
    outcomes: list[Outcome] = []
    try:
        for batch, future in zip(batches, futures, strict=True):
            try:
                results = future.result()
            except BrokenExecutor:
                results = [Outcome(path, left=True) for path in batch]
            for outcome in results:
                outcomes.append(outcome)
                if done and not outcome.left:
                    done(outcome)
    finally:
        for future in futures:
            future.cancel()
    return outcomes


_inherited: dict[int, Task] = {}
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class _Inherited:
    """A task that a forked process finds in its memory by a number, so that nothing of it is in a message."""

    number: int

    def __call__(self, path: str) -> Outcome:
        return _inherited[self.number](path)


@contextmanager
def _forked(task: Task, workers: int) -> Iterator[tuple[Executor, _Inherited]]:
    """Give processes that have the task in memory; after the block there are none."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    number = next(_numbers)
    _inherited[number] = task
    try:
        pool = ProcessPoolExecutor(
            workers, multiprocessing.get_context("fork"), initializer=_begin_worker, initargs=(number,)
        )
        try:
            yield pool, _Inherited(number)
        except BaseException:
            # Whoever presses Ctrl-C does not wait for a batch.
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    finally:
        del _inherited[number]


def _begin_worker(number: int) -> None:
    """Let a worker end by a signal at once: its files have no name before they are whole."""
    for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signal_number) != signal.SIG_IGN:
            signal.signal(signal_number, signal.SIG_DFL)
    _inherited[number].forked()
