"""The parameters of a request: JSON as clients write it, and forms whose names are flattened lists and objects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from kmstool.server.call import refuse
from kmstool.server.web import refusals

MAX_FIELDS = 5000

_MAX_DEPTH, _MAX_SHOWN = 5, 80
_INDEX = re.compile(r"[0-9]{1,4}", re.ASCII)


def from_json(body: bytes) -> Mapping[str, Any]:
    """Return the object in a body; nothing, `null` (Ruby's SDK) and `[]` (PHP's) are an object without members."""
    try:
        params = json.loads(body or b"{}")
    except (ValueError, RecursionError) as error:
        raise refuse("InvalidParameter", "the body is not JSON") from error
    if params is None or params == []:
        return {}
    if not isinstance(params, dict):
        raise refuse("InvalidParameter", "the body is not a JSON object")
    return params


def from_form(text: str) -> dict[str, str]:
    """Return the fields of a query or form as they are named there."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise refusals.malformed_form() from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise refuse("InvalidParameter", "a parameter is given twice")
    return fields


def unflatten(fields: Mapping[str, str]) -> dict[str, Any]:
    """Turn the names of a form, such as `Tags.0.TagKey`, into lists and objects.

    Raises the API's `InvalidParameter` for names that contradict each other or leave gaps.
    """
    if len(fields) > MAX_FIELDS:
        raise refuse("InvalidParameter", f"a form has at most {MAX_FIELDS} fields")
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        node, parts, shown = tree, name.split(".", _MAX_DEPTH), name[:_MAX_SHOWN]
        if len(parts) > _MAX_DEPTH:
            raise refuse("InvalidParameter", f"the parameter {shown} is nested too deeply")
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise refuse("InvalidParameter", f"the parameter {shown} contradicts another one")
        if node.setdefault(parts[-1], value) is not value:
            raise refuse("InvalidParameter", f"the parameter {shown} contradicts another one")
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if all(_INDEX.fullmatch(name) for name in node):
        by_number = sorted(node.items(), key=lambda item: int(item[0]))
        if [int(name) for name, _ in by_number] != list(range(len(node))):
            raise refuse("InvalidParameter", "the numbers of a list do not run from 0")
        return [_lists(value) for _, value in by_number]
    return {name: _lists(value) for name, value in node.items()}
