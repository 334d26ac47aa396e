"""Does a plan, file by file, so that a crash at any moment and a second run leave each item done exactly once.

One thread keeps the journal and decides; workers, here or on other machines, call KMS, and threads of this process
write the files. Before a file is replaced, its old and its new content are durable in the journal, so that nobody has
to ask KMS again. A worker gets ciphertexts and returns ciphertexts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from kmstool.errors import InputError, KmsToolError, PartialError
from kmstool.workflows.grouping import Grouped
from kmstool.workflows.many import Workers, ends_all
from kmstool.workflows.rotation.files import Content, changed_content, find_state, read_content, write_content
from kmstool.workflows.rotation.journal import Entry, Journal, State
from kmstool.workflows.rotation.moving import Mover
from kmstool.workflows.rotation.plan import Item, Plan, PlannedFile
from kmstool.workflows.rotation.planning import WORKERS
from kmstool.workflows.rotation.tokens import Replacement
from kmstool.workflows.shards import Shard, in_shard

_IN_FLIGHT = 4
"""Items that wait or run for each worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyOptions:
    """How a plan is done.

    `verify_every` is 1 to compare each new blob with its old one before it is written, N for one of N, 0 for none.
    `shard` is (i, N): the files whose name falls on i of 1 to N.
    """

    workers: int = WORKERS
    verify_every: int = 1
    shard: Shard | None = None


@dataclass(slots=True)
class Progress:
    """How many files and items are done, were done before, and failed."""

    files: int = 0
    items: int = 0
    before: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Pending:
    """A file whose items are with the workers."""

    file: PlannedFile
    content: Content
    futures: list[Future[str]]

    @property
    def done(self) -> bool:
        return all(future.done() for future in self.futures)


@dataclass(slots=True)
class Applier:
    """One run over a plan; `warn` is told what failed, `done` the number of items that are through."""

    plan: Plan
    journal: Journal
    mover_of: Callable[[PlannedFile], Mover]
    options: ApplyOptions
    warn: Callable[[str], None]
    done: Callable[[int], None]
    executor: Executor | None = None
    """What runs the calls to KMS, and unless it is on other machines writes the files; None for threads of its own."""
    progress: Progress = field(default_factory=Progress)

    def run(self) -> Progress:
        """Do all that is left; raise `PartialError` for files that failed, and at once what fails for all of them."""
        files = (file for file in self.plan.files if in_shard(file.path, self.options.shard))
        pending: list[_Pending] = []
        writing: dict[Future[None], Entry] = {}
        shared = self.executor is not None and not isinstance(self.executor, Workers)
        pool = self.executor if shared and self.executor else ThreadPoolExecutor(self.options.workers)
        try:
            try:
                self._loop(files, pool, pending, writing)
            except BaseException:
                # What is in flight is finished and written down, so that none of it is asked for again.
                self._drain(pool, pending, writing)
                raise
        finally:
            if not shared:
                pool.shutdown(wait=True, cancel_futures=True)
        if self.progress.failed:
            raise PartialError(f"{self.progress.failed} of {len(self.plan.files)} files were not moved")
        return self.progress

    def _loop(
        self,
        files: Iterator[PlannedFile],
        pool: Executor,
        pending: list[_Pending],
        writing: dict[Future[None], Entry],
    ) -> None:
        calls = Grouped(self.executor) if isinstance(self.executor, Workers) else pool
        exhausted = False
        while not exhausted or pending or writing:
            while not exhausted and self._has_room(calls, pending):
                file = next(files, None)
                if file is None:
                    exhausted = True
                else:
                    self._begin(file, calls, pool, pending, writing)
            waiting: list[Future[Any]] = [
                *writing,
                *(future for one in pending for future in one.futures if not future.done()),
            ]
            if waiting and not any(one.done for one in pending):
                wait(waiting, return_when=FIRST_COMPLETED)
            self._collect(pool, pending, writing)

    def _has_room(self, calls: Executor, pending: list[_Pending]) -> bool:
        """Tell whether more is to be begun. Other machines are asked for nothing before there is something for them."""
        ahead = calls.ahead if pending and isinstance(calls, Grouped) else self.options.workers * _IN_FLIGHT
        return sum(len(one.futures) for one in pending) < ahead

    def _begin(
        self,
        file: PlannedFile,
        calls: Executor,
        pool: Executor,
        pending: list[_Pending],
        writing: dict[Future[None], Entry],
    ) -> None:
        entry = self.journal.entry(file.path)
        if entry and entry.state is State.DONE:
            self.progress.before += 1
            self.done(len(file.items))
            return
        try:
            if entry and entry.state is State.READY:
                self._take_up(file, entry, pool, writing)
                return
            content = read_content(file)
            if content.digest != file.digest:
                raise InputError("it changed since the plan was made")
            blobs = [content.blob_of(item) for item in file.items]
        except KmsToolError as error:
            self._fail(file, error.message, keep=entry is not None and entry.state is State.READY)
            return
        mover, every = self.mover_of(file), self.options.verify_every
        futures = [calls.submit(moved, mover, blob, item, every) for blob, item in zip(blobs, file.items, strict=True)]
        pending.append(_Pending(file, content, futures))

    def _take_up(self, file: PlannedFile, entry: Entry, pool: Executor, writing: dict[Future[None], Entry]) -> None:
        """Go on with a file whose new content a run before this one wrote down."""
        state = find_state(file, entry)
        if state is State.DONE:
            self.journal.mark(file.path, State.DONE)
            self._count(entry)
        elif state is State.READY:
            writing[pool.submit(write_content, file, entry)] = entry
        else:
            raise InputError("somebody changed it while it was being moved; it is left as it is")

    def _collect(self, pool: Executor, pending: list[_Pending], writing: dict[Future[None], Entry]) -> None:
        """Write down what is known now, in one transaction, and let workers write the files."""
        written = [(future, writing.pop(future)) for future in list(writing) if future.done()]
        through = []
        for future, entry in written:
            try:
                future.result()
                through.append(entry)
            except KmsToolError as error:
                self._fail_path(entry.path, error.message)
        ready: list[tuple[PlannedFile, Entry]] = []
        fatal: KmsToolError | None = None
        for one in [one for one in pending if one.done]:
            pending.remove(one)
            try:
                if changed := self._entry(one):
                    ready.append((one.file, changed))
            except KmsToolError as error:
                fatal = error
        self.journal.write(ready=[changed for _, changed in ready], done=[entry.path for entry in through])
        for entry in through:
            self._count(entry)
        for file, changed in ready:
            writing[pool.submit(write_content, file, changed)] = changed
        if fatal:
            raise fatal

    def _entry(self, one: _Pending) -> Entry | None:
        """Return what a file becomes, None if one of its items failed; raise what would fail for all others too."""
        replacements: list[Replacement] = []
        for item, future in zip(one.file.items, one.futures, strict=True):
            if future.cancelled():
                return None
            try:
                replacements.append(one.content.replacement(item, future.result()))
            except KmsToolError as error:
                if ends_all(error):
                    raise
                self._fail(one.file, f"at {item.start}: {error.message}")
                return None
        try:
            return changed_content(one.file, one.content, replacements, self.plan.to_key)
        except KmsToolError as error:
            self._fail(one.file, error.message)
            return None

    def _drain(self, pool: Executor, pending: list[_Pending], writing: dict[Future[None], Entry]) -> None:
        for one in pending:
            for future in one.futures:
                future.cancel()
        running: list[Future[Any]] = [*writing]
        running += [future for one in pending for future in one.futures if not future.cancelled()]
        wait(running)
        try:
            self._collect(pool, pending, writing)
            wait(writing)
            self._collect(pool, [], writing)
        except KmsToolError:
            # It is the failure that ends the run anyway, or one of its kind.
            return

    def _count(self, entry: Entry) -> None:
        self.progress.files += 1
        self.progress.items += entry.items
        self.done(entry.items)

    def _fail(self, file: PlannedFile, fault: str, *, keep: bool = False) -> None:
        if not keep:
            self.journal.write(failed=[Entry(file.path, State.FAILED, items=len(file.items), fault=fault)])
        self._fail_path(file.path, fault)

    def _fail_path(self, path: str, fault: str) -> None:
        self.progress.failed += 1
        self.warn(f"{path}: {fault}")


def moved(mover: Mover, blob: str, item: Item, verify_every: int) -> str:
    """Move one item, in a worker, and check what KMS gave before it is written anywhere."""
    new = mover.move(blob, item)
    if verify_every and int.from_bytes(hashlib.sha256(blob.encode()).digest()[:8], "big") % verify_every == 0:
        mover.check(blob, new, item)
    return new
