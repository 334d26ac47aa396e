"""All envelopes of a folder get other recipients; those that have them already are passed over."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from kmstool.envelope import sealing
from kmstool.envelope.header import Header
from kmstool.envelope.sealing import Source
from kmstool.envelope.stanzas import KEY_ID, REGION
from kmstool.kms.cmk_recipients import CmkRecipient
from kmstool.storage.places import ObjectUrl, Place
from kmstool.workflows.changes import Changes
from kmstool.workflows.envelopes import SUFFIX
from kmstool.workflows.folders import Begin, FolderReport, Report, expect_nothing, say_nothing, walk
from kmstool.workflows.many import Done, Outcome, run_many, run_threads
from kmstool.workflows.object_rewrapping import read_header
from kmstool.workflows.rewrapping import Telling, Wrap, rewrap
from kmstool.workflows.shards import Shard
from kmstool.workflows.sources import unreadable
from kmstool.workflows.trees import TreeCount, share_of


@dataclass(frozen=True, slots=True)
class TreeRewrapper:
    """The task that gives the envelopes of a folder the recipients in these regions with these ids, made by `wrap`."""

    folder: Place
    targets: Sequence[tuple[str, str]]
    wrap: Wrap
    changes: Changes

    def __call__(self, path: str) -> Outcome:
        """Rewrap one envelope, unless its recipients are those already."""
        if self._is_done(self.folder / path):
            return Outcome(path, kept=True)
        rewrap(self.folder / path, self.wrap, changes=self.changes)
        return Outcome(path, word=self.wrap.said() if isinstance(self.wrap, Telling) else "")

    def forked(self) -> None:
        """Nothing of it is shared: it runs in threads."""

    def _is_done(self, path: Place) -> bool:
        stanzas = (read_header(path).header if isinstance(path, ObjectUrl) else _header_of(path)).stanzas
        return [(stanza.text(REGION), stanza.text(KEY_ID)) for stanza in stanzas] == list(self.targets)


def _header_of(path: Path) -> Header:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise unreadable(path, error) from error
    try:
        return sealing.open_header(Source.of(descriptor)).header
    finally:
        os.close(descriptor)


def rewrap_tree(
    folder: Place,
    targets: Sequence[CmkRecipient],
    wrap: Wrap,
    *,
    executor: Executor | None = None,
    shard: Shard | None = None,
    report: Report = say_nothing,
    warn: Report = say_nothing,
    begin: Begin = expect_nothing,
    done: Done | None = None,
    changes: Changes | None = None,
) -> TreeCount:
    """Give every .kte below a folder, the manifest too, other recipients; the calls to KMS are made side by side.

    A run that was stopped is finished by the same call. Raises `PartialError` when all others are through for
    envelopes that failed, of which `warn` was told.
    """
    files = share_of(walk(folder, report, SUFFIX), shard)
    begin(len(files.paths))
    names = [(target.region, target.key_id) for target in targets]
    task = TreeRewrapper(folder, names, wrap, changes or Changes())
    outcomes = run_many(task, files.paths, executor, done) if executor else run_threads(task, files.paths, done)
    for said in dict.fromkeys(one.word for one in outcomes if one.word):
        warn(said)
    outcome = FolderReport(warn, folder, "rewrapped")
    outcome.add_outcomes(len(files.paths), files.unread, outcomes)
    outcome.check()
    kept = sum(one.kept for one in outcomes)
    return TreeCount(len(outcomes) - kept, kept)
