"""`kmstool profile list`: list the profiles."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.profile.answers import answer_of
from kmstool.cli.io import outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

_COLUMNS = (
    tables.name("NAME"),
    Column("IN USE"),
    Column("REGION", 1),
    Column("CREDENTIALS", 3),
    tables.name("KEY", 2),
    tables.name("ENDPOINT", 4, extra=True),
    tables.wide("ROLE", 5),
)


@click.command("list", cls=options.Command, example="kmstool profile list")
@pass_session
def list_(session: Session) -> None:
    """List the profiles."""
    profiles = session.profiles
    all_profiles = [profiles.get(name) for name in profiles.names()]
    current = profiles.current
    answer = {"Profiles": [{**answer_of(item), "InUse": item.name == current} for item in all_profiles]}
    rows = [
        (
            item.name,
            "in use" if item.name == current else "",
            item.region,
            item.credentials,
            item.key,
            item.endpoint,
            item.role_arn,
        )
        for item in all_profiles
    ]
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, tables.Counted("profile")))
