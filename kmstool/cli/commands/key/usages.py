"""`kmstool key usages`: list the key usages that the region offers."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usage_names import usage_name
from kmstool.cli.io import outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

_COLUMNS = (Column("USAGE"), Column("ALGORITHM", 1), Column("API NAME", 2))


@click.command(cls=options.Command, example="kmstool key usages")
@pass_session
def usages(session: Session) -> None:
    """List the key usages that the region offers."""
    from kmstool.kms.calls.keys import ALGORITHM_GROUPS

    answer = session.client().algorithms()
    rows = [
        (usage_name(item["KeyUsage"]), item["Algorithm"], item["KeyUsage"])
        for group in ALGORITHM_GROUPS
        for item in answer[group]
    ]
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows))
