"""Did it take effect? For actions that must not be repeated blindly, how to look up what became of them.

Each look-up returns the answer that was lost, or None if the action has not happened
and may be asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kmstool.kms.transport import Transport

Lookup = Callable[[Transport, Mapping[str, Any], int], dict[str, Any] | None]

# Clocks of client and service may differ by as much as a signature allows.
_SKEW_SECONDS = 300


def created_key(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """Find the key that CreateKey made: it has the alias, which is unique, and is new."""
    answer = transport.call(
        "ListKeyDetail", {"KeyUsage": "ALL", "SearchKeyAlias": params["Alias"], "Offset": 0, "Limit": 200}
    )
    for key in answer.get("KeyMetadatas") or []:
        if key["Alias"] == params["Alias"] and key["CreateTime"] >= since_unix - _SKEW_SECONDS:
            fields = ("KeyId", "Alias", "CreateTime", "Description", "KeyState", "KeyUsage")
            return {
                **{name: key[name] for name in fields},
                "TagCode": 0,
                "TagMsg": "",
                "RequestId": answer["RequestId"],
            }
    return None


def scheduled_deletion(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key awaits its deletion."""
    key, request_id = _describe(transport, params)
    if key["KeyState"] != "PendingDelete":
        return None
    return {"DeletionDate": key["DeletionDate"], "KeyId": params["KeyId"], "RequestId": request_id}


def cancelled_deletion(transport: Transport, params: Mapping[str, Any], since_unix: int) -> dict[str, Any] | None:
    """See whether the key no longer awaits its deletion."""
    key, request_id = _describe(transport, params)
    return None if key["KeyState"] == "PendingDelete" else {"KeyId": params["KeyId"], "RequestId": request_id}


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
    "ScheduleKeyDeletion": scheduled_deletion,
    "CancelKeyDeletion": cancelled_deletion,
    "RotateKey": rotated_key,
    "ArchiveKey": in_state("Archived"),
    "CancelKeyArchive": in_state("Enabled"),
    "DeleteImportedKeyMaterial": in_state("PendingImport"),
}


def _describe(transport: Transport, params: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    answer = transport.call("DescribeKey", {"KeyId": params["KeyId"]})
    return answer["KeyMetadata"], answer["RequestId"]
