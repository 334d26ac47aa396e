"""`kmstool whitebox list`: list all white-box keys of the region."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.keys import without_keys
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command("list", cls=options.Command, example="kmstool whitebox list")
@pass_session
def list_(session: Session) -> None:
    """List all white-box keys of the region."""
    found = list(session.client().list_white_box_keys())
    answer = {"TotalCount": len(found), "KeyInfos": [without_keys(key.answer) for key in found]}
    rows = [(key.alias, key.status, key.algorithm, "bound" if key.is_bound else "", key.key_id) for key in found]
    headings = ("ALIAS", "STATE", "ALGORITHM", "DEVICES", "KEY ID")
    outputs.print_answer(session, answer, lambda: outputs.print_table(session, headings, rows))
