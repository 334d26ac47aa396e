"""`kmstool key rotate`: give a key new material now; older blobs stay readable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import done
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key rotate demo")
@options.key_argument
@pass_session
def rotate(session: Session, key: KeyAddress) -> None:
    """Give a key new material now; older blobs stay readable.

    Rotation of the key must be on, and it can be asked for once in 24 hours.
    """
    client, key_id = session.key(key)
    answer = client.rotate_key(key_id)
    done(session, answer, f"the rotation of {key_id} has begun; kmstool reencrypt moves older blobs to the new version")
