"""`kmstool batch decrypt`: decrypt the blobs of JSON Lines."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.batch import lines
from kmstool.cli.commands.batch.lines import BatchWords
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool batch decrypt blobs.jsonl")
@lines.batch_options
@takes(BatchWords)
def decrypt(session: Session, wanted: BatchWords) -> None:
    """Decrypt the blobs of JSON Lines.

    A line has ciphertext, and optionally id and context; what comes out has id and
    plaintext, or plaintext_base64 where that is no text. Plaintexts go to stdout.
    """
    lines.run(session, wanted, "decrypt")
