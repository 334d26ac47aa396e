"""`kmstool local faults`: make the served KMS fail on purpose, to test its clients."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "add": ("kmstool.cli.commands.local.faults.add:add", "Add a fault rule; takes effect with the next request."),
    "clear": ("kmstool.cli.commands.local.faults.clear:clear", "Remove all rules."),
    "list": ("kmstool.cli.commands.local.faults.list:list_", "List the rules."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def faults() -> None:
    """Make the served KMS fail on purpose, to test its clients."""
