"""`kmstool local clock`: move the local KMS's clock."""

from __future__ import annotations

import time

import click

from kmstool.cli import options
from kmstool.cli.commands.local.offsets import clock_text
from kmstool.cli.io import outputs, times
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local clock advance 8d")
@click.argument("operation", type=Choice(["show", "advance", "set", "reset"]), metavar="show|advance|set|reset")
@click.argument("value", required=False)
@pass_session
def clock(session: Session, operation: str, value: str | None) -> None:
    """Move the local KMS's clock.

    With "advance 8d" (s, m, h, d, w), "set 2027-01-31T08:00:00Z" or "reset". Deletion
    windows, rotation and expiry follow this clock. Anything that becomes due happens
    immediately, such as the destruction of keys; moving the clock back does not undo it.
    """
    from kmstool.errors import UsageError
    from kmstool.server import admin

    if (value is None) != (operation in ("show", "reset")):
        raise UsageError(f"clock {operation} takes {'one value' if value is None else 'no value'}")
    kms = session.local_kms()
    offset = int(admin.describe(kms)["ClockOffset"])
    if operation == "advance":
        offset += times.parse_duration(str(value))
    elif operation != "show":
        offset = times.parse_time(str(value)) - int(time.time()) if operation == "set" else 0
    now = int(time.time()) + offset
    if operation != "show":
        params = {"Now": now, "ClockOffset": offset}
        now = session.changes.make(lambda: admin.move_clock(kms, offset), "move the clock of the local KMS", params)
    outputs.print_answer(session, {"Now": now, "ClockOffset": offset}, lambda: print(clock_text(now, offset)))
