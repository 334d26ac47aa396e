"""`kmstool key show`: show all that KMS says of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usages import usage_name
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.answers import Key


@click.command(cls=options.Command, example="kmstool key show demo")
@options.key_argument
@pass_session
def show(session: Session, key: KeyAddress) -> None:
    """Show all that KMS says of a key."""
    client, key_id = session.key(key)
    found = client.describe_key(key_id)
    outputs.print_answer(session, {"KeyMetadata": dict(found.answer)}, lambda: outputs.print_fields(_fields(found)))


def _fields(key: Key) -> dict[str, str]:
    rotation = f"every {key.rotate_days} days, next {times.format_time(key.next_rotation_unix)}"
    return {
        "alias": key.alias,
        "key id": key.key_id,
        "state": key.state,
        "usage": f"{usage_name(key.usage)} ({key.usage})",
        "description": key.description or "-",
        "created": times.format_time(key.created_unix),
        "origin": key.origin or "-",
        "owner": key.owner or "-",
        "rotation": rotation if key.rotation_enabled else "off",
        "last rotated": times.format_time(key.last_rotation_unix),
        "deletion": times.format_time(key.deletion_unix),
        "valid to": times.format_time(key.valid_to_unix),
        "resource": key.resource_id or "-",
    }
