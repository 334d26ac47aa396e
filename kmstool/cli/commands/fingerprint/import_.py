"""`kmstool fingerprint import`: bind a white-box key to the devices of a CSV list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.fingerprint.devices import make_change
from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress

MAX_LIST_BYTES = 2**20


@click.command("import", cls=options.Command, example="kmstool fingerprint import app devices.csv --yes")
@options.key_argument
@click.option("--replace", is_flag=True, help="Unbind the devices that are not in the list.")
@click.argument("file", metavar="FILE")
@pass_session
def import_(session: Session, key: KeyAddress, replace: bool, file: str) -> None:
    """Bind a white-box key to the devices of a CSV list.

    FILE has the form of Tencent's console; kmstool fingerprint template prints one.
    """
    from kmstool.kms import fingerprints
    from kmstool.workflows import devices

    source = inputs.read(file, MAX_LIST_BYTES, "a list of {size} bytes has more than 200 devices", "")
    new = fingerprints.read_csv(source.data)
    plan = devices.replace_all if replace else devices.bind
    make_change(session, plan(session.connections.white_box_key(key), new))
