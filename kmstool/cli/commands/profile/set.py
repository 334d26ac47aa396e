"""`kmstool profile set`: make or change a profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.commands.profile.answers import answer_of
from kmstool.cli.io import outputs
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    pass

CREDENTIALS = (words.KEYRING, words.FILE, "whitebox", "environment", "tccli", "ini", "cvm-role", "tke")


@dataclass(frozen=True)
class SetWords:
    """The options of `kmstool profile set`."""

    name: str
    key: str | None
    credentials: str | None
    role_arn: str | None
    role_session: str | None
    sts_endpoint: str | None


@click.command("set", cls=options.Command, example="kmstool profile set work --credentials cvm-role --key alias/demo")
@click.argument("name")
@click.option("--key", metavar="KEY", help="Key for commands that name none; empty for none.")
@click.option("--credentials", type=Choice(CREDENTIALS), help="Where its credentials come from.")
@click.option("--role-arn", metavar="ARN", help="Role to assume with them; empty for none.")
@click.option("--role-session", metavar="NAME", help="Name of that role's session in the records of the cloud.")
@click.option("--sts-endpoint", metavar="URL", help="Host or URL of STS, which is asked for the role.")
@takes(SetWords)
def set_(session: Session, wanted: SetWords) -> None:
    """Make or change a profile.

    --region, --endpoint and --transport belong to it too. What is not given stays as it was.
    """
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.profiles import LOCAL, Profile

    if wanted.name == LOCAL and wanted.credentials is not None:
        raise UsageError("--credentials goes with the other profiles: local needs none")
    if wanted.key:
        KeyAddress.parse(wanted.key)
    profiles = session.profiles
    choices = {
        "region": session.settings.region,
        "endpoint": session.settings.endpoint,
        "transport": session.settings.transport,
        "key": wanted.key,
        "credentials": wanted.credentials,
        "role_arn": wanted.role_arn,
        "role_session": wanted.role_session,
        "sts_endpoint": wanted.sts_endpoint,
    }
    values = {field: value for field, value in choices.items() if value is not None}
    former = profiles.get(wanted.name) if wanted.name in profiles.names() else Profile(wanted.name)
    session.changes.run(
        lambda: profiles.change(wanted.name, **values),
        f"set the profile {wanted.name}",
        answer_of(replace(former, **values)),
    )
    session.note(f"the profile {wanted.name} is set")
    outputs.print_answer(session, answer_of(replace(former, **values)), lambda: None)
