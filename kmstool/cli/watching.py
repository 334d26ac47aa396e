"""A list that is shown again whenever it changes: redrawn in place on a terminal, the new lines alone in a pipe."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from kmstool.cli.io import tables
from kmstool.cli.io.columns import Column
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

_SECONDS = 2
_HOME, _END_OF_LINE, _END_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


def watch(
    session: Session, headings: Sequence[Column], rows: Callable[[], tables.Rows], counted: tables.Counted
) -> NoReturn:
    """Show rows again and again, until a signal ends it; raise `UsageError` where no list is printed."""
    if session.settings.format == "json" or session.settings.query:
        raise UsageError("--watch is for text", hint="leave out --watch, or --format json and --query")
    shown: set[str] = set()
    while True:
        listed = rows()
        if sys.stdout.isatty():
            lines, _ = tables.drawn(session, headings, listed, counted)
            print(redrawn(lines, shutil.get_terminal_size().lines), end="", flush=True)
        else:
            lines = tables.plain(headings, listed)
            for line in lines:
                if line not in shown:
                    print(line, flush=True)
            shown = set(lines)
        # Each look has the whole time that a command may wait.
        session.deadline.renew()
        time.sleep(_SECONDS)


def redrawn(lines: Sequence[str], height: int) -> str:
    """Return what draws lines over the whole screen, of which the last one stays free for the cursor."""
    room = height - 1
    if len(lines) > room:
        # The count at the end is worth more than one row.
        lines = [*lines[: room - 2], f"… {len(lines) - room + 1:,} more lines", lines[-1]]
    return _HOME + "".join(f"{line}{_END_OF_LINE}\n" for line in lines) + _END_OF_SCREEN
