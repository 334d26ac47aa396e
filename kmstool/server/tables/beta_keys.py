"""The rows of the keys of the KMS of 2017, with their material: load, check, change, show."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

from kmstool import words
from kmstool.api import beta
from kmstool.server.call import Transaction
from kmstool.server.tables.sealed_rows import KeyTable

LIMIT = 1000
"""How many keys a region can have; the pages say 1000 and 200."""

MATERIAL_BYTES = words.KEY_BYTES[words.AES_256]

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


TABLE = KeyTable(
    "beta_key",
    BetaKey,
    "key of 2017",
    allowed={"region": beta.REGIONS.values(), "state": beta.STATES, "type": TYPES},
)
insert, update, find = TABLE.insert, TABLE.update, TABLE.find_here


def new_id() -> str:
    """Return a new key id, such as `kms-345sdfk0`."""
    return "kms-" + "".join(secrets.choice(_ID_SIGNS) for _ in range(_ID_LENGTH))


def new_material() -> bytes:
    """Return the bytes of a new key: one for AES-256, in every region."""
    return secrets.token_bytes(MATERIAL_BYTES)


def wrap(transaction: Transaction, region: str, key_id: str, material: bytes) -> bytes:
    """Wrap material for the row of a key."""
    return transaction.vault.wrap(identity(region, key_id), material)


def material(transaction: Transaction, key: BetaKey) -> bytes:
    """Return the material of a key; raise `IntegrityError` for a row that is damaged or stood elsewhere."""
    plain = transaction.vault.unwrap(identity(key.region, key.key_id), key.wrapped)
    if len(plain) != MATERIAL_BYTES:
        raise TABLE.damaged(key)
    return plain


def destroy(transaction: Transaction, key_id: str) -> None:
    """Destroy a key and its material; SQLite overwrites the bytes (`secure_delete`)."""
    TABLE.delete(transaction, key_id)


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
