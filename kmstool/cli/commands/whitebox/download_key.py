"""`kmstool whitebox download-key`: fetch the key file that decrypts, for bound devices."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.decrypt_keys import fetch
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(
    "download-key", cls=options.Command, example="kmstool whitebox download-key app -o decrypt_key_aes256.bin"
)
@click.argument("key_name", metavar="KEY")
@click.option("-o", "--out", required=True, metavar="FILE", help="File to write, for its owner only.")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@pass_session
def download_key(session: Session, key_name: str, out: str, force: bool) -> None:
    """Fetch the key file that decrypts, for bound devices.

    It opens on the devices that are bound now. What is bound or unbound later changes
    nothing about a file that exists.
    """
    client, key_id = session.white_box_key(key_name)
    outputs.write(session, fetch(session, client, key_id), out, force=force)
