"""`kmstool whitebox enable`: enable white-box keys."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool whitebox enable app")
@options.keys_argument
@pass_session
def enable(session: Session, key_names: tuple[str, ...]) -> None:
    """Enable white-box keys."""
    keys = map(session.white_box_key, key_names)
    together(session, keys, lambda client, ids: client.enable_white_box_keys(ids), "enabled")
