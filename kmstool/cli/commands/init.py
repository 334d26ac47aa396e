"""`kmstool init`: the first run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from kmstool.cli.commands.auth.login import LoginWords, log_in, login_options
from kmstool.cli.io import questions
from kmstool.cli.options import Command
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile

ALIAS = "default"
_WHICH = "Use the embedded KMS of this machine? It needs no account"


@dataclass(frozen=True)
class InitWords(LoginWords):
    """The options of `kmstool init`."""

    local: bool


@click.command(cls=Command, example="kmstool init --local")
@click.option("--local", is_flag=True, help="Use the embedded KMS of this machine.")
@login_options
@takes(InitWords)
def init(session: Session, wanted: InitWords) -> None:
    """Set up kmstool on this machine.

    With --local it makes a store for the embedded KMS, a key with the alias
    "default" in it, and the profile "local" that uses both from now on. Without, it
    asks which KMS to use, and for Tencent Cloud logs in, with the options of kmstool auth login.
    With one of these it is Tencent Cloud that is meant. Nothing that exists is
    changed, but --region sets the region of the profile.
    """
    from kmstool.errors import UsageError
    from kmstool.kms.profiles import LOCAL

    cloud = wanted.is_told or session.weak
    if wanted.local and cloud:
        raise UsageError("--local needs no login", hint="leave out --local, or the options of the login")
    if not (wanted.local or cloud or session.interactive):
        raise UsageError("which KMS is to be used?", hint="kmstool init --local, or kmstool auth login")
    if wanted.local or (not cloud and questions.yes(_WHICH, default=True)):
        session.settings.profile = LOCAL
        _make_default(session)
        session.note(f"the profile {LOCAL} is in use; its store is {session.local_folder}")
        session.warn_if_overruled(LOCAL)
        return
    log_in(session, wanted)
    if session.interactive and questions.yes(f'Make a key with the alias "{ALIAS}"? Tencent Cloud bills keys'):
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
