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
from kmstool.server.tables.sealed_rows import SealedTable
from kmstool.server.tables.store import Store
from kmstool.server.vault import Vault

Rewrap = Callable[[tuple[str, ...], object], object]

_SEALED: dict[str, SealedTable[Any]] = {
    table.name: table for table in (cmks.TABLE, imports.TABLE, data_keys.TABLE, white_box_keys.TABLE, beta_keys.TABLE)
}

_SETS = (
    ("cmk", "tags_digest", "SELECT key_id, name, value FROM tag"),
    ("cmk", "bindings_digest", "SELECT key_id, product, resource FROM binding"),
    ("data_key", "tags_digest", "SELECT key_id, name, value FROM tag"),
    ("white_box_key", "tags_digest", "SELECT key_id, name, value FROM tag"),
    ("white_box_key", "devices_digest", "SELECT key_id, number, fingerprint, description FROM device"),
)
"""The sets whose digest is in a row: its table and column, and what yields their members after the row's id."""

_OF_CMK = "JOIN (SELECT key_id, region FROM cmk) USING (key_id)"
_WRAPPED: tuple[tuple[str, str, str, str, Callable[..., tuple[str, ...]]], ...] = (
    (
        "material",
        "wrapped",
        "key_id, version",
        f"region, key_id, version, algorithm FROM material {_OF_CMK}",
        cmks.identity,
    ),
    (
        "import_parameters",
        "private_key",
        "key_id",
        f"region, key_id, algorithm, token_digest FROM import_parameters {_OF_CMK}",
        imports.identity,
    ),
    ("data_key", "wrapped", "data_key_id", "region, data_key_id, key_id FROM data_key", data_keys.identity),
    ("white_box_key", "wrapped", "key_id", "region, key_id, algorithm FROM white_box_key", white_box_keys.identity),
    ("beta_key", "wrapped", "key_id", "region, key_id FROM beta_key", beta_keys.identity),
    ("credential", "wrapped", "secret_id", "secret_id FROM credential", credentials.identity),
)
"""What is wrapped: its table and column, the row's id, the parts of its identity with where they are from, and the identity."""


def check(db: sqlite3.Connection, vault: Vault) -> None:
    """Raise `IntegrityError` for a row whose seal, tags, bindings or devices are not those that were written."""
    for sealed in _SEALED.values():
        for row in db.execute(f"SELECT {sealed.columns} FROM {sealed.name}"):  # noqa: S608 - our own table
            vault.seals.check(sealed.name, row)
    for table, column, members in _SETS:
        digests = _digests(db, members)
        for row_id, digest in db.execute(f"SELECT {_SEALED[table].id_column}, {column} FROM {table}"):  # noqa: S608 - as above
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
        query = f"UPDATE {table} SET {column} = ? WHERE {_SEALED[table].id_column} = ?"  # noqa: S608 - our own tables
        db.executemany(query, [(digest, row_id) for row_id, digest in _digests(db, members).items()])
    for sealed in _SEALED.values():
        query = f"SELECT {sealed.id_column}, {sealed.columns} FROM {sealed.name}"  # noqa: S608 - as above
        rows: list[tuple[Any, ...]] = db.execute(query).fetchall()
        query = f"UPDATE {sealed.name} SET seal = ? WHERE {sealed.id_column} = ?"  # noqa: S608 - as above
        db.executemany(query, [(vault.seals.make(sealed.name, row[1:-1]), row[0]) for row in rows])


def _rewrap(db: sqlite3.Connection, rewrapped: Rewrap) -> None:
    for table, column, ids, source, identity in _WRAPPED:
        rows = db.execute(f"SELECT {column}, {ids}, {source}").fetchall()
        width = len(ids.split(", "))
        marks = ", ".join("?" * width)
        query = f"UPDATE {table} SET {column} = ? WHERE ({ids}) = ({marks})"  # noqa: S608 - as above
        changed = [(rewrapped(identity(*row[width + 1 :]), row[0]), *row[1 : width + 1]) for row in rows]
        db.executemany(query, changed)


def _digests(db: sqlite3.Connection, members: str) -> dict[str, bytes]:
    """Return the digest of each set, by the id of the row that it belongs to."""
    sets = defaultdict[str, list[tuple[Any, ...]]](list)
    for row_id, *member in db.execute(members):
        sets[row_id].append(tuple(member))
    return {row_id: seals.digest(members_of_row) for row_id, members_of_row in sets.items()}
