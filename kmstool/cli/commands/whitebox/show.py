"""`kmstool whitebox show`: show a white-box key's details."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.keys import without_keys
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.calls.white_box import WhiteBoxKey


@click.command(cls=options.Command, example="kmstool whitebox show app")
@options.key_argument
@pass_session
def show(session: Session, key: KeyAddress) -> None:
    """Show a white-box key's details."""
    client, key_id = session.white_box_key(key)
    metadata = client.describe_white_box_key(key_id)
    outputs.print_answer(
        session, {"KeyInfo": without_keys(metadata.answer)}, lambda: outputs.print_fields(_fields(metadata))
    )


def _fields(key: WhiteBoxKey) -> dict[str, str]:
    return {
        "alias": key.alias,
        "key id": key.key_id,
        "state": key.status,
        "algorithm": key.algorithm,
        "description": key.description or "-",
        "created": times.format_time(key.created_unix),
        "devices": "bound; see kmstool fingerprint list"
        if key.is_bound
        else "bound to none: its key file opens anywhere",
        "resource": key.resource_id or "-",
    }
