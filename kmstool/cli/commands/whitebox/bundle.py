"""`kmstool whitebox bundle`: encrypt for a service: key file, IV and ciphertext."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.bundles import ciphertext_files
from kmstool.cli.commands.whitebox.decrypt_keys import tell_devices
from kmstool.cli.commands.whitebox.keys import key_option
from kmstool.cli.commands.whitebox.plaintexts import read_plaintext
from kmstool.cli.plaintexts import trim_newline_option
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class BundleWords:
    """The options of `kmstool whitebox bundle`."""

    key: KeyAddress
    trim_newline: bool
    out: str
    force: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool whitebox bundle --key app secret.txt -o app-secret")
@key_option
@trim_newline_option
@options.folder_target("-o", "--out", holds=ciphertext_files, required=True, help="Folder for the files.")
@click.option("--force", is_flag=True, help="Replace these files, all at once.")
@options.input_argument
@takes(BundleWords)
def bundle(session: Session, wanted: BundleWords) -> None:
    """Encrypt for a service: key file, IV and ciphertext.

    Reads FILE or stdin and writes into DIR all that a bound device needs to decrypt it:
    iv.base64, ciphertext.base64, decrypt_key_aes256.bin or decrypt_key_sm4.bin, and
    mac.base64, by which it is told if one of them is altered. They change as one, and
    other files in DIR are kept.
    """
    from kmstool.workflows import bundles

    plaintext = read_plaintext(session, wanted.file, wanted.trim_newline)
    white_box_key = session.connections.white_box_key(wanted.key)
    key = bundles.create(white_box_key, plaintext, Path(wanted.out), replace=wanted.force, changes=session.changes)
    tell_devices(session, key)
