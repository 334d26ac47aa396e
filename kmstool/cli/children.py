"""Programs that take kmstool's place with secrets in their environment, which is the only place they get them in."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Mapping

from kmstool.cli.session import Session
from kmstool.errors import InputError, UsageError


def check_variable(name: str) -> None:
    """Raise `UsageError` for what shells cannot have as the name of a variable."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise UsageError(f"{name!r} cannot name a variable", hint="letters, digits and _, the first no digit")


def become(session: Session, command: tuple[str, ...], secrets: Mapping[str, bytes], other_way: str) -> None:
    """Replace this process by a command with `secrets` in its environment, by their variables' names.

    Raises `InputError` for a secret with a byte 0, which no variable can hold (`other_way`
    is the hint then), and `UsageError` for a program that cannot be run.
    """
    for name, secret in secrets.items():
        if b"\0" in secret:
            raise InputError(f"the secret for {name} holds a byte 0, which no variable can", hint=other_way)
    # Looked up here: the new environment may have a secret for its PATH.
    program = shutil.which(command[0])
    if program is None:
        raise UsageError(f"cannot run {command[0]}: no such program", hint="is it in PATH, and may it be run?")
    if session.settings.dry_run:
        session.note(f"dry run: {program} would be run with {', '.join(secrets)} in its environment")
        return
    # Python ignores these two, and a program that is started would go on ignoring them.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    environ = {**session.environ, **{name: os.fsdecode(secret) for name, secret in secrets.items()}}
    try:
        os.execve(program, command, environ)  # noqa: S606 - without a shell, and what the user asked for
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise UsageError(f"cannot run {command[0]}: {(reason or 'no such name').lower()}") from error
