"""A progress bar on stderr: only on a terminal, only after half a second, with rate and time left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kmstool.cli.console import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from kmstool.cli.console import Console
    from kmstool.cli.io.inputs import Stream

_WAIT_SECONDS = 0.5


@contextmanager
def bar(console: Console, title: str, total: int | None, *, of_bytes: bool = True) -> Iterator[Callable[[int], None]]:
    """Give a function to call with each number of bytes, or else of items, done; `total` is None if it is not known."""
    if not console.animated:
        yield lambda _: None
        return
    shown = _Bar(title, total, of_bytes=of_bytes, no_color=console.settings.no_color)
    try:
        yield shown.advance
    finally:
        shown.close()


def chunks(console: Console, title: str, stream: Stream) -> Iterator[bytes]:
    """Yield what is left of a stream, and show how much of it has been read."""
    with bar(console, title, stream.size) as advance:
        for chunk in stream.chunks():
            yield chunk
            advance(len(chunk))


@contextmanager
def job(
    console: Console, title: str | None, total: int | None = None, *, noun: str = "files", goes_on: bool = True
) -> Iterator[Job]:
    """Give the count of a job of many things, shown by a bar that has a title, and told of where a signal ends the job."""
    running = console.job = Job(noun, total, goes_on)
    shown = None
    if title is not None and console.animated:
        shown = _Bar(title, total, of_bytes=False, no_color=console.settings.no_color)
    running.show = shown.set if shown else None
    try:
        yield running
    finally:
        if shown:
            shown.close()
    # One that ends by an error is still to be told of.
    console.job = None


class _Bar:
    def __init__(self, title: str, total: int | None, *, of_bytes: bool, no_color: bool) -> None:
        self._of_bytes = of_bytes
        self._title, self._total, self._no_color = title, total, no_color
        self._begun, self._done = time.monotonic(), 0
        self._progress: Any = None
        self._task: Any = None

    def advance(self, count: int) -> None:
        self.set(self._done + count, self._total)

    def set(self, done: int, total: int | None) -> None:
        self._done, self._total = done, total
        if self._progress is not None:
            self._progress.update(self._task, completed=done, total=total)
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
            # It would send to stderr what a pipe is to get.
            redirect_stdout=False,
        )
        self._task = self._progress.add_task(self._title, total=self._total, completed=self._done)
        self._progress.start()
