"""`kmstool rotate rollback`: put the old ciphertexts back."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kmstool.cli import options, subjects
from kmstool.cli.commands.rotate import words
from kmstool.cli.io import outputs, progress
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class PlanName:
    """Which plan."""

    plan: str


@click.command(cls=options.Command, example="kmstool rotate rollback plan.json")
@words.plan_argument
@takes(PlanName)
def rollback(session: Session, wanted: PlanName) -> None:
    """Put the old ciphertexts back.

    Where the new ones still stand, byte for byte, and without any call to KMS. Files that
    somebody changed since stay as they are and are reported.
    """
    put_back(session, wanted.plan)


def put_back(session: Session, name: str) -> None:
    """Put the old ciphertexts of a plan back, after a question."""
    from kmstool.workflows.rotation.undoing import roll_back

    plan, path = words.read_named_plan(name)
    session.confirm(
        "the old ciphertexts will be put back", subjects.one(name, {"plan": str(path), "files": f"{len(plan.files):,}"})
    )
    with progress.job(session, "putting back", len(plan.files)) as job:
        undone = session.changes.make(
            lambda: roll_back(plan, path, session.warn, job.advance), "put the old ciphertexts back"
        )
    answer = {"Files": undone.files, "HadIt": undone.had_it}
    outputs.print_answer(session, answer, lambda: session.note(f"{undone.files:,} files have their old content again"))
