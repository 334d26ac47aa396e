"""Objects in any other store that fsspec knows, by the files of its library.

There is no condition in such a file: it is looked just before an object gets its name.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from kmstool.storage import stores
from kmstool.storage.stores import Condition, MismatchError, Stat


class BufferedStore:
    """One store, with the credentials that its library finds."""

    def __init__(self, scheme: str) -> None:
        import fsspec

        self._fs: Any = fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)
        self._in_memory = scheme == "memory"

    def stat(self, path: str) -> Stat | None:
        """Ask for the facts of an object."""
        try:
            facts = self._fs.info(path)
        except FileNotFoundError:
            return None
        return None if facts["type"] == "directory" else _stat(facts)

    def fetch(self, path: str, start: int, end: int, etag: str) -> bytes:
        """Get a range, and look whether the object is still the same one."""
        data: bytes = self._fs.cat_file(path, start=start, end=end)
        if etag:
            Condition(etag=etag).check(self.stat(path))
        return data

    def upload(self, path: str) -> MemoryUpload | BufferedUpload:
        """Begin an upload."""
        return (MemoryUpload if self._in_memory else BufferedUpload)(self, self._fs, path)

    def pages(self, path: str) -> Iterator[Sequence[tuple[str, Stat]]]:
        """List folder by folder."""
        objects = (
            (facts["name"].lstrip("/"), _stat(facts))
            for _, _, files in self._fs.walk(path, detail=True)
            for facts in files.values()
        )
        while page := list(itertools.islice(objects, stores.PAGE)):
            yield page

    def remove(self, path: str) -> None:
        """Remove it."""
        with suppress(FileNotFoundError):
            self._fs.rm_file(path)


class MemoryUpload:
    """An object in the memory of this process, where a file has its name when it is opened."""

    def __init__(self, store: BufferedStore, fs: Any, path: str) -> None:
        self._store, self._fs, self._path = store, fs, path
        self._data = io.BytesIO()

    def add(self, part: bytes) -> None:
        """Keep it."""
        self._data.write(part)

    def finish(self, rest: bytes, condition: Condition) -> None:
        """Give it its name."""
        self._data.write(rest)
        condition.check(self._store.stat(self._path))
        try:
            self._fs.pipe_file(self._path, self._data.getvalue(), mode="create" if condition.absent else "overwrite")
        except FileExistsError as error:
            raise MismatchError from error

    def abort(self) -> None:
        """Forget it."""
        self._data = io.BytesIO()


class BufferedUpload:
    """An object whose parts the library sends, and which it names only when it is told to."""

    def __init__(self, store: BufferedStore, fs: Any, path: str) -> None:
        self._store, self._path = store, path
        self._file: Any = fs.open(path, "wb", block_size=stores.PIECE_BYTES, autocommit=False)
        # fsspec keeps it for a transaction that there is none of.
        fs.transaction.files.clear()

    def add(self, part: bytes) -> None:
        """Hand it to the library."""
        self._file.write(part)

    def finish(self, rest: bytes, condition: Condition) -> None:
        """Send the rest, look, and commit."""
        self._file.write(rest)
        self._file.close()
        condition.check(self._store.stat(self._path))
        self._file.commit()

    def abort(self) -> None:
        """Discard it."""
        # Closing it would send what is left.
        self._file.closed = True
        with suppress(Exception):
            self._file.discard()


def _stat(facts: dict[str, Any]) -> Stat:
    changed = facts.get("LastModified") or facts.get("mtime") or facts.get("created") or 0
    stamp = changed.timestamp() if isinstance(changed, datetime) else changed
    if isinstance(stamp, str):
        stamp = _seconds(stamp)
    size = int(facts["size"])
    # What has no etag is told by its time and its size.
    return Stat(size, str(facts.get("ETag") or facts.get("etag") or f"{stamp!r}/{size}"), int(stamp * 1e9))


def _seconds(text: str) -> float:
    """Return the time of one of the two ways in which COS writes it, 0 for any other."""
    from email.utils import parsedate_to_datetime

    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        with suppress(ValueError):
            return parse(text).timestamp()
    return 0.0
