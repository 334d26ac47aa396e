"""The rows of the keys of the KMS of 2017, with their material: load, check, change, show."""

from __future__ import annotations

import secrets
from dataclasses import astuple, dataclass, field, fields
from typing import Any

from kmstool.api import beta
from kmstool.crypto.aead import KEY_BYTES
from kmstool.errors import IntegrityError
from kmstool.server import seals
from kmstool.server.call import Transaction

LIMIT = 1000
"""How many keys a region can have; the pages say 1000 and 200."""

TYPES = (1, 2)
"""An ordinary key, and one whose bytes came from a quantum source; here there is no difference."""

_ID_SIGNS = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH = 8


@dataclass(frozen=True, slots=True)
class BetaKey:
    """One row, in the order of the table; times are Unix seconds, `deletion_date` is 0 unless the key awaits its deletion."""

    region: str
    key_id: str
    alias: str
    description: str
    state: str
    type: int
    created: int
    deletion_date: int
    wrapped: bytes = field(repr=False)


def new_id() -> str:
    """Return a new key id, such as `kms-345sdfk0`."""
    return "kms-" + "".join(secrets.choice(_ID_SIGNS) for _ in range(_ID_LENGTH))


def new_material() -> bytes:
    """Return the bytes of a new key: one for AES-256, in every region."""
    return secrets.token_bytes(KEY_BYTES["AES_256"])


def wrap(transaction: Transaction, region: str, key_id: str, material: bytes) -> bytes:
    """Wrap material for the row of a key."""
    return transaction.vault.wrap(identity(region, key_id), material)


def material(transaction: Transaction, key: BetaKey) -> bytes:
    """Return the material of a key; raise `IntegrityError` for a row that is damaged or stood elsewhere."""
    plain = transaction.vault.unwrap(identity(key.region, key.key_id), key.wrapped)
    if len(plain) != KEY_BYTES["AES_256"]:
        raise _damaged(key)
    return plain


def from_row(transaction: Transaction, row: tuple[Any, ...]) -> BetaKey:
    """Return a row of the table; raise `IntegrityError` for one that was altered."""
    return transaction.vault.seals.opened("beta_key", row, _checked)


def find(transaction: Transaction, key_id: str) -> BetaKey | None:
    """Return the key of this region, None if there is none."""
    query = "SELECT * FROM beta_key WHERE key_id = ? AND region = ?"
    row = transaction.db.execute(query, (key_id, transaction.region.name)).fetchone()
    return from_row(transaction, row) if row else None


def oldest_first(transaction: Transaction) -> list[BetaKey]:
    """Return all keys of this region."""
    query = "SELECT * FROM beta_key WHERE region = ? ORDER BY created, rowid"
    return [from_row(transaction, row) for row in transaction.db.execute(query, (transaction.region.name,)).fetchall()]


def owner_of_alias(transaction: Transaction, region: str, alias: str) -> str | None:
    """Return the id of the key that has an alias in a region; None for one that is free, and for the empty one."""
    query = "SELECT key_id FROM beta_key WHERE region = ? AND alias = ? AND alias <> ''"
    row = transaction.db.execute(query, (region, alias)).fetchone()
    return str(row[0]) if row else None


def insert(transaction: Transaction, key: BetaKey) -> None:
    """Add a key."""
    marks = ", ".join("?" * len(fields(key)))
    transaction.db.execute(f"INSERT INTO beta_key VALUES ({marks}, ?)", _sealed(transaction, key))  # noqa: S608 - marks alone


def update(transaction: Transaction, key: BetaKey) -> None:
    """Write a key as it has become."""
    columns = ", ".join(field.name for field in fields(key))
    marks = ", ".join("?" * len(fields(key)))
    # S608: the columns are the fields of our own class.
    query = f"UPDATE beta_key SET ({columns}, seal) = ({marks}, ?) WHERE key_id = ?"  # noqa: S608
    transaction.db.execute(query, (*_sealed(transaction, key), key.key_id))


def destroy(transaction: Transaction, key_id: str) -> None:
    """Destroy a key and its material; SQLite overwrites the bytes (`secure_delete`)."""
    transaction.db.execute("DELETE FROM beta_key WHERE key_id = ?", (key_id,))


def metadata(key: BetaKey) -> dict[str, Any]:
    """Return the API's keyMetadata with every field."""
    return {
        "keyId": key.key_id,
        "alias": key.alias,
        "createTime": key.created,
        "description": key.description,
        "keyState": key.state,
        "keyUsage": beta.USAGE,
        "type": key.type,
        "deleteTime": key.deletion_date,
    }


def identity(region: str, key_id: str) -> tuple[str, ...]:
    """Return what the vault binds the material to."""
    return "beta key", region, key_id


def _checked(*values: Any) -> BetaKey:
    key = BetaKey(*values)
    if [type(value) for value in values] != [str, str, str, str, str, int, int, int, bytes]:
        raise _damaged(key)
    if key.region not in beta.REGIONS.values() or key.state not in beta.STATES or key.type not in TYPES:
        raise _damaged(key)
    return key


def _sealed(transaction: Transaction, key: BetaKey) -> tuple[Any, ...]:
    values = astuple(key)
    return (*values, transaction.vault.seals.make("beta_key", values))


def _damaged(key: BetaKey) -> IntegrityError:
    return seals.damaged(f"the row of the key {key.key_id!r} of 2017")
