"""`kmstool data-key enable`: enable data keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.states import NOUN, names_argument
from kmstool.cli.key_changes import together
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example="kmstool data-key enable user-17")
@names_argument
@pass_session
def enable(session: Session, names: tuple[KeyAddress, ...]) -> None:
    """Enable data keys.

    Their keys (CMKs) must be enabled.
    """
    together(session, map(session.data_key, names), lambda client, ids: client.enable_data_keys(ids), "enabled", NOUN)
