"""FILE of a command: what is named, else what is piped in, else what the person at the terminal is asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import click

from kmstool.cli.params import Choice

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def input_argument(function: Decorated, *, unless: str = "") -> Decorated:
    """Add FILE: None for stdin, unless that is a terminal and somebody can be asked.

    Where the option `unless` is given the command reads no file.
    """
    asked = partial(_asked_file, unless=unless)
    return click.argument("file", required=False, metavar="[FILE]", callback=asked)(function)


def input_encoding_option(forms: Sequence[str], default: str) -> Callable[[Decorated], Decorated]:
    """Add `--input-encoding`, how the bytes in FILE are written."""
    text = "How the bytes in FILE are written."
    return click.option("--input-encoding", type=Choice(list(forms)), default=default, show_default=True, help=text)


def _asked_file(ctx: click.Context, param: click.Parameter, value: str | None, *, unless: str) -> str | None:
    if value is not None or ctx.resilient_parsing or ctx.obj is None or not sys.stdin.isatty():
        return value
    if ctx.params.get(unless) or not ctx.obj.supplies(ctx, param):
        return None
    return str(ctx.lookup_default(str(param.name)))
