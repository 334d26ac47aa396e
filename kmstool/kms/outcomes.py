"""Did it take effect? For actions that must not be repeated blindly, how to look up what became of them.

Each look-up returns the answer that was lost, or None if the action has not happened
and may be asked for again.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from typing import Any

from kmstool import keys
from kmstool.errors import IntegrityError, NotFoundError
from kmstool.kms import answers
from kmstool.kms.transport import Transport

Lookup = Callable[[Transport, Mapping[str, Any], int], dict[str, Any] | None]

# Clocks of client and service may differ by as much as a signature allows.
_SKEW_SECONDS = 300
_RAW_BYTES = "2"
_EXTERNAL = "2"


def created_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the key that CreateKey made: it has the alias, which is unique, is of the kind, and is new."""
    usage = params.get("KeyUsage") or keys.SYMMETRIC
    origin = "EXTERNAL" if str(params.get("Type")) == _EXTERNAL else "TENCENT_KMS"
    answer = transport.call(
        "ListKeyDetail", {"KeyUsage": "ALL", "SearchKeyAlias": params["Alias"], "Offset": 0, "Limit": 200}
    )
    for key in answer.get("KeyMetadatas") or []:
        same = key["Alias"] == params["Alias"] and (key["KeyUsage"], key["Origin"]) == (usage, origin)
        if same and _is_new(key, since_unix):
            fields = ("KeyId", "Alias", "CreateTime", "Description", "KeyState", "KeyUsage")
            return {
                **{name: key[name] for name in fields},
                "TagCode": 0,
                "TagMsg": "",
                "RequestId": answer["RequestId"],
            }
    return None


def imported_data_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the data key that ImportDataKey made: it has the bytes that were sent, or those in the blob.

    Who believes another's key of that name to be a copy of his own may throw away the only one.
    """
    found = _new_data_key(transport, params, since_unix)
    if found is None:
        return None
    kept = transport.call("GetDataKeyPlaintext", {"DataKeyId": found["DataKeyId"]})["Plaintext"]
    sent = params["ImportKeyMaterial"]
    if str(params["ImportType"]) != _RAW_BYTES:
        sent = transport.call("Decrypt", {"CiphertextBlob": sent})["Plaintext"]
    return found if hmac.compare_digest(kept.encode(), sent.encode()) else None


def hosted_data_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the data key that GenerateDataKey made and KMS keeps, and let it be handed out again.

    Only a request that hosts the data key comes here. One that was made under another
    context is another's. The plaintext is wrapped if the request wanted that.
    """
    found = _new_data_key(transport, params, since_unix)
    if found is None:
        return None
    named = {"DataKeyId": found["DataKeyId"]}
    wish = {name: params[name] for name in ("EncryptionPublicKey", "EncryptionAlgorithm") if name in params}
    blob = transport.call("GetDataKeyCiphertextBlob", named)["CiphertextBlob"]
    context = {name: params[name] for name in ("EncryptionContext",) if name in params}
    try:
        transport.call("Decrypt", {"CiphertextBlob": blob} | context | wish)
    except IntegrityError:
        return None
    plaintext = transport.call("GetDataKeyPlaintext", named | wish)["Plaintext"]
    return found | {"Plaintext": plaintext, "CiphertextBlob": blob}


def created_white_box_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the key that CreateWhiteBoxKey made, as `created_key` does."""
    answer = transport.call("DescribeWhiteBoxKeyDetails", {})
    for key in answer.get("KeyInfos") or []:
        same = key["Alias"] == params["Alias"] and key["Algorithm"] == params["Algorithm"]
        if same and _is_new(key, since_unix):
            made = {name: key[name] for name in ("KeyId", "EncryptKey", "DecryptKey")}
            return {**made, "TagCode": 0, "TagMsg": "", "RequestId": answer["RequestId"]}
    return None


def deleted_white_box_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the white-box key is gone."""
    try:
        transport.call("DescribeWhiteBoxKey", {"KeyId": params["KeyId"]})
    except NotFoundError as error:
        return {"RequestId": error.request_id}
    return None


def scheduled_deletion(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key awaits its deletion."""
    key, request_id = _describe(transport, params)
    if key["KeyState"] != "PendingDelete":
        return None
    return {"DeletionDate": key["DeletionDate"], **_named(params), "RequestId": request_id}


def cancelled_deletion(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key no longer awaits its deletion."""
    key, request_id = _describe(transport, params)
    return None if key["KeyState"] == "PendingDelete" else {**_named(params), "RequestId": request_id}


def rotated_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key was rotated since; the id of the task is lost."""
    key, request_id = _describe(transport, params)
    rotated = (key.get("LastRotateTime") or 0) >= since_unix - _SKEW_SECONDS
    return {"TaskId": "unknown", "RequestId": request_id} if rotated else None


def in_state(state: str) -> Lookup:
    """Return a look-up that sees whether the key is in a state."""

    def lookup(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
        key, request_id = _describe(transport, params)
        return {"RequestId": request_id} if key["KeyState"] == state else None

    return lookup


LOOKUPS: Mapping[str, Lookup] = {
    "CreateKey": created_key,
    "GenerateDataKey": hosted_data_key,
    "ImportDataKey": imported_data_key,
    "CreateWhiteBoxKey": created_white_box_key,
    "DeleteWhiteBoxKey": deleted_white_box_key,
    "ScheduleKeyDeletion": scheduled_deletion,
    "ScheduleDataKeyDeletion": scheduled_deletion,
    "CancelKeyDeletion": cancelled_deletion,
    "CancelDataKeyDeletion": cancelled_deletion,
    "RotateKey": rotated_key,
    "ArchiveKey": in_state("Archived"),
    "CancelKeyArchive": in_state("Enabled"),
    "DeleteImportedKeyMaterial": in_state("PendingImport"),
}


def _named(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the id of the key or data key that a request is about."""
    return {name: params[name] for name in ("DataKeyId", "KeyId") if name in params}


def _new_data_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find a data key with the name, which is unique, the description and the CMK of a request, that is new."""
    name, key_id = params["DataKeyName"], params.get("KeyId")
    answer = transport.call("ListDataKeyDetail", {"SearchKeyAlias": name, "Offset": 0, "Limit": 200})
    for found in answer.get("DataKeyMetadatas") or []:
        described = found.get("Description") or ""
        same = (found["DataKeyName"], described) == (name, params.get("Description", ""))
        if same and key_id in (None, found["KeyId"]) and _is_new(found, since_unix):
            return {
                "KeyId": found["KeyId"],
                "DataKeyId": found["DataKeyId"],
                "TagCode": 0,
                "TagMsg": "",
                "RequestId": answer["RequestId"],
            }
    return None


def _describe(transport: Transport, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    kind = "DataKey" if "DataKeyId" in params else "Key"
    answer = transport.call(f"Describe{kind}", _named(params))
    found = answer[f"{kind}Metadata"]
    answers.same(found, f"{kind}Id", params[f"{kind}Id"])
    return found, answer["RequestId"]


def _is_new(found: Mapping[str, Any], since_unix: int) -> bool:
    created: int = found["CreateTime"]
    return created >= since_unix - _SKEW_SECONDS
