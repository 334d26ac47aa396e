"""Whom a run waits for while it tries again: one line that is rewritten on a terminal, elsewhere a line for each failure."""

from __future__ import annotations

import contextlib
import sys
from threading import Lock
from typing import TYPE_CHECKING

from kmstool.cli.messages import printable, say

if TYPE_CHECKING:
    from kmstool.kms.transport.retry import Again

_BEGIN = "cannot reach "
_NOTICED = 0.1
_ERASE = "\r\x1b[K"


class Waiting:
    """The line of a run, which its threads share; it `rewrites` the line where stderr is a terminal."""

    def __init__(self, *, rewrites: bool) -> None:
        self._rewrites = rewrites
        self._lock = Lock()
        self._said = ""

    def tell(self, again: Again | None) -> None:
        """Say what failed and when it is tried again; None is the end of that."""
        with self._lock:
            # A progress bar has the last line for itself, and shows what is said above it.
            rewrites = self._rewrites and not hasattr(sys.stderr, "rich_proxied_file")
            if again is None:
                if rewrites and self._said:
                    _show(_ERASE)
                    self._said = ""
                return
            line = line_of(again)
            if rewrites:
                import shutil

                columns = shutil.get_terminal_size().columns
                _show(_ERASE + f"kmstool: {printable(line)}"[: columns - 1])
            elif again.failure.message != self._said:
                say(line)
            self._said = again.failure.message


def line_of(again: Again) -> str:
    """Return the line for a pause."""
    failure = again.failure
    told = failure.message.removeprefix(_BEGIN)
    if failure.kms_code:
        told = f"KMS: {told} [{failure.kms_code}]"
    seconds = again.seconds
    when = f"{seconds:.0f} s" if seconds >= 1 else f"{seconds:.1f} s" if seconds >= _NOTICED else "at once"
    return f"{told}; trying again ({again.number} of {again.of}), {when}"


def _show(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
