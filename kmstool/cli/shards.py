"""The part of a job that a process does: `--shard`, and where Kubernetes and Slurm say which one that is."""

from __future__ import annotations

import os
import re

import click

from kmstool.cli import options
from kmstool.cli.params import Parsed
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

Shard = tuple[int, int]

_SHARD = re.compile(r"([0-9]{1,6}|auto)(?:/([0-9]{1,6}))?", re.ASCII)


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


SHARD = Parsed("shard", parse_shard)
"""`tuple[int, int]`: number and count."""


def shard_option(function: options.Decorated) -> options.Decorated:
    """Add `--shard`."""
    text = "Do the I-th of N shares; auto/N in Kubernetes and Slurm."
    return click.option("--shard", type=SHARD, metavar="I/N", help=text)(function)


def folder_shard_option(function: options.Decorated) -> options.Decorated:
    """Add `--shard` to a command for which a folder is one of several things."""
    text = "With --recursive: do the I-th of N shares of the files; auto/N in Kubernetes and Slurm."
    return click.option("--shard", type=SHARD, metavar="I/N", help=text)(function)


def take_share(session: Session, shard: Shard | None) -> None:
    """Leave the other shards their part of the quota."""
    if shard is not None:
        session.set_rate(None, 1 / shard[1])


def _number() -> int:
    if (index := os.environ.get("JOB_COMPLETION_INDEX", "")).isdecimal():
        return int(index) + 1
    if (task := os.environ.get("SLURM_ARRAY_TASK_ID", "")).isdecimal():
        least, step = _slurm("MIN", 0), max(1, _slurm("STEP", 1))
        number, rest = divmod(int(task) - least, step)
        if rest:
            raise UsageError(f"the task {task} is none of every {step} from {least}", hint="give the shard: 1/4")
        return number + 1
    raise UsageError("neither JOB_COMPLETION_INDEX nor SLURM_ARRAY_TASK_ID is set", hint="give the shard: 1/4")


def _slurm(name: str, default: int) -> int:
    text = os.environ.get(f"SLURM_ARRAY_TASK_{name}", "")
    return int(text) if text.isdecimal() else default


def _total() -> int:
    if (count := os.environ.get("SLURM_ARRAY_TASK_COUNT", "")).isdecimal():
        return int(count)
    raise UsageError("the number of shards is not known", hint="give it: auto/4")
