"""`kmstool asymmetric`: encrypt under public keys, and decrypt in KMS."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "decrypt": ("kmstool.cli.commands.asymmetric.decrypt:decrypt", "Decrypt with a private key in KMS."),
    "encrypt": ("kmstool.cli.commands.asymmetric.encrypt:encrypt", "Encrypt under a public key, on this machine."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def asymmetric() -> None:
    """Encrypt under public keys, and decrypt in KMS."""
