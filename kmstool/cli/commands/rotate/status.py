"""`kmstool rotate status`: show how far a plan is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.rotate import words
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.workflows.rotation.plan import Plan
    from kmstool.workflows.rotation.status import Status

_WATCH_SECONDS = 2


@dataclass(frozen=True)
class StatusWords:
    """Which plan, which journals besides its own, and in which form."""

    plan: str
    html: str | None
    watch: bool
    merge: tuple[str, ...]


@click.command(cls=options.Command, example="kmstool rotate status plan.json")
@options.file_target("--html", callback=options.not_empty_file, replaced=True, help="Write a page for a browser here.")
@click.option("--watch", is_flag=True, help="Show it again until all is done.")
@click.option("--merge", multiple=True, metavar="FILE", help="Count this journal of another machine too; repeatable.")
@words.plan_argument
@takes(StatusWords)
def status(session: Session, wanted: StatusWords) -> None:
    """Show how far a plan is.

    What is done, left and failed, with reasons, and the rate of the last minute. The
    journals of shards beside the plan are counted together.
    """
    show(session, wanted)


def show(session: Session, wanted: StatusWords) -> None:
    """Show it once, or until all is done."""
    plan, path = words.read_named_plan(wanted.plan)
    while True:
        current = _status(plan, path, wanted.merge)
        if wanted.html is not None:
            from kmstool.workflows.rotation.status import page

            outputs.write(session, page(current).encode(), wanted.html, force=True)
        outputs.print_answer(session, current.answer(), partial(_print, current))
        if not wanted.watch or not current.left:
            return
        # Each look is an object of its own where JSON is asked for: there may be no last one.
        session.tell_answers()
        time.sleep(_WATCH_SECONDS)


def _status(plan: Plan, path: Path, merged: tuple[str, ...]) -> Status:
    from kmstool.workflows.rotation.journal import journals_of
    from kmstool.workflows.rotation.status import read_status

    return read_status(plan, [*journals_of(path), *map(Path, merged)])


def _print(current: Status) -> None:
    left = "-" if current.seconds_left is None else f"{current.seconds_left:,.0f} s"
    outputs.print_fields(
        {
            "from": current.plan.from_key,
            "to": current.plan.to_key,
            "items": f"{current.plan.items:,} in {len(current.plan.files):,} files",
            "done": f"{current.done:,}",
            "left": f"{current.left:,}",
            "failed": f"{current.failed:,}",
            "rolled back": f"{current.rolled_back:,}",
            "left out": f"{len(current.plan.left_out):,}",
            "rate": f"{current.per_second:,.1f} items a second",
            "time left": left,
        }
    )
    for name, fault in current.faults.items():
        print(f"{name}: {fault}")
