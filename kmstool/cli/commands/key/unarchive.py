"""`kmstool key unarchive`: restore an archived key to normal use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key unarchive demo")
@options.key_argument
@pass_session
def unarchive(session: Session, key: KeyAddress) -> None:
    """Restore an archived key to normal use."""
    client, key_id = session.key(key)
    done(session, client.cancel_archive(key_id), f"the key {key_id} is enabled")
