"""The rows of hosted data keys: load, check, change, show, open.

A row holds the ciphertext blob, as KMS gave or took it, and the context that it was made
with; the plaintext is never stored. So whatever the CMK of a data key cannot open is
closed here too, and with the CMK's material its data keys are lost. The blob is wrapped
once more by the vault together with the row's identity, so that rows cannot be exchanged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kmstool import words
from kmstool.api import data_key_rules
from kmstool.server import blobs
from kmstool.server.call import Call, Transaction, refuse
from kmstool.server.regions import REGIONS
from kmstool.server.tables import cmks, tags
from kmstool.server.tables.sealed_rows import KeyTable


@dataclass(frozen=True, slots=True)
class DataKey:
    """One row, in the order of the table; times are Unix seconds, 0 = not set."""

    region: str
    data_key_id: str
    key_id: str
    name: str
    description: str
    state: str
    origin: str
    byte_count: int
    created: int
    deletion_date: int
    context: str
    wrapped: bytes = field(repr=False)
    tags_digest: bytes = b""


TABLE = KeyTable(
    "data_key",
    DataKey,
    "data key",
    "data_key_id",
    {"region": REGIONS, "state": words.DATA_KEY_STATES},
    "name",
)
insert, update, newest_first = TABLE.insert, TABLE.update, TABLE.newest_first


def identity(region: str, data_key_id: str, key_id: str) -> tuple[str, ...]:
    """Return what the vault binds a blob to."""
    return "data key", region, data_key_id, key_id


def load(transaction: Transaction, data_key_id: str) -> DataKey:
    """Return the data key of this region, or refuse."""
    return TABLE.load(
        transaction,
        data_key_id,
        malformed="InvalidParameterValue.InvalidDataKeyId",
        missing="ResourceUnavailable.DataKeyNotFound",
    )


def usable(call: Call, data_key_id: str) -> DataKey:
    """Return the data key if the action that was called is allowed on it and its CMK (the table in `data_key_rules`)."""
    data_key = load(call, data_key_id)
    cmk = cmk_of(call, data_key)
    code = data_key_rules.refusal(call.action, data_key.state, cmk.state)
    if code is not None:
        states = f"state {data_key.state}, under the key {cmk.key_id} ({cmk.alias}) of state {cmk.state}"
        culprit = data_key if "DataKey" in code else cmk
        raise refuse(
            code,
            f"{call.action} is not possible with the data key {data_key_id} ({data_key.name}): {states}",
            facts={"key": cmk.key_id, "data_key": data_key_id, "state": culprit.state},
        )
    return data_key


def cmk_of(transaction: Transaction, data_key: DataKey) -> cmks.Cmk:
    """Return the CMK that a data key is under. Raises `IntegrityError` if it is gone, for they go together."""
    cmk = cmks.TABLE.find(transaction, data_key.key_id)
    if cmk is None:
        raise TABLE.damaged(data_key)
    return cmk


def destroy(transaction: Transaction, data_key_id: str) -> None:
    """Destroy a data key and its tags; SQLite overwrites the bytes (`secure_delete`)."""
    tags.remove(transaction.db, data_key_id)
    TABLE.delete(transaction, data_key_id)


def of_cmk(transaction: Transaction, key_id: str) -> list[str]:
    """Return the ids of the data keys under a CMK."""
    return [row[0] for row in transaction.db.execute("SELECT data_key_id FROM data_key WHERE key_id = ?", (key_id,))]


def blob(transaction: Transaction, data_key: DataKey) -> str:
    """Return the ciphertext blob, which Decrypt opens. Raises `IntegrityError` for a row that was altered."""
    row = identity(data_key.region, data_key.data_key_id, data_key.key_id)
    return transaction.vault.unwrap(row, data_key.wrapped).decode()


def plaintext(transaction: Transaction, data_key: DataKey) -> bytes:
    """Open the blob by the CMK, under the context that it was made with."""
    sealed = blobs.parse(blob(transaction, data_key))
    opened = cmks.unseal(transaction, cmk_of(transaction, data_key), sealed, data_key.context)
    if len(opened) != data_key.byte_count:
        raise TABLE.damaged(data_key)
    return opened


def metadata(transaction: Transaction, data_key: DataKey) -> dict[str, Any]:
    """Return the API's DataKeyMetadata with every field."""
    return {
        "DataKeyId": data_key.data_key_id,
        "KeyId": data_key.key_id,
        "KeyName": cmk_of(transaction, data_key).alias,
        "DataKeyName": data_key.name,
        "NumberOfBytes": data_key.byte_count,
        "CreateTime": data_key.created,
        "Description": data_key.description,
        "KeyState": data_key.state,
        "Owner": words.USER,
        "DeletionDate": data_key.deletion_date,
        "Origin": data_key.origin,
        **cmks.account_fields(data_key.data_key_id),
    }
