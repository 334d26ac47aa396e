"""Keys of the KMS of 2017 in a seed file: `[[beta-key]]` tables in, and out again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmstool import words
from kmstool.api import beta, protocol
from kmstool.errors import InputError
from kmstool.server.call import Transaction
from kmstool.server.seed import tables
from kmstool.server.tables import beta_keys
from kmstool.server.tables.beta_keys import BetaKey

_FIELDS: dict[str, type] = {
    "region": str, "id": str, "alias": str, "description": str, "state": str, "type": int, "created": int,
    "deletion-date": int, "material": str,
}  # fmt: skip


def add(transaction: Transaction, table: Mapping[str, Any], where: str) -> BetaKey:
    """Add a key inside a writing transaction; raise `InputError` that names it and the rule for anything malformed."""
    tables.check_types(table, _FIELDS, where)
    key = _key(transaction, table, where)
    same = "WHERE key_id = ? OR (region = ? AND alias = ? AND alias <> '')"
    if beta_keys.TABLE.select(transaction, same, (key.key_id, key.region, key.alias)):
        raise InputError(f"{where}: the store has the id {key.key_id} or the alias {key.alias!r} already")
    beta_keys.insert(transaction, key)
    return key


def export(transaction: Transaction, *, plaintext: bool) -> list[str]:
    """Return the tables of all keys of all regions, with `plaintext` their material too."""
    added = beta_keys.TABLE.select(transaction, "ORDER BY rowid")
    return [_table(transaction, key, plaintext=plaintext) for key in added]


def _key(transaction: Transaction, table: Mapping[str, Any], where: str) -> BetaKey:
    region, key_id = table.get("region", words.REGION), table.get("id") or beta_keys.new_id()
    alias, state = table.get("alias", ""), table.get("state", words.ENABLED)
    kind, date = table.get("type", 1), table.get("deletion-date", 0)
    rules: tables.Rules = {
        "region": (region, tuple(beta.REGIONS.values()).__contains__),
        "id": (key_id, beta.is_key_id),
        "alias": (alias, lambda text: text == "" or beta.is_alias(text)),
        "state": (state, beta.STATES.__contains__),
        "type": (kind, beta_keys.TYPES.__contains__),
        "deletion-date": (date, lambda unix: (unix > 0) == (state == words.PENDING_DELETE)),
    }
    tables.check_values(rules, where)
    material = beta_keys.new_material()
    if "material" in table:
        material = tables.binary(table["material"], "material", where)
    if len(material) != beta_keys.MATERIAL_BYTES:
        raise InputError(f"{where}: material has {len(material)} bytes, not {beta_keys.MATERIAL_BYTES}")
    wrapped = beta_keys.wrap(transaction, region, key_id, material)
    description, created = table.get("description", ""), table.get("created", transaction.now)
    return BetaKey(region, key_id, alias, description, state, kind, created, date, wrapped)


def _table(transaction: Transaction, key: BetaKey, *, plaintext: bool) -> str:
    fields: dict[str, Any] = {
        "region": key.region, "id": key.key_id, "alias": key.alias, "description": key.description,
        "state": key.state, "type": key.type, "created": key.created, "deletion-date": key.deletion_date,
    }  # fmt: skip
    if plaintext:
        fields["material"] = protocol.encode(beta_keys.material(transaction, key))
    return tables.written("beta-key", fields, {})
