"""`kmstool whitebox`: encrypt in KMS for programs that decrypt without it."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "bundle": ("kmstool.cli.commands.whitebox.bundle:bundle", "Encrypt for a service: key file, IV and ciphertext."),
    "create": ("kmstool.cli.commands.whitebox.create:create", "Create a white-box key and print its id."),
    "decrypt": ("kmstool.cli.commands.whitebox.decrypt:decrypt", "Decrypt on this machine, without KMS."),
    "delete": ("kmstool.cli.commands.whitebox.delete:delete", "Destroy a disabled white-box key at once."),
    "disable": (
        "kmstool.cli.commands.whitebox.disable:disable",
        "Disable white-box keys, so that they encrypt no longer.",
    ),
    "download-key": (
        "kmstool.cli.commands.whitebox.download_key:download_key",
        "Fetch the key file that decrypts, for bound devices.",
    ),
    "enable": ("kmstool.cli.commands.whitebox.enable:enable", "Enable white-box keys."),
    "encrypt": ("kmstool.cli.commands.whitebox.encrypt:encrypt", "Encrypt up to 4,096 bytes under a white-box key."),
    "exec": ("kmstool.cli.commands.whitebox.exec:exec_", "Run a command with a decrypted secret in its environment."),
    "list": ("kmstool.cli.commands.whitebox.list:list_", "List all white-box keys of the region."),
    "renew": ("kmstool.cli.commands.whitebox.renew:renew", "Move a bundle to another white-box key, in its place."),
    "show": ("kmstool.cli.commands.whitebox.show:show", "Show a white-box key's details."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def whitebox() -> None:
    """Encrypt in KMS for programs that decrypt without it.

    A white-box key is used from a file of tables, in which the key itself never
    appears. What that protects, and what not, is told in docs/whitebox.md: bind the
    file to devices (kmstool fingerprint). KEY is the id or the alias of a white-box
    key; their aliases are apart from those of other keys.
    """
