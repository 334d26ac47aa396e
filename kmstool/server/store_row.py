"""The store's own row: how its root key is kept, its keys under that, its clock."""

from __future__ import annotations

import sqlite3
from typing import Any, NamedTuple

from kmstool.errors import IntegrityError, Reason
from kmstool.server import seals


class StoreRow(NamedTuple):
    """The row in the order of the table; `created` is in Unix seconds, `clock_offset` in seconds.

    `former` is the protection whose root key may still lie about, empty if none does. The seal
    is empty in stores of before format 8, which had none. `assumptions` is as `assumptions.dumps` writes it.
    """

    store_id: bytes
    protection: str
    canary: bytes
    store_key: bytes
    created: int
    parameters: str = ""
    clock_offset: int = 0
    fingerprint_key: bytes = b""
    former: str = ""
    assumptions: str = ""
    seal: bytes = b""

    @property
    def values(self) -> tuple[Any, ...]:
        """What the seal is made of; rows of before there were assumptions have the seal that they had."""
        return self[:-1] if self.assumptions else self[:-2]


_TYPES = [bytes, str, bytes, bytes, int, str, int, bytes, str, str, bytes]
_BEFORE_ASSUMPTIONS = len(_TYPES) - 1
_FEWEST = len(StoreRow._fields) - len(StoreRow._field_defaults)
_MARKS = ", ".join("?" * len(StoreRow._fields))


def read(db: sqlite3.Connection, known: StoreRow | None = None) -> StoreRow:
    """Return the row as it stands, unchecked but for its types; raise `IntegrityError` if there is none.

    If it is still the one that is `known`, that is returned.
    """
    row = db.execute("SELECT * FROM store").fetchone()
    if known is not None and row == known:
        return known
    if row is None:
        raise IntegrityError("the store of the local KMS has lost its own row", reason=Reason.STORE_DAMAGED)
    if len(row) == _BEFORE_ASSUMPTIONS:
        row = (*row[:-1], "", row[-1])
    if len(row) < _FEWEST or [type(value) for value in row] != _TYPES[: len(row)]:
        raise seals.damaged("the store's own row")
    return StoreRow(*row)


def write(db: sqlite3.Connection, row: StoreRow) -> None:
    """Put a row in the place of the one that there is, inside a writing transaction."""
    db.execute("DELETE FROM store")
    db.execute(f"INSERT INTO store VALUES ({_MARKS})", row)  # noqa: S608 - marks alone
