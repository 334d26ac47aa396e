"""What is asked of an object store, whichever it is; the two kinds are in `s3` and `buffered`.

Stores raise what their libraries raise, and `MismatchError`; `objects` makes errors of kmstool of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

PAGE = 1000
"""Names that are asked for at once."""
PIECE_BYTES = 8 * 2**20
"""What is read or sent at once of a large object."""


class MismatchError(Exception):
    """The object is not, or no longer, the one that was expected; or there is one where there was to be none."""


@dataclass(frozen=True, slots=True)
class Stat:
    """What a store says of an object; the `etag` is another one when the content is."""

    size: int
    etag: str
    changed_ns: int = 0


@dataclass(frozen=True, slots=True)
class Condition:
    """What must hold when an object gets its name: `absent` that there is none, an `etag` that it is that one."""

    absent: bool = False
    etag: str | None = None

    def check(self, there: Stat | None) -> None:
        """Raise `MismatchError` unless it holds."""
        if (self.absent and there) or (self.etag is not None and (there is None or there.etag != self.etag)):
            raise MismatchError


class Upload(Protocol):
    """An object that is being written; nobody sees it before it is finished."""

    def add(self, part: bytes) -> None:
        """Send the next part, of `part_bytes` at least."""
        ...

    def finish(self, rest: bytes, condition: Condition) -> None:
        """Send the rest, and give all of it its name; raise `MismatchError` where the condition does not hold."""
        ...

    def abort(self) -> None:
        """Forget all that was sent."""
        ...


class Store(Protocol):
    """An object store; `path` is the bucket and the key. Threads may share it."""

    def stat(self, path: str) -> Stat | None:
        """Return what is known of an object, None if there is none."""
        ...

    def fetch(self, path: str, start: int, end: int, etag: str) -> bytes:
        """Return the bytes `start` to `end` (not included) of an object that still has this etag."""
        ...

    def upload(self, path: str) -> Upload:
        """Begin to write an object."""
        ...

    def pages(self, path: str) -> Iterator[Sequence[tuple[str, Stat]]]:
        """Yield the names and facts of all objects below a path, a page at a time, in the order of the store."""
        ...

    def remove(self, path: str) -> None:
        """Remove an object; one that is not there is no fault."""
        ...
