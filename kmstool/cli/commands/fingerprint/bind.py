"""`kmstool fingerprint bind`: bind a white-box key to more devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.fingerprint.devices import identities_argument, make_change
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(
    cls=options.Command, example='kmstool fingerprint bind app "$(kmstool fingerprint)" --description web-1 --yes'
)
@options.key_argument
@click.option("--description", default="", metavar="TEXT", help="What these devices are, at most 1,024 bytes.")
@identities_argument
@pass_session
def bind(session: Session, key: KeyAddress, description: str, identities: tuple[str, ...]) -> None:
    """Bind a white-box key to more devices.

    Those that are bound stay bound. At most 200 devices; the change is shown first.
    """
    from kmstool.kms.calls.white_box import DeviceFingerprint
    from kmstool.workflows import devices

    new = [DeviceFingerprint(identity, description) for identity in identities]
    make_change(session, devices.bind(session.connections.white_box_key(key), new))
