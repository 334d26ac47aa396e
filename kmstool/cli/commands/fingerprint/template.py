"""`kmstool fingerprint template`: print a CSV list of devices, empty or of a white-box key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.params import KEY
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.calls.white_box import DeviceFingerprint


@click.command(cls=options.Command, example="kmstool fingerprint template > devices.csv")
@click.option("--key", type=KEY, metavar="KEY", help="White-box key whose devices are to be in the list.")
@pass_session
def template(session: Session, key: KeyAddress | None) -> None:
    """Print a CSV list of devices, empty or of a white-box key.

    Tencent's console and kmstool fingerprint import read it.
    """
    from kmstool.kms import fingerprints

    devices: Sequence[DeviceFingerprint] = ()
    if key is not None:
        client, key_id = session.white_box_key(key)
        devices = client.fingerprints(key_id)
    outputs.write(session, fingerprints.write_csv(devices).encode("utf-8", "backslashreplace"), None)
