"""`kmstool migrate`: move ciphertexts out of the KMS of 2017."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "apply": ("kmstool.cli.commands.migrate.apply:apply", "Do what a plan says, or go on with it."),
    "plan": ("kmstool.cli.commands.migrate.plan:plan", "Look for blobs of 2017, and change nothing."),
    "rollback": ("kmstool.cli.commands.migrate.rollback:rollback", "Put the old ciphertexts back."),
    "status": ("kmstool.cli.commands.migrate.status:status", "Show how far a plan is."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def migrate() -> None:
    """Move ciphertexts out of the KMS of 2017.

    Its blobs, of secrets and of data keys, are opened there and encrypted under a key of
    today, where they stand: plan looks for them, apply moves them and can be stopped and
    started at any time, rollback undoes it. Of the old KMS nothing is ever changed.
    """
