"""`kmstool migrate rollback`: put the old ciphertexts back."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.rotate import words
from kmstool.cli.commands.rotate.rollback import PlanName, put_back
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool migrate rollback plan.json")
@words.plan_argument
@takes(PlanName)
def rollback(session: Session, wanted: PlanName) -> None:
    """Put the old ciphertexts back.

    Where the new ones still stand, byte for byte, and without any call to KMS. Files that
    somebody changed since stay as they are and are reported.
    """
    put_back(session, wanted.plan)
