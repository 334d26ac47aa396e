"""`kmstool profile use`: use this profile from now on."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool profile use local")
@click.argument("name")
@pass_session
def use(session: Session, name: str) -> None:
    """Use this profile from now on."""
    session.profiles.get(name)
    session.changes.run(lambda: session.profiles.use(name), f"use the profile {name}")
    session.note(f"the profile {name} is in use")
    session.warn_if_overruled(name)
