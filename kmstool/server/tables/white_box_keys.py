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

from kmstool.api import cmk_rules, protocol
from kmstool.crypto import cbc
from kmstool.crypto.aead import KEY_BYTES, Algorithm
from kmstool.errors import InputError, IntegrityError
from kmstool.server import seals
from kmstool.server.call import Call, Transaction, refuse
from kmstool.server.regions import WHITE_BOX
from kmstool.server.tables import cmks
from kmstool.whitebox import binding, generator, key_file
from kmstool.whitebox.block_ciphers import Direction

LIMIT = 50
"""How many white-box keys a region can have."""


@dataclass(frozen=True, slots=True)
class WhiteBoxKey:
    """One row, in the order of the table; `created` is in Unix seconds."""

    region: str
    key_id: str
    alias: str
    description: str
    state: str
    algorithm: Algorithm
    created: int
    wrapped: bytes = field(repr=False)
    tags_digest: bytes = b""
    devices_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Device:
    """A device fingerprint and what its owner says of it."""

    fingerprint: str
    description: str


def new_secret(algorithm: Algorithm) -> bytes:
    """Return what a new white-box key is made of: the key (32 bytes for AES_256, 16 for SM4) and a seed of 32 bytes."""
    return secrets.token_bytes(secret_bytes(algorithm))


def secret_bytes(algorithm: Algorithm) -> int:
    """Return how long key and seed are together."""
    return KEY_BYTES[algorithm] + generator.SEED_BYTES


def wrap(transaction: Transaction, region: str, key_id: str, algorithm: Algorithm, secret: bytes) -> bytes:
    """Wrap key and seed for the row of a key."""
    return transaction.vault.wrap(identity(region, key_id, algorithm), secret)


def insert(transaction: Transaction, key: WhiteBoxKey) -> None:
    """Add a key."""
    query = "INSERT INTO white_box_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    transaction.db.execute(query, (*astuple(key), _seal(transaction, key)))


def from_row(transaction: Transaction, row: tuple[Any, ...]) -> WhiteBoxKey:
    """Return a row of the table; raise `IntegrityError` for one that was altered."""
    return transaction.vault.seals.opened("white_box_key", row, _checked)


def _checked(*values: Any) -> WhiteBoxKey:
    key = WhiteBoxKey(*values)
    if [type(value) for value in values] != [*[str] * 6, int, bytes, bytes, bytes]:
        raise _damaged(key)
    if key.region not in WHITE_BOX or key.state not in cmk_rules.WHITE_BOX_STATES or key.algorithm not in KEY_BYTES:
        raise _damaged(key)
    return key


def load(transaction: Transaction, key_id: str) -> WhiteBoxKey:
    """Return the key of this region, or refuse with `InvalidKeyId` or `ResourceNotFound`."""
    if not cmk_rules.is_key_id(key_id):
        raise refuse("InvalidParameterValue.InvalidKeyId", f"the key id {key_id!r} is no UUID")
    found = transaction.db.execute(
        "SELECT * FROM white_box_key WHERE key_id = ? AND region = ?", (key_id, transaction.region.name)
    )
    row = found.fetchone()
    if row is None:
        raise refuse("ResourceNotFound", f"there is no white-box key {key_id} in {transaction.region.name}")
    return from_row(transaction, row)


def usable(call: Call, key_id: str) -> WhiteBoxKey:
    """Return the key if the action that was called is allowed on it (the table in `cmk_rules`)."""
    key = load(call, key_id)
    code = cmk_rules.white_box_refusal(call.action, key.state)
    if code is not None:
        raise refuse(code, f"{call.action} is not possible with the white-box key {key_id} ({key.alias}): {key.state}")
    return key


def newest_first(transaction: Transaction) -> list[WhiteBoxKey]:
    """Return all keys of this region."""
    query = "SELECT * FROM white_box_key WHERE region = ? ORDER BY created DESC, rowid DESC"
    return [from_row(transaction, row) for row in transaction.db.execute(query, (transaction.region.name,))]


def set_state(transaction: Transaction, key: WhiteBoxKey, state: str) -> None:
    """Bring a key into a state."""
    _update(transaction, replace(key, state=state))


def destroy(transaction: Transaction, key: WhiteBoxKey) -> None:
    """Destroy a key and all that belongs to it; SQLite overwrites the bytes (`secure_delete`)."""
    transaction.db.execute("DELETE FROM device WHERE key_id = ?", (key.key_id,))
    transaction.db.execute("DELETE FROM tag WHERE key_id = ?", (key.key_id,))
    transaction.db.execute("DELETE FROM white_box_key WHERE key_id = ?", (key.key_id,))
    # Who can read tables can find the key in them.
    _tables.cache_clear()


def devices(transaction: Transaction, key: WhiteBoxKey) -> list[Device]:
    """Return the devices that a key is bound to, in the order in which they were given.

    Raises `IntegrityError` if one was altered, added or taken away but by `bind`.
    """
    query = "SELECT number, fingerprint, description FROM device WHERE key_id = ? ORDER BY number"
    rows = transaction.db.execute(query, (key.key_id,)).fetchall()
    if seals.digest(rows) != key.devices_digest:
        raise _damaged(key)
    return [Device(*row[1:]) for row in rows]


def bind(transaction: Transaction, key: WhiteBoxKey, bound: Sequence[Device]) -> None:
    """Bind a key to these devices and no others; none twice."""
    transaction.db.execute("DELETE FROM device WHERE key_id = ?", (key.key_id,))
    rows = [(number, *astuple(device)) for number, device in enumerate(bound)]
    transaction.db.executemany("INSERT INTO device VALUES (?, ?, ?, ?)", [(key.key_id, *row) for row in rows])
    _update(transaction, replace(key, devices_digest=seals.digest(rows)))


def secret(transaction: Transaction, key: WhiteBoxKey) -> bytes:
    """Return key and seed. Raises `IntegrityError` for a row that is damaged or stood elsewhere."""
    plain = transaction.vault.unwrap(identity(key.region, key.key_id, key.algorithm), key.wrapped)
    if len(plain) != secret_bytes(key.algorithm):
        raise _damaged(key)
    return plain


def encrypt(transaction: Transaction, key: WhiteBoxKey, iv: bytes, plaintext: bytes) -> bytes:
    """Encrypt as the encrypt key would, whose tables would be slower."""
    return cbc.encrypt(key.algorithm, secret(transaction, key)[: KEY_BYTES[key.algorithm]], iv, plaintext)


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


def _update(transaction: Transaction, key: WhiteBoxKey) -> None:
    """Write what may change of a key."""
    query = "UPDATE white_box_key SET state = ?, devices_digest = ?, seal = ? WHERE key_id = ?"
    transaction.db.execute(query, (key.state, key.devices_digest, _seal(transaction, key), key.key_id))


def _seal(transaction: Transaction, key: WhiteBoxKey) -> bytes:
    return transaction.vault.seals.make("white_box_key", astuple(key))


def _key_file(key: WhiteBoxKey, direction: Direction, own: bytes, fingerprints: Sequence[str]) -> bytes:
    try:
        return key_file.write(
            key.algorithm, direction, key.key_id, _tables(key.algorithm, direction, own), fingerprints
        )
    except InputError as error:
        # Fingerprints are checked before they are stored.
        raise _damaged(key) from error


# Lists show both keys of every row; this is enough for all rows of a region (6 MB).
@lru_cache(maxsize=2 * LIMIT)
def _tables(algorithm: Algorithm, direction: Direction, own: bytes) -> bytes:
    size = KEY_BYTES[algorithm]
    return generator.generate(algorithm, direction, own[:size], own[size:])


def identity(region: str, key_id: str, algorithm: str) -> tuple[str, ...]:
    """Return what the vault binds key and seed to."""
    return "white-box key", region, key_id, algorithm


def _damaged(key: WhiteBoxKey) -> IntegrityError:
    return seals.damaged(f"the row of the white-box key {key.key_id!r}")
