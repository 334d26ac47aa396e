"""The tags of keys of every kind; the row of a key holds their digest."""

from __future__ import annotations

import sqlite3

from kmstool.server import seals


def digest(tags: dict[str, str]) -> bytes:
    """Return what stands for tags in the row of their key."""
    return seals.digest(tags.items())


def insert(db: sqlite3.Connection, key_id: str, tags: dict[str, str]) -> None:
    """Add the tags of a new key."""
    db.executemany("INSERT INTO tag VALUES (?, ?, ?)", [(key_id, *tag) for tag in tags.items()])


def load(db: sqlite3.Connection, key_id: str, expected: bytes) -> dict[str, str]:
    """Return the tags of a key; raise `IntegrityError` unless they are those of its row's digest."""
    found = dict(db.execute("SELECT name, value FROM tag WHERE key_id = ?", (key_id,)))
    if digest(found) != expected:
        raise seals.damaged(f"the set of tags of the key {key_id!r}")
    return found
