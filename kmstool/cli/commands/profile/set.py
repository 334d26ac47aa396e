"""`kmstool profile set`: make or change a profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.profile.answers import answer_of
from kmstool.cli.messages import print_json
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    pass

CREDENTIALS = ("keyring", "file", "whitebox", "environment", "tccli", "ini", "cvm-role", "tke")


@click.command("set", cls=options.Command, example="kmstool profile set work --credentials cvm-role --key alias/demo")
@click.argument("name")
@click.option("--key", metavar="KEY", help="Key for commands that name none; empty for none.")
@click.option("--credentials", type=click.Choice(CREDENTIALS), help="Where its credentials come from.")
@click.option("--role-arn", metavar="ARN", help="Role to assume with them; empty for none.")
@click.option("--role-session", metavar="NAME", help="Name of that role's session in the records of the cloud.")
@click.option("--sts-endpoint", metavar="URL", help="Host or URL of STS, which is asked for the role.")
@pass_session
def set_(
    session: Session,
    name: str,
    key: str | None,
    credentials: str | None,
    role_arn: str | None,
    role_session: str | None,
    sts_endpoint: str | None,
) -> None:
    """Make or change a profile.

    --region, --endpoint and --transport belong to it too. What is not given stays as it was.
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
        "transport": session.settings.transport,
        "key": key,
        "credentials": credentials,
        "role_arn": role_arn,
        "role_session": role_session,
        "sts_endpoint": sts_endpoint,
    }
    given = {field: value for field, value in choices.items() if value is not None}
    if session.settings.dry_run:
        former = profiles.get(name) if name in profiles.names() else Profile(name)
        print_json(answer_of(replace(former, **given)))
        return
    profiles.change(name, **given)
    session.note(f"the profile {name} is set")
