"""`kmstool whitebox download-key`: fetch the key file that decrypts, for bound devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.decrypt_keys import tell_devices
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command(
    "download-key", cls=options.Command, example="kmstool whitebox download-key app -o decrypt_key_aes256.bin"
)
@options.key_argument
@options.file_target("-o", "--out", required=True, help="File to write, for its owner only.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@pass_session
def download_key(session: Session, key: KeyAddress, out: str, force: bool) -> None:
    """Fetch the key file that decrypts, for bound devices.

    It opens on the devices that are bound now. What is bound or unbound later changes
    nothing about a file that exists.
    """
    from kmstool.workflows import bundles

    client, key_id = session.white_box_key(key)
    decrypt_key = bundles.download_key(client, key_id)
    tell_devices(session, decrypt_key)
    outputs.write(session, decrypt_key.data, out, force=force)
