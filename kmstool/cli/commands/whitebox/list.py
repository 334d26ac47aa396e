"""`kmstool whitebox list`: list all white-box keys of the region."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.keys import without_keys
from kmstool.cli.io import outputs, tables, times
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

_COLUMNS = (
    tables.name("ALIAS"),
    tables.STATE,
    Column("ALGORITHM", 3),
    Column("DEVICES", 2),
    Column("KEY ID"),
    tables.name("DESCRIPTION", 4, extra=True),
    tables.wide("CREATED", 5),
)


@click.command("list", cls=options.Command, example="kmstool whitebox list")
@pass_session
def list_(session: Session) -> None:
    """List all white-box keys of the region."""
    keys = list(session.client().list_white_box_keys())
    answer = {"TotalCount": len(keys), "KeyInfos": [without_keys(key.answer) for key in keys]}
    rows = [
        (
            key.alias,
            key.status,
            key.algorithm,
            "bound" if key.is_bound else "",
            key.key_id,
            key.description or "-",
            times.format_day(key.created_unix),
        )
        for key in keys
    ]
    region = session.region(session.profile())
    counted = tables.Counted("white-box key", region, make="kmstool whitebox create --alias NAME")
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, counted))
