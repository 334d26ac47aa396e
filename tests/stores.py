"""Stores in states that no action leads to: rows written by hand, and sealed as if the store had written them."""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from kmstool.crypto import aead
from kmstool.server import protection, renewal
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import schema, store
from tests.program import Ran, kmstool

SEALED = next(number for number, step in enumerate(schema.STEPS, 1) if "seal BLOB" in step)
"""The first format whose rows have seals."""


def on_store(folder: Path, *words: str | Path, **settings: Any) -> Ran:
    """Run a command on the store in a folder, with what `kmstool` may be told."""
    return kmstool("--profile", "local", *words, KMSTOOL_LOCAL_HOME=str(folder), **settings)


def reseal(kms: EmbeddedKms) -> None:
    """Seal all rows as they stand."""
    with kms.unlocked(write=True) as (db, vault, _):
        renewal.seal(db, vault)


def reseal_folder(folder: Path) -> None:
    """Seal all rows of the store in a folder as they stand."""
    with contextlib.closing(EmbeddedKms(folder)) as kms:
        reseal(kms)


def age(folder: Path, version: int) -> None:
    """Make of the store in a folder, whose root key is in a file, what it was in an older format."""
    with contextlib.closing(EmbeddedKms(folder)) as kms, kms.unlocked() as (db, vault, row):
        root = protection.from_file(folder / protection.ROOT_KEY_FILE)
        name = aead.encode_parts(b"store key", row.store_id)
        old = sqlite3.connect(":memory:", isolation_level=None)
        store.bring_up(old, version)
        tables = old.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for (table,) in tables:
            columns = [column[1] for column in old.execute(f"PRAGMA table_info({table})")]
            source = table if table in schema.TABLES else "(SELECT key_id, first_material AS fingerprint FROM cmk)"
            found = db.execute(f"SELECT {', '.join(columns)} FROM {source}").fetchall()
            old.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", found)
        if version < SEALED:
            old.execute("UPDATE store SET store_key = ?", (aead.seal("AES_256", root, vault._store_key, name),))
    with contextlib.closing(old):
        (folder / store.DATABASE).write_bytes(old.serialize())
