"""The rows of customer master keys and their material: load, check, change, show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kmstool import words
from kmstool.api import cmk_rules
from kmstool.server import blobs, materials, rules, seals
from kmstool.server.call import Call, Transaction, refuse
from kmstool.server.regions import REGIONS
from kmstool.server.tables import tags
from kmstool.server.tables.sealed_rows import KeyTable

UIN = 100000000001
"""The one account of the embedded KMS."""

DAY = 86400

_FEWER_CMKS = 200


@dataclass(frozen=True, slots=True)
class Cmk:
    """One row, in the order of the table; times are Unix seconds, 0 = not set.

    `version` counts the versions of the material, 0 before an import; `rotate_days` is 0
    while rotation is off. The digests are those of the tags and bindings; `first_material`
    is the fingerprint of the first imported material, empty if there was none.
    """

    region: str
    key_id: str
    alias: str
    description: str
    state: str
    usage: str
    origin: str
    owner: str
    created: int
    version: int
    deletion_date: int = 0
    rotate_days: int = 0
    next_rotation: int = 0
    last_rotation: int = 0
    valid_to: int = 0
    tags_digest: bytes = b""
    bindings_digest: bytes = b""
    first_material: bytes = field(default=b"", repr=False)


TABLE = KeyTable(
    "cmk",
    Cmk,
    "key",
    allowed={"region": REGIONS, "state": words.STATES, "usage": words.USAGES.values()},
)
insert, update, newest_first = TABLE.insert, TABLE.update, TABLE.newest_first


def load(transaction: Transaction, key_id: str) -> Cmk:
    """Return the key of this region, or refuse."""
    return TABLE.load(
        transaction, key_id, malformed="InvalidParameterValue.InvalidKeyId", missing="ResourceUnavailable.CmkNotFound"
    )


def usable(call: Call, key_id: str, action: str | None = None) -> Cmk:
    """Return the key if `action`, by default the one that was called, is allowed on it (the tables in `rules`)."""
    cmk = load(call, key_id)
    action = action or call.action
    code = cmk_rules.refusal(
        action,
        cmk.state,
        usage=cmk.usage,
        origin=cmk.origin,
        owner=cmk.owner,
        bound=bool(bindings(call, cmk)),
        rules=rules.of_cmks(call.assumed),
    )
    if code is not None:
        raise refuse(
            code,
            f"{action} is not possible with the key {key_id} ({cmk.alias}): {_facts(call, cmk)}",
            facts={"key": key_id, "state": cmk.state},
        )
    return cmk


def limit(transaction: Transaction) -> int:
    """Return how many keys a region can have."""
    return _FEWER_CMKS if "U25" in transaction.assumed else words.MAX_CMKS


def add_version(transaction: Transaction, cmk: Cmk, material: bytes | None = None) -> Cmk:
    """Give a key the next version of its material, fresh unless given, and return the key with it."""
    algorithm = materials.algorithm_of(cmk.usage, REGIONS[cmk.region])
    cmk = replace(cmk, version=cmk.version + 1)
    fresh = materials.make(algorithm) if material is None else material
    wrapped = transaction.vault.wrap(_identity(cmk, cmk.version, algorithm), fresh)
    transaction.db.execute("INSERT INTO material VALUES (?, ?, ?, ?)", (cmk.key_id, cmk.version, algorithm, wrapped))
    update(transaction, cmk)
    return cmk


def material(transaction: Transaction, cmk: Cmk, version: int) -> tuple[str, bytes]:
    """Return algorithm and material of a version that there must be; raise `IntegrityError` for a damaged store."""
    row = transaction.db.execute(
        "SELECT algorithm, wrapped FROM material WHERE key_id = ? AND version = ?", (cmk.key_id, version)
    ).fetchone()
    if row is None:
        raise TABLE.damaged(cmk)
    algorithm, wrapped = row
    if algorithm != materials.algorithm_of(cmk.usage, REGIONS[cmk.region]):
        raise TABLE.damaged(cmk)
    plain = transaction.vault.unwrap(_identity(cmk, version, algorithm), wrapped)
    # The vault has authenticated it, and nothing gets in there unchecked.
    if not materials.is_material(algorithm, plain, trusted=True):
        raise TABLE.damaged(cmk)
    return algorithm, plain


def seal(transaction: Transaction, cmk: Cmk, plaintext: bytes, context: str) -> str:
    """Encrypt under the newest version of a symmetric key of this region and return the blob."""
    padded = transaction.region.profile == "SM" or "U20" not in transaction.assumed
    return blobs.seal(_blob_key(transaction, cmk, cmk.version), plaintext, context, padded=padded)


def unseal(transaction: Transaction, cmk: Cmk, blob: blobs.Blob, context: str) -> bytes:
    """Return what is in a blob under a key of this region; refuse with `InvalidCiphertext` what does not open."""
    if not 1 <= blob.version <= cmk.version:
        raise refuse("InvalidParameterValue.InvalidCiphertext", f"the key {cmk.key_id} has no version {blob.version}")
    return blobs.unseal(_blob_key(transaction, cmk, blob.version), blob, context)


def has_material(transaction: Transaction, cmk: Cmk) -> bool:
    """Return whether there is any version; an imported key may have lost its only one."""
    return transaction.db.execute("SELECT 1 FROM material WHERE key_id = ?", (cmk.key_id,)).fetchone() is not None


def forget_material(transaction: Transaction, key_id: str) -> None:
    """Destroy all material of a key; SQLite overwrites the bytes (`secure_delete`)."""
    transaction.db.execute("DELETE FROM material WHERE key_id = ?", (key_id,))


def destroy(transaction: Transaction, key_id: str) -> None:
    """Destroy a key and all that belongs to it."""
    forget_material(transaction, key_id)
    transaction.db.execute("DELETE FROM import_parameters WHERE key_id = ?", (key_id,))
    tags.remove(transaction.db, key_id)
    transaction.db.execute("DELETE FROM binding WHERE key_id = ?", (key_id,))
    TABLE.delete(transaction, key_id)


def bindings(transaction: Transaction, cmk: Cmk) -> list[tuple[str, str]]:
    """Return (product, resource) of every cloud resource that uses a key; raise `IntegrityError` for altered ones."""
    query = "SELECT product, resource FROM binding WHERE key_id = ?"
    pairs: list[tuple[str, str]] = transaction.db.execute(query, (cmk.key_id,)).fetchall()
    if (pairs or cmk.bindings_digest) and seals.digest(pairs) != cmk.bindings_digest:
        raise TABLE.damaged(cmk)
    return pairs


def bind(transaction: Transaction, cmk: Cmk, resources: Sequence[tuple[str, str]]) -> Cmk:
    """Note that these cloud resources (product, resource) use a key and no others do; return the key with them."""
    transaction.db.execute("DELETE FROM binding WHERE key_id = ?", (cmk.key_id,))
    transaction.db.executemany(
        "INSERT INTO binding VALUES (?, ?, ?)", [(cmk.key_id, *resource) for resource in resources]
    )
    cmk = replace(cmk, bindings_digest=seals.digest(resources))
    update(transaction, cmk)
    return cmk


def metadata(transaction: Transaction, cmk: Cmk) -> dict[str, Any]:
    """Return the API's KeyMetadata with every field, as clients that diff states need it."""
    return {
        "KeyId": cmk.key_id,
        "Alias": cmk.alias,
        "CreateTime": cmk.created,
        "Description": cmk.description,
        "KeyState": cmk.state,
        "KeyUsage": cmk.usage,
        "Type": transaction.region.type,
        "KeyRotationEnabled": cmk.rotate_days > 0,
        "Owner": cmk.owner,
        # The cloud shows creation + 365 days here even while rotation is off.
        "NextRotateTime": cmk.next_rotation or cmk.created + words.DEFAULT_ROTATION_DAYS * DAY,
        "DeletionDate": cmk.deletion_date,
        "Origin": cmk.origin,
        "ValidTo": cmk.valid_to,
        "RotateDays": cmk.rotate_days or words.DEFAULT_ROTATION_DAYS,
        "LastRotateTime": cmk.last_rotation,
        **account_fields(cmk.key_id),
    }


def account_fields(key_id: str) -> dict[str, Any]:
    """Return what is the same in the metadata of all keys, data keys too: the account, and that nothing is replicated."""
    return {
        "CreatorUin": UIN,
        "ResourceId": f"creatorUin/{UIN}/{key_id}",
        "HsmClusterId": "",
        "IsSyncReplica": 0,
        "SourceRegion": "",
        "SyncStatus": 0,
        "SyncMessages": "",
        "SyncStartTime": 0,
        "SyncEndTime": 0,
        "SourceHsmClusterId": "",
        "AccountAppId": 0,
        "AccountUin": UIN,
        "AccountName": "",
        "CreatorUinString": str(UIN),
    }


def _blob_key(transaction: Transaction, cmk: Cmk, version: int) -> blobs.BlobKey:
    return blobs.BlobKey(cmk.key_id, version, transaction.region.algorithm, material(transaction, cmk, version)[1])


def identity(region: str, key_id: str, version: int, algorithm: str) -> tuple[str, ...]:
    """Return what the vault binds a version of the material to."""
    return region, key_id, str(version), algorithm


def _identity(cmk: Cmk, version: int, algorithm: str) -> tuple[str, ...]:
    return identity(cmk.region, cmk.key_id, version, algorithm)


def _facts(transaction: Transaction, cmk: Cmk) -> str:
    facts = f"state {cmk.state}, usage {cmk.usage}, origin {cmk.origin}, owner {cmk.owner}"
    users = ", ".join(f"{product} {resource}" for product, resource in bindings(transaction, cmk))
    return f"{facts}, used by {users}" if users else facts
