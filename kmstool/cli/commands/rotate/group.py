"""`kmstool rotate`: move ciphertexts in files to another key, or to the newest version of theirs."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "apply": ("kmstool.cli.commands.rotate.apply:apply", "Do what a plan says, or go on with it."),
    "finish": ("kmstool.cli.commands.rotate.finish:finish", "Forget how to roll back, when all has moved."),
    "plan": ("kmstool.cli.commands.rotate.plan:plan", "Look for what is under a key, and change nothing."),
    "rollback": ("kmstool.cli.commands.rotate.rollback:rollback", "Put the old ciphertexts back."),
    "status": ("kmstool.cli.commands.rotate.status:status", "Show how far a plan is."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def rotate() -> None:
    """Move ciphertexts in files to another key.

    Blobs that are files, blobs inside of text files, envelopes and manifests: plan looks
    for them, apply moves them inside KMS and can be stopped and started at any time,
    rollback undoes it, finish ends it.
    """
