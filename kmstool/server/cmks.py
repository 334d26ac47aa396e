"""The rows of customer master keys and their material: load, check, show."""

from __future__ import annotations

import sqlite3
from dataclasses import astuple, dataclass
from typing import Any

from kmstool import keys
from kmstool.crypto.aead import Algorithm
from kmstool.server.call import Call, refuse

UIN = 100000000001
"""The one account of the embedded KMS."""

_ROTATION_SECONDS = 365 * 86400


@dataclass(frozen=True, slots=True)
class Cmk:
    """One row, in the order of the table; `version` counts the versions of its material, 0 before an import."""

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


def insert(call: Call, cmk: Cmk) -> None:
    """Add a key."""
    call.db.execute("INSERT INTO cmk VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", astuple(cmk))


def load(call: Call, key_id: str) -> Cmk:
    """Return the key of this region, or refuse with `InvalidKeyId` or `CmkNotFound`."""
    if not keys.is_key_id(key_id):
        raise refuse("InvalidParameterValue.InvalidKeyId", f"the key id {key_id!r} is no UUID")
    found = call.db.execute("SELECT * FROM cmk WHERE key_id = ? AND region = ?", (key_id, call.region.name))
    row = found.fetchone()
    if row is None:
        raise refuse("ResourceUnavailable.CmkNotFound", f"there is no key {key_id} in {call.region.name}")
    return Cmk(*row)


def newest_first(call: Call) -> list[Cmk]:
    """Return all keys of this region."""
    rows = call.db.execute("SELECT * FROM cmk WHERE region = ? ORDER BY created DESC, rowid DESC", (call.region.name,))
    return [Cmk(*row) for row in rows]


def check_state(cmk: Cmk, action: str) -> None:
    """Refuse `action` if the key's state does not allow it (the table in `keys`)."""
    code = keys.refusal(action, cmk.state)
    if code is not None:
        raise refuse(code, f"the key {cmk.key_id} is {cmk.state}, which does not allow {action}")


def check_usage(cmk: Cmk, usage: str) -> None:
    """Refuse a key that was made for another purpose."""
    if cmk.usage != usage:
        raise refuse(
            "InvalidParameterValue.InvalidKeyUsage", f"the key {cmk.key_id} is for {cmk.usage}, not for {usage}"
        )


def add_material(call: Call, cmk: Cmk, algorithm: Algorithm, material: bytes) -> None:
    """Store the material of the key's current version, wrapped."""
    wrapped = call.vault().wrap(_identity(cmk, cmk.version, algorithm), material)
    call.db.execute("INSERT INTO material VALUES (?, ?, ?, ?)", (cmk.key_id, cmk.version, algorithm, wrapped))


def material(call: Call, cmk: Cmk, version: int) -> tuple[Algorithm, bytes]:
    """Return algorithm and material of one version, or refuse a version that there is not."""
    row = call.db.execute(
        "SELECT algorithm, wrapped FROM material WHERE key_id = ? AND version = ?", (cmk.key_id, version)
    ).fetchone()
    if row is None:
        raise refuse("InvalidParameterValue.InvalidCiphertext", f"the key {cmk.key_id} has no version {version}")
    algorithm, wrapped = row
    return algorithm, call.vault().unwrap(_identity(cmk, version, algorithm), wrapped)


def tags(db: sqlite3.Connection, key_id: str) -> dict[str, str]:
    """Return a key's tags."""
    return dict(db.execute("SELECT name, value FROM tag WHERE key_id = ?", (key_id,)))


def metadata(call: Call, cmk: Cmk) -> dict[str, Any]:
    """Return the API's KeyMetadata with every field, as clients that diff states need it."""
    return {
        "KeyId": cmk.key_id,
        "Alias": cmk.alias,
        "CreateTime": cmk.created,
        "Description": cmk.description,
        "KeyState": cmk.state,
        "KeyUsage": cmk.usage,
        "Type": call.region.type,
        "CreatorUin": UIN,
        "KeyRotationEnabled": False,
        "Owner": cmk.owner,
        # The cloud shows creation + 365 days here even while rotation is off.
        "NextRotateTime": cmk.created + _ROTATION_SECONDS,
        "DeletionDate": 0,
        "Origin": cmk.origin,
        "ValidTo": 0,
        "ResourceId": f"creatorUin/{UIN}/{cmk.key_id}",
        "HsmClusterId": "",
        "RotateDays": 365,
        "LastRotateTime": 0,
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


def _identity(cmk: Cmk, version: int, algorithm: str) -> tuple[str, ...]:
    return cmk.region, cmk.key_id, str(version), algorithm
