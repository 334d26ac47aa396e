"""Actions of hosted data keys: import, describe, list, name, hand out, enable, disable, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kmstool import words
from kmstool.api import data_key_rules
from kmstool.errors import KmsToolError
from kmstool.server import blobs, identifiers, wrapping
from kmstool.server.actions.lifecycle import window_seconds
from kmstool.server.actions.parameters import choice, description, ids, origin_filter, page, state_filter, tagged, tags
from kmstool.server.actions.states import set_states
from kmstool.server.call import Call, binary, refuse
from kmstool.server.tables import cmks
from kmstool.server.tables import data_keys as rows
from kmstool.server.tables import tags as tag_rows
from kmstool.server.tables.cmks import Cmk
from kmstool.server.tables.data_keys import DataKey

_BLOB, _RAW = 1, 2


def host(call: Call, cmk: Cmk, blob: str, *, origin: str, byte_count: int, context: str) -> dict[str, Any]:
    """Keep a data key under the name, description and tags of the request; `blob` is it under `cmk`.

    Returns what the answer tells of that.
    """
    name = _free_name(call, None)
    text, new_tags = description(call, words.MAX_DATA_KEY_DESCRIPTION_BYTES), tags(call)
    _check_limit(call)
    data_key_id = identifiers.new(call.now)
    wrapped = call.vault.wrap(rows.identity(cmk.region, data_key_id, cmk.key_id), blob.encode())
    data_key = DataKey(
        region=cmk.region,
        data_key_id=data_key_id,
        key_id=cmk.key_id,
        name=name,
        description=text,
        state=words.ENABLED,
        origin=origin,
        byte_count=byte_count,
        created=call.now,
        deletion_date=0,
        context=context,
        wrapped=wrapped,
        tags_digest=tag_rows.digest(new_tags.kept),
    )
    rows.insert(call, data_key)
    tag_rows.insert(call.db, data_key_id, new_tags.kept)
    return {"DataKeyId": data_key_id, **new_tags.fields}


def import_data_key(call: Call) -> dict[str, Any]:
    """Keep a data key that exists already: as a blob without a context, or its bytes."""
    kind: int = call.params["ImportType"]
    if kind not in (_BLOB, _RAW):
        raise refuse("InvalidParameterValue.InvalidType", f"ImportType is {kind}, 1 (blob) or 2 (bytes) are possible")
    cmk, blob, byte_count = _imported_blob(call) if kind == _BLOB else _imported_bytes(call)
    return {"KeyId": cmk.key_id, **host(call, cmk, blob, origin=words.EXTERNAL, byte_count=byte_count, context="")}


def describe_data_key(call: Call) -> dict[str, Any]:
    """Tell all about one data key."""
    return {"DataKeyMetadata": rows.metadata(call, rows.usable(call, call.params["DataKeyId"]))}


def describe_data_keys(call: Call) -> dict[str, Any]:
    """Tell all about up to 100 data keys."""
    return {"DataKeyMetadatas": [rows.metadata(call, data_key) for data_key in _several(call)]}


def list_data_keys(call: Call) -> dict[str, Any]:
    """List the ids of all data keys."""
    data_keys = [] if choice(call, "Role") else rows.newest_first(call)
    ids = [{"DataKeyId": data_key.data_key_id} for data_key in page(call, data_keys)]
    return {"DataKeys": ids, "TotalCount": len(data_keys)}


def list_data_key_detail(call: Call) -> dict[str, Any]:
    """List data keys with all about them, filtered; no cloud product has any here."""
    wanted = _filter(call)
    data_keys = [] if choice(call, "Role") else [data_key for data_key in rows.newest_first(call) if wanted(data_key)]
    if choice(call, "OrderType") == 1:
        data_keys.reverse()
    shown = [rows.metadata(call, data_key) for data_key in page(call, data_keys)]
    return {"TotalCount": len(data_keys), "DataKeyMetadatas": shown}


def update_name(call: Call) -> dict[str, Any]:
    """Give a data key another name; its own is no conflict."""
    data_key = rows.usable(call, call.params["DataKeyId"])
    rows.update(call, replace(data_key, name=_free_name(call, data_key.data_key_id)))
    return {}


def update_description(call: Call) -> dict[str, Any]:
    """Replace a data key's description."""
    data_key = rows.usable(call, call.params["DataKeyId"])
    rows.update(call, replace(data_key, description=description(call, words.MAX_DATA_KEY_DESCRIPTION_BYTES)))
    return {}


def get_plaintext(call: Call) -> dict[str, Any]:
    """Hand out a data key in plaintext, or wrapped for the caller."""
    data_key = rows.usable(call, call.params["DataKeyId"])
    if data_key.context and "U27" in call.assumed:
        raise refuse("InvalidParameterValue", f"the data key {data_key.data_key_id} has an encryption context")
    plaintext = rows.plaintext(call, data_key)
    return {"Plaintext": wrapping.plaintext_field(call, plaintext)}


def get_ciphertext_blob(call: Call) -> dict[str, Any]:
    """Hand out a data key as a blob, which Decrypt opens under the context that it was made with."""
    return {"CiphertextBlob": rows.blob(call, rows.usable(call, call.params["DataKeyId"]))}


def _one(call: Call) -> list[DataKey]:
    return [rows.usable(call, call.params["DataKeyId"])]


def _several(call: Call) -> list[DataKey]:
    named = ids(call, "DataKeyIds", "InvalidParameterValue.DuplicatedDataKeyId")
    return [rows.usable(call, data_key_id) for data_key_id in named]


enable = set_states(rows.TABLE, _one, words.ENABLED)
disable = set_states(rows.TABLE, _one, words.DISABLED)
enable_several = set_states(rows.TABLE, _several, words.ENABLED)
disable_several = set_states(rows.TABLE, _several, words.DISABLED)


def schedule_deletion(call: Call) -> dict[str, Any]:
    """Let a data key be destroyed after 7 to 30 days, to the second."""
    data_key = rows.usable(call, call.params["DataKeyId"])
    date = call.now + window_seconds(call)
    rows.update(call, replace(data_key, state=words.PENDING_DELETE, deletion_date=date))
    return {"DeletionDate": date, "DataKeyId": data_key.data_key_id}


def cancel_deletion(call: Call) -> dict[str, Any]:
    """Keep a data key after all; it is disabled afterwards."""
    data_key = rows.usable(call, call.params["DataKeyId"])
    rows.update(call, replace(data_key, state=words.DISABLED, deletion_date=0))
    return {"DataKeyId": data_key.data_key_id}


def _imported_blob(call: Call) -> tuple[Cmk, str, int]:
    """Check a blob by opening it; return its CMK, itself and the size of what is in it."""
    text: str = call.params["ImportKeyMaterial"]
    try:
        blob = blobs.parse(text)
    except KmsToolError as error:
        raise _bad_material(error.message) from error
    cmk = cmks.usable(call, blob.key_id)
    if call.params.get("KeyId", cmk.key_id) != cmk.key_id:
        raise _bad_material(f"the blob is under the key {cmk.key_id}")
    try:
        plaintext = cmks.unseal(call, cmk, blob, "")
    except KmsToolError as error:
        if error.kms_code is None:
            raise
        raise _bad_material("the blob was altered, or made with a context, which an import cannot state") from error
    return cmk, text, _checked_size(plaintext)


def _imported_bytes(call: Call) -> tuple[Cmk, str, int]:
    """Encrypt the bytes; return the CMK, the blob and their number."""
    if "KeyId" not in call.params:
        raise refuse("MissingParameter", "the parameter KeyId is missing, which ImportType 2 needs")
    cmk = cmks.usable(call, call.params["KeyId"])
    plaintext = binary(call, "ImportKeyMaterial", "InvalidParameterValue.InvalidImportKeyMaterial")
    size = _checked_size(plaintext)
    return cmk, cmks.seal(call, cmk, plaintext, ""), size


def _checked_size(plaintext: bytes) -> int:
    if not 1 <= len(plaintext) <= words.MAX_DATA_KEY_BYTES:
        raise _bad_material(f"it is {len(plaintext)} bytes, 1 to {words.MAX_DATA_KEY_BYTES} are possible")
    return len(plaintext)


def _bad_material(reason: str) -> KmsToolError:
    return refuse("InvalidParameterValue.InvalidImportKeyMaterial", f"this is no data key to import: {reason}")


def _free_name(call: Call, owner: str | None) -> str:
    name: str = call.params.get("DataKeyName", "")
    if not data_key_rules.is_name(name):
        raise refuse("InvalidParameterValue.InvalidDataKeyName", f"the data key name {name!r} is malformed")
    holder = rows.TABLE.holder(call, name)
    if holder not in (None, owner):
        raise refuse(
            "InvalidParameterValue.DataKeyNameAlreadyExists", f"the data key name {name!r} is taken by {holder}"
        )
    return name


def _check_limit(call: Call) -> None:
    if rows.TABLE.count(call) >= words.MAX_DATA_KEYS:
        raise refuse(
            "LimitExceeded.DataKeyLimitExceeded",
            f"the region has {words.MAX_DATA_KEYS:,} data keys, the most there can be",
        )


def _filter(call: Call) -> Callable[[DataKey], bool]:
    params = call.params
    state, origin = state_filter(call, words.DATA_KEY_STATES), origin_filter(call)
    search: str = params.get("SearchKeyAlias", "").lower()
    byte_count: int = params.get("DataKeyLen", 0)
    key_id: str = params.get("KeyId", "")
    if key_id:
        cmks.load(call, key_id)

    def wanted(data_key: DataKey) -> bool:
        return (
            data_key.state in state
            and data_key.origin in origin
            and key_id in ("", data_key.key_id)
            and byte_count in (0, data_key.byte_count)
            and (search in data_key.name.lower() or search in data_key.data_key_id)
            and tagged(call, data_key.data_key_id, data_key.tags_digest)
        )

    return wanted
