"""`kmstool fingerprint`: show this device's fingerprint, and bind keys to devices."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "bind": ("kmstool.cli.commands.fingerprint.bind:bind", "Bind a white-box key to more devices."),
    "import": (
        "kmstool.cli.commands.fingerprint.import_:import_",
        "Bind a white-box key to the devices of a CSV list.",
    ),
    "list": ("kmstool.cli.commands.fingerprint.list:list_", "List the devices that a white-box key is bound to."),
    "show": ("kmstool.cli.commands.fingerprint.show:show", "Print the fingerprint of this device."),
    "template": (
        "kmstool.cli.commands.fingerprint.template:template",
        "Print a CSV list of devices, empty or of a white-box key.",
    ),
    "unbind": ("kmstool.cli.commands.fingerprint.unbind:unbind", "Unbind devices from a white-box key."),
}


@click.group(cls=LazyGroup, table=COMMANDS, invoke_without_command=True)
@click.pass_context
def fingerprint(ctx: click.Context) -> None:
    """Show this device's fingerprint, and bind keys to devices.

    Without a command it prints the fingerprint of this device. KMS seals the key file
    of a white-box key for the devices that are bound when it is downloaded.
    """
    if ctx.invoked_subcommand is None:
        from kmstool.cli.commands.fingerprint.show import show

        ctx.invoke(show)
