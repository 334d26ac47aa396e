"""Keys from a text file and back: fixed ids, versions, aliases and states, for tests that repeat.

The file is TOML, one `[[key]]` table a key (docs/local-kms.md shows every field). With its
material the file is a secret in clear; that is what a fixture is for.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kmstool import keys, protocol
from kmstool.errors import InputError
from kmstool.server import cmks, identifiers, imports, materials
from kmstool.server.app import EmbeddedKms
from kmstool.server.call import Call
from kmstool.server.cmks import Cmk
from kmstool.server.regions import DEFAULT, REGIONS

_FIELDS: dict[str, type] = {
    "region": str, "id": str, "alias": str, "description": str, "state": str, "usage": str, "origin": str,
    "owner": str, "created": int, "deletion-date": int, "valid-to": int, "rotate-days": int, "next-rotation": int,
    "last-rotation": int, "tags": dict, "bindings": list, "versions": list,
}  # fmt: skip


_LATEST_UNIX = 32_503_680_000
# How many versions an imported key can have in states that do not need one.
_IMPORTED_VERSIONS = {"PendingImport": (0,), "PendingDelete": (0, 1)}


def apply(kms: EmbeddedKms, text: str) -> list[Cmk]:
    """Add the keys of a seed file, all or none, and return them.

    Raises `InputError` that names the key and the rule for anything malformed, and for an
    id or alias that the store has already.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the seed file is not TOML: {error}") from error
    tables = document.pop("key", [])
    if document or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InputError("the seed file must hold [[key]] tables and nothing else")
    with kms.request("CreateKey", {}, write=True) as call:
        return [_add(call, table, f"key {number}") for number, table in enumerate(tables, 1)]


def export(kms: EmbeddedKms, *, plaintext: bool) -> str:
    """Return all keys of all regions as a seed file; with `plaintext` their material too, in clear."""
    with kms.request("DescribeKey", {}, write=False) as call:
        rows = [cmks.from_row(row) for row in call.db.execute("SELECT * FROM cmk ORDER BY rowid")]
        return "\n".join(_table(call, cmk, plaintext=plaintext) for cmk in rows)


def _add(call: Call, table: Mapping[str, Any], where: str) -> Cmk:
    _check_types(table, where)
    cmk = _cmk(call, table, where)
    if call.db.execute(
        "SELECT 1 FROM cmk WHERE key_id = ? OR (region = ? AND alias = ?)", (cmk.key_id, cmk.region, cmk.alias)
    ).fetchone():
        raise InputError(f"{where}: the store has the id {cmk.key_id} or the alias {cmk.alias!r} already")
    versions = [_material(cmk, text, where) for text in _strings(table, "versions", where)]
    bindings = _strings(table, "bindings", where)
    if len(set(bindings)) != len(bindings):
        raise InputError(f"{where}: bindings names a resource twice")
    if cmk.origin == "EXTERNAL" and len(versions) not in _IMPORTED_VERSIONS.get(cmk.state, (1,)):
        raise InputError(f"{where}: versions must hold the imported material, or state be PendingImport")
    cmks.insert(call, cmk)
    for material in versions:
        cmk = cmks.add_version(call, cmk, material)
        if cmk.origin == "EXTERNAL":
            imports.remember(call, cmk, material)
    if not versions and cmk.origin != "EXTERNAL":
        cmk = cmks.add_version(call, cmk)
    cmks.set_tags(call, cmk.key_id, table.get("tags", {}))
    for binding in bindings:
        product, _, resource = binding.partition(" ")
        call.db.execute("INSERT INTO binding VALUES (?, ?, ?)", (cmk.key_id, product, resource))
    return cmk


def _check_types(table: Mapping[str, Any], where: str) -> None:
    for name, value in table.items():
        if name not in _FIELDS:
            raise InputError(f"{where} has the unknown field {name!r}", hint="known: " + ", ".join(_FIELDS))
        if not isinstance(value, _FIELDS[name]) or isinstance(value, bool):
            raise InputError(f"{where}: {name} must be of type {_FIELDS[name].__name__}")
        if isinstance(value, dict) and not all(isinstance(text, str) for text in value.values()):
            raise InputError(f"{where}: {name} must have texts for values")
        if isinstance(value, int) and not 0 <= value <= _LATEST_UNIX:
            raise InputError(f"{where}: {name} cannot be {value} here")


def _cmk(call: Call, table: Mapping[str, Any], where: str) -> Cmk:
    cmk = Cmk(
        region=table.get("region", DEFAULT),
        key_id=table.get("id") or identifiers.new(call.now),
        alias=table.get("alias", ""),
        description=table.get("description", ""),
        state=table.get("state", "Enabled"),
        usage=table.get("usage", keys.SYMMETRIC),
        origin=table.get("origin", "TENCENT_KMS"),
        owner=table.get("owner", "user"),
        created=table.get("created", call.now),
        version=0,
        deletion_date=table.get("deletion-date", 0),
        rotate_days=table.get("rotate-days", 0),
        next_rotation=table.get("next-rotation", 0),
        last_rotation=table.get("last-rotation", 0),
        valid_to=table.get("valid-to", 0),
    )
    rules: dict[str, tuple[Any, Callable[[Any], bool]]] = {
        "region": (cmk.region, REGIONS.__contains__),
        "id": (cmk.key_id, keys.is_key_id),
        "alias": (cmk.alias, keys.is_alias),
        "state": (cmk.state, keys.STATES.__contains__),
        "usage": (cmk.usage, (keys.SYMMETRIC, *materials.ASYMMETRIC).__contains__),
        "origin": (cmk.origin, ("TENCENT_KMS", "EXTERNAL").__contains__),
        "rotate-days": (
            cmk.rotate_days,
            (0,).__contains__ if cmk.origin == "EXTERNAL" else (0, *range(7, 366)).__contains__,
        ),
        "next-rotation": (cmk.next_rotation, lambda date: date == 0 or cmk.rotate_days > 0),
        "deletion-date": (cmk.deletion_date, lambda date: (date > 0) == (cmk.state == "PendingDelete")),
    }
    for name, (value, allowed) in rules.items():
        if not allowed(value):
            raise InputError(f"{where}: {name} cannot be {value!r} here")
    if cmk.rotate_days and not cmk.next_rotation:
        return replace(cmk, next_rotation=call.now + cmk.rotate_days * cmks.DAY)
    return cmk


def _strings(table: Mapping[str, Any], name: str, where: str) -> list[str]:
    values = table.get(name, [])
    if not all(isinstance(value, str) for value in values):
        raise InputError(f"{where}: {name} must be a list of texts")
    return list(values)


def _material(cmk: Cmk, text: str, where: str) -> bytes:
    algorithm = materials.algorithm_of(cmk.usage, REGIONS[cmk.region])
    try:
        material = protocol.decode(text)
    except ValueError as error:
        raise InputError(f"{where}: versions must be base64") from error
    if not materials.is_material(algorithm, material):
        raise InputError(f"{where}: a version of {len(material)} bytes is no material for {algorithm} in {cmk.region}")
    return material


def _table(call: Call, cmk: Cmk, *, plaintext: bool) -> str:
    if cmk.origin == "EXTERNAL" and not plaintext and cmk.state != "PendingDelete":
        # Without its material it can only wait for its import.
        cmk = replace(cmk, state="PendingImport", valid_to=0)
    fields: dict[str, Any] = {
        "region": cmk.region, "id": cmk.key_id, "alias": cmk.alias, "description": cmk.description,
        "state": cmk.state, "usage": cmk.usage, "origin": cmk.origin, "owner": cmk.owner, "created": cmk.created,
        "deletion-date": cmk.deletion_date, "valid-to": cmk.valid_to, "rotate-days": cmk.rotate_days,
        "next-rotation": cmk.next_rotation, "last-rotation": cmk.last_rotation,
        "bindings": [f"{product} {resource}" for product, resource in cmks.bindings(call, cmk)],
    }  # fmt: skip
    if plaintext and cmks.has_material(call, cmk):
        fields["versions"] = [
            protocol.encode(cmks.material(call, cmk, version)[1]) for version in range(1, cmk.version + 1)
        ]
    lines = [f"{name} = {_toml(value)}" for name, value in fields.items() if value]
    lines += [f"tags.{_toml(name)} = {_toml(value)}" for name, value in cmks.tags(call, cmk.key_id).items()]
    return "\n".join(["[[key]]", *lines, ""])


def _toml(value: Any) -> str:
    # JSON's numbers, texts and lists of texts are TOML's too, but for one character that TOML wants escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
