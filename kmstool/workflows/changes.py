"""What a job changes goes through one object, which makes the change or, in a dry run, only records it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeVar

from kmstool.api import protocol
from kmstool.errors import DryRunDone
from kmstool.kms.port import Transport
from kmstool.storage import objects
from kmstool.storage.places import ObjectUrl, Place
from kmstool.system import atomic, ownership

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Change:
    """A change that was not made: what would be done, such as `write FILE`, and by what values."""

    text: str
    params: Mapping[str, Any] = field(default_factory=dict)


class Changes:
    """Makes every change. One that only records them is `DryRun`."""

    refuse: Callable[[str], NoReturn] | None = None
    """What a store that must not change calls with what would be done; None where it may."""

    def __init__(self) -> None:
        self.made: list[str] = []
        """What was done until now."""
        self.begun: list[str] = []
        """What is being done; after a signal it is not known whether it was."""

    @contextmanager
    def noted(self, text: str) -> Iterator[None]:
        """Keep in mind what the block does, for the case that it is stopped."""
        self.begun.append(text)
        try:
            yield
        except Exception:
            self.begun.remove(text)
            raise
        self.begun.remove(text)
        self.made.append(text)

    def transport(self, inner: Transport) -> Transport:
        """Return a transport that makes the changes which are asked of it."""
        return _NotingTransport(inner, self)

    @contextmanager
    def created(
        self, path: Place, *, replace: bool = False, durable: bool = True, mode: int = 0o600, within: int | None = None
    ) -> Iterator[BinaryIO]:
        """Give a file that has its name after the block; see `atomic.create`, and `objects.created` for an object."""
        if isinstance(path, ObjectUrl):
            creation = objects.created(path, replace=replace)
        else:
            creation = atomic.create(path, replace=replace, durable=durable, mode=mode, within=within)
        with ExitStack() as published, creation as file:
            yield file
            published.enter_context(self.noted(f"write {path}"))

    def removed(self, path: Place) -> None:
        """Remove a file durably. or an object."""
        with self.noted(f"remove {path}"):
            if isinstance(path, ObjectUrl):
                objects.remove(path)
                return
            atomic.remove(path)

    @contextmanager
    def folder(
        self, folder: Path, names: Collection[str], *, replace: bool = False, room: int = 0, parents: bool = False
    ) -> Iterator[dict[str, bytes]]:
        """Give a dictionary for the contents of files that a folder has after the block; see `folders.changed`.

        With `parents` the folders above it are made where they are missing.
        """
        if parents:
            try:
                ownership.make_folder(folder.parent)
            except OSError as error:
                raise atomic.fault(folder, error) from error
        from kmstool.system import folders  # noqa: PLC0415 - most runs change no folder

        with ExitStack() as published, folders.changed(folder, names, replace=replace, room=room) as contents:
            yield contents
            published.enter_context(self.noted(f"write {folder}"))

    def run(self, change: Callable[[], Result], text: str, params: Mapping[str, Any] | None = None) -> Result | None:
        """Make a change and return what comes of it; a dry run records it, goes on and returns None."""
        del params
        with self.noted(text):
            return change()

    def make(self, change: Callable[[], Result], text: str, params: Mapping[str, Any] | None = None) -> Result:
        """Make a change whose result is needed; a dry run records it and ends with `DryRunDone`."""
        del params
        with self.noted(text):
            return change()

    def trial(self, change: Callable[[], Result]) -> Result | None:
        """Make a change that is taken back at once, to see whether it can be; a dry run leaves it out."""
        return change()


class DryRun(Changes):
    """Makes no change: files are checked and written without a name, and `record` is told of each change."""

    def __init__(self, record: Callable[[Change], None]) -> None:
        super().__init__()
        self._record = record
        self.refuse = self._refuse

    def transport(self, inner: Transport) -> Transport:
        """Return a transport that lets through what only reads; the first change is recorded, and ends the run."""
        return _ReadingTransport(inner, self)

    @contextmanager
    def created(
        self, path: Place, *, replace: bool = False, durable: bool = True, mode: int = 0o600, within: int | None = None
    ) -> Iterator[BinaryIO]:
        """Give a file that is thrown away after the block; raise what `Changes.created` raises all the same."""
        if isinstance(path, ObjectUrl):
            created = objects.created(path, replace=replace, publish=False)
        else:
            created = atomic.create(path, replace=replace, durable=durable, mode=mode, within=within, publish=False)
        with created as file:
            yield file
        self._record(Change(f"write {path}"))

    def removed(self, path: Place) -> None:
        """Record it."""
        self._record(Change(f"remove {path}"))

    @contextmanager
    def folder(
        self, folder: Path, names: Collection[str], *, replace: bool = False, room: int = 0, parents: bool = False
    ) -> Iterator[dict[str, bytes]]:
        """Give a dictionary, and record what files there would be; raise for one that is there and must not go."""
        del room, parents
        if not replace and (taken := sorted(name for name in names if os.path.lexists(folder / name))):
            raise atomic.fault(folder / taken[0], FileExistsError(errno.EEXIST, "exists"))
        contents: dict[str, bytes] = {}
        yield contents
        self._record(Change(f"write {', '.join(sorted(contents))} in {folder}"))

    def run(self, change: Callable[[], Result], text: str, params: Mapping[str, Any] | None = None) -> Result | None:
        """Record it."""
        del change
        self._record(Change(text, params or {}))
        return None

    def make(self, change: Callable[[], Result], text: str, params: Mapping[str, Any] | None = None) -> Result:
        """Record it, and end."""
        del change
        self._refuse(text, params)

    def trial(self, change: Callable[[], Result]) -> Result | None:
        """Leave it out."""
        del change
        return None

    def _refuse(self, text: str, params: Mapping[str, Any] | None = None) -> NoReturn:
        self._record(Change(text, params or {}))
        raise DryRunDone


@dataclass(frozen=True, slots=True)
class _NotingTransport:
    inner: Transport
    changes: Changes

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if not protocol.changes(action, params):
            return self.inner.call(action, params)
        with self.changes.noted(f"call {action}"):
            return self.inner.call(action, params)


@dataclass(frozen=True, slots=True)
class _ReadingTransport:
    inner: Transport
    changes: DryRun

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        if not protocol.changes(action, params):
            return self.inner.call(action, params)
        return self.changes.make(dict, f"call {action}", protocol.without_secrets(params))
