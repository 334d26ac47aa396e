"""White-box keys in a seed file: `[[white-box-key]]` tables in, and out again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from kmstool import words
from kmstool.api import cmk_rules, protocol
from kmstool.errors import InputError
from kmstool.server import identifiers
from kmstool.server.call import Transaction
from kmstool.server.regions import WHITE_BOX
from kmstool.server.seed import tables
from kmstool.server.tables import tags, white_box_keys
from kmstool.server.tables.white_box_keys import Device, WhiteBoxKey
from kmstool.whitebox import binding

_FIELDS: dict[str, type] = {
    "region": str, "id": str, "alias": str, "description": str, "state": str, "algorithm": str, "created": int,
    "tags": dict, "devices": list, "secret": str,
}  # fmt: skip


def add(transaction: Transaction, table: Mapping[str, Any], where: str) -> WhiteBoxKey:
    """Add a key inside a writing transaction; raise `InputError` that names it and the rule for anything malformed."""
    tables.check_types(table, _FIELDS, where)
    devices = [Device(*_split(text, where)) for text in tables.strings(table, "devices", where)]
    if len({device.fingerprint for device in devices}) != len(devices) or len(devices) > words.MAX_DEVICES:
        raise InputError(f"{where}: devices must be at most {words.MAX_DEVICES}, none twice")
    key = _key(transaction, table, where)
    if transaction.db.execute(
        "SELECT key_id FROM white_box_key WHERE key_id = :key_id OR (region = :region AND alias = :alias)"
        " UNION SELECT key_id FROM cmk WHERE key_id = :key_id",
        {"key_id": key.key_id, "region": key.region, "alias": key.alias},
    ).fetchone():
        raise InputError(f"{where}: the store has the id {key.key_id} or the alias {key.alias!r} already")
    white_box_keys.insert(transaction, key)
    white_box_keys.bind(transaction, key, devices)
    tags.insert(transaction.db, key.key_id, table.get("tags", {}))
    return key


def export(transaction: Transaction, *, plaintext: bool) -> list[str]:
    """Return the tables of all keys of all regions, with `plaintext` their secrets too."""
    added = white_box_keys.TABLE.select(transaction, "ORDER BY rowid")
    return [_table(transaction, key, plaintext=plaintext) for key in added]


def _key(transaction: Transaction, table: Mapping[str, Any], where: str) -> WhiteBoxKey:
    region, key_id = table.get("region", words.REGION), table.get("id") or identifiers.new(transaction.now)
    alias, state = table.get("alias", ""), table.get("state", words.ENABLED)
    algorithm = next((name for name in words.KEY_BYTES if name == table.get("algorithm", words.AES_256)), None)
    rules: tables.Rules = {
        "region": (region, WHITE_BOX.__contains__),
        "id": (key_id, cmk_rules.is_key_id),
        "alias": (alias, cmk_rules.is_alias),
        "state": (state, words.WHITE_BOX_STATES.__contains__),
    }
    tables.check_values(rules, where)
    if algorithm is None:
        raise InputError(f"{where}: algorithm must be one of {', '.join(words.KEY_BYTES)}")
    secret = white_box_keys.new_secret(algorithm)
    if "secret" in table:
        secret = tables.binary(table["secret"], "secret", where)
    if len(secret) != white_box_keys.secret_bytes(algorithm):
        raise InputError(
            f"{where}: secret has {len(secret)} bytes, not the {white_box_keys.secret_bytes(algorithm)} of {algorithm}"
        )
    wrapped = white_box_keys.wrap(transaction, region, key_id, algorithm, secret)
    description, created = table.get("description", ""), table.get("created", transaction.now)
    digest = tags.digest(table.get("tags", {}))
    return WhiteBoxKey(region, key_id, alias, description, state, algorithm, created, wrapped, digest)


def _split(text: str, where: str) -> tuple[str, str]:
    fingerprint, _, description = text.partition(" ")
    try:
        binding.check_fingerprint(fingerprint)
    except InputError as error:
        raise InputError(f"{where}: devices: {error.message}", hint=error.hint) from error
    return fingerprint, description


def _table(transaction: Transaction, key: WhiteBoxKey, *, plaintext: bool) -> str:
    fields: dict[str, Any] = {
        "region": key.region, "id": key.key_id, "alias": key.alias, "description": key.description,
        "state": key.state, "algorithm": key.algorithm, "created": key.created,
        "devices": [" ".join(filter(None, astuple(device))) for device in white_box_keys.devices(transaction, key)],
    }  # fmt: skip
    if plaintext:
        fields["secret"] = protocol.encode(white_box_keys.secret(transaction, key))
    return tables.written("white-box-key", fields, tags.load(transaction.db, key.key_id, key.tags_digest))
