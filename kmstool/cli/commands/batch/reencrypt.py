"""`kmstool batch reencrypt`: move the blobs of JSON Lines to a key."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.batch import lines
from kmstool.cli.commands.batch.lines import BatchWords
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool batch reencrypt --to demo-2 blobs.jsonl")
@lines.moving_options
@takes(BatchWords)
def reencrypt(session: Session, wanted: BatchWords) -> None:
    """Move the blobs of JSON Lines to a key.

    Inside KMS, to --key or to the newest version of their own. A line has ciphertext, and
    optionally id, context, to_context and key; what comes out has id and ciphertext.
    """
    lines.run(session, wanted, "reencrypt")
