"""`kmstool rotate finish`: forget how to roll back, when all has moved."""

from __future__ import annotations

import click

from kmstool.cli import options, subjects
from kmstool.cli.commands.rotate import words
from kmstool.cli.commands.rotate.rollback import PlanName
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool rotate finish plan.json")
@words.plan_argument
@takes(PlanName)
def finish(session: Session, wanted: PlanName) -> None:
    """Forget how to roll back, when all has moved.

    Looks through the folders of the plan once more: if anything is left on the old key,
    it is listed and nothing is forgotten.
    """
    from kmstool.workflows.rotation.jobs import finish_rotation

    plan, path = words.read_named_plan(wanted.plan)
    session.confirm(
        "a rollback will not be possible any more",
        subjects.one(wanted.plan, {"plan": str(path), "files": f"{len(plan.files):,}"}),
    )
    files = session.changes.make(
        lambda: finish_rotation(session.connections, plan, path, warn=session.warn),
        "remove the journal if nothing is left on the old key",
    )
    outputs.print_answer(
        session, {"Files": files}, lambda: session.note(f"{files:,} files have moved; the plan is done")
    )
