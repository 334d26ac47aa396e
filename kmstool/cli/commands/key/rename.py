"""`kmstool key rename`: give a key another alias."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool key rename demo demo-2")
@options.key_argument
@click.argument("alias")
@pass_session
def rename(session: Session, key_name: str, alias: str) -> None:
    """Give a key another alias."""
    client, key_id = session.key(key_name)
    client.update_alias(key_id, alias)
    session.note(f"the key {key_id} has the alias {alias} now")
