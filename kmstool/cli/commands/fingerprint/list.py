"""`kmstool fingerprint list`: list the devices that a white-box key is bound to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


_COLUMNS = (Column("FINGERPRINT"), tables.name("DESCRIPTION", 1))


@click.command("list", cls=options.Command, example="kmstool fingerprint list app")
@options.key_argument
@pass_session
def list_(session: Session, key: KeyAddress) -> None:
    """List the devices that a white-box key is bound to."""
    client, key_id = session.white_box_key(key)
    devices = client.fingerprints(key_id)
    answer = {"DeviceFingerprints": [{"Identity": item.identity, "Description": item.description} for item in devices]}
    rows = [(item.identity, item.description) for item in devices]
    counted = tables.Counted("device", make=f"kmstool fingerprint bind --key {key} FINGERPRINT")
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, counted))
