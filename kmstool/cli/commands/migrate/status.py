"""`kmstool migrate status`: show how far a plan is."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.rotate import words
from kmstool.cli.commands.rotate.status import StatusWords, show
from kmstool.cli.session.session import Session, takes


@click.command(cls=options.Command, example="kmstool migrate status plan.json")
@options.file_target("--html", callback=options.not_empty_file, replaced=True, help="Write a page for a browser here.")
@click.option("--watch", is_flag=True, help="Show it again until all is done.")
@click.option("--merge", multiple=True, metavar="FILE", help="Count this journal of another machine too; repeatable.")
@words.plan_argument
@takes(StatusWords)
def status(session: Session, wanted: StatusWords) -> None:
    """Show how far a plan is.

    What is done, left and failed, with reasons, and the rate of the last minute. The
    journals of shards beside the plan are counted together.
    """
    show(session, wanted)
