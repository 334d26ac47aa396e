"""`kmstool data-key show`: show all that KMS says of a data key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.hosted import name_argument
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.calls.data_keys import HostedDataKey


@click.command(cls=options.Command, example="kmstool data-key show user-17")
@name_argument
@pass_session
def show(session: Session, name: KeyAddress) -> None:
    """Show all that KMS says of a data key."""
    client, data_key_id = session.data_key(name)
    found = client.describe_data_key(data_key_id)
    outputs.print_answer(session, {"DataKeyMetadata": dict(found.answer)}, lambda: outputs.print_fields(_fields(found)))


def _fields(found: HostedDataKey) -> dict[str, str]:
    return {
        "name": found.name,
        "data key id": found.data_key_id,
        "state": found.state,
        "bytes": str(found.byte_count),
        "key": f"{found.key_alias or '-'} ({found.key_id})",
        "description": found.description or "-",
        "created": times.format_time(found.created_unix),
        "origin": found.origin or "-",
        "deletion": times.format_time(found.deletion_unix),
    }
