"""`kmstool fingerprint list`: list the devices that a white-box key is bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.keys import key_option
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command("list", cls=options.Command, example="kmstool fingerprint list --key app")
@key_option
@pass_session
def list_(session: Session, key: KeyAddress) -> None:
    """List the devices that a white-box key is bound to."""
    client, key_id = session.white_box_key(key)
    found = client.fingerprints(key_id)
    answer = {"DeviceFingerprints": [{"Identity": item.identity, "Description": item.description} for item in found]}
    rows = [(item.identity, item.description) for item in found]
    outputs.print_answer(session, answer, lambda: outputs.print_table(session, ("FINGERPRINT", "DESCRIPTION"), rows))
