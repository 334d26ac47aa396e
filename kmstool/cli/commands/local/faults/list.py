"""`kmstool local faults list`: list the rules."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


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
    outputs.print_answer(session, answer, lambda: outputs.print_table(session, ("NUMBER", "ACTION", "RULE"), rows))
