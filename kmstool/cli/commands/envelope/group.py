"""`kmstool envelope`: data of any size under keys in KMS."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "decrypt": ("kmstool.cli.commands.envelope.decrypt:decrypt", "Open an envelope."),
    "encrypt": ("kmstool.cli.commands.envelope.encrypt:encrypt", "Put a file or stream into an envelope."),
    "import-legacy": (
        "kmstool.cli.commands.envelope.import_legacy:import_legacy",
        "Bring data of Tencent's old sample into an envelope.",
    ),
    "inspect": (
        "kmstool.cli.commands.envelope.inspect:inspect",
        "Show what an envelope says without opening it.",
    ),
    "rewrap": ("kmstool.cli.commands.envelope.rewrap:rewrap", "Give envelopes other recipients."),
    "verify": ("kmstool.cli.commands.envelope.verify:verify", "Check that an envelope is whole and unaltered."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def envelope() -> None:
    """Encrypt files and streams of any size.

    A data key that KMS makes encrypts the data on this machine, in pieces of 1 MiB that
    are each authenticated; KMS encrypts the data key for every recipient. One file holds
    it all.
    """
