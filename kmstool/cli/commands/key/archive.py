"""`kmstool key archive`: make a key decrypt-only."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key archive demo")
@options.key_argument
@pass_session
def archive(session: Session, key: KeyAddress) -> None:
    """Make a key decrypt-only."""
    client, key_id = session.key(key)
    answer = client.archive_key(key_id)
    done(session, answer, f"the key {key_id} only decrypts now; kmstool key unarchive takes that back")
