"""A store under other keys: every row is wrapped and sealed anew, in the transaction that brings the new store key.

So an old copy of the folder, with its root key, opens nothing that is made later. The
upgrade of a store without seals is such a renewal too.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from kmstool.errors import IntegrityError
from kmstool.server import root_key, seals, store_row
from kmstool.server.protection import Passphrase
from kmstool.server.tables import beta_keys, cmks, credentials, data_keys, imports, white_box_keys
from kmstool.server.tables.store import Store
from kmstool.server.vault import Vault

Rewrap = Callable[[tuple[str, ...], object], object]

_SEALED = {
    "cmk": "key_id",
    "import_parameters": "key_id",
    "data_key": "data_key_id",
    "white_box_key": "key_id",
    "beta_key": "key_id",
}
"""The tables whose rows have a seal in their last column, and the column by which a row is known."""

_SETS = (
    ("cmk", "tags_digest", "SELECT key_id, name, value FROM tag"),
    ("cmk", "bindings_digest", "SELECT key_id, product, resource FROM binding"),
    ("data_key", "tags_digest", "SELECT key_id, name, value FROM tag"),
    ("white_box_key", "tags_digest", "SELECT key_id, name, value FROM tag"),
    ("white_box_key", "devices_digest", "SELECT key_id, number, fingerprint, description FROM device"),
)
"""The sets whose digest is in a row: its table and column, and what yields their members after the row's id."""


def check(db: sqlite3.Connection, vault: Vault) -> None:
    """Raise `IntegrityError` for a row whose seal, tags, bindings or devices are not those that were written."""
    for table in _SEALED:
        for row in db.execute(f"SELECT * FROM {table}"):  # noqa: S608 - our own table
            vault.seals.check(table, row)
    for table, column, members in _SETS:
        digests = _digests(db, members)
        for row_id, digest in db.execute(f"SELECT {_SEALED[table]}, {column} FROM {table}"):  # noqa: S608 - as above
            if digest != digests.get(row_id, b""):
                raise seals.damaged(f"what belongs to the key {row_id!r}")


def renew(db: sqlite3.Connection, old: Vault) -> Vault:
    """Put all rows but the store's own under new keys, inside a writing transaction, and return these.

    Raises `IntegrityError` for a row that was altered, and the transaction must not be committed.
    """
    check(db, old)
    new = old.renewed()
    _rewrap(db, lambda identity, wrapped: new.wrap(identity, old.unwrap(identity, wrapped)))
    seal(db, new)
    return new


def upgrade(store: Store, passphrase: Passphrase) -> Vault:
    """Bring a store of an older format to the newest one and return its keys; raises as `root_key.unlock` does."""
    former = root_key.current(store)
    key = root_key.found(former, store.folder, passphrase)
    with root_key.exclusive(store.folder), store.transaction(write=True) as db:
        row = store_row.read(db)
        vault = Vault.open(row, key)
        store.upgrade(db)
        return vault if row.seal else first_seals(db, vault, key)


def first_seals(db: sqlite3.Connection, old: Vault, key: bytes) -> Vault:
    """Put the rows of a store that had no seals under new keys and the same root key, and return the new keys.

    Rows that do not open are left as they are, to be told of when they are used.
    """
    new = old.renewed()

    def rewrapped(identity: tuple[str, ...], wrapped: object) -> object:
        try:
            return new.wrap(identity, old.unwrap(identity, wrapped))
        except IntegrityError:
            return wrapped

    _rewrap(db, rewrapped)
    seal(db, new)
    store_row.write(db, new.put(store_row.read(db), key))
    return new


def seal(db: sqlite3.Connection, vault: Vault) -> None:
    """Seal all rows but the store's own as they stand, with what belongs to them, inside a writing transaction."""
    for table, column, members in _SETS:
        query = f"UPDATE {table} SET {column} = ? WHERE {_SEALED[table]} = ?"  # noqa: S608 - our own tables
        db.executemany(query, [(digest, row_id) for row_id, digest in _digests(db, members).items()])
    for table, column in _SEALED.items():
        rows: list[tuple[Any, ...]] = db.execute(f"SELECT {column}, * FROM {table}").fetchall()  # noqa: S608 - as above
        query = f"UPDATE {table} SET seal = ? WHERE {column} = ?"  # noqa: S608 - as above
        db.executemany(query, [(vault.seals.make(table, row[1:-1]), row[0]) for row in rows])


def _rewrap(db: sqlite3.Connection, rewrapped: Rewrap) -> None:
    regions = dict(db.execute("SELECT key_id, region FROM cmk"))
    materials = db.execute("SELECT wrapped, key_id, version, algorithm FROM material").fetchall()
    db.executemany(
        "UPDATE material SET wrapped = ? WHERE key_id = ? AND version = ?",
        [
            (rewrapped(cmks.identity(regions[key_id], key_id, version, algorithm), wrapped), key_id, version)
            for wrapped, key_id, version, algorithm in materials
            if key_id in regions
        ],
    )
    parameters = db.execute("SELECT private_key, key_id, algorithm, token_digest FROM import_parameters").fetchall()
    db.executemany(
        "UPDATE import_parameters SET private_key = ? WHERE key_id = ?",
        [
            (rewrapped(imports.identity(regions[key_id], key_id, algorithm, digest), wrapped), key_id)
            for wrapped, key_id, algorithm, digest in parameters
            if key_id in regions
        ],
    )
    hosted = db.execute("SELECT wrapped, region, data_key_id, key_id FROM data_key").fetchall()
    db.executemany(
        "UPDATE data_key SET wrapped = ? WHERE data_key_id = ?",
        [(rewrapped(data_keys.identity(*names), wrapped), names[1]) for wrapped, *names in hosted],
    )
    white = db.execute("SELECT wrapped, region, key_id, algorithm FROM white_box_key").fetchall()
    db.executemany(
        "UPDATE white_box_key SET wrapped = ? WHERE key_id = ?",
        [(rewrapped(white_box_keys.identity(*names), wrapped), names[1]) for wrapped, *names in white],
    )
    beta = db.execute("SELECT wrapped, region, key_id FROM beta_key").fetchall()
    db.executemany(
        "UPDATE beta_key SET wrapped = ? WHERE key_id = ?",
        [(rewrapped(beta_keys.identity(*names), wrapped), names[1]) for wrapped, *names in beta],
    )
    served = db.execute("SELECT wrapped, secret_id FROM credential").fetchall()
    db.executemany(
        "UPDATE credential SET wrapped = ? WHERE secret_id = ?",
        [(rewrapped(credentials.identity(secret_id), wrapped), secret_id) for wrapped, secret_id in served],
    )


def _digests(db: sqlite3.Connection, members: str) -> dict[str, bytes]:
    """Return the digest of each set, by the id of the row that it belongs to."""
    sets = defaultdict[str, list[tuple[Any, ...]]](list)
    for row_id, *member in db.execute(members):
        sets[row_id].append(tuple(member))
    return {row_id: seals.digest(found) for row_id, found in sets.items()}
