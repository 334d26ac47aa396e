"""What binds a row to the keys of its store: a MAC for each row, and in the row a digest of each set that belongs to it.

So whoever can write to the database, but has no root key, cannot give a key another usage,
state, date, tag or device unseen. A whole former row, or a key that is gone with all its
rows, is not told from what once was.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from kmstool.errors import IntegrityError, Reason

Row = TypeVar("Row")

_MOST_KNOWN = 2048


class Seals:
    """The MACs of one store's rows under `key` (32 bytes). Rows that were found good are known again at once."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._known: dict[tuple[Any, ...], Any] = {}

    def make(self, table: str, values: Sequence[Any]) -> bytes:
        """Return the seal of a row, 32 bytes, which stands in its last column."""
        return hmac.digest(self._key, _encoded([table, *values]), "sha256")

    def check(self, table: str, row: Sequence[Any]) -> None:
        """Raise `IntegrityError` for a row whose last value is not the seal of all before."""
        if not isinstance(row[-1], bytes) or not hmac.compare_digest(row[-1], self.make(table, row[:-1])):
            raise damaged(f"a row of the table {table}")

    def opened(self, table: str, row: tuple[Any, ...], build: Callable[..., Row]) -> Row:
        """Return what `build` makes of the values of a row, without its seal; raise as `check` does.

        `build` must check types: a number and a truth value, for one, are the same row here.
        """
        known = self._known.get((table, *row))
        if known is None:
            self.check(table, row)
            known = build(*row[:-1])
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[(table, *row)] = known
        value: Row = known
        return value


def digest(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return what stands for a set of rows in the row that they belong to: 32 bytes, none for an empty set."""
    # JSON has no line breaks here, so that no two sets give the same bytes.
    encoded = sorted(_encoded(list(row)) for row in rows)
    return hashlib.sha256(b"\n".join(encoded)).digest() if encoded else b""


def damaged(subject: str, reason: Reason = Reason.STORE_DAMAGED) -> IntegrityError:
    """Make the error for what none of ours has written."""
    return IntegrityError(f"{subject} is damaged in the store of the local KMS", reason=reason)


def _encoded(values: list[Any]) -> bytes:
    # Every type is written in another way, so that no two lists give the same bytes.
    return json.dumps(values, default=_hex).encode()


def _hex(value: Any) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise damaged("a row")
    return {"hex": value.hex()}
