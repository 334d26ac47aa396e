"""Questions to the person at the terminal, whatever stdin is; whether there is such a person, the session knows."""

from __future__ import annotations

import sys
from contextlib import suppress

from kmstool.cli.messages import printable
from kmstool.errors import InputError, UsageError
from kmstool.system import terminal


def text(question: str) -> str:
    """Ask for a line of text, until there is one."""
    return _answer(f"{question}: ")


def line(question: str) -> str:
    """Ask for a line of text, which may be empty."""
    return _asked(f"{question}: ")


def secret(question: str, *, twice: bool = False) -> str:
    """Ask for a line that is not shown, and with `twice` for the same once more."""
    while True:
        answer = _answer(f"{question}: ", hidden=True)
        if not twice or _asked("Repeat it: ", hidden=True) == answer:
            return answer
        terminal.tell("That was not the same. Once more:")


def yes(question: str, *, default: bool = False) -> bool:
    """Ask for a yes or no; an empty line is the default."""
    answers = {"y": True, "yes": True, "n": False, "no": False, "": default}
    while True:
        answer = _asked(f"{question} [{'Y/n' if default else 'y/N'}]: ").strip().lower()
        if answer in answers:
            return answers[answer]
        terminal.tell("Answer y or n.")


def _answer(question: str, *, hidden: bool = False) -> str:
    answer = ""
    while not answer:
        answer = _asked(question, hidden=hidden)
    return answer


def _asked(question: str, *, hidden: bool = False) -> str:
    with suppress(OSError):
        # What was said before comes first.
        sys.stderr.flush()
    try:
        return terminal.ask(printable(question), hidden=hidden).decode()
    except EOFError as error:
        raise UsageError("no answer was given", hint="nothing was done") from error
    except UnicodeDecodeError:
        # Not chained, because the other error holds what was typed.
        raise InputError("what was typed is not UTF-8 text", hint="set the terminal to UTF-8") from None
