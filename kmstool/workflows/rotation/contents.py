"""What a rotation reads and replaces: a file here or an object in a store, whichever a plan names.

Both raise `OSError` for what is not there. An object is replaced only if it is still the one that was read.
"""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from kmstool.errors import InputError
from kmstool.storage import objects
from kmstool.storage.places import ObjectUrl, Place, parse_place
from kmstool.storage.stores import Stat
from kmstool.system import atomic, descriptors
from kmstool.workflows.object_rewrapping import ObjectHeader, read_header_of
from kmstool.workflows.rotation import headers
from kmstool.workflows.rotation.tokens import MAX_TEXT_BYTES

START_BYTES = 4096


class Replaceable(Protocol):
    """A file or an object."""

    def start(self) -> bytes:
        """Return what it begins with, which says what it is."""
        ...

    def whole(self) -> bytes:
        """Return all of it, or one byte more than a text may have."""
        ...

    def header(self) -> bytes:
        """Return the header that it begins with; raise `InputError` for what is no envelope."""
        ...

    def exists(self) -> bool:
        """Return whether it is there."""
        ...

    def remove(self) -> None:
        """Remove it."""
        ...

    def replace_header(self, old: bytes, new: bytes) -> None:
        """Put a header in the place of another one."""
        ...

    def replace(self, new: bytes, target: Place) -> None:
        """Write the new content to the target, which is this one or a file of its own."""
        ...


@dataclass(slots=True)
class LocalFile:
    """A regular file, which is not reached by a link."""

    path: Path
    _read: os.stat_result | None = None

    def start(self) -> bytes:
        """Read a page."""
        return descriptors.read_file(self.path, START_BYTES)

    def whole(self) -> bytes:
        """Read it."""
        self._read = self.path.lstat()
        return descriptors.read_file(self.path, MAX_TEXT_BYTES + 1, os.O_NOFOLLOW)

    def header(self) -> bytes:
        """Read the header."""
        return headers.read_header_bytes(self.path)

    def exists(self) -> bool:
        """Look for it."""
        return self.path.exists()

    def remove(self) -> None:
        """Remove it, on disk too."""
        atomic.remove(self.path)

    def replace_header(self, old: bytes, new: bytes) -> None:
        """Change the file in place where there is room, else by a copy."""
        headers.write_header(self.path, old, new)

    def replace(self, new: bytes, target: Place) -> None:
        """Write a file with the owner and the mode of this one, unless somebody replaced that meanwhile."""
        status = self._read or self.path.lstat()
        if isinstance(target, ObjectUrl):
            raise InputError("a file and an object do not replace each other")
        with atomic.create(target, replace=True, mode=status.st_mode & 0o777) as out:
            headers.keep_owner(out.fileno(), status)
            out.write(new)
            if target == self.path and not os.path.samestat(status, self.path.lstat()):
                raise InputError("somebody replaced it meanwhile; it is left as it is")


@dataclass
class RemoteObject:
    """An object; what is `known` of it is not asked for again."""

    url: ObjectUrl
    known: Stat | None = field(default=None, repr=False)

    @cached_property
    def facts(self) -> Stat:
        """What the store says of it; raise `OSError` if it is not there."""
        if (facts := self.known or objects.stat(self.url)) is None:
            raise FileNotFoundError(errno.ENOENT, "no such object")
        return facts

    def start(self) -> bytes:
        """Fetch a page."""
        return self._first(START_BYTES)

    def whole(self) -> bytes:
        """Fetch it."""
        return self._first(MAX_TEXT_BYTES + 1)

    def header(self) -> bytes:
        """Fetch the header."""
        return read_header_of(self.url, self.facts).data

    def exists(self) -> bool:
        """Ask for it."""
        return objects.stat(self.url) is not None

    def remove(self) -> None:
        """Remove it."""
        objects.remove(self.url)

    def replace_header(self, old: bytes, new: bytes) -> None:
        """Replace it: a header alone is small, an envelope that holds its header is copied."""
        ObjectHeader(self.url, self.facts, old).replace(new)

    def replace(self, new: bytes, target: Place) -> None:
        """Replace what was read, or write an object of its own."""
        if not isinstance(target, ObjectUrl):
            raise InputError("a file and an object do not replace each other")
        etag = self.facts.etag if target == self.url else None
        objects.write(target, new, replace=True, etag=etag)

    def _first(self, limit: int) -> bytes:
        buffer = memoryview(bytearray(min(limit, self.facts.size)))
        return bytes(buffer[: objects.opened(self.url, self.facts).fill_at(buffer, 0)])


def content_at(path: str | Place) -> LocalFile | RemoteObject:
    """Return the file or the object of a path in a plan."""
    found_at = parse_place(path) if isinstance(path, str) else path
    return RemoteObject(found_at) if isinstance(found_at, ObjectUrl) else LocalFile(found_at)
