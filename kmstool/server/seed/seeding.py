"""Keys from a text file and back: fixed ids, versions, aliases and states, for tests that repeat.

The file is TOML, one `[[key]]`, `[[white-box-key]]` or `[[beta-key]]` table a key (docs/local-kms.md shows every field). With its
material the file is a secret in plaintext; that is what a fixture is for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from kmstool import words
from kmstool.api import cmk_rules, protocol
from kmstool.errors import InputError
from kmstool.server import identifiers, materials
from kmstool.server.app import EmbeddedKms
from kmstool.server.call import Transaction
from kmstool.server.regions import REGIONS
from kmstool.server.seed import beta, tables, toml, white_box
from kmstool.server.tables import cmks, imports, tags
from kmstool.server.tables.beta_keys import BetaKey
from kmstool.server.tables.cmks import Cmk
from kmstool.server.tables.white_box_keys import WhiteBoxKey

_FIELDS: dict[str, type] = {
    "region": str, "id": str, "alias": str, "description": str, "state": str, "usage": str, "origin": str,
    "owner": str, "created": int, "deletion-date": int, "valid-to": int, "rotate-days": int, "next-rotation": int,
    "last-rotation": int, "tags": dict, "bindings": list, "versions": list,
}  # fmt: skip

# How many versions an imported key can have in states that do not need one.
_IMPORTED_VERSIONS = {words.PENDING_IMPORT: (0,), words.PENDING_DELETE: (0, 1)}


def apply(kms: EmbeddedKms, text: str) -> list[Cmk | WhiteBoxKey | BetaKey]:
    """Add the keys of a seed file, all or none, and return them.

    Raises `InputError` that names the key and the rule for anything malformed, and for an
    id or alias that the store has already.
    """
    document = toml.parse(text)
    if any(
        name not in _KINDS or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables)
        for name, tables in document.items()
    ):
        raise InputError("the seed file must hold [[key]], [[white-box-key]] and [[beta-key]] tables and nothing else")
    with kms.transaction(write=True) as transaction:
        return [
            add(transaction, table, f"{name} {number}")
            for name, add in _KINDS.items()
            for number, table in enumerate(document.get(name, []), 1)
        ]


def export(kms: EmbeddedKms, *, plaintext: bool) -> str:
    """Return all keys of all regions as a seed file; with `plaintext` their material too, in plaintext."""
    with kms.transaction(write=False) as transaction:
        added = cmks.TABLE.select(transaction, "ORDER BY rowid")
        tables = [_table(transaction, cmk, plaintext=plaintext) for cmk in added]
        others = [*white_box.export(transaction, plaintext=plaintext), *beta.export(transaction, plaintext=plaintext)]
        return "\n".join(tables + others)


def _add(transaction: Transaction, table: Mapping[str, Any], where: str) -> Cmk:
    tables.check_types(table, _FIELDS, where)
    cmk = _cmk(transaction, table, where)
    if transaction.db.execute(
        "SELECT key_id FROM cmk WHERE key_id = :key_id OR (region = :region AND alias = :alias)"
        " UNION SELECT key_id FROM white_box_key WHERE key_id = :key_id",
        {"key_id": cmk.key_id, "region": cmk.region, "alias": cmk.alias},
    ).fetchone():
        raise InputError(f"{where}: the store has the id {cmk.key_id} or the alias {cmk.alias!r} already")
    versions = [_material(cmk, text, where) for text in tables.strings(table, "versions", where)]
    bindings = tables.strings(table, "bindings", where)
    if len(set(bindings)) != len(bindings):
        raise InputError(f"{where}: bindings names a resource twice")
    if cmk.origin == words.EXTERNAL and len(versions) not in _IMPORTED_VERSIONS.get(cmk.state, (1,)):
        raise InputError(f"{where}: versions must hold the imported material, or state be PendingImport")
    cmks.insert(transaction, cmk)
    for material in versions:
        cmk = cmks.add_version(transaction, cmk, material)
        if cmk.origin == words.EXTERNAL:
            cmk = imports.remember(transaction, cmk, material)
    if not versions and cmk.origin != words.EXTERNAL:
        cmk = cmks.add_version(transaction, cmk)
    tags.insert(transaction.db, cmk.key_id, table.get("tags", {}))
    users = [(product, resource) for product, _, resource in (binding.partition(" ") for binding in bindings)]
    return cmks.bind(transaction, cmk, users) if users else cmk


def _cmk(transaction: Transaction, table: Mapping[str, Any], where: str) -> Cmk:
    cmk = Cmk(
        region=table.get("region", words.REGION),
        key_id=table.get("id") or identifiers.new(transaction.now),
        alias=table.get("alias", ""),
        description=table.get("description", ""),
        state=table.get("state", words.ENABLED),
        usage=table.get("usage", words.SYMMETRIC),
        origin=table.get("origin", words.GENERATED),
        owner=table.get("owner", words.USER),
        created=table.get("created", transaction.now),
        version=0,
        deletion_date=table.get("deletion-date", 0),
        rotate_days=table.get("rotate-days", 0),
        next_rotation=table.get("next-rotation", 0),
        last_rotation=table.get("last-rotation", 0),
        valid_to=table.get("valid-to", 0),
        tags_digest=tags.digest(table.get("tags", {})),
    )
    rules: tables.Rules = {
        "region": (cmk.region, REGIONS.__contains__),
        "id": (cmk.key_id, cmk_rules.is_key_id),
        "alias": (cmk.alias, cmk_rules.is_alias),
        "state": (cmk.state, words.STATES.__contains__),
        "usage": (cmk.usage, (words.SYMMETRIC, *materials.ASYMMETRIC).__contains__),
        "origin": (cmk.origin, words.ORIGINS.__contains__),
        "rotate-days": (
            cmk.rotate_days,
            (0,).__contains__ if cmk.origin == words.EXTERNAL else (0, *words.ROTATION_DAYS).__contains__,
        ),
        "next-rotation": (cmk.next_rotation, lambda date: date == 0 or cmk.rotate_days > 0),
        "deletion-date": (cmk.deletion_date, lambda date: (date > 0) == (cmk.state == words.PENDING_DELETE)),
    }
    tables.check_values(rules, where)
    if cmk.rotate_days and not cmk.next_rotation:
        return replace(cmk, next_rotation=transaction.now + cmk.rotate_days * cmks.DAY)
    return cmk


def _material(cmk: Cmk, text: str, where: str) -> bytes:
    algorithm = materials.algorithm_of(cmk.usage, REGIONS[cmk.region])
    material = tables.binary(text, "versions", where)
    if not materials.is_material(algorithm, material):
        raise InputError(f"{where}: a version of {len(material)} bytes is no material for {algorithm} in {cmk.region}")
    return material


def _table(transaction: Transaction, cmk: Cmk, *, plaintext: bool) -> str:
    if cmk.origin == words.EXTERNAL and not plaintext and cmk.state != words.PENDING_DELETE:
        # Without its material it can only wait for its import.
        cmk = replace(cmk, state=words.PENDING_IMPORT, valid_to=0)
    fields: dict[str, Any] = {
        "region": cmk.region, "id": cmk.key_id, "alias": cmk.alias, "description": cmk.description,
        "state": cmk.state, "usage": cmk.usage, "origin": cmk.origin, "owner": cmk.owner, "created": cmk.created,
        "deletion-date": cmk.deletion_date, "valid-to": cmk.valid_to, "rotate-days": cmk.rotate_days,
        "next-rotation": cmk.next_rotation, "last-rotation": cmk.last_rotation,
        "bindings": [f"{product} {resource}" for product, resource in cmks.bindings(transaction, cmk)],
    }  # fmt: skip
    if plaintext and cmks.has_material(transaction, cmk):
        fields["versions"] = [
            protocol.encode(cmks.material(transaction, cmk, version)[1]) for version in range(1, cmk.version + 1)
        ]
    return tables.written("key", fields, tags.load(transaction.db, cmk.key_id, cmk.tags_digest))


_KINDS: dict[str, Callable[[Transaction, Mapping[str, Any], str], Cmk | WhiteBoxKey | BetaKey]] = {
    "key": _add,
    "white-box-key": white_box.add,
    "beta-key": beta.add,
}
