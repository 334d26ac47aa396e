"""Whole folders: which files are in one, and what is said of those that failed, lack or are extra."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, TypedDict

from kmstool.errors import InputError, PartialError
from kmstool.storage import objects
from kmstool.storage.places import ObjectUrl, Place
from kmstool.system import atomic
from kmstool.system.beneath import Beneath
from kmstool.workflows.many import Done, Outcome
from kmstool.workflows.sources import unreadable

_MOST_NAMES = 20

Report = Callable[[str], None]
Begin = Callable[[int], None]


class Reports(TypedDict):
    """Whom a job of many files tells what: notes, what is wrong, how many files there are, and each that is through."""

    report: Report
    warn: Report
    begin: Begin
    done: Done


def say_nothing(_: str) -> None:
    """Report nothing."""


def expect_nothing(_: int) -> None:
    """Count no files."""


@dataclass(frozen=True, slots=True)
class FolderFiles:
    """The regular files below a folder, relative to it, in order, and what could not be seen."""

    paths: list[str]
    unread: list[Outcome]


def walk(folder: Place, report: Report, suffix: str = "") -> FolderFiles:
    """Look through a folder. Links, pipes and the like are left out, and it is reported how many.

    Raises `InputError` if the folder itself cannot be read; a prefix in a store without an object is an empty one.
    """
    if isinstance(folder, ObjectUrl):
        return FolderFiles(sorted(name for name, _ in objects.listed(folder) if name.endswith(suffix)), [])
    paths: list[str] = []
    others = 0
    unread: list[Outcome] = []

    def note_unread(error: OSError) -> None:
        fault, path = unreadable(error.filename, error), os.path.relpath(error.filename, folder)
        if path == os.curdir:
            raise fault from error
        unread.append(Outcome(path, fault=fault.message))

    for base, folders, names in os.walk(folder, onerror=note_unread):
        folders.sort()
        others += sum(os.path.islink(os.path.join(base, name)) for name in folders)
        for path in (os.path.join(base, name) for name in sorted(names) if name.endswith(suffix)):
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    paths.append(os.path.relpath(path, folder))
                else:
                    others += 1
            except OSError as error:
                note_unread(error)
    if others:
        report(f"{others} links and special files in {folder} are left out")
    return FolderFiles(paths, unread)


@contextmanager
def created_below(folder: Beneath, path: str, *, replace: bool, mode: int = 0o600) -> Iterator[BinaryIO]:
    """Make a file below a folder, and the folders that it is in, as `atomic.create` does; no link is followed."""
    target = folder.root / path
    try:
        within = folder.folder_of(path, make=True)
    except OSError as error:
        raise atomic.fault(target.parent, error) from error
    with atomic.create(target, replace=replace, durable=False, within=within, mode=mode) as out:
        yield out


def refuse_spared(target: Place, spared: Collection[Path]) -> None:
    """Raise `InputError` for a target that is one of the files to work with, such as keys: it may be the only copy."""
    if isinstance(target, ObjectUrl):
        return
    for path in spared:
        try:
            same = os.path.samefile(target, path)
        except OSError:
            continue
        if same:
            raise InputError(f"{target} is both input and output")


@dataclass(slots=True)
class FolderReport:
    """What is said at the end of a folder: `verb` is what is done to its files, such as `encrypted`."""

    warn: Report
    folder: Place
    verb: str
    wrong: list[str] = field(default_factory=list)

    def add_outcomes(self, count: int, unread: Sequence[Outcome], outcomes: Sequence[Outcome]) -> None:
        """Name the files that failed, of so many that were there, and the folders that could not be seen."""
        failures = [*unread, *(outcome for outcome in outcomes if outcome.fault is not None)]
        for outcome in failures:
            self.warn(f"{outcome.path}: {outcome.fault}")
        if failures:
            things = "files and folders" if unread else "files"
            self.wrong.append(
                f"{len(failures)} of {count + len(unread)} {things} in {self.folder} were not {self.verb}"
            )

    def add_names(self, paths: Collection[str], each: str, together: str) -> None:
        """Name paths, not too many of them, with what is to be said of each and of all together."""
        for path in sorted(paths)[:_MOST_NAMES]:
            self.warn(f"{path}: {each}")
        if len(paths) > _MOST_NAMES:
            self.warn(f"and {len(paths) - _MOST_NAMES} more: {each}")
        if paths:
            self.wrong.append(f"{len(paths)} {together}")

    def check(self) -> None:
        """Raise `PartialError` if anything is wrong."""
        if self.wrong:
            raise PartialError("; ".join(self.wrong))
