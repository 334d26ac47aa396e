"""`kmstool profile list`: list the profiles."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.profile.answers import answer_of
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command("list", cls=options.Command, example="kmstool profile list")
@pass_session
def list_(session: Session) -> None:
    """List the profiles."""
    profiles = session.profiles
    found = [profiles.get(name) for name in profiles.names()]
    current = profiles.current
    answer = {"Profiles": [{**answer_of(item), "InUse": item.name == current} for item in found]}
    rows = [
        (item.name, "in use" if item.name == current else "", item.region, item.credentials, item.key) for item in found
    ]
    outputs.print_answer(
        session, answer, lambda: outputs.print_table(session, ("NAME", "", "REGION", "CREDENTIALS", "KEY"), rows)
    )
