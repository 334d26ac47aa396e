"""`kmstool local`: look after the embedded KMS."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "assume": ("kmstool.cli.commands.local.assume:assume", "Choose what to assume where the cloud does not tell."),
    "backup": ("kmstool.cli.commands.local.backup:backup", "Write a copy of the store, also while it is in use."),
    "clock": ("kmstool.cli.commands.local.clock:clock", "Move the embedded KMS's clock."),
    "credentials": (
        "kmstool.cli.commands.local.credentials.group:credentials",
        "Make, list and delete the API keys of the served KMS.",
    ),
    "env": ("kmstool.cli.commands.local.env:env", "Print lines that point tccli and the SDKs at it."),
    "export": ("kmstool.cli.commands.local.export:export", "Write all keys as a seed file."),
    "faults": (
        "kmstool.cli.commands.local.faults.group:faults",
        "Make the served KMS fail on purpose, to test its clients.",
    ),
    "protect": ("kmstool.cli.commands.local.protect:protect", "Choose where the root key of the store is kept."),
    "reset": ("kmstool.cli.commands.local.reset:reset", "Destroy the store and every key in it."),
    "restore": ("kmstool.cli.commands.local.restore:restore", "Put a copy in place of the store's whole content."),
    "seed": ("kmstool.cli.commands.local.seed:seed", "Add keys with fixed ids and states from a TOML file."),
    "serve": ("kmstool.cli.commands.local.serve:serve", "Serve the embedded KMS over HTTP on this machine."),
    "status": ("kmstool.cli.commands.local.status:status", "Show the store, its protection, clock and regions."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def local() -> None:
    """Look after the embedded KMS."""
