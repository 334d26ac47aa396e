"""A progress bar on stderr: only on a terminal, only after half a second, with rate and time left."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from kmstool.cli.console import Console

_WAIT_SECONDS = 0.5


@contextmanager
def bar(console: Console, title: str, total: int | None, *, of_bytes: bool = True) -> Iterator[Callable[[int], None]]:
    """Give a function to call with each number of bytes, or else of items, done; `total` is None if it is not known."""
    if console.settings.quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    shown = _Bar(title, total, of_bytes=of_bytes, no_color=console.settings.no_color)
    try:
        yield shown.advance
    finally:
        shown.close()


class _Bar:
    def __init__(self, title: str, total: int | None, *, of_bytes: bool, no_color: bool) -> None:
        self._of_bytes = of_bytes
        self._title, self._total, self._no_color = title, total, no_color
        self._begun, self._done = time.monotonic(), 0
        self._progress: Any = None
        self._task: Any = None

    def advance(self, count: int) -> None:
        self._done += count
        if self._progress is not None:
            self._progress.update(self._task, completed=self._done)
        elif time.monotonic() - self._begun > _WAIT_SECONDS:
            self._start()

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            *(
                (DownloadColumn(binary_units=True), TransferSpeedColumn())
                if self._of_bytes
                else (MofNCompleteColumn(),)
            ),
            TimeRemainingColumn(),
            console=Console(stderr=True, no_color=self._no_color or None),
            transient=True,
        )
        self._task = self._progress.add_task(self._title, total=self._total, completed=self._done)
        self._progress.start()
