"""`kmstool fingerprint unbind`: unbind devices from a white-box key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.fingerprint.devices import identities_argument, make_change
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(cls=options.Command, example='kmstool fingerprint unbind app "$(kmstool fingerprint)" --yes')
@options.key_argument
@identities_argument
@pass_session
def unbind(session: Session, key: KeyAddress, identities: tuple[str, ...]) -> None:
    """Unbind devices from a white-box key.

    The others stay bound. What was downloaded for a device goes on opening there.
    """
    from kmstool.workflows import devices

    make_change(session, devices.unbind(session.connections.white_box_key(key), identities))
