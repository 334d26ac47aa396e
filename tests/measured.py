"""What forks of the tests' process measure of coverage, added to what that has measured itself.

A file of coverage for each fork would take five times as long as the fork with its command.
"""

import marshal
import mmap
import os
import posix
from contextlib import suppress
from typing import Any

import coverage

_MOST_BYTES = 2**24
_LENGTH_BYTES = 4


class Measured:
    """Memory that a fork has with the process that made it; without coverage it does nothing."""

    def __init__(self) -> None:
        self._lines = _lines()
        self._memory = None if self._lines is None else mmap.mmap(-1, _MOST_BYTES)

    def begin(self) -> None:
        """Measure in a fork, whose end writes here what it ran."""
        if self._lines is not None:
            self._lines.clear()
            os._exit = self._exit  # type: ignore[assignment]

    def add(self) -> None:
        """Add what a fork has measured, after its end, to what this process has."""
        if self._memory is None:
            return
        # A fork that was killed, or became another program, has written nothing here.
        if length := int.from_bytes(self._memory[:_LENGTH_BYTES], "big"):
            for file, lines in marshal.loads(self._memory[_LENGTH_BYTES : _LENGTH_BYTES + length]).items():
                self._lines.setdefault(file, set()).update(lines)
        self._memory.close()

    def _exit(self, code: int) -> None:
        with suppress(Exception):
            text = marshal.dumps(self._lines)
            self._memory[_LENGTH_BYTES : _LENGTH_BYTES + len(text)] = text
            self._memory[:_LENGTH_BYTES] = len(text).to_bytes(_LENGTH_BYTES, "big")
        posix._exit(code)


def _lines() -> dict[str, set[Any]] | None:
    """Return where coverage puts what runs in this process; no call of its own tells."""
    measuring = coverage.Coverage.current()
    return getattr(getattr(measuring, "_collector", None), "data", None)
