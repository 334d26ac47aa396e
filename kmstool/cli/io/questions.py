"""Questions to the person at the terminal, asked on stderr; whether there is such a person, the session knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from kmstool.errors import InputError
from kmstool.system import descriptors

Answer = TypeVar("Answer")


def text(question: str) -> str:
    """Ask for a line of text."""
    return _asked(lambda: str(click.prompt(question, err=True)))


def secret(question: str, *, twice: bool = False) -> str:
    """Ask for a line that is not shown, and with `twice` for the same once more."""
    return _asked(lambda: str(click.prompt(question, hide_input=True, confirmation_prompt=twice, err=True)))


def yes(question: str, *, default: bool = False) -> bool:
    """Ask for a yes or no."""
    return _asked(lambda: click.confirm(question, default=default, err=True))


def _asked(ask: Callable[[], Answer]) -> Answer:
    try:
        # The terminal is read by Python itself, which knows nothing of one that an earlier program left non-blocking.
        with descriptors.blocking(0):
            return ask()
    except UnicodeDecodeError:
        # Not chained, because the other error holds what was typed.
        raise InputError("what was typed is not UTF-8 text", hint="set the terminal to UTF-8") from None
