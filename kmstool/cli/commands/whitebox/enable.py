"""`kmstool whitebox enable`: enable white-box keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool whitebox enable app")
@options.keys_argument
@pass_session
def enable(session: Session, keys: tuple[KeyAddress, ...]) -> None:
    """Enable white-box keys."""
    together(
        session, map(session.white_box_key, keys), lambda client, ids: client.enable_white_box_keys(ids), "enabled"
    )
