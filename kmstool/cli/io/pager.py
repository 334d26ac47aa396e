"""Long texts on a terminal through the user's pager, as git does it: `PAGER`, else `less`."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Sequence

from kmstool.cli.console import Console

_USUAL = {"LESS": "FRX", "LV": "-c"}
"""What git tells pagers that were told nothing: end after one screen, show colours, leave the screen as it is."""


def show(console: Console, lines: Sequence[str]) -> None:
    """Print lines on the terminal, through a pager where they are more than the screen has."""
    text = "".join(f"{line}\n" for line in lines)
    # The line of the prompt comes too.
    fits = len(lines) < shutil.get_terminal_size().lines
    command = [] if fits or console.settings.no_pager else _command()
    if not command or not _paged(command, text):
        print(text, end="")


def _command() -> list[str]:
    """Return the pager's command line, empty where there is none or none is wanted."""
    import shlex

    try:
        command = shlex.split(os.environ.get("PAGER", "less"))
    except ValueError:
        return []
    if not command or command == ["cat"] or os.environ.get("TERM") == "dumb" or not shutil.which(command[0]):
        return []
    return command


def _paged(command: Sequence[str], text: str) -> bool:
    """Run the pager; tell whether that was possible. Ctrl-C is its own while it runs."""
    import signal
    import subprocess

    sys.stdout.flush()
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env={**_USUAL, **os.environ})  # noqa: S603 - PAGER, by words and without a shell
    except OSError:
        return False
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        # Who has seen enough leaves before the end.
        with contextlib.suppress(BrokenPipeError):
            pager.communicate(text.encode(sys.stdout.encoding, "backslashreplace"))
        pager.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return True
