"""Objects as files: read in pieces and at any place, written whole or not at all, listed in pages.

Memory does not grow with an object or with their number. What is read is one object to its end: if another
one takes its place meanwhile, that is an `InputError`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO, cast

from kmstool.errors import ArgumentError, InputError
from kmstool.storage import faults
from kmstool.storage.faults import translated
from kmstool.storage.places import ObjectUrl, extra_of
from kmstool.storage.stores import PIECE_BYTES, Condition, Stat, Store, Upload

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

FIRST_BYTES = 16 * 2**10
"""What is fetched first: the header of an envelope is in it, and small objects are whole."""
_PARTS_OF_A_SIZE = 1250
_stores: dict[tuple[int, str], Store] = {}


class ObjectReader:
    """An object that is read from its beginning, or at any place."""

    def __init__(self, url: ObjectUrl, stat: Stat) -> None:
        self.url, self.stat = url, stat
        self._store = store_of(url.scheme)
        self._position = self._fetched = 0
        self._piece = memoryview(b"")

    def fill(self, buffer: memoryview) -> int:
        """Fill a buffer; less than the whole is the end."""
        done = 0
        while done < len(buffer) and (piece := self._next(len(buffer) - done)):
            buffer[done : done + len(piece)] = piece
            done += len(piece)
        return done

    def fill_at(self, buffer: memoryview, offset: int) -> int:
        """Fill a buffer from a place of the object; less than the whole is the end."""
        data = self._range(offset, offset + len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def pieces(self, size: int) -> Iterator[bytes]:
        """Yield what is left, each time up to `size` bytes."""
        while piece := self._next(size):
            yield bytes(piece)

    def _next(self, wanted: int) -> memoryview:
        if not self._piece:
            size = PIECE_BYTES if self._fetched else FIRST_BYTES
            self._piece = memoryview(self._range(self._fetched, self._fetched + size))
            self._fetched += len(self._piece)
        piece, self._piece = self._piece[:wanted], self._piece[wanted:]
        return piece

    def _range(self, start: int, end: int) -> bytes:
        end = min(end, self.stat.size)
        if start >= end:
            return b""
        with translated(self.url):
            data = self._store.fetch(self.url.path, start, end, self.stat.etag)
        if len(data) != end - start:
            raise InputError(f"{self.url} became shorter while it was read")
        return data


class ObjectWriter(io.RawIOBase):
    """Collects parts and sends them; it is an object only when `ObjectWriter.finish` returns."""

    def __init__(self, url: ObjectUrl, upload: Upload) -> None:
        self._url, self._upload = url, upload
        self._part, self._count = bytearray(), 0

    def writable(self) -> bool:
        """Return that it is."""
        return True

    def write(self, data: ReadableBuffer, /) -> int:
        """Take all of it."""
        self._part += memoryview(data)
        # Ten thousand parts are the most: large objects have larger ones.
        size = PIECE_BYTES << self._count // _PARTS_OF_A_SIZE
        if len(self._part) > size:
            with translated(self._url, writing=True):
                self._upload.add(bytes(self._part))
            self._part, self._count = bytearray(), self._count + 1
        return memoryview(data).nbytes

    def finish(self, condition: Condition) -> None:
        """Give the object its name."""
        with translated(self._url, writing=True, absent=condition.absent):
            self._upload.finish(bytes(self._part), condition)


def store_of(scheme: str) -> Store:
    """Return the store of a scheme; raise `ArgumentError` that says what to install."""
    # Connections are not inherited by a fork.
    name = os.getpid(), scheme
    if name not in _stores:
        from kmstool.storage.buffered import BufferedStore
        from kmstool.storage.s3 import S3Store

        try:
            _stores[name] = S3Store() if scheme == "s3" else BufferedStore(scheme)
        except ImportError as error:
            extra = extra_of(scheme)
            raise ArgumentError(
                f"{scheme}:// needs the extra {extra}", hint=f"pip install 'kmstool[{extra}]'"
            ) from error
    return _stores[name]


def stat(url: ObjectUrl) -> Stat | None:
    """Return what is known of an object, None if there is none."""
    store = store_of(url.scheme)
    with translated(url):
        return store.stat(url.path) if "/" in url.path else None


def opened(url: ObjectUrl, known: Stat | None = None) -> ObjectReader:
    """Open an object; raise `InputError` if there is none. What is `known` of it is not asked for."""
    facts = known or stat(url)
    if facts is None:
        raise faults.missing(url)
    return ObjectReader(url, facts)


def read(url: ObjectUrl, limit: int) -> tuple[bytes, Stat]:
    """Return the content of an object, or its first `limit` bytes, and what the store says of it."""
    reader = opened(url)
    buffer = memoryview(bytearray(min(limit, reader.stat.size)))
    return bytes(buffer[: reader.fill_at(buffer, 0)]), reader.stat


@contextmanager
def created(
    url: ObjectUrl, *, replace: bool = False, etag: str | None = None, publish: bool = True
) -> Iterator[BinaryIO]:
    """Give a file to write to that becomes the object when the block ends without an exception.

    After one, and after a signal, nothing is left of it. With an `etag` only that object is replaced. Without
    `publish` all is checked, and nothing is sent. Raises `OutputError` for an object that is there already, or
    that is another one by then, and what stands for faults of the store.
    """
    store, condition = store_of(url.scheme), Condition(absent=not replace and etag is None, etag=etag)
    if "/" not in url.path:
        raise ArgumentError(f"{url} names a bucket and no object")
    with translated(url, writing=True, absent=condition.absent):
        condition.check(store.stat(url.path))
        upload = store.upload(url.path) if publish else _Nowhere()
    try:
        file = ObjectWriter(url, upload)
        yield cast(BinaryIO, file)
        file.finish(condition)
    except BaseException:
        upload.abort()
        raise


def write(url: ObjectUrl, data: bytes, *, replace: bool = False, etag: str | None = None) -> None:
    """Write an object at once; see `created`."""
    with created(url, replace=replace, etag=etag) as out:
        out.write(data)


def listed(root: ObjectUrl) -> Iterator[tuple[str, Stat]]:
    """Yield the names below a prefix, relative to it, and what the store says of each; names that end in / are not files."""
    store, start = store_of(root.scheme), len(root.path) + 1
    with translated(root):
        for page in store.pages(root.path):
            for name, facts in page:
                if not name.endswith("/"):
                    yield name[start:], facts


def remove(url: ObjectUrl) -> None:
    """Remove an object; one that is not there is no fault."""
    with translated(url, writing=True):
        store_of(url.scheme).remove(url.path)


class _Nowhere:
    def add(self, part: bytes) -> None:
        """Forget it."""

    def finish(self, rest: bytes, condition: Condition) -> None:
        """Forget it."""

    def abort(self) -> None:
        """Do nothing."""
