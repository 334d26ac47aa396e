"""`kmstool batch encrypt`: encrypt the secrets of JSON Lines."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.batch import lines
from kmstool.cli.commands.batch.lines import BatchWords
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool batch encrypt --key demo secrets.jsonl")
@lines.batch_options
@takes(BatchWords)
def encrypt(session: Session, wanted: BatchWords) -> None:
    """Encrypt the secrets of JSON Lines.

    A line has plaintext or plaintext_base64, and optionally id, context and key; what comes
    out has id and ciphertext. An input without an end is possible.
    """
    lines.run(session, wanted, "encrypt")
