"""What the commands on plans take: the share of a process, how much is verified, and how fast."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options, shards
from kmstool.cli.params import Parsed
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.workflows.rotation.plan import Plan

_SAMPLE = re.compile(r"sample:([1-9][0-9]{0,8})", re.ASCII)


def parse_verify(word: str) -> int:
    """Read `all`, `sample:N` or `none`, as every how many items is compared."""
    if word in ("all", "none"):
        return int(word == "all")
    sample = _SAMPLE.fullmatch(word)
    if not sample:
        raise UsageError(f"{word!r} says not what is verified", hint="all, none, or sample:10 for one of ten")
    return int(sample[1])


VERIFY = Parsed("verify", parse_verify)
"""`int`: every how many items."""

plan_argument = click.argument("plan", metavar="PLAN")


def pace_options(function: options.Decorated) -> options.Decorated:
    """Add `--rate`, `--workers` and `--shard`."""
    rate = click.option(
        "--rate",
        type=options.NumberRange(0.1, 100000),
        metavar="N",
        help="Calls a second of each action. Default: 80 % of its quota.",
    )
    workers = click.option(
        "--workers",
        type=click.IntRange(1, 256),
        default=16,
        show_default=True,
        metavar="N",
        help="Calls that are on their way at once.",
    )
    return rate(workers(shards.shard_option(function)))


def read_named_plan(name: str) -> tuple[Plan, Path]:
    """Read the plan in a file; raise `InputError` for what is none."""
    from kmstool.workflows.rotation.plan_files import read_plan

    path = Path(name).absolute()
    return read_plan(path), path
