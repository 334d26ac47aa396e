"""`kmstool local credentials list`: list the API keys and tokens that are good now."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, tables, times
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

_COLUMNS = (Column("SECRET ID"), Column("KIND", 2), Column("EXPIRES", 1), Column("PARENT'S SECRET ID", 3))


@click.command("list", cls=options.Command, example="kmstool local credentials list")
@pass_session
def list_(session: Session) -> None:
    """List the API keys and tokens that are good now.

    With what each is, when it ends, and what it comes from: it ends with that.
    """
    from kmstool.server import admin

    live = admin.list_credentials(session.local_kms())
    answer = {
        "Credentials": [
            {"SecretId": item.secret_id, "Kind": item.kind, "Expires": item.expires_unix, "Parent": item.parent}
            for item in live
        ]
    }
    rows = [(item.secret_id, item.kind, times.format_time(item.expires_unix), item.parent or "-") for item in live]
    counted = tables.Counted("credential", make="kmstool local credentials create")
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, counted))
