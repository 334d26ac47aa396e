"""What an interactive session starts as processes: lines for the user's own shell, and kmstool itself."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from types import FrameType
from typing import TYPE_CHECKING

from kmstool.cli.console import Settings
from kmstool.system import memory

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session

_CANNOT_RUN, _NOT_FOUND = 126, 127
_BY_VARIABLE = {"profile": "KMSTOOL_PROFILE", "region": "KMSTOOL_REGION", "endpoint": "KMSTOOL_ENDPOINT"}
"""The choices of a session that every kmstool of a line for a shell shares, wherever in the line it stands."""


def program() -> list[str]:
    """Return the command that starts this program again."""
    name = sys.argv[0]
    if os.path.isabs(name) and os.access(name, os.X_OK):
        return [name]
    # -P: a file of the working folder must not be taken for a module.
    return [sys.executable, "-P", "-m", "kmstool"]


def run_shell(session: Session, text: str) -> int:
    """Let the user's shell run a line, with the session's choices in its environment, and return its exit code."""
    return _run([os.environ.get("SHELL") or "/bin/sh", "-c", text], _environment(session))


def run_again(session: Session, words: Sequence[str]) -> int:
    """Run a command of kmstool in a process of its own, and return its exit code."""
    return _run([*program(), *_options(session.settings), *words], _environment(session))


def as_command(session: Session, text: str) -> str:
    """Return the text of a command of kmstool, without the program's name, as one for a shell."""
    return f"{shlex.join([*program(), *_options(session.settings)])} {text}"


def _run(command: list[str], environ: Mapping[str, str]) -> int:
    def heard(number: int, frame: FrameType | None) -> None:
        """Leave Ctrl-C to the process in the foreground; an ignored one it would ignore too."""

    former = signal.signal(signal.SIGINT, heard)
    try:
        memory.reopen_for_child()
        with subprocess.Popen(command, env=environ) as process:  # noqa: S603 - the line is the user's own
            memory.close()
            code = process.wait()
    except OSError as error:
        print(f"kmstool: error: cannot run {command[0]}: {(error.strerror or '').lower()}", file=sys.stderr)
        return _NOT_FOUND if isinstance(error, FileNotFoundError) else _CANNOT_RUN
    finally:
        signal.signal(signal.SIGINT, former)
    return code if code >= 0 else 128 - code


def _environment(session: Session) -> dict[str, str]:
    environ = dict(session.environ)
    for name, variable in _BY_VARIABLE.items():
        if value := getattr(session.settings, name):
            environ[variable] = value
    if shutil.which("kmstool") is None:
        environ["PATH"] = os.pathsep.join(filter(None, (environ.get("PATH"), os.path.dirname(program()[0]))))
    return environ


def _options(settings: Settings) -> list[str]:
    """Return the global options that the session was started with, but for those that go by variables."""
    words = []
    for field in fields(Settings):
        value = getattr(settings, field.name)
        if field.name not in _BY_VARIABLE and value != field.default:
            words += [f"--{field.name.replace('_', '-')}", *([] if value is True else [str(value)])]
    return words
