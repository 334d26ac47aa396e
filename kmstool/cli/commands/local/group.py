"""`kmstool local`: manage the local KMS."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "assume": ("kmstool.cli.commands.local.assume:assume", "Choose what to assume where the cloud does not tell."),
    "backup": ("kmstool.cli.commands.local.backup:backup", "Write a copy of the store, also while it is in use."),
    "clock": ("kmstool.cli.commands.local.clock:clock", "Move the local KMS's clock."),
    "credentials": (
        "kmstool.cli.commands.local.credentials.group:credentials",
        "Make, list and delete the API keys of the served KMS.",
    ),
    "env": ("kmstool.cli.commands.local.env:env", "Print shell exports for tccli and the SDKs."),
    "export": ("kmstool.cli.commands.local.export:export", "Write all keys as a seed file."),
    "faults": (
        "kmstool.cli.commands.local.faults.group:faults",
        "Make the served KMS fail on purpose, to test its clients.",
    ),
    "protect": ("kmstool.cli.commands.local.protect:protect", "Choose where the root key of the store is kept."),
    "reset": ("kmstool.cli.commands.local.reset:reset", "Destroy the store and every key in it."),
    "restore": ("kmstool.cli.commands.local.restore:restore", "Replace the store with a backup."),
    "seed": ("kmstool.cli.commands.local.seed:seed", "Add keys with fixed ids and states from a TOML file."),
    "serve": ("kmstool.cli.commands.local.serve:serve", "Serve the local KMS over HTTP on this machine."),
    "status": ("kmstool.cli.commands.local.status:status", "Show the store, its protection, clock and regions."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def local() -> None:
    """Manage the local KMS."""
