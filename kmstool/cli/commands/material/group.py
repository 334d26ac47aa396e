"""`kmstool material`: bring your own key step by step."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "delete": ("kmstool.cli.commands.material.delete:delete", "Let KMS destroy the imported material of a key."),
    "params": ("kmstool.cli.commands.material.params:params", "Get a wrapping key and a token for an import."),
    "upload": ("kmstool.cli.commands.material.upload:upload", "Give wrapped material to KMS."),
    "wrap": ("kmstool.cli.commands.material.wrap:wrap", "Wrap key material, on a machine without a network."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def material() -> None:
    """Bring your own key step by step.

    For material that must not be on a machine with a network: params fetches a wrapping
    key, wrap encrypts the material offline, upload brings it to KMS.
    """
