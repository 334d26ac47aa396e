"""Many items, one task, any executor: what came of each, in the order of the items.

No message between processes holds a data key. A task is sent by what it is to do, and gets keys where it runs:
a process that was forked has those of its parent in memory, any other one asks KMS for its own, once.
"""

from __future__ import annotations

import itertools
import secrets
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn, Protocol

from kmstool.api import beta
from kmstool.envelope.workers import threads_for
from kmstool.errors import KmsToolError, NetworkError, WorkersKilledError
from kmstool.workflows.keeping import forget, kept

THREADS = 8
"""Calls to KMS that are in flight at once where each item is one."""

_ITEMS_WORTH_A_PROCESS = 64
_BATCHES_A_WORKER = 8
_MOST_IN_A_BATCH = 512
_AHEAD = 4
"""Batches that wait or run for each worker."""


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
    """Return whether no other item can do better: KMS cannot be reached, throttles, or takes no credential."""
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


class Workers(Executor):
    """An executor on other machines, which is asked how many there are; connecting to it may fail with a `KmsToolError`."""

    job: str
    """The name of what its workers keep until it is shut down."""
    slots: int
    """The tasks that run at once."""
    processes: int
    """The processes that share the quota of KMS."""

    def on_each(self, function: Callable[[], object]) -> None:
        """Call a function once in every process; raise the error of one that fails."""
        raise NotImplementedError


def run_many(
    task: Task, paths: Sequence[str], executor: Executor | None = None, done: Done | None = None
) -> list[Outcome]:
    """Share the paths among the workers of an executor, None for a process a core where that pays.

    `done` is called in this process for each that is through. What workers leave, because they cannot ask KMS
    or because one of them was killed, this process does. When what ends the job as a whole is raised, such as
    `KeyboardInterrupt`, no worker is left.
    """
    if executor is not None:
        outcomes = _run_elsewhere(executor, task, paths, done)
    else:
        workers = min(threads_for(None), 1 + len(paths) // _ITEMS_WORTH_A_PROCESS)
        if workers == 1:
            return run_in_order(task, paths, done)
        with _forked(task, workers) as (pool, inherited):
            outcomes = _collected(pool, inherited, paths, workers, done)
    finished = {
        outcome.path: outcome
        for outcome in run_in_order(task, [outcome.path for outcome in outcomes if outcome.left], done)
    }
    return [finished.get(outcome.path, outcome) for outcome in outcomes]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A task of which each process keeps the one that came first, with the data key that it got."""

    job: str
    number: int
    task: Callable[[str], Outcome]

    def __call__(self, path: str) -> Outcome:
        return kept(self.job, self.number, lambda: self.task)(path)


def _run_elsewhere(executor: Executor, task: Task, paths: Sequence[str], done: Done | None) -> list[Outcome]:
    """Let other processes do the paths; what they share is small enough that a stop does not wait for long."""
    if not paths:
        return []
    if isinstance(executor, Workers):
        return _collected(executor, _Kept(executor.job, next(_numbers), task), paths, executor.slots, done, most=64)
    job = secrets.token_hex(8)
    try:
        return _collected(executor, _Kept(job, next(_numbers), task), paths, threads_for(None), done)
    finally:
        forget(job)


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
    executor: Executor,
    task: Callable[[str], Outcome],
    paths: Sequence[str],
    workers: int,
    done: Done | None,
    *,
    most: int = _MOST_IN_A_BATCH,
) -> list[Outcome]:
    """Return what came of all paths, in order; however many they are, a few batches a worker are on their way."""
    size = max(1, min(most, -(-len(paths) // (workers * _BATCHES_A_WORKER))))
    batches = (paths[start : start + size] for start in range(0, len(paths), size))
    ahead: deque[tuple[Sequence[str], Future[list[Outcome]]]] = deque()
    outcomes: list[Outcome] = []
    try:
        for batch in batches:
            ahead.append((batch, _submitted(executor, task, batch)))
            if len(ahead) >= workers * _AHEAD:
                outcomes += _told(_results(executor, task, *ahead.popleft()), done)
        while ahead:
            outcomes += _told(_results(executor, task, *ahead.popleft()), done)
    finally:
        for _, future in ahead:
            future.cancel()
    return outcomes


def _results(
    executor: Executor, task: Callable[[str], Outcome], batch: Sequence[str], future: Future[list[Outcome]]
) -> list[Outcome]:
    """Return what came of a batch; where it killed its workers, each of its items is tried alone."""
    from concurrent.futures import BrokenExecutor

    try:
        return future.result()
    except BrokenExecutor:
        return [Outcome(path, left=True) for path in batch]
    except WorkersKilledError as error:
        if len(batch) == 1:
            return [Outcome(batch[0], fault=error.message)]
        alone = [(path, _submitted(executor, task, [path])) for path in batch]
        return [outcome for path, one in alone for outcome in _results(executor, task, [path], one)]


def _submitted(executor: Executor, task: Callable[[str], Outcome], batch: Sequence[str]) -> Future[list[Outcome]]:
    """Hand a batch to an executor; one that is broken fails it at once."""
    from concurrent.futures import BrokenExecutor

    try:
        return executor.submit(run_in_order, task, batch)
    except BrokenExecutor as error:
        failed: Future[list[Outcome]] = Future()
        failed.set_exception(error)
        return failed


def _told(outcomes: list[Outcome], done: Done | None) -> list[Outcome]:
    for outcome in outcomes:
        if done and not outcome.left:
            done(outcome)
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
