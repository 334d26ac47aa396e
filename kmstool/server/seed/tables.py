"""One table of a seed file, whatever it describes: checks on the way in, TOML on the way out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from kmstool.api import protocol
from kmstool.errors import InputError

_LATEST_UNIX = 32_503_680_000

Rules = Mapping[str, tuple[Any, Callable[[Any], bool]]]
"""For each field its value, and what tells whether it may be that."""


def check_types(table: Mapping[str, Any], fields: Mapping[str, type], where: str) -> None:
    """Raise `InputError` for a field that is not one of these, not of its type, or a number that cannot be."""
    for name, value in table.items():
        if name not in fields:
            raise InputError(f"{where} has the unknown field {name!r}", hint="known: " + ", ".join(fields))
        if not isinstance(value, fields[name]) or isinstance(value, bool):
            raise InputError(f"{where}: {name} must be of type {fields[name].__name__}")
        if isinstance(value, dict) and not all(isinstance(text, str) for text in value.values()):
            raise InputError(f"{where}: {name} must have texts for values")
        if isinstance(value, int) and not 0 <= value <= _LATEST_UNIX:
            raise InputError(f"{where}: {name} cannot be {value} here")


def check_values(rules: Rules, where: str) -> None:
    """Raise `InputError` for the first value that its rule does not allow."""
    for name, (value, allowed) in rules.items():
        if not allowed(value):
            raise InputError(f"{where}: {name} cannot be {value!r} here")


def strings(table: Mapping[str, Any], name: str, where: str) -> list[str]:
    """Return a field with a list of texts."""
    values = table.get(name, [])
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"{where}: {name} must be a list of texts")
    return list(values)


def binary(text: str, name: str, where: str) -> bytes:
    """Return the bytes of a text in base64."""
    try:
        return protocol.decode(text)
    except ValueError as error:
        raise InputError(f"{where}: {name} must be base64") from error


def written(kind: str, fields: Mapping[str, Any], tags: Mapping[str, str]) -> str:
    """Return a table with its fields, but for the empty ones, and its tags."""
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items() if value]
    lines += [f"tags.{_toml(name)} = {_toml(value)}" for name, value in tags.items()]
    return "\n".join([f"[[{kind}]]", *lines, ""])


def _toml(value: Any) -> str:
    # JSON's numbers, texts and lists of texts are TOML's too, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
