"""`kmstool key enable`: enable keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool key enable demo")
@options.keys_argument
@pass_session
def enable(session: Session, keys: tuple[KeyAddress, ...]) -> None:
    """Enable keys."""
    together(session, map(session.key, keys), lambda client, ids: client.enable_keys(ids), "enabled")
