"""`kmstool local faults clear`: remove all rules."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local faults clear")
@pass_session
def clear(session: Session) -> None:
    """Remove all rules."""
    from kmstool.server import admin

    admin.clear_faults(session.local_kms())
    session.note("there are no fault rules")
