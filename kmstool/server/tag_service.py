"""The tag service of the cloud (version 2018-08-13), as far as tools ask it for the tags of keys.

Terraform's provider reads the tags of every key that it reads by DescribeResourceTagsByResourceIds,
and changes them by ModifyResourceTags. A key is named there by its `ResourceId`, which is
`creatorUin/UIN/KEYID`, or by its id alone, as the provider names white-box keys; a data key too.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kmstool.server import requests
from kmstool.server.app import EmbeddedKms
from kmstool.server.call import Transaction, refuse
from kmstool.server.regions import REGIONS
from kmstool.server.tables import cmks, data_keys, tags, white_box_keys
from kmstool.server.tables.sealed_rows import KeyTable

VERSION = "2018-08-13"

MAX_RESOURCES = 50
MAX_CHANGES = 10

_DEFAULT_LIMIT = 15
_SERVICE, _PREFIX = "kms", "key"
_TAG = {"TagKey": "string!", "TagValue": "string!", "Category": "string"}
_OBJECTS = {"Tag": _TAG, "TagKeyObject": {"TagKey": "string!"}}
_REQUESTS = {
    "DescribeResourceTagsByResourceIds": {
        "ServiceType": "string!", "ResourcePrefix": "string!", "ResourceIds": "list<string>!",
        "ResourceRegion": "string!", "Offset": "uint64", "Limit": "uint64", "Category": "string",
    },
    "ModifyResourceTags": {"Resource": "string!", "ReplaceTags": "list<Tag>", "DeleteTags": "list<TagKeyObject>"},
}  # fmt: skip
ACTIONS = frozenset(_REQUESTS)

_RESOURCE = re.compile(r"qcs::kms:([a-z0-9-]{1,40}):(?:uin/[0-9]{0,20})?:key/([0-9A-Za-z/-]{1,100})", re.ASCII)
_ID = re.compile(r"(?:creatorUin/[0-9]{1,20}/)?([0-9a-f-]{36})", re.ASCII)
_TABLES: tuple[KeyTable[Any], ...] = (cmks.TABLE, white_box_keys.TABLE, data_keys.TABLE)


def writes(action: str) -> bool:
    """Return whether an action changes something."""
    return action == "ModifyResourceTags"


def call(kms: EmbeddedKms, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Serve an action and return its answer's fields with a RequestId; raise the API's error for what is refused."""
    if action not in ACTIONS:
        raise refuse("InvalidAction", f"the tag service has no action {action!r} here")
    checked = requests.check_fields(_REQUESTS[action], params, _OBJECTS.get)
    answer = _modify(kms, checked) if writes(action) else _describe(kms, checked)
    return {**answer, "RequestId": str(uuid.uuid4())}


def _describe(kms: EmbeddedKms, params: Mapping[str, Any]) -> dict[str, Any]:
    """List the tags of up to 50 resources, of which some may have none or not be there."""
    if params["ServiceType"] != _SERVICE:
        raise refuse("InvalidParameterValue.ServiceTypeInvalid", f"the service {params['ServiceType']!r} is not here")
    if params["ResourcePrefix"] != _PREFIX:
        raise refuse("InvalidParameterValue.ResourcePrefixInvalid", f"the prefix of keys is {_PREFIX!r}")
    region, resource_ids = params["ResourceRegion"], params["ResourceIds"]
    if region not in REGIONS:
        raise refuse("InvalidParameterValue.RegionInvalid", f"the region {region!r} is not served")
    if not 1 <= len(resource_ids) <= MAX_RESOURCES:
        raise refuse("InvalidParameterValue.ResourceIdInvalid", f"1 to {MAX_RESOURCES} resource ids are possible")
    limit, offset = params.get("Limit") or _DEFAULT_LIMIT, params.get("Offset", 0)
    if offset % limit:
        raise refuse("InvalidParameterValue.OffsetInvalid", f"Offset {offset} is no multiple of Limit {limit}")
    with kms.transaction(region, write=False) as opened:
        rows = [row for resource_id in resource_ids for row in _rows(opened, resource_id)]
    own = [] if params.get("Category", "All") == "System" else rows
    return {"TotalCount": len(own), "Offset": offset, "Limit": limit, "Tags": own[offset : offset + limit]}


def _modify(kms: EmbeddedKms, params: Mapping[str, Any]) -> dict[str, Any]:
    """Set and remove tags of one resource, all or none; what is to be removed and is not there is of no account."""
    lists = [params[name] for name in ("ReplaceTags", "DeleteTags") if name in params]
    if not lists or not all(1 <= len(items) <= MAX_CHANGES for items in lists):
        raise refuse("InvalidParameter.Tag", f"ReplaceTags, DeleteTags or both must have 1 to {MAX_CHANGES} entries")
    changed = {tag["TagKey"]: tag["TagValue"] for tag in params.get("ReplaceTags", [])}
    removed = {tag["TagKey"] for tag in params.get("DeleteTags", [])}
    if len(changed) + len(removed) != sum(map(len, lists)):
        raise refuse("InvalidParameter.Tag", "a tag key is given twice")
    if changed.keys() & removed:
        raise refuse("InvalidParameterValue.DeleteTagsParamError", "a tag key is in ReplaceTags and in DeleteTags")
    region, resource_id = _resource(params["Resource"])
    with kms.transaction(region, write=True) as opened:
        key = _find(opened, resource_id)
        if key is None:
            raise _no_resource(f"there is no key {resource_id!r} in {region}")
        table, row = key
        kept = tags.load(opened.db, table.id_of(row), row.tags_digest) | changed
        left = {name: value for name, value in kept.items() if name not in removed}
        if (fault := tags.fault(changed) or tags.fault(left)) is not None:
            raise refuse(*fault)
        tags.remove(opened.db, table.id_of(row))
        tags.insert(opened.db, table.id_of(row), left)
        table.update(opened, replace(row, tags_digest=tags.digest(left)))
    return {}


def _rows(transaction: Transaction, resource_id: str) -> list[dict[str, str]]:
    key = _find(transaction, resource_id)
    if key is None:
        return []
    table, row = key
    listed = tags.load(transaction.db, table.id_of(row), row.tags_digest)
    return [
        {
            "TagKey": name,
            "TagValue": value,
            # As it was asked for: a client looks for its own words.
            "ResourceId": resource_id,
            "TagKeyMd5": _md5(name),
            "TagValueMd5": _md5(value),
            "ServiceType": _SERVICE,
            "Category": "Custom",
        }
        for name, value in sorted(listed.items())
    ]


def _find(transaction: Transaction, resource_id: str) -> tuple[KeyTable[Any], Any] | None:
    """Return the key of this region that a resource id names, with its table."""
    match = _ID.fullmatch(resource_id)
    if match:
        for table in _TABLES:
            if row := table.find_here(transaction, match[1]):
                return table, row
    return None


def _resource(text: str) -> tuple[str, str]:
    """Return region and resource id of a resource in six segments (page 598/10606)."""
    match = _RESOURCE.fullmatch(text)
    if not match:
        raise _no_resource("a key is named qcs::kms:REGION:uin/UIN:key/RESOURCEID")
    if match[1] not in REGIONS:
        raise _no_resource(f"the region {match[1]!r} is not served")
    return match[1], match[2]


def _no_resource(message: str) -> Exception:
    return refuse("InvalidParameterValue.ResourceDescriptionError", message)


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
