"""Copies of a store: written while others use it, checked as a whole before they take its place."""

from __future__ import annotations

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from kmstool import words
from kmstool.errors import ArgumentError, InputError, IntegrityError
from kmstool.server import renewal, root_key, store_row
from kmstool.server.app import EmbeddedKms
from kmstool.server.protection import Passphrase, RootKey
from kmstool.server.store_row import StoreRow
from kmstool.server.tables import schema, store
from kmstool.server.vault import Vault
from kmstool.system import atomic

# What the store needs where it has lost its own row.
_NO_ROW = StoreRow(b"", words.FILE, b"", b"", 0)


def snapshot(kms: EmbeddedKms) -> bytes:
    """Return a copy of the database, consistent while others use it; keys stay wrapped in it."""
    return kms.store.save()


def backup(kms: EmbeddedKms, path: Path, *, replace: bool = False) -> None:
    """Write what `snapshot` returns (0600)."""
    atomic.write(path, snapshot(kms), replace=replace)


def restore(kms: EmbeddedKms, path: Path, passphrase: Passphrase) -> None:
    """Replace all content of the store by that of a backup, all or nothing.

    Raises `InputError` for a file that is no backup, `IntegrityError` for a damaged or altered
    one and `AccessError` if the root key at hand does not open it.
    """
    if path.exists() and path.samefile(kms.store.path):
        raise ArgumentError(f"{path} is the store itself, not a copy of it")
    try:
        with closing(_read(path)) as copy:
            _put_in_place(kms.store, copy, passphrase)
    except sqlite3.DatabaseError as error:
        if (error.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            raise _damaged(path) from error
        raise InputError(f"{path} is not a backup of the local KMS: {error}") from error


def _put_in_place(target: store.Store, copy: sqlite3.Connection, passphrase: Passphrase) -> None:
    row = store_row.read(copy)
    # Asked for and stretched before any lock; what others can retire is looked at again under it.
    key = root_key.found(row, target.folder, passphrase)
    target.check_changeable(f"replace all keys in {target.folder}")
    with root_key.exclusive(target.folder):
        if row.protection != words.PASSPHRASE:
            key = root_key.found(row, target.folder, passphrase)
        vault = _checked(copy, row, key)
        former = _current(target)
        staged = row.protection == words.FILE and not root_key.is_in_place(target.folder, key)
        if staged:
            root_key.stage(target.folder, former, RootKey(words.FILE, "", key))
        left = root_key.former_of(former, key)
        with target.transaction(write=True) as db:
            _replace(db, copy)
            store_row.write(db, vault.sealed(store_row.read(db)._replace(former=left or former.former)))
        root_key.publish(target.folder, left, staged=staged)


def _checked(copy: sqlite3.Connection, row: StoreRow, key: bytes) -> Vault:
    """Return the keys of a copy whose rows are all as they were written; one of before the seals gets them now."""
    vault = Vault.open(row, key)
    if not row.seal:
        return renewal.first_seals(copy, vault, key)
    renewal.check(copy, vault)
    return vault


def _current(target: store.Store) -> StoreRow:
    try:
        return root_key.current(target)
    except IntegrityError:
        return _NO_ROW


def _replace(db: sqlite3.Connection, copy: sqlite3.Connection) -> None:
    """Replace all rows by those of another database of the same format, inside a writing transaction."""
    # Not by SQLite's backup, which waits for other processes without end.
    for table in schema.TABLES:
        rows = copy.execute(f"SELECT * FROM {table}").fetchall()  # noqa: S608 - our own table
        db.execute(f"DELETE FROM {table}")  # noqa: S608 - as above
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - as above


def _read(path: Path) -> sqlite3.Connection:
    """Return a backup's content in memory, in the newest format; raise for one that is none or damaged."""
    _refuse_special(path)
    memory = sqlite3.connect(":memory:", isolation_level=None)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as source:
            source.execute("PRAGMA trusted_schema=OFF")
            _check_tables(source, path)
            source.backup(memory)
        store.bring_up(memory)
    except BaseException:
        memory.close()
        raise
    return memory


def _refuse_special(path: Path) -> None:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or '').lower()}") from error
    if not stat.S_ISREG(mode):
        # SQLite would wait for a pipe until something writes to it.
        raise InputError(
            f"{path} is not a regular file", hint="a copy is read more than once: store it in a file first"
        )


def _check_tables(source: sqlite3.Connection, path: Path) -> None:
    """Refuse what is none of ours: a copy with other tables, views, triggers or indices than its format has."""
    version = store.check_version(source, path)
    if version == 0:
        raise InputError(f"{path} is empty, not a backup")
    if source.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise _damaged(path)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as ours:
        store.bring_up(ours, version)
        if _objects(source) != _objects(ours):
            raise IntegrityError(f"{path} is damaged: its tables are not those of a store", hint="use another backup")


def _objects(db: sqlite3.Connection) -> set[tuple[str, ...]]:
    """Return what a database is made of, and the text that made each part; how that is spaced is of no account."""
    parts = db.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").fetchall()
    return {tuple(" ".join(str(text).split()) for text in row) for row in parts}


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is damaged", hint="use another backup")
