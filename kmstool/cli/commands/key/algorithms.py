"""`kmstool key algorithms`: list the key usages that the region offers."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usages import usage_name
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool key algorithms")
@pass_session
def algorithms(session: Session) -> None:
    """List the key usages that the region offers."""
    from kmstool.kms.calls.keys import ALGORITHM_GROUPS

    answer = session.client().algorithms()
    rows = [
        (usage_name(item["KeyUsage"]), item["Algorithm"], item["KeyUsage"])
        for group in ALGORITHM_GROUPS
        for item in answer[group]
    ]
    outputs.print_answer(
        session, answer, lambda: outputs.print_table(session, ("USAGE", "ALGORITHM", "API NAME"), rows)
    )
