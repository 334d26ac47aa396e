"""`kmstool migrate apply`: do what a plan says, or go on with it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import click

from kmstool.cli import clusters, options
from kmstool.cli.commands.rotate import words
from kmstool.cli.commands.rotate.apply import ApplyWords, run
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class MigrateWords(ApplyWords):
    """Which plan is done, at which pace, and who opens the old blobs."""

    old_profile: str | None


@click.command(cls=options.Command, example="kmstool migrate apply plan.json")
@words.pace_options
@click.option("--verify", type=words.VERIFY, default="all", show_default=True, metavar="all|sample:N|none",
              help="Which new ciphertexts are compared with the old ones, in memory, before they are written.")  # fmt: skip
@click.option("--old-profile", metavar="NAME", help="Profile that opens the old blobs. Default: the one in use.")
@clusters.dask_option
@words.plan_argument
@takes(MigrateWords)
def apply(session: Session, wanted: MigrateWords) -> None:
    """Do what a plan says, or go on with it.

    Each blob is decrypted by the old KMS and encrypted by today's; its plaintext passes
    through the memory of this machine. Each file is replaced at once, when the new content
    is in the journal beside the plan: whatever happens, the same command goes on.
    """
    from kmstool.workflows.migration import apply_migration

    run(session, wanted, partial(apply_migration, old_profile=wanted.old_profile))
