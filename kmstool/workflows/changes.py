"""What a job changes on disk goes through one object, which makes the change or, in a dry run, only says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

from kmstool.system import atomic

Result = TypeVar("Result")


class Changes:
    """Makes every change. One that only reports them is `DryRun`."""

    def created(
        self, path: Path, *, replace: bool = False, durable: bool = True, mode: int = 0o600, within: int | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """Give a file that has its name after the block; see `atomic.create`."""
        return atomic.create(path, replace=replace, durable=durable, mode=mode, within=within)

    def removed(self, path: Path) -> None:
        """Take a file away, on disk too when this returns."""
        atomic.remove(path)

    def run(self, change: Callable[[], Result], would: str) -> Result | None:
        """Make a change and return what comes of it; a dry run reports what `would` happen and returns None."""
        del would
        return change()


class DryRun(Changes):
    """Makes no change: files are checked and written without a name, and `report` is told what would have happened."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report

    @contextmanager
    def created(
        self, path: Path, *, replace: bool = False, durable: bool = True, mode: int = 0o600, within: int | None = None
    ) -> Iterator[BinaryIO]:
        """Give a file that is thrown away after the block; raise what `atomic.create` raises all the same."""
        with atomic.create(path, replace=replace, durable=durable, mode=mode, within=within, publish=False) as file:
            yield file
        self._report(f"{path} would be written")

    def removed(self, path: Path) -> None:
        """Report it."""
        self._report(f"{path} would be removed")

    def run(self, change: Callable[[], Result], would: str) -> Result | None:
        """Report what would happen."""
        del change
        self._report(would)
        return None
