"""`kmstool key unarchive`: put an archived key to full use again."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool key unarchive demo")
@options.key_argument
@pass_session
def unarchive(session: Session, key_name: str) -> None:
    """Put an archived key to full use again."""
    client, key_id = session.key(key_name)
    done(session, client.cancel_archive(key_id), f"the key {key_id} is enabled")
