"""`kmstool key describe`: replace the description of a key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key describe demo 'secrets of the demo'")
@options.key_argument
@click.argument("text")
@pass_session
def describe(session: Session, key: KeyAddress, text: str) -> None:
    """Replace the description of a key."""
    client, key_id = session.key(key)
    client.update_description(key_id, text)
    session.note(f"the key {key_id} has a new description")
