"""`kmstool rotate apply`: do what a plan says, or go on with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import clusters, options, stops
from kmstool.cli.commands.rotate import words
from kmstool.cli.io import outputs, progress
from kmstool.cli.session.session import Session, takes
from kmstool.cli.shards import Shard
from kmstool.errors import KmsToolError

if TYPE_CHECKING:
    from kmstool.workflows.rotation.applying import Progress


@dataclass(frozen=True)
class ApplyWords:
    """Which plan is done, and at which pace."""

    plan: str
    rate: float | None
    workers: int
    shard: Shard | None
    verify: int
    dask: str | None


@click.command(cls=options.Command, example="kmstool rotate apply plan.json")
@words.pace_options
@click.option("--verify", type=words.VERIFY, default="all", show_default=True, metavar="all|sample:N|none",
              help="Which new ciphertexts are compared with the old ones, in memory, before they are written.")  # fmt: skip
@clusters.dask_option
@words.plan_argument
@takes(ApplyWords)
def apply(session: Session, wanted: ApplyWords) -> None:
    """Do what a plan says, or go on with it.

    Each file is replaced at once, when the new content is in the journal beside the plan:
    whatever happens, the same command goes on, and nothing is moved twice. A file that
    somebody changed since the plan stays as it is and is reported.
    """
    from kmstool.workflows.rotation.jobs import apply_rotation

    run(session, wanted, apply_rotation)


def run(session: Session, wanted: ApplyWords, job: Callable[..., Progress]) -> None:
    """Do a plan by the function of its job, and show how far it is."""
    from kmstool.workflows.rotation.applying import ApplyOptions
    from kmstool.workflows.shards import in_shard

    plan, path = words.read_named_plan(wanted.plan)
    share = [file for file in plan.files if in_shard(file.path, wanted.shard)]
    total = sum(len(file.items) for file in share)
    session.set_rate(wanted.rate, 1 / wanted.shard[1] if wanted.shard else 1.0)
    how = ApplyOptions(workers=wanted.workers, verify_every=wanted.verify, shard=wanted.shard)
    with (
        clusters.workers(session, wanted.dask, calls=wanted.workers) as pool,
        progress.job(session, "moving", total, noun="items") as running,
    ):

        def done(items: int) -> None:
            session.deadline.renew()
            running.advance(items)

        try:
            result = session.changes.make(
                lambda: job(session.connections, plan, path, how, executor=pool, warn=session.warn, done=done),
                f"move {total:,} items in {len(share):,} files",
            )
        except KmsToolError:
            session.warn(stops.outcome(session))
            raise
    _print(session, result, total)


def _print(session: Session, result: Progress, total: int) -> None:
    answer = {"Items": total, "Moved": result.items, "Files": result.files, "DoneBefore": result.before}

    def text() -> None:
        before = f", and {result.before:,} files were done before" if result.before else ""
        session.note(f"{result.items:,} items in {result.files:,} files were moved{before}")

    outputs.print_answer(session, answer, text)
