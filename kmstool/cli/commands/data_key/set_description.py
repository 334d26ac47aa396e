"""`kmstool data-key set-description`: replace the description of a data key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.hosted import name_argument
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(
    "set-description", cls=options.Command, example="kmstool data-key set-description user-18 'letters of user 18'"
)
@name_argument
@click.argument("text")
@pass_session
def set_description(session: Session, name: KeyAddress, text: str) -> None:
    """Replace the description of a data key."""
    client, data_key_id = session.data_key(name)
    client.update_data_key_description(data_key_id, text)
    done(session, {"DataKeyId": data_key_id, "Description": text}, f"the data key {data_key_id} has a new description")
