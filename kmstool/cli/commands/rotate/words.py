"""What the commands on plans take: the share of a process, how much is verified, and how fast."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.params import Parsed
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.workflows.rotation.plan import Plan

Shard = tuple[int, int]

_SHARD = re.compile(r"([0-9]{1,6}|auto)(?:/([0-9]{1,6}))?", re.ASCII)
_SAMPLE = re.compile(r"sample:([1-9][0-9]{0,8})", re.ASCII)
_INDEX = (("JOB_COMPLETION_INDEX", 0), ("SLURM_ARRAY_TASK_ID", None))


def parse_shard(word: str) -> Shard:
    """Read `i/N` with i from 1 to N, or `auto/N` or `auto`, which take i (and N) from Kubernetes' or Slurm's variables."""
    parts = _SHARD.fullmatch(word)
    if not parts or (parts[1] != "auto" and not parts[2]):
        raise UsageError(f"{word!r} is no shard", hint="for example 1/4, or auto/4 in a job of Kubernetes or Slurm")
    total = int(parts[2]) if parts[2] else _total()
    number = _number() if parts[1] == "auto" else int(parts[1])
    if not 1 <= number <= total:
        raise UsageError(f"{number} is no shard of {total}", hint="the first one is 1")
    return number, total


def _number() -> int:
    environ = os.environ
    if (index := environ.get("JOB_COMPLETION_INDEX", "")).isdecimal():
        return int(index) + 1
    if (task := environ.get("SLURM_ARRAY_TASK_ID", "")).isdecimal():
        return int(task) - int(environ.get("SLURM_ARRAY_TASK_MIN", "0") or 0) + 1
    raise UsageError("neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set", hint="give the shard: 1/4")


def _total() -> int:
    if (count := os.environ.get("SLURM_ARRAY_TASK_COUNT", "")).isdecimal():
        return int(count)
    raise UsageError("the number of shards is not known", hint="give it: auto/4")


def parse_verify(word: str) -> int:
    """Read `all`, `sample:N` or `none`, as every how many items is compared."""
    if word in ("all", "none"):
        return int(word == "all")
    sample = _SAMPLE.fullmatch(word)
    if not sample:
        raise UsageError(f"{word!r} says not what is verified", hint="all, none, or sample:10 for one of ten")
    return int(sample[1])


SHARD = Parsed("shard", parse_shard)
"""`tuple[int, int]`: number and count."""
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
    shard = click.option(
        "--shard", type=SHARD, metavar="I/N", help="Do the I-th of N shares; auto/N in Kubernetes and Slurm."
    )
    return rate(workers(shard(function)))


def read_named_plan(name: str) -> tuple[Plan, Path]:
    """Read the plan in a file; raise `InputError` for what is none."""
    from kmstool.workflows.rotation.plan_files import read_plan

    path = Path(name).absolute()
    return read_plan(path), path
