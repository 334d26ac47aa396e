"""All envelopes of a folder get other recipients; those that have them already are passed over."""

from __future__ import annotations

import os
from collections.abc import Sequence
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
from kmstool.workflows.many import Done, Outcome, run_threads
from kmstool.workflows.object_rewrapping import read_header
from kmstool.workflows.rewrapping import Wrap, rewrap
from kmstool.workflows.sources import unreadable
from kmstool.workflows.trees import TreeCount


@dataclass(frozen=True, slots=True)
class TreeRewrapper:
    """The task that gives the envelopes of a folder the recipients `targets`, made by `wrap`."""

    folder: Place
    targets: Sequence[CmkRecipient]
    wrap: Wrap
    changes: Changes

    def __call__(self, path: str) -> Outcome:
        """Rewrap one envelope, unless its recipients are those already."""
        if self._is_done(self.folder / path):
            return Outcome(path, kept=True)
        rewrap(self.folder / path, self.wrap, changes=self.changes)
        return Outcome(path)

    def forked(self) -> None:
        """Nothing of it is shared: it runs in threads."""

    def _is_done(self, path: Place) -> bool:
        stanzas = (read_header(path).header if isinstance(path, ObjectUrl) else _header_of(path)).stanzas
        here = [(stanza.text(REGION), stanza.text(KEY_ID)) for stanza in stanzas]
        return here == [(target.region, target.key_id) for target in self.targets]


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
    files = walk(folder, report, SUFFIX)
    begin(len(files.paths))
    outcomes = run_threads(TreeRewrapper(folder, targets, wrap, changes or Changes()), files.paths, done)
    outcome = FolderReport(warn, folder, "rewrapped")
    outcome.add_outcomes(len(files.paths), files.unread, outcomes)
    outcome.check()
    kept = sum(one.kept for one in outcomes)
    return TreeCount(len(outcomes) - kept, kept)
