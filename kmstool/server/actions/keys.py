"""Actions on customer master keys: create, describe, list, rename."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kmstool import words
from kmstool.server import identifiers, materials
from kmstool.server.actions.parameters import (
    choice,
    description,
    free_alias,
    key_ids,
    origin_filter,
    page,
    state_filter,
    tagged,
    tags,
)
from kmstool.server.call import Call, refuse
from kmstool.server.tables import cmks
from kmstool.server.tables import tags as tag_rows

_TYPE_EXTERNAL = 2
_PRODUCTS = "kms-"
_LISTED = (words.ENABLED, words.DISABLED, words.PENDING_IMPORT)


def create_key(call: Call) -> dict[str, Any]:
    """Make a key with fresh material, or one that waits for its import."""
    usage = call.params.get("KeyUsage") or words.SYMMETRIC
    kind = call.params.get("Type", 1)
    alias = _new_alias(call)
    text = description(call, words.MAX_DESCRIPTION_BYTES)
    _check_offered(call, usage, kind)
    new_tags = tags(call)
    most = cmks.limit(call)
    if cmks.TABLE.count(call) >= most:
        raise refuse("LimitExceeded.CmkLimitExceeded", f"the region has {most:,} keys, the most there can be")
    external = kind == _TYPE_EXTERNAL
    cmk = cmks.Cmk(
        region=call.region.name,
        key_id=identifiers.new(call.now),
        alias=alias,
        description=text,
        state=words.PENDING_IMPORT if external else words.ENABLED,
        usage=usage,
        origin=words.EXTERNAL if external else words.GENERATED,
        owner=words.USER,
        created=call.now,
        version=0,
        tags_digest=tag_rows.digest(new_tags.kept),
    )
    cmks.insert(call, cmk)
    if not external:
        cmks.add_version(call, cmk)
    tag_rows.insert(call.db, cmk.key_id, new_tags.kept)
    return {
        "KeyId": cmk.key_id,
        "Alias": cmk.alias,
        "CreateTime": cmk.created,
        "Description": cmk.description,
        "KeyState": cmk.state,
        "KeyUsage": cmk.usage,
        **new_tags.fields,
        "HsmClusterId": "",
    }


def describe_key(call: Call) -> dict[str, Any]:
    """Tell all about one key."""
    return {"KeyMetadata": cmks.metadata(call, cmks.load(call, call.params["KeyId"]))}


def describe_keys(call: Call) -> dict[str, Any]:
    """Tell all about up to 100 keys."""
    keys = [cmks.load(call, key_id) for key_id in key_ids(call)]
    return {"KeyMetadatas": [cmks.metadata(call, cmk) for cmk in keys]}


def list_keys(call: Call) -> dict[str, Any]:
    """List the ids of the keys that can be used, or could be soon."""
    choice(call, "Role")
    keys = [cmk for cmk in cmks.newest_first(call) if cmk.state in _LISTED and _owned(call, cmk)]
    return {"Keys": [{"KeyId": cmk.key_id} for cmk in page(call, keys)], "TotalCount": len(keys)}


def list_key_detail(call: Call) -> dict[str, Any]:
    """List keys with all about them, filtered; without KeyUsage only symmetric ones, as in the cloud."""
    choice(call, "Role")
    wanted = _filter(call)
    keys = [cmk for cmk in cmks.newest_first(call) if wanted(cmk)]
    if choice(call, "OrderType") == 1:
        keys.reverse()
    return {"TotalCount": len(keys), "KeyMetadatas": [cmks.metadata(call, cmk) for cmk in page(call, keys)]}


def update_alias(call: Call) -> dict[str, Any]:
    """Give a key another alias; its own is no conflict."""
    cmk = cmks.usable(call, call.params["KeyId"])
    cmks.update(call, replace(cmk, alias=free_alias(call, cmks.TABLE, cmk.key_id)))
    return {}


def update_description(call: Call) -> dict[str, Any]:
    """Replace a key's description."""
    cmk = cmks.usable(call, call.params["KeyId"])
    cmks.update(call, replace(cmk, description=description(call, words.MAX_DESCRIPTION_BYTES)))
    return {}


def _new_alias(call: Call) -> str:
    # Only the page of CreateKey keeps the prefix for cloud products, not those of UpdateAlias and CreateWhiteBoxKey.
    if call.params["Alias"].startswith(_PRODUCTS):
        raise refuse("InvalidParameterValue.InvalidAlias", f"an alias with {_PRODUCTS} is kept for cloud products")
    return free_alias(call, cmks.TABLE)


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
    state, origin = state_filter(call, words.STATES), origin_filter(call)
    usage: str = params.get("KeyUsage") or words.SYMMETRIC
    search: str = params.get("SearchKeyAlias", "").lower()
    if usage != words.ANY and usage not in words.USAGES.values():
        raise refuse("InvalidParameter", f"there is no key usage {usage!r}")

    def wanted(cmk: cmks.Cmk) -> bool:
        return (
            _owned(call, cmk)
            and cmk.state in state
            and cmk.origin in origin
            and usage in (words.ANY, cmk.usage)
            and (search in cmk.alias.lower() or search in cmk.key_id)
            and tagged(call, cmk.key_id, cmk.tags_digest)
        )

    return wanted


def _owned(call: Call, cmk: cmks.Cmk) -> bool:
    return (choice(call, "Role") == 1) == (cmk.owner != words.USER)
