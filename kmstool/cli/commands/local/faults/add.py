"""`kmstool local faults add`: add a fault rule; takes effect with the next request."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.options import NumberRange
from kmstool.cli.params import DELAY
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class AddWords:
    """The options of `kmstool local faults add`."""

    action: str
    nth: int | None
    probability: float
    after: bool
    code: str
    delay: float | None
    drop: bool
    truncate: bool
    content_type: str
    http_status: int | None


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
@click.option("--delay", type=DELAY, metavar="DURATION", help="Answer late: 2s, 40ms.")
@click.option("--drop", is_flag=True, help="Close the connection without an answer.")
@click.option("--truncate", is_flag=True, help="Send half of the answer.")
@click.option("--content-type", default="", metavar="TYPE", help="Label the answer with this type.")
@click.option("--http-status", type=click.IntRange(100, 599), metavar="STATUS", help="Answer with this HTTP status.")
@takes(AddWords)
def add(session: Session, wanted: AddWords) -> None:
    """Add a fault rule; takes effect with the next request."""
    from kmstool.server import admin
    from kmstool.server.tables.faults import FaultRule

    rule = FaultRule(
        action=wanted.action,
        nth=wanted.nth or 0,
        probability=wanted.probability,
        after=wanted.after,
        code=wanted.code,
        delay_seconds=wanted.delay or 0,
        drop=wanted.drop,
        truncate=wanted.truncate,
        content_type=wanted.content_type,
        http_status=wanted.http_status or 0,
    )
    number = admin.add_fault(session.local_kms(), rule)
    done(session, {"Number": number}, f"added fault rule {number}")
