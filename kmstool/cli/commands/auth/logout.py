"""`kmstool auth logout`: forget the credential of a profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options, subjects
from kmstool.cli.commands.auth.keeping import WHITE_BOX
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile


@click.command(cls=options.Command, example="kmstool auth logout --profile work --yes")
@pass_session
def logout(session: Session) -> None:
    """Forget the credential of a profile."""
    profile = session.profile()
    if profile.credentials not in (*words.STORES, WHITE_BOX):
        source = profile.credentials or "nothing"
        raise UsageError(f"the profile {profile.name} keeps no credential: it uses {source}")
    if profile.credentials == WHITE_BOX and not profile.whitebox:
        session.note(f"nothing to do: no credential is kept for the profile {profile.name}")
        return
    session.confirm(
        f"the credential of the profile {profile.name} will be forgotten", subjects.profile(session, profile.name)
    )
    session.changes.run(lambda: _forget(session, profile), f"forget the credential of the profile {profile.name}")
    if profile.credentials == WHITE_BOX:
        session.note(f"the files in {profile.whitebox} are left as they are")
    session.note(f"the credential of the profile {profile.name} is gone")


def _forget(session: Session, profile: Profile) -> None:
    from kmstool.kms.credentials import store

    if profile.credentials == WHITE_BOX:
        session.profiles.put(replace(profile, secret_id="", whitebox=""))
    else:
        store.remove(profile.credentials, session.config_folder, profile.name)
