"""`kmstool key enable`: enable keys."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool key enable demo")
@options.keys_argument
@pass_session
def enable(session: Session, key_names: tuple[str, ...]) -> None:
    """Enable keys."""
    together(session, map(session.key, key_names), lambda client, ids: client.enable_keys(ids), "enabled")
