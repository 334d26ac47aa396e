"""`kmstool profile remove`: remove a profile and the credential that is kept for it."""

from __future__ import annotations

import click

from kmstool import words
from kmstool.cli import options, subjects
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool profile remove work --yes")
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove a profile and the credential that is kept for it."""
    from kmstool.kms.credentials import store

    profile = session.profiles.get(name)
    session.confirm(
        f"the profile {name} and its credential will be removed", subjects.profile(session, name), typed=True
    )
    if profile.credentials in words.STORES:
        session.changes.run(
            lambda: store.remove(profile.credentials, session.config_folder, name),
            f"forget the credential of the profile {name}",
        )
    session.changes.run(lambda: session.profiles.remove(name), f"remove the profile {name}")
    session.note(f"the profile {name} is gone")
