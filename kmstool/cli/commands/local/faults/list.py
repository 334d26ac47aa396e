"""`kmstool local faults list`: list the rules."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

_COLUMNS = (Column("NUMBER"), Column("ACTION"), tables.prose("RULE"))


@click.command("list", cls=options.Command, example="kmstool local faults list")
@pass_session
def list_(session: Session) -> None:
    """List the rules."""
    from dataclasses import asdict

    from kmstool.server import admin

    rules = admin.list_faults(session.local_kms())
    rows = []
    for rule in rules:
        effects = {name: value for name, value in asdict(rule).items() if value and name not in ("number", "action")}
        rows.append((str(rule.number), rule.action, ", ".join(f"{name}={value}" for name, value in effects.items())))
    answer = {"Faults": [asdict(rule) for rule in rules]}
    counted = tables.Counted("rule", make="kmstool local faults add")
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, counted))
