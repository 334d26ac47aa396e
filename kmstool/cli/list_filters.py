"""What narrows a list of keys or data keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmstool import words


def list_filters(search: str | None, origin: str | None, tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the parameters that narrow a list of keys or data keys by text, origin and tags."""
    filters: dict[str, Any] = {}
    if search:
        filters["SearchKeyAlias"] = search
    if origin:
        filters["Origin"] = {"kms": words.GENERATED, "external": words.EXTERNAL}[origin]
    if tags:
        filters["TagFilters"] = [{"TagKey": name, "TagValue": [value]} for name, value in tags.items()]
    return filters
