"""`kmstool batch`: many small secrets in one process."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "decrypt": ("kmstool.cli.commands.batch.decrypt:decrypt", "Decrypt the blobs of JSON Lines."),
    "encrypt": ("kmstool.cli.commands.batch.encrypt:encrypt", "Encrypt the secrets of JSON Lines."),
    "reencrypt": ("kmstool.cli.commands.batch.reencrypt:reencrypt", "Move the blobs of JSON Lines to a key."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def batch() -> None:
    """Encrypt, decrypt or move many secrets at once.

    JSON Lines come in and go out in the same order, with many calls to KMS on their way.
    A line that fails has an error in its place, and the exit code is 9 then.
    """
