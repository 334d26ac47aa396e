"""`kmstool encrypt`: encrypt up to 4,096 bytes under a key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import inputs, outputs
from kmstool.cli.params import ContextWords
from kmstool.cli.plaintexts import trim_newline_option, without_newline
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class EncryptWords(ContextWords, outputs.Destination):
    """What to encrypt under which key."""

    key: KeyAddress | None
    trim_newline: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool encrypt --key demo secret.txt > secret.blob")
@options.key_option
@options.encryption_context_option
@trim_newline_option
@options.output_options
@options.input_argument
@takes(EncryptWords)
def encrypt(session: Session, wanted: EncryptWords) -> None:
    """Encrypt up to 4,096 bytes under a key.

    Reads FILE or stdin and prints the ciphertext blob, a line of text. A newline at
    the end of the input is data and is kept unless --trim-newline is given.
    """
    source = inputs.read(
        wanted.file,
        words.MAX_PLAINTEXT_BYTES,
        "the plaintext is {size} bytes; KMS encrypts at most 4,096",
        "encrypt larger data with kmstool envelope encrypt",
    )
    plaintext = without_newline(session, source, wanted.trim_newline)
    client, key_id = session.key(wanted.key)
    encrypted = client.encrypt(key_id, plaintext, wanted.encryption_context)
    blob = encrypted.ciphertext_blob.encode() + b"\n"
    outputs.write_result(session, encrypted.answer, blob, wanted, source=source, public=True)
