"""A required value that is missing, asked for at the terminal by the kind of thing that it is."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli.io import pickers, questions
from kmstool.cli.messages import printable
from kmstool.cli.parameter_kinds import Kind, kind_of
from kmstool.cli.session import choices
from kmstool.errors import ArgumentError, UsageError
from kmstool.system import terminal

if TYPE_CHECKING:
    from kmstool.cli.session.choices import Kms

_FILES = (Kind.FILE, Kind.FOLDER)


def ask(kms: Kms, ctx: click.Context, param: click.Parameter) -> Any:
    """Ask for the value of a parameter until it can be one; return it as click takes it from a command line.

    Raises `UsageError` where there is nothing to choose from, and as KMS does for what it lists.
    """
    path = _below_root(ctx.command_path)
    several = param.multiple or param.nargs == -1
    while True:
        answer = _answer(kms, path, param)
        words = _split(answer) if several and kind_of(path, param) is Kind.OTHER else [answer]
        try:
            param.type_cast_value(ctx, words if several else answer)
        except (UsageError, ArgumentError, click.UsageError) as error:
            message = error.format_message() if isinstance(error, click.UsageError) else error.message
            terminal.tell(printable(message))
        else:
            return words if several else answer


def pick_key(kms: Kms, path: str) -> str:
    """Let a key be picked for the command at `path`, which names none."""
    return _picked(kms, _below_root(path), Kind.CMK, "KEY", None)


def _below_root(path: str) -> str:
    return path.partition(" ")[2]


def _answer(kms: Kms, path: str, param: click.Parameter) -> str:
    kind, label = kind_of(path, param), _label(param)
    if kind in _FILES and "@" not in (param.metavar or ""):
        return pickers.file(label, questions.text, only_folders=kind is Kind.FOLDER)
    if kind in _FILES or kind is Kind.OTHER or path == "profile set":
        return questions.text(label)
    return _picked(kms, path, kind, label, param)


def _picked(kms: Kms, path: str, kind: Kind, label: str, param: click.Parameter | None) -> str:
    offers = choices.choices(kms, path, kind, param)
    if not offers:
        raise UsageError(f"{label} is missing, and there is nothing that fits it")
    return pickers.pick(label, offers, questions.text)


def _label(param: click.Parameter) -> str:
    """Return what a parameter is called in help, with what it says there."""
    if isinstance(param, click.Option):
        text = (param.help or "").rstrip(".")
        return f"{param.opts[-1]} ({text})" if text else param.opts[-1]
    return (param.metavar or str(param.name).upper()).strip("[].")


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
