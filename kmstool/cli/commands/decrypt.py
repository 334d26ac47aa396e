"""`kmstool decrypt`: decrypt a ciphertext blob."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kmstool.cli import blobs, options
from kmstool.cli.io import outputs
from kmstool.cli.params import ContextWords
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class DecryptWords(ContextWords, outputs.Destination):
    """Which blob to decrypt."""

    file: str | None


@click.command(cls=options.Command, example="kmstool decrypt secret.blob")
@options.encryption_context_option
@options.shield_option
@options.output_options
@options.input_argument
@takes(DecryptWords)
def decrypt(session: Session, wanted: DecryptWords) -> None:
    """Decrypt a ciphertext blob.

    Reads the blob from FILE or stdin and writes the plaintext and nothing else. The
    key is named in the blob; the context must be the one of the encryption.
    """
    source, blob = blobs.read(wanted.file)
    decrypted = session.client().decrypt(blob, wanted.encryption_context)
    outputs.write_result(session, decrypted.answer, decrypted.plaintext, wanted, source=source)
