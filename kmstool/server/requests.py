"""Does a request have the shape the API demands? Answered from the API's own model, for every action alike.

Numbers may come as text (Tencent's own examples do that, and the signed forms of
GET know nothing else); everything else must have its type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kmstool.api import protocol
from kmstool.server.assumptions import NONE, Assumptions
from kmstool.server.call import refuse

Fields = Mapping[str, str]
"""The names of fields with their types as in the API's model; `!` marks those that must be there."""
Objects = Callable[[str], Fields | None]
"""Returns the fields of a kind of object, None for a type that is none."""

_INTEGER = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_RANGES = {"uint64": range(2**64), "int64": range(-(2**63), 2**63)}


class _Way(NamedTuple):
    """How parameters are read: where the fields of nested objects are, and what is assumed of the cloud."""

    objects: Objects
    ignores_unknown: bool
    takes_texts: bool


def check(
    action: str, params: Mapping[str, Any], assumed: Assumptions = NONE, *, as_text: bool = False
) -> dict[str, Any]:
    """Return the request with every value of its type and nulls left out; that of a form is all texts, `as_text`.

    Raises the errors of the API: `InvalidAction`, `UnknownParameter`, `MissingParameter`, `InvalidParameter`.
    """
    model = protocol.actions().get(action)
    if model is None:
        raise refuse("InvalidAction", f"there is no action {action!r} in version {protocol.VERSION}")
    way = _Way(protocol.object_fields, "U21" in assumed, as_text or "U22" not in assumed)
    return _fields(model.request, params, "", way)


def check_fields(model: Fields, params: Mapping[str, Any], objects: Objects) -> dict[str, Any]:
    """Return parameters as `check` does, by the model of any service; `objects` has the fields of nested ones."""
    return _fields(model, params, "", _Way(objects, ignores_unknown=False, takes_texts=True))


def _fields(model: Fields, params: Mapping[str, Any], where: str, way: _Way) -> dict[str, Any]:
    present = {
        name: value
        for name, value in params.items()
        if value is not None and (name in model or not way.ignores_unknown)
    }
    for name in present:
        if name not in model:
            raise refuse("UnknownParameter", f"the parameter {where}{name} is not known")
    for name, kind in model.items():
        if kind.endswith("!") and name not in present:
            raise refuse("MissingParameter", f"the parameter {where}{name} is missing")
    return {name: _value(model[name].rstrip("!"), value, where + name, way) for name, value in present.items()}


def _value(kind: str, value: Any, where: str, way: _Way) -> Any:
    if kind.startswith("list<"):
        if not isinstance(value, list):
            raise _wrong(where, "a list")
        return [_value(kind[5:-1], item, f"{where}.{index}", way) for index, item in enumerate(value)]
    fields = way.objects(kind)
    if fields is not None:
        if not isinstance(value, dict):
            raise _wrong(where, "an object")
        return _fields(fields, value, f"{where}.", way)
    return _scalar(kind, value, where, takes_texts=way.takes_texts)


def _scalar(kind: str, value: Any, where: str, *, takes_texts: bool) -> str | int | bool:
    if kind in _RANGES:
        if takes_texts and isinstance(value, str) and _INTEGER.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value not in _RANGES[kind]:
            raise _wrong(where, "a whole number in range")
        return value
    if kind == "bool":
        if takes_texts and value in ("true", "false"):
            return bool(value == "true")
        if not isinstance(value, bool):
            raise _wrong(where, "true or false")
        return value
    if not isinstance(value, str):
        raise _wrong(where, "text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _wrong(where, "Unicode text") from error
    return value


def _wrong(where: str, wanted: str) -> Exception:
    return refuse("InvalidParameter", f"the parameter {where} must be {wanted}")
