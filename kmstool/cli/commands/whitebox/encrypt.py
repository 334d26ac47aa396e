"""`kmstool whitebox encrypt`: encrypt up to 4,096 bytes under a white-box key."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.whitebox.bundles import ciphertext_files
from kmstool.cli.commands.whitebox.keys import key_option
from kmstool.cli.commands.whitebox.plaintexts import read_plaintext
from kmstool.cli.io import outputs
from kmstool.cli.plaintexts import trim_newline_option
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class EncryptWords(outputs.Destination):
    """The options of `kmstool whitebox encrypt`."""

    key: KeyAddress
    iv: str | None
    trim_newline: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool whitebox encrypt --key app secret.txt -o sealed")
@key_option
@click.option("--iv", metavar="B64", help="IV of 16 bytes in base64; else KMS draws one.")
@trim_newline_option
@options.folder_target(
    "-o", "--out", holds=ciphertext_files, help="Write iv.base64 and ciphertext.base64 into this folder."
)
@click.option("--force", is_flag=True, help="Replace these files, all at once; a mac.base64 of them goes.")
@options.input_argument
@takes(EncryptWords)
def encrypt(session: Session, wanted: EncryptWords) -> None:
    """Encrypt up to 4,096 bytes under a white-box key.

    Reads FILE or stdin. IV and ciphertext are both needed to decrypt, so they go into a
    folder together, or are printed with --format json. By themselves they are not
    authenticated; kmstool whitebox bundle adds a MAC.
    """
    from pathlib import Path

    from kmstool.errors import UsageError
    from kmstool.whitebox import bundle
    from kmstool.workflows import bundles

    if not wanted.out and not session.settings.query and session.settings.format != "json":
        raise UsageError("where are IV and ciphertext to go?", hint="give a folder with -o DIR, or --format json")
    given_iv = None if wanted.iv is None else bundle.from_text(os.fsencode(wanted.iv), "the IV")
    plaintext = read_plaintext(session, wanted.file, wanted.trim_newline)
    client, key_id = session.white_box_key(wanted.key)
    encrypted = client.encrypt_by_white_box(key_id, plaintext, given_iv)
    if wanted.out:
        bundles.write_ciphertext(
            Path(wanted.out), encrypted.iv, encrypted.ciphertext, replace=wanted.force, changes=session.changes
        )
    else:
        outputs.print_answer(session, encrypted.answer, lambda: None)
