"""Actions on customer master keys: create, describe, list, rename."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kmstool import words
from kmstool.api import cmk_rules
from kmstool.server import identifiers, materials
from kmstool.server.call import Call, invalid, refuse
from kmstool.server.tables import cmks
from kmstool.server.tables import tags as tag_rows
from kmstool.server.tables.sealed_rows import KeyTable

CMK_LIMIT = 10_000
MAX_DESCRIPTION_BYTES = 1024
MAX_PAGE = 200
MAX_KEY_IDS = 100

_TYPE_EXTERNAL = 2
_LISTED = ("Enabled", "Disabled", "PendingImport")
_STATE_FILTER = (None, "Enabled", "Disabled", "PendingDelete", "PendingImport", "Archived")
_ORIGINS = ("ALL", "TENCENT_KMS", "EXTERNAL")


def create_key(call: Call) -> dict[str, Any]:
    """Make a key with fresh material, or one that waits for its import."""
    usage = call.params.get("KeyUsage") or words.SYMMETRIC
    kind = call.params.get("Type", 1)
    alias = free_alias(call, cmks.TABLE)
    text = description(call, MAX_DESCRIPTION_BYTES)
    _check_offered(call, usage, kind)
    given = tags(call)
    if cmks.TABLE.count(call) >= CMK_LIMIT:
        raise refuse("LimitExceeded.CmkLimitExceeded", f"the region has {CMK_LIMIT:,} keys, the most there can be")
    external = kind == _TYPE_EXTERNAL
    cmk = cmks.Cmk(
        region=call.region.name,
        key_id=identifiers.new(call.now),
        alias=alias,
        description=text,
        state="PendingImport" if external else "Enabled",
        usage=usage,
        origin="EXTERNAL" if external else "TENCENT_KMS",
        owner="user",
        created=call.now,
        version=0,
        tags_digest=tag_rows.digest(given),
    )
    cmks.insert(call, cmk)
    if not external:
        cmks.add_version(call, cmk)
    tag_rows.insert(call.db, cmk.key_id, given)
    return {
        "KeyId": cmk.key_id,
        "Alias": cmk.alias,
        "CreateTime": cmk.created,
        "Description": cmk.description,
        "KeyState": cmk.state,
        "KeyUsage": cmk.usage,
        "TagCode": 0,
        "TagMsg": "ok",
        "HsmClusterId": "",
    }


def describe_key(call: Call) -> dict[str, Any]:
    """Tell all about one key."""
    return {"KeyMetadata": cmks.metadata(call, cmks.load(call, call.params["KeyId"]))}


def describe_keys(call: Call) -> dict[str, Any]:
    """Tell all about up to 100 keys."""
    found = [cmks.load(call, key_id) for key_id in key_ids(call)]
    return {"KeyMetadatas": [cmks.metadata(call, cmk) for cmk in found]}


def list_keys(call: Call) -> dict[str, Any]:
    """List the ids of the keys that can be used, or could be soon."""
    choice(call, "Role")
    found = [cmk for cmk in cmks.newest_first(call) if cmk.state in _LISTED and _owned(call, cmk)]
    return {"Keys": [{"KeyId": cmk.key_id} for cmk in page(call, found)], "TotalCount": len(found)}


def list_key_detail(call: Call) -> dict[str, Any]:
    """List keys with all about them, filtered; without KeyUsage only symmetric ones, as in the cloud."""
    choice(call, "Role")
    wanted = _filter(call)
    found = [cmk for cmk in cmks.newest_first(call) if wanted(cmk)]
    if choice(call, "OrderType") == 1:
        found.reverse()
    return {"TotalCount": len(found), "KeyMetadatas": [cmks.metadata(call, cmk) for cmk in page(call, found)]}


def update_alias(call: Call) -> dict[str, Any]:
    """Give a key another alias; its own is no conflict."""
    cmk = cmks.usable(call, call.params["KeyId"])
    cmks.update(call, replace(cmk, alias=free_alias(call, cmks.TABLE, cmk.key_id)))
    return {}


def update_description(call: Call) -> dict[str, Any]:
    """Replace a key's description."""
    cmk = cmks.usable(call, call.params["KeyId"])
    cmks.update(call, replace(cmk, description=description(call, MAX_DESCRIPTION_BYTES)))
    return {}


def page(call: Call, found: list[Any]) -> list[Any]:
    """Cut out what Offset and Limit ask for (default 10, at most 200)."""
    offset, limit = call.params.get("Offset", 0), call.params.get("Limit", 10)
    if limit > MAX_PAGE:
        raise invalid(call, f"Limit is {limit}, at most {MAX_PAGE} is possible")
    return found[offset : offset + limit]


def key_ids(call: Call) -> list[str]:
    """Return the KeyIds of a request; see `ids`."""
    return ids(call, "KeyIds", "InvalidParameterValue.DuplicatedKeyId")


def ids(call: Call, field: str, duplicated: str) -> list[str]:
    """Return a list of ids in a request: 1 to 100; refuse one that is given twice with the code `duplicated`."""
    given: list[str] = call.params[field]
    if not 1 <= len(given) <= MAX_KEY_IDS:
        raise invalid(call, f"{field} has {len(given)} entries, 1 to {MAX_KEY_IDS} are possible")
    if len(set(given)) != len(given):
        raise refuse(duplicated, "an id is given twice")
    return given


def choice(call: Call, name: str) -> int:
    """Return a parameter that is 0, as by default, or 1."""
    value: int = call.params.get(name, 0)
    if value not in (0, 1):
        raise invalid(call, f"{name} is {value}, 0 or 1 are possible")
    return value


def description(call: Call, max_bytes: int) -> str:
    """Return the description, empty where there is none."""
    given: str = call.params.get("Description", "")
    size = len(given.encode())
    if size > max_bytes:
        raise invalid(call, f"the description is {size} bytes, at most {max_bytes} are possible")
    return given


def tags(call: Call) -> dict[str, str]:
    """Return the tags of a new key by name."""
    given: list[dict[str, str]] = call.params.get("Tags", [])
    found = {tag["TagKey"]: tag["TagValue"] for tag in given}
    if len(found) != len(given):
        raise refuse("InvalidParameterValue.TagKeysDuplicated", "a tag key is given twice")
    return found


def tagged(call: Call, key_id: str, digest: bytes) -> bool:
    """Tell whether a key has what TagFilters ask for: each name, with one of the values where there are any."""
    filters = call.params.get("TagFilters")
    if not filters:
        return True
    found = tag_rows.load(call.db, key_id, digest)
    return all(
        wanted["TagKey"] in found and (not wanted.get("TagValue") or found[wanted["TagKey"]] in wanted["TagValue"])
        for wanted in filters
    )


def free_alias(call: Call, table: KeyTable[Any], owner: str | None = None) -> str:
    """Return the alias that a key is to have; refuse one that another key than `owner` has."""
    alias: str = call.params["Alias"]
    if not cmk_rules.is_alias(alias) or alias.startswith("kms-"):
        raise refuse("InvalidParameterValue.InvalidAlias", f"the alias {alias!r} is malformed or reserved")
    holder = table.holder(call, alias)
    if holder not in (None, owner):
        raise refuse("InvalidParameterValue.AliasAlreadyExists", f"the alias {alias!r} is taken by {holder}")
    return alias


def _check_offered(call: Call, usage: str, kind: int) -> None:
    if usage not in words.USAGES.values():
        raise refuse("InvalidParameterValue.InvalidKeyUsage", f"there is no key usage {usage!r}")
    if kind not in (1, _TYPE_EXTERNAL) or (kind == _TYPE_EXTERNAL and usage != words.SYMMETRIC):
        raise refuse("InvalidParameterValue.InvalidType", f"Type {kind} is not possible for {usage}")
    if not materials.offered(usage, call.region):
        raise refuse(
            "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion", f"{usage} is not offered in {call.region.name}"
        )


def _filter(call: Call) -> Callable[[cmks.Cmk], bool]:
    params = call.params
    state: int = params.get("KeyState", 0)
    origin: str = params.get("Origin") or "ALL"
    usage: str = params.get("KeyUsage") or words.SYMMETRIC
    search: str = params.get("SearchKeyAlias", "").lower()
    if state >= len(_STATE_FILTER):
        raise refuse("InvalidParameter", f"KeyState {state} is not one of 0 to {len(_STATE_FILTER) - 1}")
    if origin not in _ORIGINS:
        raise refuse("InvalidParameter", f"Origin {origin!r} is not one of {', '.join(_ORIGINS)}")
    if usage != "ALL" and usage not in words.USAGES.values():
        raise refuse("InvalidParameter", f"there is no key usage {usage!r}")

    def wanted(cmk: cmks.Cmk) -> bool:
        return (
            _owned(call, cmk)
            and _STATE_FILTER[state] in (None, cmk.state)
            and origin in ("ALL", cmk.origin)
            and usage in ("ALL", cmk.usage)
            and (search in cmk.alias.lower() or search in cmk.key_id)
            and tagged(call, cmk.key_id, cmk.tags_digest)
        )

    return wanted


def _owned(call: Call, cmk: cmks.Cmk) -> bool:
    return (choice(call, "Role") == 1) == (cmk.owner != "user")
