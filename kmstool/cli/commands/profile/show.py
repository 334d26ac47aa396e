"""`kmstool profile show`: show a profile, else the one in use."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.profile.answers import answer_of
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool profile show local")
@click.argument("name", required=False)
@pass_session
def show(session: Session, name: str | None) -> None:
    """Show a profile, else the one in use."""
    chosen = session.profile(name)
    answer = answer_of(chosen)
    rows = {name.lower(): str(value) or "-" for name, value in answer.items()} | {"file": str(session.profiles.path)}
    outputs.print_answer(
        session, {**answer, "InUse": chosen.name == session.profiles.current}, lambda: outputs.print_fields(rows)
    )
