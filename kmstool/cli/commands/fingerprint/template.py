"""`kmstool fingerprint template`: print a CSV list of devices, empty or of a white-box key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from kmstool.cli import key_words, options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.calls.white_box import DeviceFingerprint


@click.command(cls=options.Command, example="kmstool fingerprint template > devices.csv")
@key_words.means("key", "White-box key whose devices are to be in the list.")
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
    answer = {"DeviceFingerprints": [{"Identity": item.identity, "Description": item.description} for item in devices]}
    csv = fingerprints.write_csv(devices).encode("utf-8", "backslashreplace")
    outputs.print_answer(session, answer, lambda: outputs.write(session, csv, None))
