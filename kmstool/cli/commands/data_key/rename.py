"""`kmstool data-key rename`: give a data key another name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.hosted import name_argument
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool data-key rename user-17 user-18")
@name_argument
@click.argument("new_name")
@pass_session
def rename(session: Session, name: KeyAddress, new_name: str) -> None:
    """Give a data key another name."""
    client, data_key_id = session.data_key(name)
    client.update_data_key_name(data_key_id, new_name)
    done(
        session,
        {"DataKeyId": data_key_id, "DataKeyName": new_name},
        f"the data key {data_key_id} has the name {new_name} now",
    )
