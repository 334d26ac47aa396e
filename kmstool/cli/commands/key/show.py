"""`kmstool key show`: show a key's details."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usage_names import usage_name
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.answers import Key
    from kmstool.workflows.connections import KeyPlace


@click.command(cls=options.Command, example="kmstool key show demo")
@options.key_argument
@pass_session
def show(session: Session, key: KeyAddress) -> None:
    """Show a key's details."""
    address = session.connections.key(key)
    metadata = address.client.describe_key(address.key_id)
    answer = {"KeyMetadata": dict(metadata.answer)}
    outputs.print_answer(
        session, answer, lambda: outputs.print_fields(_fields(metadata, _users(session, address, key.profile)))
    )


def _users(session: Session, address: KeyPlace, named: str | None) -> str:
    """Return what binds a key: no action of the API tells, and of the local KMS in process the store does."""
    profile = session.profile(named)
    if not profile.is_local or session.endpoint(profile):
        return "KMS does not tell; it refuses to disable or delete a key that a cloud product uses"
    from kmstool.server import admin

    users = admin.bindings(session.local_kms(address.region), address.region, address.key_id)
    return ", ".join(f"{product} {resource}" for product, resource in users) or "nothing"


def _fields(key: Key, users: str) -> dict[str, str]:
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
        "used by": users,
        "resource": key.resource_id or "-",
    }
