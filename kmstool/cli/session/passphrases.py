"""How long a passphrase has to be where a new one is chosen; of an old one only whether it opens is asked."""

from __future__ import annotations

from collections.abc import Callable

import click

from kmstool.cli.options import Decorated
from kmstool.errors import InputError

SHORTEST, GOOD = 8, 12
"""Characters: fewer are refused, and up to the second number they are warned of."""


def _weak(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.obj.weak = True


def weak_option(function: Decorated) -> Decorated:
    """Add `--weak`, which lets a new passphrase be of any length."""
    return click.option(
        "--weak",
        is_flag=True,
        expose_value=False,
        callback=_weak,
        help=f"Take a new passphrase of less than {SHORTEST} characters too.",
    )(function)


def check_new(passphrase: bytes, warn: Callable[[str], None], *, weak: bool) -> None:
    """Raise `InputError` for a new passphrase that is found by trying, and warn of one that may be, unless it is to be so."""
    characters = len(passphrase.decode("utf-8", "replace"))
    if weak or characters >= GOOD:
        return
    if characters < SHORTEST:
        raise InputError(
            f"a passphrase of {characters} characters is found by trying: it needs at least {SHORTEST}",
            hint="take several words, or add --weak",
        )
    warn(f"a passphrase of {characters} characters is weak: take {GOOD} or more, such as several words")
