"""`kmstool key`: create, list, name, disable and rotate keys."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "archive": ("kmstool.cli.commands.key.archive:archive", "Make a key decrypt-only."),
    "bind": ("kmstool.cli.commands.key.bind:bind", "Record that a cloud resource uses a key."),
    "cancel-deletion": (
        "kmstool.cli.commands.key.cancel_deletion:cancel_deletion",
        "Cancel scheduled deletion; keys stay disabled.",
    ),
    "create": ("kmstool.cli.commands.key.create:create", "Create a key and print its id."),
    "disable": ("kmstool.cli.commands.key.disable:disable", "Disable keys; they can no longer be used."),
    "enable": ("kmstool.cli.commands.key.enable:enable", "Enable keys."),
    "list": ("kmstool.cli.commands.key.list:list_", "List all keys of the region."),
    "rename": ("kmstool.cli.commands.key.rename:rename", "Give a key another alias."),
    "replace": (
        "kmstool.cli.commands.key.replace:replace",
        "Give the alias of an asymmetric key to a new key.",
    ),
    "rotate": ("kmstool.cli.commands.key.rotate:rotate", "Give a key new material now; older blobs stay readable."),
    "rotation": (
        "kmstool.cli.commands.key.rotation:rotation",
        "Enable, disable or show automatic rotation.",
    ),
    "schedule-deletion": (
        "kmstool.cli.commands.key.schedule_deletion:schedule_deletion",
        "Let KMS destroy disabled keys after some days.",
    ),
    "set-description": (
        "kmstool.cli.commands.key.set_description:set_description",
        "Replace the description of a key.",
    ),
    "show": ("kmstool.cli.commands.key.show:show", "Show a key's details."),
    "tag": ("kmstool.cli.commands.key.tag:tag", "List, set and remove the tags of a key."),
    "unarchive": ("kmstool.cli.commands.key.unarchive:unarchive", "Restore an archived key to normal use."),
    "unbind": ("kmstool.cli.commands.key.unbind:unbind", "Record that a cloud resource no longer uses a key."),
    "usages": ("kmstool.cli.commands.key.usages:usages", "List the key usages that the region offers."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def key() -> None:
    """Create, list, name, disable and rotate keys.

    KEY is a key id, its first 8 or more characters, an alias, alias/NAME, or one
    of these behind a region or a profile: REGION:NAME, profile/PROFILE/NAME.
    """
