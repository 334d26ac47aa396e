"""The tags of keys, which KMS sets when it makes a key and tells nobody: another service of the cloud lists them.

Tag API 2018-08-13, DescribeResourceTagsByResourceIds; a key is named there by its `ResourceId`.
"""

from __future__ import annotations

from kmstool.kms import answers
from kmstool.kms.port import Transport

VERSION = "2018-08-13"

_PAGE = 100


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
