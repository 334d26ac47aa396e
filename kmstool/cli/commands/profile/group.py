"""`kmstool profile`: choose which KMS, region, key and credentials to use."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "list": ("kmstool.cli.commands.profile.list:list_", "List the profiles."),
    "remove": (
        "kmstool.cli.commands.profile.remove:remove",
        "Remove a profile and the credential that is kept for it.",
    ),
    "set": ("kmstool.cli.commands.profile.set:set_", "Make or change a profile."),
    "show": ("kmstool.cli.commands.profile.show:show", "Show a profile, else the one in use."),
    "use": ("kmstool.cli.commands.profile.use:use", "Use this profile from now on."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def profile() -> None:
    """Choose which KMS, region, key and credentials to use."""
