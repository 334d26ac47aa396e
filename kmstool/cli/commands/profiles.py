"""`kmstool profile`: which KMS, region and key is used when nothing else is said."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.messages import print_json
from kmstool.cli.session import connect
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile

CREDENTIALS = ("keyring", "file", "whitebox", "environment", "tccli", "ini", "cvm-role", "tke")


@click.group(cls=options.Group)
def profile() -> None:
    """Choose which KMS, region, key and credentials to use."""


@profile.command("list", example="kmstool profile list")
@pass_session
def list_profiles(session: Session) -> None:
    """List the profiles."""
    profiles = session.profiles
    found = [profiles.get(name) for name in profiles.names()]
    current = profiles.current
    answer = {"Profiles": [{**_answer(item), "InUse": item.name == current} for item in found]}
    rows = [
        (item.name, "in use" if item.name == current else "", item.region, item.credentials, item.key) for item in found
    ]
    outputs.answer(session, answer, lambda: outputs.table(session, ("NAME", "", "REGION", "CREDENTIALS", "KEY"), rows))


@profile.command(example="kmstool profile show local")
@click.argument("name", required=False)
@pass_session
def show(session: Session, name: str | None) -> None:
    """Show a profile, else the one in use."""
    chosen = session.profile(name)
    answer = _answer(chosen)
    rows = {name.lower(): str(value) or "-" for name, value in answer.items()} | {"file": str(session.profiles.path)}
    outputs.answer(session, {**answer, "InUse": chosen.name == session.profiles.current}, lambda: outputs.fields(rows))


@profile.command(example="kmstool profile use local")
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
    connect.warn_if_overruled(session, name)


@profile.command("set", example="kmstool profile set work --credentials cvm-role --key alias/demo")
@click.argument("name")
@click.option("--key", metavar="KEY", help="Key for commands that name none; empty for none.")
@click.option("--credentials", type=click.Choice(CREDENTIALS), help="Where its credentials come from.")
@click.option("--role-arn", metavar="ARN", help="Role to assume with them; empty for none.")
@pass_session
def set_profile(session: Session, name: str, key: str | None, credentials: str | None, role_arn: str | None) -> None:
    """Make or change a profile.

    --region and --endpoint belong to it too. What is not given stays as it was.
    """
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.profiles import LOCAL, Profile

    if name == LOCAL and credentials is not None:
        raise UsageError("--credentials goes with the other profiles: local needs none")
    if key:
        KeyAddress.parse(key)
    profiles = session.profiles
    choices = {
        "region": session.settings.region,
        "endpoint": session.settings.endpoint,
        "key": key,
        "credentials": credentials,
        "role_arn": role_arn,
    }
    given = {field: value for field, value in choices.items() if value is not None}
    if session.settings.dry_run:
        former = profiles.get(name) if name in profiles.names() else Profile(name)
        print_json(_answer(replace(former, **given)))
        return
    profiles.change(name, **given)
    session.note(f"the profile {name} is set")


@profile.command(example="kmstool profile remove work --yes")
@click.argument("name")
@pass_session
def remove(session: Session, name: str) -> None:
    """Remove a profile and the credential that is kept for it."""
    from kmstool.kms.credentials import store

    found = session.profiles.get(name)
    session.confirm(f"the profile {name} and its credential will be removed")
    if session.settings.dry_run:
        return
    if found.credentials in store.STORES:
        store.remove(found.credentials, session.config_folder, name)
    session.profiles.remove(name)
    session.note(f"the profile {name} is gone")


def _answer(profile: Profile) -> dict[str, str]:
    return {
        "Name": profile.name,
        "Region": profile.region,
        "Key": profile.key,
        "Endpoint": profile.endpoint,
        "Credentials": profile.credentials,
        "RoleArn": profile.role_arn,
        "SecretId": profile.secret_id,
        "Whitebox": profile.whitebox,
    }
