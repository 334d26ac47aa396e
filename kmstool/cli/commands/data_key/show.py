"""`kmstool data-key show`: show a data key's details."""

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
    """Show a data key's details."""
    client, data_key_id = session.data_key(name)
    data_key = client.describe_data_key(data_key_id)
    outputs.print_answer(
        session, {"DataKeyMetadata": dict(data_key.answer)}, lambda: outputs.print_fields(_fields(data_key))
    )


def _fields(data_key: HostedDataKey) -> dict[str, str]:
    return {
        "name": data_key.name,
        "data key id": data_key.data_key_id,
        "state": data_key.state,
        "bytes": str(data_key.byte_count),
        "key": f"{data_key.key_alias or '-'} ({data_key.key_id})",
        "description": data_key.description or "-",
        "created": times.format_time(data_key.created_unix),
        "origin": data_key.origin or "-",
        "deletion": times.format_time(data_key.deletion_unix),
    }
