"""The embedded KMS's clock: the machine's, moved by an offset that lies in the store.

Deletion windows, rotation and expiry go by it, so that a test can live through a year
at once. Signatures go by the real clock.
"""

from __future__ import annotations

import sqlite3
import time

from kmstool.errors import IntegrityError


def now(db: sqlite3.Connection) -> int:
    """Return the time in Unix seconds."""
    return int(time.time()) + offset(db)


def offset(db: sqlite3.Connection) -> int:
    """Return by how many seconds the clock is ahead of the machine's."""
    row = db.execute("SELECT clock_offset FROM store").fetchone()
    if row is None or not isinstance(row[0], int):
        raise IntegrityError("the store of the local KMS has lost its own row", hint="begin anew: kmstool local reset")
    return row[0]


def move(db: sqlite3.Connection, seconds: int) -> None:
    """Set the offset, inside a writing transaction."""
    db.execute("UPDATE store SET clock_offset = ?", (seconds,))
