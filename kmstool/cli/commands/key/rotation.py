"""`kmstool key rotation`: enable, disable or show automatic rotation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import outputs, times
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key rotation on demo --days 90")
@click.argument("mode", type=Choice(["on", "off", "status"]), metavar="on|off|status")
@options.key_argument
@click.option(
    "--days",
    type=click.IntRange(words.ROTATION_DAYS[0], words.ROTATION_DAYS[-1]),
    help="With on: the cycle in days; else 365.",
)
@pass_session
def rotation(session: Session, mode: str, key: KeyAddress, days: int | None) -> None:
    """Enable, disable or show automatic rotation."""
    if days is not None and mode != "on":
        raise UsageError(f"--days goes with on, not with {mode}")
    client, key_id = session.key(key)
    if mode == "on":
        client.enable_rotation(key_id, days or words.DEFAULT_ROTATION_DAYS)
    elif mode == "off":
        client.disable_rotation(key_id)
    metadata = client.describe_key(key_id)
    status = f"on, every {metadata.rotate_days} days, next {times.format_time(metadata.next_rotation_unix)}"
    rows = {
        "rotation": status if metadata.rotation_enabled else "off",
        "last": times.format_time(metadata.last_rotation_unix),
    }
    answer = {
        "KeyRotationEnabled": metadata.rotation_enabled,
        "RotateDays": metadata.rotate_days,
        "NextRotateTime": metadata.next_rotation_unix,
        "LastRotateTime": metadata.last_rotation_unix,
    }
    outputs.print_answer(session, answer, lambda: outputs.print_fields(rows))
