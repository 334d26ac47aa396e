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
    if session.settings.dry_run:
        session.profiles.get(name)
        session.note(f"dry run: the profile {name} would be in use")
        return
    session.profiles.use(name)
    session.note(f"the profile {name} is in use")
    session.warn_if_overruled(name)
