"""`kmstool init`: the first run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli.io import questions
from kmstool.cli.options import Command
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile

ALIAS = "default"


@click.command(cls=Command, example="kmstool init --local")
@click.option("--local", is_flag=True, help="Use the embedded KMS of this machine.")
@pass_session
def init(session: Session, local: bool) -> None:
    """Set up kmstool on this machine.

    With --local it makes a store for the embedded KMS, a key with the alias
    "default" in it, and the profile "local" that uses both from now on. Without, it
    asks which KMS to use, and for Tencent Cloud logs in. Nothing that exists is
    changed, but --region sets the region of the profile.
    """
    from kmstool.errors import UsageError
    from kmstool.kms.profiles import LOCAL

    if not local and not session.interactive:
        raise UsageError("which KMS is to be used?", hint="kmstool init --local, or kmstool auth login")
    if local or questions.yes("Use the embedded KMS of this machine? It needs no account", default=True):
        session.settings.profile = LOCAL
        _make_default(session)
        session.note(f"the profile {LOCAL} is in use; its store is {session.local_folder}")
        session.warn_if_overruled(LOCAL)
        return
    from kmstool.cli.commands.auth.login import login

    click.get_current_context().invoke(
        login, secret_id=None, store=words.KEYRING, passphrase_file=None, whitebox=None, no_verify=False
    )
    if questions.yes(f'Make a key with the alias "{ALIAS}"? Tencent Cloud bills keys'):
        _make_default(session)


def _make_default(session: Session) -> None:
    """Make the default key of the profile in use unless it is there, and put the profile to use."""
    from kmstool.words import SYMMETRIC

    profile = session.profile()
    region = session.region(profile)
    client = session.client()
    if not any(key.alias == ALIAS for key in client.list_keys(SearchKeyAlias=ALIAS)):
        created = client.create_key(ALIAS, usage=SYMMETRIC)
        session.note(f"created the key {created.key_id} with the alias {ALIAS} in {region}")
    session.changes.run(lambda: _use(session, profile, region), f"use the profile {profile.name}")


def _use(session: Session, profile: Profile, region: str) -> None:
    session.profiles.put(replace(profile, region=region, key=profile.key or f"alias/{ALIAS}"))
    session.profiles.use(profile.name)
