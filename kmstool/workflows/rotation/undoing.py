"""The ends of a rotation: put back what still stands, or forget how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from kmstool.errors import InputError, KmsToolError, PartialError
from kmstool.workflows.rotation.files import find_state, put_back
from kmstool.workflows.rotation.journal import Journal, State, forget, journals_of, locked_journal
from kmstool.workflows.rotation.plan import Plan, PlannedFile


@dataclass(frozen=True, slots=True)
class Undone:
    """How many files got their old content back, and how many had it."""

    files: int
    had_it: int


def roll_back(plan: Plan, path: Path, warn: Callable[[str], None], looked: Callable[[], None] = lambda: None) -> Undone:
    """Put the old ciphertexts back where the new ones still stand, byte for byte, without any call to KMS.

    `looked` is called for each file that is through. Raises `InputError` if nothing was applied, `PartialError` for files that somebody changed since, which stay
    as they are.
    """
    files = {file.path: file for file in plan.files}
    done = had_it = failed = 0
    for journal_file in _needed(journals_of(path), path):
        with locked_journal(journal_file, plan.plan_id) as journal:
            for entry in list(journal.entries()):
                looked()
                if entry.state not in (State.READY, State.DONE):
                    continue
                try:
                    changed = put_back(_planned(files, entry.path), entry)
                except KmsToolError as error:
                    failed += 1
                    warn(f"{entry.path}: {error.message}")
                    continue
                journal.mark(entry.path, State.ROLLED_BACK)
                done, had_it = done + changed, had_it + (not changed)
    if failed:
        raise PartialError(f"{failed} files were not put back")
    return Undone(done, had_it)


def finish(plan: Plan, path: Path, is_left: Callable[[], Iterable[str]], warn: Callable[[str], None]) -> int:
    """Forget what a rollback needs, when nothing is left on the old key; return the number of files that moved.

    `is_left` looks through the roots once more and gives what is still under the old key. Raises `PartialError`
    for that, and for files that are neither done nor as they were left.
    """
    journals = _needed(journals_of(path), path)
    files = {file.path: file for file in plan.files}
    moved, left = set(), []
    for journal_file in journals:
        journal = Journal(journal_file, plan.plan_id, write=False)
        try:
            for entry in journal.entries():
                if entry.state is State.DONE:
                    moved.add(entry.path)
                    if find_state(_planned(files, entry.path), entry) is State.READY:
                        left.append(f"{entry.path}: it has its old content again")
        finally:
            journal.close()
    left += [f"{file}: it was not moved yet" for file in files if file not in moved]
    left += list(is_left())
    for one in left:
        warn(one)
    if left:
        raise PartialError(f"{len(left)} are left: nothing was forgotten")
    for journal_file in journals:
        with locked_journal(journal_file, plan.plan_id):
            pass
        forget(journal_file)
    return len(moved)


def _needed(journals: list[Path], plan: Path) -> list[Path]:
    if not journals:
        raise InputError(f"there is no journal beside {plan}: nothing was applied yet, or it was finished")
    return journals


def _planned(files: dict[str, PlannedFile], path: str) -> PlannedFile:
    if path not in files:
        raise InputError("the journal has a file that the plan does not have")
    return files[path]
