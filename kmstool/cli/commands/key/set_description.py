"""`kmstool key set-description`: replace the description of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command("set-description", cls=options.Command, example="kmstool key set-description demo 'secrets of the demo'")
@options.key_argument
@click.argument("text")
@pass_session
def set_description(session: Session, key: KeyAddress, text: str) -> None:
    """Replace the description of a key."""
    client, key_id = session.key(key)
    client.update_description(key_id, text)
    done(session, {"KeyId": key_id, "Description": text}, f"the key {key_id} has a new description")
