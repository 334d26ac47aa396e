"""`kmstool init`: the first run."""

from __future__ import annotations

import click

from kmstool.cli.options import Command
from kmstool.cli.session import Session, pass_session


@click.command(cls=Command, example="kmstool init --local")
@click.option("--local", is_flag=True, help="Use the embedded KMS of this machine.")
@pass_session
def init(session: Session, local: bool) -> None:
    """Set up kmstool on this machine.

    With --local it makes a store for the embedded KMS, a key with the alias
    "default" in it, and the profile "local" that uses both from now on. Nothing
    that exists is changed.
    """
    from kmstool.errors import UsageError
    from kmstool.keys import SYMMETRIC
    from kmstool.kms.profiles import LOCAL, Profile

    if not local:
        raise UsageError("this version sets up the embedded KMS only", hint="kmstool init --local")
    alias = "default"
    session.settings.profile = LOCAL
    profile = session.profile()
    region = session.region(profile)
    client = session.client()
    if not any(key.alias == alias for key in client.list_keys(SearchKeyAlias=alias)):
        created = client.create_key(alias, usage=SYMMETRIC)
        session.note(f"created the key {created.key_id} with the alias {alias} in {region}")
    if session.settings.dry_run:
        return
    session.profiles.put(Profile(LOCAL, region, profile.key or f"alias/{alias}"))
    session.profiles.use(LOCAL)
    session.note(f"the profile {LOCAL} is in use; its store is {session.local_folder}")
