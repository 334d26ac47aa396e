"""Whole folders as a user names them: which files are in one, and what is said of those that failed, lack or are extra."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kmstool.cli.io import inputs
from kmstool.cli.processes import Outcome
from kmstool.cli.session.session import Session
from kmstool.errors import PartialError, UsageError

_MOST_NAMES = 20


def named(name: str | None, hint: str = "kmstool envelope encrypt -r DIR -o OUT") -> Path:
    """Return the folder of a name; raise `UsageError` for what is none."""
    if name == "":
        raise UsageError("an empty name is no folder", hint="is a variable not set? . means the working folder")
    if name == inputs.STDIN:
        raise UsageError("no folder goes to stdout or comes from stdin", hint="a folder of that name is ./-")
    if name is None or not Path(name).is_dir():
        raise UsageError("--recursive needs a folder", hint=hint)
    return Path(name).resolve()


def pair(name: str | None, out: str | None) -> tuple[Path, Path]:
    """Return the folders of two names, which do not lie within each other; raise `UsageError`."""
    for one in (name, out):
        if one in ("", inputs.STDIN):
            named(one)
    if name is None or out is None or not Path(name).is_dir():
        raise UsageError(
            "--recursive needs a folder and -o with another", hint="kmstool envelope encrypt -r DIR -o OUT"
        )
    source, target = Path(name).resolve(), Path(out).resolve()
    if target == source or target.is_relative_to(source) or source.is_relative_to(target):
        raise UsageError(f"{name} and {out} lie within each other", hint="choose a folder elsewhere")
    return source, target


@dataclass(frozen=True, slots=True)
class Found:
    """The regular files below a folder, relative to it, in order, and what could not be seen."""

    paths: list[str]
    unread: list[Outcome]


def walk(session: Session, folder: Path, suffix: str = "") -> Found:
    """Look through a folder. Links, pipes and the like are left out, and the user is told how many.

    Raises `InputError` if the folder itself cannot be read.
    """
    found: list[str] = []
    others = 0
    unread: list[Outcome] = []

    def unreadable(error: OSError) -> None:
        fault, path = inputs.unreadable(error.filename, error), os.path.relpath(error.filename, folder)
        if path == os.curdir:
            raise fault from error
        unread.append(Outcome(path, fault=fault.message))

    for base, folders, names in os.walk(folder, onerror=unreadable):
        folders.sort()
        others += sum(os.path.islink(os.path.join(base, name)) for name in folders)
        for path in (os.path.join(base, name) for name in sorted(names) if name.endswith(suffix)):
            try:
                if stat.S_ISREG(os.lstat(path).st_mode):
                    found.append(os.path.relpath(path, folder))
                else:
                    others += 1
            except OSError as error:
                unreadable(error)
    if others:
        session.note(f"{others} links and special files in {folder} are left out")
    return Found(found, unread)


@dataclass(slots=True)
class Report:
    """What is said at the end of a folder: `what` is done to its files, such as `encrypted`."""

    session: Session
    folder: Path
    what: str
    wrong: list[str] = field(default_factory=list)

    def of_files(self, count: int, unread: Sequence[Outcome], outcomes: Sequence[Outcome]) -> None:
        """Name the files that failed, of so many that were found, and the folders that could not be seen."""
        failures = [*unread, *(outcome for outcome in outcomes if outcome.fault is not None)]
        for outcome in failures:
            self.session.warn(f"{outcome.path}: {outcome.fault}")
        if failures:
            things = "files and folders" if unread else "files"
            self.wrong.append(
                f"{len(failures)} of {count + len(unread)} {things} in {self.folder} were not {self.what}"
            )

    def of_names(self, paths: Collection[str], each: str, together: str) -> None:
        """Name paths, not too many of them, with what is to be said of each and of all together."""
        for path in sorted(paths)[:_MOST_NAMES]:
            self.session.warn(f"{path}: {each}")
        if len(paths) > _MOST_NAMES:
            self.session.warn(f"and {len(paths) - _MOST_NAMES} more: {each}")
        if paths:
            self.wrong.append(f"{len(paths)} {together}")

    def check(self) -> None:
        """Raise `PartialError` if anything is wrong."""
        if self.wrong:
            raise PartialError("; ".join(self.wrong))
