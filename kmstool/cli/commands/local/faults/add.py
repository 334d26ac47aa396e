"""`kmstool local faults add`: add a rule; it holds from the next request on."""

from __future__ import annotations

from typing import Any

import click

from kmstool.cli import options
from kmstool.cli.io import times
from kmstool.cli.options import NumberRange
from kmstool.cli.session.session import Session, pass_session


@click.command(
    cls=options.Command,
    example="kmstool local faults add --action Encrypt --probability 0.5 --code RequestLimitExceeded",
)
@click.option("--action", default="*", show_default=True, metavar="ACTION", help="Action that it applies to.")
@click.option("--nth", type=click.IntRange(1), metavar="N", help="Apply to the nth request only.")
@click.option(
    "--probability", type=NumberRange(0, 1), default=1.0, show_default=True, metavar="P", help="Apply by chance."
)
@click.option("--after", is_flag=True, help="Perform the action first; only the answer suffers.")
@click.option("--code", default="", metavar="CODE", help="Answer with this error code.")
@click.option("--delay", default="", metavar="DURATION", help="Answer late: 2s.")
@click.option("--drop", is_flag=True, help="Close the connection without an answer.")
@click.option("--truncate", is_flag=True, help="Send half of the answer.")
@click.option("--content-type", default="", metavar="TYPE", help="Label the answer with this type.")
@click.option("--http-status", type=click.IntRange(100, 599), metavar="STATUS", help="Answer with this HTTP status.")
@pass_session
def add(session: Session, nth: int | None, delay: str, http_status: int | None, **fields: Any) -> None:
    """Add a rule; it holds from the next request on."""
    from kmstool.server import admin
    from kmstool.server.tables.faults import FaultRule

    seconds = times.duration(delay) if delay else 0
    rule = FaultRule(nth=nth or 0, delay_seconds=seconds, http_status=http_status or 0, **fields)
    number = admin.add_fault(session.local_kms(), rule)
    session.note(f"added fault rule {number}")
