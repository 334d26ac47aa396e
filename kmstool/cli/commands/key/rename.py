"""`kmstool key rename`: give a key another alias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key rename demo demo-2")
@options.key_argument
@click.argument("alias")
@pass_session
def rename(session: Session, key: KeyAddress, alias: str) -> None:
    """Give a key another alias."""
    client, key_id = session.key(key)
    client.update_alias(key_id, alias)
    done(session, {"KeyId": key_id, "Alias": alias}, f"the key {key_id} has the alias {alias} now")
