"""What a command may say and how: the global options, and the way to the person at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from kmstool.cli.messages import print_json, printable, say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from kmstool.workflows.changes import Change, Changes

_CI = ("true", "1")
LOCAL_NOTE = "local KMS, for development and tests"


@dataclass(slots=True)
class Settings:
    """The global options as given on the command line."""

    profile: str | None = None
    region: str | None = None
    endpoint: str | None = None
    transport: str | None = None
    timeout: float = 30
    retries: int | None = None
    max_wait: float = 60
    format: str = "text"
    query: str | None = None
    yes: bool = False
    dry_run: bool = False
    no_input: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    no_color: bool = False
    no_pager: bool = False


@dataclass(slots=True)
class Job:
    """How far a job of many things is, such as files; `total` is None if that is not known."""

    noun: str
    total: int | None
    goes_on: bool
    """Whether the same command goes on where it was stopped."""
    done: int = 0
    show: Callable[[int, int | None], None] | None = None
    """Shows how many are done, and of how many."""

    def expect(self, count: int) -> None:
        """Add so many things to those that there are."""
        self.total = (self.total or 0) + count

    def advance(self, count: int = 1) -> None:
        """Add so many things to those that are done."""
        self.done += count
        if self.show:
            self.show(self.done, self.total)


class Console:
    """The settings of a run, and what it tells its user beside the results."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.settings = Settings()
        self.unmade: list[Change] = []
        """The changes that a dry run has recorded; from the first one on nothing is told as if it were done."""
        self.command = "kmstool"
        """The command that runs, with the groups that it is in."""
        self.job: Job | None = None
        """The job that runs now."""
        self.cut_short = False
        """Whether a part of a result, and not yet all, has gone to stdout."""
        self.answers: list[Mapping[str, Any]] = []
        """What is printed at the end as one object: the answer of the command, or those of each of its parts."""
        self.files: list[str] = []
        """The files that were written, for the object of a command that has no other answer."""
        self.wrote_bytes = False
        """Whether stdout got the bytes themselves that a command is asked for, beside which nothing may stand."""
        self._notes: list[str] = []

    @property
    def is_ci(self) -> bool:
        """Whether a CI runner started the program, where a terminal has nobody at it."""
        return self.environ.get("CI") in _CI

    @property
    def animated(self) -> bool:
        """Whether stderr shows what is rewritten while a job goes on, such as a bar."""
        hushed = self.settings.quiet or self.is_ci or self.environ.get("TERM") == "dumb"
        return not hushed and sys.stderr.isatty()

    @cached_property
    def changes(self) -> Changes:
        """What makes every change of this run, or with `--dry-run` records it."""
        from kmstool.workflows.changes import Changes, DryRun

        return DryRun(self.unmade.append) if self.settings.dry_run else Changes()

    @property
    def used_local(self) -> bool:
        """Whether the local KMS was asked, which every message then says."""
        return False

    def note(self, message: str) -> None:
        """Tell the user something, and that it was the local KMS where it was; not with `--quiet`.

        With `--format json` it is said at the end and only of a success: the error object
        is to stand alone on stderr.
        """
        if self.settings.quiet or self.unmade:
            return
        message += f" ({LOCAL_NOTE})" if self.used_local else ""
        if self.settings.format == "json":
            self._notes.append(message)
        else:
            say(message)

    def warn(self, message: str) -> None:
        """Tell the user something that `--quiet` does not silence."""
        say(message)

    def tell_answers(self) -> None:
        """Print the answers as one object, or what `--query` selects of it."""
        from kmstool.cli.answers import print_one

        answers = self.answers
        self.answers = []
        if answers:
            one = answers[0] if len(answers) == 1 else {"Answers": answers}
            print_one(one, self.settings.query, as_json=self.settings.format == "json")
            sys.stdout.flush()

    def finish(self, *, is_done: bool = False) -> None:
        """Print what was not changed or what came of it, and say what was kept until now.

        A command that is done and had nothing to answer has an object in JSON all the same.
        """
        if is_done and self.settings.format == "json" and not (self.unmade or self.answers or self.wrote_bytes):
            self.answers.append({"Files": self.files} if self.files else {"Done": True})
        if not self.unmade:
            self.tell_answers()
        if self.unmade:
            self._print_unmade()
            self._notes[:] = (
                []
                if self.settings.quiet
                else ["dry run, nothing was changed" + (f" ({LOCAL_NOTE})" if self.used_local else "")]
            )
        for message in self._notes:
            say(message)

    def _print_unmade(self) -> None:
        import json

        if self.settings.format == "json":
            print_json(
                {
                    "DryRun": True,
                    "Changes": [{"Change": item.text, "Params": dict(item.params)} for item in self.unmade],
                }
            )
        else:
            for item in self.unmade:
                print(
                    printable(
                        f"would {item.text}"
                        + (f": {json.dumps(item.params, ensure_ascii=False)}" if item.params else "")
                    )
                )
        sys.stdout.flush()
