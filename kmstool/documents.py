"""Small JSON documents that kmstool writes and reads back: the name of a format, and exactly the fields of that format.

Bytes are canonical base64. Reading is strict, so that a document has one meaning: no field
missing, more or twice, each of its type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from kmstool.api import protocol
from kmstool.errors import InputError, Reason
from kmstool.forms import texts

MAX_BYTES = 16 * 1024

_FORMAT = "format"


def write(name: str, **fields: str | int | bytes) -> bytes:
    """Return a document of the format `name` as lines of JSON in ASCII."""
    encoded = {field: protocol.encode(value) if isinstance(value, bytes) else value for field, value in fields.items()}
    return json.dumps({_FORMAT: name, **encoded}, indent=2).encode() + b"\n"


def read(
    name: str,
    kinds: Mapping[str, type],
    data: bytes,
    source: str,
    hint: str | None = None,
    *,
    reason: Reason | None = None,
    facts: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the fields of a document of the format `name`; `kinds` gives the type of each: str, int or bytes.

    Raises `InputError` for everything that `write` does not write; `source` names the document in
    it, and `hint` or `reason` says how to come by a good one.
    """

    def malformed(message: str) -> InputError:
        return InputError(f"{source} is {message}", hint=hint, reason=reason, facts=facts)

    fields = _object(data)
    if fields.pop(_FORMAT, None) != name or fields.keys() != kinds.keys():
        raise malformed(f"not of the format {name}")
    for field, kind in kinds.items():
        if type(fields[field]) is not (str if kind is bytes else kind):
            raise malformed(f"malformed: the field {field} is not of its type")
        if kind is bytes:
            try:
                fields[field] = protocol.decode(fields[field])
            except ValueError as error:
                raise malformed(f"malformed: the field {field} is not base64") from error
    return fields


def is_a(name: str, data: bytes) -> bool:
    """Return whether bytes are meant to be a document of the format `name`."""
    return _object(data).get(_FORMAT) == name


def _object(data: bytes) -> dict[str, Any]:
    """Return a JSON object; an empty one for whatever is none, or names a field twice."""
    try:
        # A mark of Windows in front and its other characters change nothing of what a document says.
        value = json.loads(texts.characters(data) or "", object_pairs_hook=read_members)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def read_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object, for `json.loads`; raise `ValueError` for one that is there twice."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a field is given twice")
    return fields
