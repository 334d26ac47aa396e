"""The rows of white-box keys and of the devices that they are bound to: load, check, change, show, make the key files.

A row holds the key and a seed, wrapped by the vault; the tables are made of them when they
are wanted, and sealed for the devices of that moment whenever they leave.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import astuple, dataclass, field, replace
from functools import lru_cache
from typing import Any

from kmstool import words
from kmstool.api import cmk_rules, protocol
from kmstool.crypto import cbc
from kmstool.errors import InputError
from kmstool.server import rules, seals
from kmstool.server.call import Call, Transaction, refuse
from kmstool.server.regions import WHITE_BOX
from kmstool.server.tables import cmks, tags
from kmstool.server.tables.sealed_rows import KeyTable
from kmstool.whitebox import binding, generator, key_file
from kmstool.whitebox.block_ciphers import Direction


@dataclass(frozen=True, slots=True)
class WhiteBoxKey:
    """One row, in the order of the table; `created` is in Unix seconds."""

    region: str
    key_id: str
    alias: str
    description: str
    state: str
    algorithm: words.Cipher
    created: int
    wrapped: bytes = field(repr=False)
    tags_digest: bytes = b""
    devices_digest: bytes = b""


TABLE = KeyTable(
    "white_box_key",
    WhiteBoxKey,
    "white-box key",
    allowed={"region": WHITE_BOX, "state": words.WHITE_BOX_STATES, "algorithm": words.CIPHERS},
)
insert, update, newest_first = TABLE.insert, TABLE.update, TABLE.newest_first


@dataclass(frozen=True, slots=True)
class Device:
    """A device fingerprint and what its owner says of it."""

    fingerprint: str
    description: str


def new_secret(algorithm: words.Cipher) -> bytes:
    """Return what a new white-box key is made of: the key (32 bytes for AES_256, 16 for SM4) and a seed of 32 bytes."""
    return secrets.token_bytes(secret_bytes(algorithm))


def secret_bytes(algorithm: words.Cipher) -> int:
    """Return how long key and seed are together."""
    return words.KEY_BYTES[algorithm] + generator.SEED_BYTES


def wrap(transaction: Transaction, region: str, key_id: str, algorithm: words.Cipher, secret: bytes) -> bytes:
    """Wrap key and seed for the row of a key."""
    return transaction.vault.wrap(identity(region, key_id, algorithm), secret)


def load(transaction: Transaction, key_id: str) -> WhiteBoxKey:
    """Return the key of this region, or refuse."""
    return TABLE.load(transaction, key_id, malformed="InvalidParameterValue.InvalidKeyId", missing="ResourceNotFound")


def usable(call: Call, key_id: str) -> WhiteBoxKey:
    """Return the key if the action that was called is allowed on it (the tables in `rules`)."""
    key = load(call, key_id)
    code = cmk_rules.white_box_refusal(call.action, key.state, rules.of_white_box_keys(call.assumed))
    if code is not None:
        raise refuse(code, f"{call.action} is not possible with the white-box key {key_id} ({key.alias}): {key.state}")
    return key


def destroy(transaction: Transaction, key: WhiteBoxKey) -> None:
    """Destroy a key and all that belongs to it; SQLite overwrites the bytes (`secure_delete`)."""
    transaction.db.execute("DELETE FROM device WHERE key_id = ?", (key.key_id,))
    tags.remove(transaction.db, key.key_id)
    TABLE.delete(transaction, key.key_id)
    # Who can read tables can find the key in them.
    _tables.cache_clear()


def devices(transaction: Transaction, key: WhiteBoxKey) -> list[Device]:
    """Return the devices that a key is bound to, in the order in which they were given.

    Raises `IntegrityError` if one was altered, added or taken away but by `bind`.
    """
    query = "SELECT number, fingerprint, description FROM device WHERE key_id = ? ORDER BY number"
    rows = transaction.db.execute(query, (key.key_id,)).fetchall()
    if seals.digest(rows) != key.devices_digest:
        raise TABLE.damaged(key)
    return [Device(*row[1:]) for row in rows]


def bind(transaction: Transaction, key: WhiteBoxKey, bound: Sequence[Device]) -> None:
    """Bind a key to these devices and no others; none twice."""
    transaction.db.execute("DELETE FROM device WHERE key_id = ?", (key.key_id,))
    rows = [(number, *astuple(device)) for number, device in enumerate(bound)]
    transaction.db.executemany("INSERT INTO device VALUES (?, ?, ?, ?)", [(key.key_id, *row) for row in rows])
    update(transaction, replace(key, devices_digest=seals.digest(rows)))


def secret(transaction: Transaction, key: WhiteBoxKey) -> bytes:
    """Return key and seed. Raises `IntegrityError` for a row that is damaged or stood elsewhere."""
    plain = transaction.vault.unwrap(identity(key.region, key.key_id, key.algorithm), key.wrapped)
    if len(plain) != secret_bytes(key.algorithm):
        raise TABLE.damaged(key)
    return plain


def encrypt(transaction: Transaction, key: WhiteBoxKey, iv: bytes, plaintext: bytes) -> bytes:
    """Encrypt as the encrypt key would, whose tables would be slower."""
    return cbc.encrypt(key.algorithm, secret(transaction, key)[: words.KEY_BYTES[key.algorithm]], iv, plaintext)


def encrypt_key(transaction: Transaction, key: WhiteBoxKey) -> bytes:
    """Return the encrypt key, which only KMS can open: whoever encrypts with tables can find the key in them."""
    own = secret(transaction, key)
    return _key_file(key, "encrypt", own, [binding.fingerprint(b"kms\0" + own)])


def decrypt_key(transaction: Transaction, key: WhiteBoxKey) -> bytes:
    """Return the decrypt key, sealed for the devices that the key is bound to now."""
    return _key_file(
        key, "decrypt", secret(transaction, key), [device.fingerprint for device in devices(transaction, key)]
    )


def info(transaction: Transaction, key: WhiteBoxKey) -> dict[str, Any]:
    """Return the API's WhiteboxKeyInfo. The decrypt key in it is bound too: else a look would undo the binding."""
    return {
        "KeyId": key.key_id,
        "Alias": key.alias,
        "CreatorUin": cmks.UIN,
        "Description": key.description,
        "CreateTime": key.created,
        "Status": key.state,
        "OwnerUin": cmks.UIN,
        "Algorithm": key.algorithm,
        "EncryptKey": protocol.encode(encrypt_key(transaction, key)),
        "DecryptKey": protocol.encode(decrypt_key(transaction, key)),
        "ResourceId": f"creatorUin/{cmks.UIN}/{key.key_id}",
        "DeviceFingerprintBind": bool(devices(transaction, key)),
    }


def _key_file(key: WhiteBoxKey, direction: Direction, own: bytes, fingerprints: Sequence[str]) -> bytes:
    try:
        return key_file.write(
            key.algorithm, direction, key.key_id, _tables(key.algorithm, direction, own), fingerprints
        )
    except InputError as error:
        # Fingerprints are checked before they are stored.
        raise TABLE.damaged(key) from error


# Lists show both keys of every row; this is enough for all rows of a region (6 MB).
@lru_cache(maxsize=2 * words.MAX_WHITE_BOX_KEYS)
def _tables(algorithm: words.Cipher, direction: Direction, own: bytes) -> bytes:
    size = words.KEY_BYTES[algorithm]
    return generator.generate(algorithm, direction, own[:size], own[size:])


def identity(region: str, key_id: str, algorithm: str) -> tuple[str, ...]:
    """Return what the vault binds key and seed to."""
    return "white-box key", region, key_id, algorithm
