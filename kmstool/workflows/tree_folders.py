"""The two folders of a tree, in the file system or in a store: one file or envelope of them after the other.

In a store an envelope is two objects, and the header, which comes last, is what makes it one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kmstool.envelope import engine, sealing
from kmstool.envelope.header import Header
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.envelope.workers import Write
from kmstool.storage import objects
from kmstool.storage.places import ObjectUrl, Place
from kmstool.system.beneath import Beneath
from kmstool.system.ownership import public_mode
from kmstool.workflows.folders import created_below
from kmstool.workflows.sources import SUFFIX, at_beginning, header_beside, source_of_object, unarmored


@dataclass(frozen=True, slots=True)
class TreeFile:
    """A file that is open: when its content was `written`, and when it or anything about it `changed`."""

    source: Source
    size: int
    written_ns: int
    changed_ns: int

    def is_newer(self, other: TreeFile) -> bool:
        """Return whether it was surely written after the other one changed; stores tell whole seconds."""
        if self.source.descriptor is None:
            return self.written_ns > other.changed_ns
        return self.written_ns >= other.changed_ns


class TreeFolder(Protocol):
    """A folder; names in it are relative, with slashes. Threads may share it."""

    @property
    def root(self) -> Place:
        """Where it is."""
        ...

    @property
    def is_remote(self) -> bool:
        """Whether it is in a store, where headers lie beside their payloads."""
        ...

    def renewed(self) -> TreeFolder:
        """Return the same folder without what a fork must not share."""
        ...

    def file(self, name: str) -> AbstractContextManager[TreeFile]:
        """Open a file; raise `OSError` for what is none, and what stands for faults of a store."""
        ...

    def created(self, name: str, *, replace: bool) -> AbstractContextManager[tuple[int | None, Write]]:
        """Give a descriptor, None for that of an object, and what writes to it; whole after the block or not there."""
        ...

    def seal(self, name: str, dek: bytes, head: Header, content: Source, *, replace: bool) -> bytes:
        """Make an envelope, and return its FLOE header."""
        ...


@dataclass(slots=True)
class LocalFolder:
    """A folder of the file system, out of which no link leads."""

    root: Path
    _opened: _Opened | None = None
    is_remote = False

    def renewed(self) -> LocalFolder:
        """Return it with its own descriptors."""
        return LocalFolder(self.root)

    @property
    def _beneath(self) -> Beneath:
        if self._opened is None:
            self._opened = _Opened(self.root)
        return self._opened.beneath

    @contextmanager
    def file(self, name: str) -> Iterator[TreeFile]:
        """Open a regular file."""
        descriptor = self._beneath.open(name)
        try:
            status = os.fstat(descriptor)
            changed = max(status.st_mtime_ns, status.st_ctime_ns)
            yield TreeFile(Source.of(descriptor), status.st_size, status.st_mtime_ns, changed)
        finally:
            os.close(descriptor)

    @contextmanager
    def created(self, name: str, *, replace: bool) -> Iterator[tuple[int | None, Write]]:
        """Make a file and its folders; no link is followed."""
        with created_below(self._beneath, name, replace=replace) as out:
            yield out.fileno(), engine.writer(out.fileno())

    def seal(self, name: str, dek: bytes, head: Header, content: Source, *, replace: bool) -> bytes:
        """Make a file."""
        with created_below(self._beneath, name, replace=replace, mode=public_mode()) as out:
            return sealing.seal(dek, head, content, out.fileno(), _ignore)


class _Opened(threading.local):
    """Each thread goes through the folder at its own pace."""

    def __init__(self, root: Path) -> None:
        self.beneath = Beneath(root)


@dataclass(frozen=True, slots=True)
class ObjectFolder:
    """The objects below a prefix."""

    root: ObjectUrl
    is_remote = True

    def renewed(self) -> ObjectFolder:
        """Return it: connections are of a process."""
        return self

    @contextmanager
    def file(self, name: str) -> Iterator[TreeFile]:
        """Open an object; raise `FileNotFoundError` if there is none."""
        facts = objects.stat(self.root / name)
        if facts is None:
            raise FileNotFoundError(2, "no such object")
        source = source_of_object(objects.opened(self.root / name, facts))
        yield TreeFile(source, facts.size, facts.changed_ns, facts.changed_ns)

    @contextmanager
    def created(self, name: str, *, replace: bool) -> Iterator[tuple[int | None, Write]]:
        """Make an object."""
        with objects.created(self.root / name, replace=replace) as out:
            yield None, out.write

    def seal(self, name: str, dek: bytes, head: Header, content: Source, *, replace: bool) -> bytes:
        """Make the payload and then the header; a payload that lost its header is replaced by its etag."""
        payload = self.root / name
        header = header_beside(payload)
        assert isinstance(header, ObjectUrl)  # noqa: S101 - for the type checker: it lies beside one
        with objects.created(header, replace=replace) as apart:
            orphan = None if replace else objects.stat(payload)
            etag = None if orphan is None or objects.stat(header) else orphan.etag
            with objects.created(payload, replace=replace, etag=etag) as out:
                floe_header = sealing.seal_stream(dek, head, content, out.write, _ignore)
                if replace:
                    # It would be that of another payload.
                    objects.remove(header)
            apart.write(head.encode())
        return floe_header


def folder_of(root: Place) -> TreeFolder:
    """Return the folder at a path or URL."""
    return ObjectFolder(root) if isinstance(root, ObjectUrl) else LocalFolder(root)


@contextmanager
def envelope_in(folder: TreeFolder, name: str) -> Iterator[tuple[TreeFile, OpenedEnvelope]]:
    """Open an envelope of a folder, whose header may lie beside it; raise as `file` and `open_envelope` do."""
    with ExitStack() as stack:
        file = stack.enter_context(folder.file(name))
        source, has_header = at_beginning(file.source)
        if not has_header:
            try:
                beside = stack.enter_context(folder.file(header_name(name)))
            except FileNotFoundError:
                pass
            else:
                yield file, sealing.open_envelope(beside.source, source)
                return
        yield file, sealing.open_envelope(unarmored(source))


def header_name(name: str) -> str:
    """Return the name of the header of an envelope."""
    return f"{name.removesuffix(SUFFIX)}{SUFFIX}-header"


def _ignore(_: int) -> None:
    """Show no progress."""
