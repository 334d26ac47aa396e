"""`kmstool data-key`: keep data keys in KMS, by name."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "blob": ("kmstool.cli.commands.data_key.blob:blob", "Print a data key as a ciphertext blob."),
    "cancel-deletion": (
        "kmstool.cli.commands.data_key.cancel_deletion:cancel_deletion",
        "Cancel the scheduled deletion of data keys.",
    ),
    "disable": (
        "kmstool.cli.commands.data_key.disable:disable",
        "Disable data keys; KMS stops releasing them.",
    ),
    "enable": ("kmstool.cli.commands.data_key.enable:enable", "Enable data keys."),
    "generate": ("kmstool.cli.commands.data_key.generate:generate", "Generate a data key and store it in KMS."),
    "import": ("kmstool.cli.commands.data_key.import_:import_", "Let KMS keep a data key that you have."),
    "list": ("kmstool.cli.commands.data_key.list:list_", "List the data keys of the region."),
    "plaintext": ("kmstool.cli.commands.data_key.plaintext:plaintext", "Write the bytes of a data key."),
    "rename": ("kmstool.cli.commands.data_key.rename:rename", "Give a data key another name."),
    "schedule-deletion": (
        "kmstool.cli.commands.data_key.schedule_deletion:schedule_deletion",
        "Let KMS destroy disabled data keys after some days.",
    ),
    "set-description": (
        "kmstool.cli.commands.data_key.set_description:set_description",
        "Replace the description of a data key.",
    ),
    "show": ("kmstool.cli.commands.data_key.show:show", "Show a data key's details."),
}


@click.group("data-key", cls=LazyGroup, table=COMMANDS)
def data_key() -> None:
    """Keep data keys in KMS, by name.

    A data key encrypts data outside of KMS; KMS keeps it encrypted under a key (CMK),
    and hands it out while both can be used. NAME is the name or id of a data key, the
    first 8 or more characters of the id, or one of these behind a region or a profile:
    REGION:NAME, profile/PROFILE/NAME.
    """
