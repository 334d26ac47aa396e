"""`kmstool local credentials`: make, list and delete the API keys of the served KMS."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "create": ("kmstool.cli.commands.local.credentials.create:create", "Make an API key and print it."),
    "delete": (
        "kmstool.cli.commands.local.credentials.delete:delete",
        "Delete an API key or token with all that comes from it.",
    ),
    "list": ("kmstool.cli.commands.local.credentials.list:list_", "List the API keys and tokens that are good now."),
    "token": ("kmstool.cli.commands.local.credentials.token:token", "Print a web identity token."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def credentials() -> None:
    """Make, list and delete the API keys of the served KMS."""
