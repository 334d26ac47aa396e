"""The tags of keys, which KMS sets when it makes a key and tells nobody: another service lists and changes them.

Tag API 2018-08-13, DescribeResourceTagsByResourceIds and ModifyResourceTags; a key is named there by its `ResourceId`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kmstool.kms import answers
from kmstool.kms.port import Transport

VERSION = "2018-08-13"

_PAGE = 100
_MAX_CHANGES = 10
"""How many tags one call sets, and how many it removes."""


def tags_of(transport: Transport, region: str, resource_id: str) -> dict[str, str]:
    """Return the tags of a key of a region; those that the cloud itself sets are left out, as nobody else can."""
    listed: dict[str, str] = {}
    offset = 0
    while True:
        answer = transport.call(
            "DescribeResourceTagsByResourceIds",
            {
                "ServiceType": "kms",
                "ResourcePrefix": "key",
                "ResourceRegion": region,
                "ResourceIds": [resource_id],
                "Limit": _PAGE,
                "Offset": offset,
            },
        )
        page = answers.objects(answer, "Tags")
        for tag in page:
            if answers.text(tag, "ResourceId") == resource_id and tag.get("Category") != "System":
                listed[answers.text(tag, "TagKey")] = answers.optional_text(tag, "TagValue")
        if len(page) < _PAGE:
            return listed
        offset += _PAGE


def change_tags(
    transport: Transport, region: str, resource_id: str, *, changed: Mapping[str, str], removed: Sequence[str]
) -> None:
    """Set tags of a key of a region and remove others; one that is not there is removed already."""
    # Of the account that signs no UIN need be named.
    resource = f"qcs::kms:{region}:uin/:key/{resource_id}"
    setting = [{"TagKey": name, "TagValue": value} for name, value in changed.items()]
    removing = [{"TagKey": name} for name in removed]
    for start in range(0, max(len(setting), len(removing)), _MAX_CHANGES):
        lists = {
            name: items[start : start + _MAX_CHANGES]
            for name, items in (("ReplaceTags", setting), ("DeleteTags", removing))
        }
        transport.call(
            "ModifyResourceTags", {"Resource": resource, **{name: some for name, some in lists.items() if some}}
        )
