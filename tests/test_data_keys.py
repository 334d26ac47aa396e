"""Data keys that KMS keeps live and die by the table in data_keys.py, open only through their CMK, and never change hands."""

import contextlib
import itertools
import os
import re
import secrets
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool import words
from kmstool.api import cmk_rules, data_key_rules, protocol
from kmstool.cli.commands.data_key.group import data_key
from kmstool.cli.session.session import Session
from kmstool.crypto import formats, pem
from kmstool.crypto.keys import Sm2PublicKey
from kmstool.crypto.sm2 import encryption, keys
from kmstool.errors import InputError, IntegrityError, KmsToolError, ServiceError
from kmstool.kms.client import KmsClient
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import schema
from kmstool.workflows.connections import Connections
from tests.stores import age, reseal

DOCUMENT = Path(__file__).parent.parent / "docs" / "local-kms.md"
DAY = 86400
NOBODY = "00000000-0000-1000-8000-000000000000"
CONTEXT = '{"user":"17"}'

STATE = "ResourceUnavailable.DataKeyStateNotSupport"
DISABLED = "ResourceUnavailable.DataKeyDisabled"
PENDING = "ResourceUnavailable.DataKeyPendingDelete"
KEPT = "ResourceUnavailable.DataKeyNotPendingDelete"
GONE = "ResourceUnavailable.DataKeyNotFound"
CMK_GONE = "ResourceUnavailable.CmkNotFound"
CMK_DISABLED = "ResourceUnavailable.CmkDisabled"
CMK_STATE = "ResourceUnavailable.CmkStateNotSupport"
NAME = "InvalidParameterValue.InvalidDataKeyName"
TAKEN = "InvalidParameterValue.DataKeyNameAlreadyExists"
MATERIAL = "InvalidParameterValue.InvalidImportKeyMaterial"

# What a valid request holds besides the data key.
PARAMETERS: dict[str, dict[str, Any]] = {
    "ScheduleDataKeyDeletion": {"PendingWindowInDays": 7},
    "UpdateDataKeyName": {"DataKeyName": "renamed"},
    "UpdateDataKeyDescription": {"Description": "described"},
}
# The state that follows on success; every other action leaves it alone.
FOLLOWS = {
    "EnableDataKey": "Enabled",
    "EnableDataKeys": "Enabled",
    "DisableDataKey": "Disabled",
    "DisableDataKeys": "Disabled",
    "ScheduleDataKeyDeletion": "PendingDelete",
    "CancelDataKeyDeletion": "Disabled",
}
# The cloud's error lists, read apart from data_keys.py: by the data key's state Enabled, Disabled,
# PendingDelete under an enabled CMK, then with the best state by the CMK's Disabled, PendingDelete,
# PendingImport, Archived.
CLOUD: dict[str, tuple[tuple[str | None, ...], tuple[str | None, ...]]] = {
    "DescribeDataKey": ((None, None, None), (None, None, None, None)),
    "DescribeDataKeys": ((None, None, None), (None, None, None, None)),
    "EnableDataKey": ((None, None, CMK_STATE), (CMK_STATE, CMK_STATE, CMK_STATE, CMK_STATE)),
    "EnableDataKeys": ((None, None, STATE), (CMK_STATE, CMK_STATE, CMK_STATE, CMK_STATE)),
    "DisableDataKey": ((None, None, STATE), (None, None, None, None)),
    "DisableDataKeys": ((None, None, STATE), (None, None, None, None)),
    "ScheduleDataKeyDeletion": ((STATE, None, STATE), (None, None, None, None)),
    "CancelDataKeyDeletion": ((KEPT, KEPT, None), (None, CMK_STATE, None, None)),
    "UpdateDataKeyName": ((None, None, STATE), (None, None, None, None)),
    "UpdateDataKeyDescription": ((None, None, STATE), (None, None, None, None)),
    "GetDataKeyPlaintext": ((None, DISABLED, PENDING), (CMK_DISABLED, CMK_STATE, CMK_STATE, CMK_STATE)),
    "GetDataKeyCiphertextBlob": ((None, STATE, STATE), (None, None, None, None)),
}
MATRIX = list(itertools.product(data_key_rules.RULES, words.DATA_KEY_STATES, words.STATES))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKms]:
    """An embedded KMS for the cells of the table, which do not disturb one another."""
    opened = EmbeddedKms(tmp_path_factory.mktemp("shared") / "store")
    yield opened
    opened.close()


def create(kms: EmbeddedKms, **more: Any) -> str:
    return str(kms.call("CreateKey", {"Alias": f"key-{secrets.token_hex(8)}"} | more)["KeyId"])


def generate(kms: EmbeddedKms, key_id: str, name: str = "", **more: Any) -> dict[str, Any]:
    wanted = {"KeyId": key_id, "NumberOfBytes": 32, "IsHostedByKms": 1, "DataKeyName": name or secrets.token_hex(8)}
    return kms.call("GenerateDataKey", wanted | more)


def plaintext(kms: EmbeddedKms, data_key_id: str) -> str:
    return str(kms.call("GetDataKeyPlaintext", {"DataKeyId": data_key_id})["Plaintext"])


def blob(kms: EmbeddedKms, data_key_id: str) -> str:
    return str(kms.call("GetDataKeyCiphertextBlob", {"DataKeyId": data_key_id})["CiphertextBlob"])


def describe(kms: EmbeddedKms, data_key_id: str) -> dict[str, Any]:
    found = kms.call("DescribeDataKey", {"DataKeyId": data_key_id})["DataKeyMetadata"]
    assert isinstance(found, dict)
    return found


def listed(kms: EmbeddedKms, **filters: Any) -> list[str]:
    answer = kms.call("ListDataKeyDetail", {"Limit": 200, **filters})
    assert answer["TotalCount"] == len(answer["DataKeyMetadatas"])
    return [found["DataKeyName"] for found in answer["DataKeyMetadatas"]]


def outcome(kms: EmbeddedKms, action: str, params: dict[str, Any]) -> str | None:
    """Call an action; return None, or the code with which it was refused."""
    try:
        kms.call(action, params)
    except KmsToolError as error:
        return error.kms_code or repr(error)
    return None


def change(kms: EmbeddedKms, table: str, name: str, found: str, **columns: object) -> None:
    """Write columns of a row that no action can write."""
    names = ", ".join(f"{column} = ?" for column in columns)
    with kms.store.transaction(write=True) as db:
        db.execute(f"UPDATE {table} SET {names} WHERE {name} = ?", (*columns.values(), found))
    reseal(kms)


def now(kms: EmbeddedKms) -> int:
    return int(admin.describe(kms)["Now"])


def advance(kms: EmbeddedKms, seconds: int) -> None:
    admin.move_clock(kms, int(admin.describe(kms)["ClockOffset"]) + seconds)


def raw(kms: EmbeddedKms, key_id: str, material: bytes, **more: Any) -> dict[str, Any]:
    wanted = {"KeyId": key_id, "ImportType": 2, "ImportKeyMaterial": protocol.encode(material)}
    return kms.call("ImportDataKey", wanted | {"DataKeyName": secrets.token_hex(8)} | more)


@pytest.mark.parametrize("action", CLOUD)
def test_the_table_says_what_the_cloud_says(action: str) -> None:
    own, by_cmk = CLOUD[action]
    assert tuple(data_key_rules.refusal(action, state, "Enabled") for state in words.DATA_KEY_STATES) == own
    best = words.DATA_KEY_STATES[own.index(None)]
    assert tuple(data_key_rules.refusal(action, best, state) for state in words.STATES[1:]) == by_cmk


def test_the_table_has_all_actions_on_a_data_key_and_codes_of_the_api() -> None:
    acting = {name for name, model in protocol.actions().items() if {"DataKeyId", "DataKeyIds"} & model.request.keys()}
    assert set(data_key_rules.RULES) == set(CLOUD) == acting
    unlisted = {
        (action, code)
        for action, rule in data_key_rules.RULES.items()
        for code in (*rule.states, *rule.cmk)
        if code is not None and code not in protocol.actions()[action].errors
    }
    assert unlisted == {("UpdateDataKeyName", STATE), ("UpdateDataKeyDescription", STATE)}


@pytest.fixture(scope="module")
def matrix(shared: EmbeddedKms) -> dict[tuple[str, str, str], str]:
    """Make a data key for every cell of the table, under a CMK for each of the CMK's states."""
    cmks = {state: create(shared) for state in words.STATES}
    cells = {cell: str(generate(shared, cmks[cell[2]])["DataKeyId"]) for cell in MATRIX}
    later = now(shared) + 30 * DAY
    for (_, state, _), data_key_id in cells.items():
        date = later if state == "PendingDelete" else 0
        change(shared, "data_key", "data_key_id", data_key_id, state=state, deletion_date=date)
    for state, key_id in cmks.items():
        change(shared, "cmk", "key_id", key_id, state=state, deletion_date=later * (state == "PendingDelete"))
    with shared.store.transaction(write=True) as db:
        db.execute("DELETE FROM material WHERE key_id = ?", (cmks["PendingImport"],))
    return cells


@pytest.mark.parametrize(("action", "state", "cmk_state"), MATRIX)
def test_every_action_on_every_kind_of_data_key(
    shared: EmbeddedKms, matrix: dict[tuple[str, str, str], str], action: str, state: str, cmk_state: str
) -> None:
    data_key_id = matrix[action, state, cmk_state]
    before = describe(shared, data_key_id)
    expected = data_key_rules.refusal(action, state, cmk_state)
    named = {"DataKeyIds": [data_key_id]} if action.endswith("Keys") else {"DataKeyId": data_key_id}
    given = dict(PARAMETERS.get(action, {}))
    if "DataKeyName" in given:
        given["DataKeyName"] = secrets.token_hex(8)
    assert outcome(shared, action, named | given) == expected
    after = describe(shared, data_key_id)
    if expected is None:
        assert after["KeyState"] == FOLLOWS.get(action, state)
    else:
        assert after == before, "a refused action changed the data key"


def test_the_documented_table_is_the_one_of_the_code() -> None:
    def cell(code: str | None) -> str:
        return "yes" if code is None else f"`{code.rpartition('.')[2]}`"

    headings = ["action", *words.DATA_KEY_STATES, *(f"CMK {state}" for state in words.STATES)]
    lines = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for action, rule in data_key_rules.RULES.items():
        lines.append(f"| {' | '.join([action, *map(cell, (*rule.states, *rule.cmk))])} |")
    written = "\n".join(lines)
    marks = r"<!-- data key states:[^\n]*-->\n+(.*?)\n+<!-- end of data key states -->"
    found = re.search(marks, DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/local-kms.md has lost the marks of its table of data key states"
    assert found[1] == written, f"between its marks docs/local-kms.md must say\n\n{written}\n"


@pytest.mark.parametrize("context", ["", CONTEXT])
@pytest.mark.parametrize("size", [{"NumberOfBytes": 1}, {"NumberOfBytes": 1024}, {"KeySpec": "AES_128"}])
def test_a_generated_data_key_is_kept_and_can_be_had_again(
    kms: EmbeddedKms, size: dict[str, Any], context: str
) -> None:
    key_id = create(kms)
    wanted = {"KeyId": key_id, "IsHostedByKms": 1, "DataKeyName": "user-17", "EncryptionContext": context, **size}
    made = kms.call("GenerateDataKey", wanted)
    assert uuid.UUID(made["DataKeyId"]).version == 1
    assert plaintext(kms, made["DataKeyId"]) == made["Plaintext"]
    assert blob(kms, made["DataKeyId"]) == made["CiphertextBlob"]
    opened = kms.call("Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context})
    assert (opened["Plaintext"], opened["KeyId"]) == (made["Plaintext"], key_id)
    found = describe(kms, made["DataKeyId"])
    assert (found["DataKeyName"], found["KeyId"], found["KeyState"]) == ("user-17", key_id, "Enabled")
    assert found["NumberOfBytes"] == len(protocol.decode(made["Plaintext"]))
    assert (found["Origin"], found["DeletionDate"], found["Owner"]) == ("TENCENT_KMS", 0, "user")


def test_metadata_has_every_field_of_the_api_and_names_the_cmk(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    found = describe(kms, generate(kms, key_id, Description="of user 17")["DataKeyId"])
    model = protocol.object_fields("DataKeyMetadata")
    assert model is not None
    assert found.keys() == model.keys()
    kms.call("UpdateAlias", {"KeyId": key_id, "Alias": "another"})
    found = describe(kms, found["DataKeyId"])
    assert (found["KeyName"], found["Description"]) == ("another", "of user 17")
    assert found["ResourceId"].endswith("/" + found["DataKeyId"])


def test_a_data_key_that_is_not_to_be_kept_is_not(kms: EmbeddedKms) -> None:
    wanted = {"KeyId": create(kms), "KeySpec": "AES_256", "DataKeyName": "user-17"}
    for more in ({}, {"IsHostedByKms": 0}):
        # Its page has no id for it, and no tags either.
        assert kms.call("GenerateDataKey", wanted | more).keys() == {
            "KeyId",
            "Plaintext",
            "CiphertextBlob",
            "RequestId",
        }
    assert listed(kms) == []
    assert outcome(kms, "GenerateDataKey", wanted | {"IsHostedByKms": 2}) == "InvalidParameter"


@pytest.mark.parametrize("more", [{}, {"IsHostedByKms": 1, "DataKeyName": "user-17"}])
def test_a_description_is_limited_whether_a_data_key_is_kept_or_not(kms: EmbeddedKms, more: dict[str, Any]) -> None:
    wanted = {"KeyId": create(kms), "KeySpec": "AES_256", **more}
    assert outcome(kms, "GenerateDataKey", wanted | {"Description": "é" * 51}) == "InvalidParameter"
    assert outcome(kms, "GenerateDataKey", wanted | {"Description": "é" * 50}) is None


def test_a_data_key_that_is_not_kept_waits_for_no_writer(kms: EmbeddedKms) -> None:
    wanted = {"KeyId": create(kms), "KeySpec": "AES_256"}
    with contextlib.closing(EmbeddedKms(kms.store.folder)) as other, other.store.transaction(write=True):
        assert kms.call("GenerateDataKey", wanted)["Plaintext"]


def test_a_data_key_stays_readable_when_its_cmk_rotates(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    made = generate(kms, key_id, EncryptionContext=CONTEXT)
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 7})
    advance(kms, 30 * DAY)
    assert plaintext(kms, made["DataKeyId"]) == made["Plaintext"]
    assert generate(kms, key_id)["CiphertextBlob"].partition("-k-")[0] != made["CiphertextBlob"].partition("-k-")[0]


def test_the_plaintext_can_be_had_for_the_caller_alone(kms: EmbeddedKms) -> None:
    made = generate(kms, create(kms))
    key = keys.PrivateKey.generate()
    wish = {"EncryptionPublicKey": pem.write_public_key(Sm2PublicKey(key.public_key))}
    wish["EncryptionAlgorithm"] = "SM2_C1C3C2_ASN1"
    answer = kms.call("GetDataKeyPlaintext", {"DataKeyId": made["DataKeyId"], **wish})
    wrapped = protocol.decode(answer["Plaintext"])
    assert protocol.decode(made["Plaintext"]) not in wrapped
    assert encryption.decrypt(key, formats.read_ciphertext(wrapped, "der")) == protocol.decode(made["Plaintext"])
    bad = {"DataKeyId": made["DataKeyId"], "EncryptionPublicKey": "x"}
    assert outcome(kms, "GetDataKeyPlaintext", bad) == "FailedOperation.EncryptionError"
    wanted = {"KeyId": create(kms), "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "not-made"}
    assert outcome(kms, "GenerateDataKey", wanted | {"EncryptionPublicKey": "x"}) == "FailedOperation.EncryptionError"
    assert "not-made" not in listed(kms)


@pytest.mark.parametrize("size", [1, 16, 1024])
def test_bytes_are_imported(kms: EmbeddedKms, size: int) -> None:
    key_id, material = create(kms), secrets.token_bytes(size)
    made = raw(kms, key_id, material)
    assert made["KeyId"] == key_id
    assert protocol.decode(plaintext(kms, made["DataKeyId"])) == material
    opened = kms.call("Decrypt", {"CiphertextBlob": blob(kms, made["DataKeyId"])})
    assert protocol.decode(opened["Plaintext"]) == material
    found = describe(kms, made["DataKeyId"])
    assert (found["NumberOfBytes"], found["Origin"]) == (size, "EXTERNAL")


def test_a_blob_is_imported_as_it_is(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    made = kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"})
    wanted = {"ImportType": 1, "ImportKeyMaterial": made["CiphertextBlob"]}
    for more in ({}, {"KeyId": key_id}):
        imported = kms.call("ImportDataKey", {**wanted, **more, "DataKeyName": secrets.token_hex(8)})
        assert imported["KeyId"] == key_id
        assert plaintext(kms, imported["DataKeyId"]) == made["Plaintext"]
        assert blob(kms, imported["DataKeyId"]) == made["CiphertextBlob"]
        assert describe(kms, imported["DataKeyId"])["Origin"] == "EXTERNAL"


def test_what_is_no_data_key_is_not_imported(kms: EmbeddedKms) -> None:
    key_id, other = create(kms), create(kms)
    made = kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"})["CiphertextBlob"]
    bound = kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": CONTEXT})
    large = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": protocol.encode(bytes(1025))})["CiphertextBlob"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"ImportType": 1, "ImportKeyMaterial": made, "KeyId": other}, MATERIAL),
        ({"ImportType": 1, "ImportKeyMaterial": bound["CiphertextBlob"]}, MATERIAL),
        ({"ImportType": 1, "ImportKeyMaterial": made[:-4] + "AAA="}, MATERIAL),
        ({"ImportType": 1, "ImportKeyMaterial": "QUJD"}, MATERIAL),
        ({"ImportType": 1, "ImportKeyMaterial": large}, MATERIAL),
        ({"ImportType": 2, "ImportKeyMaterial": "", "KeyId": key_id}, MATERIAL),
        ({"ImportType": 2, "ImportKeyMaterial": "QUJ", "KeyId": key_id}, MATERIAL),
        ({"ImportType": 2, "ImportKeyMaterial": protocol.encode(bytes(1025)), "KeyId": key_id}, MATERIAL),
        ({"ImportType": 2, "ImportKeyMaterial": "QUJD"}, "MissingParameter"),
        ({"ImportType": 2, "ImportKeyMaterial": "QUJD", "KeyId": NOBODY}, CMK_GONE),
        ({"ImportType": 0, "ImportKeyMaterial": "QUJD", "KeyId": key_id}, "InvalidParameterValue.InvalidType"),
        ({"ImportType": 3, "ImportKeyMaterial": "QUJD", "KeyId": key_id}, "InvalidParameterValue.InvalidType"),
    ]
    for params, code in cases:
        assert outcome(kms, "ImportDataKey", {"DataKeyName": "imported", **params}) == code, params
    assert listed(kms) == []


@pytest.mark.parametrize("name", ["", "-a", "a b", "a" * 61, "é", "a\n"])
def test_names_that_are_refused(kms: EmbeddedKms, name: str) -> None:
    key_id = create(kms)
    hosted = {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": name}
    assert outcome(kms, "GenerateDataKey", hosted) == NAME
    imported = {"KeyId": key_id, "ImportType": 2, "ImportKeyMaterial": "QUJD", "DataKeyName": name}
    assert outcome(kms, "ImportDataKey", imported) == NAME
    data_key_id = generate(kms, key_id, "a-good-name")["DataKeyId"]
    assert outcome(kms, "UpdateDataKeyName", {"DataKeyId": data_key_id, "DataKeyName": name}) == NAME
    assert listed(kms) == ["a-good-name"]


@given(st.text(max_size=70))
def test_a_name_is_made_like_an_alias_and_not_like_those_of_products(text: str) -> None:
    assert data_key_rules.is_name(text) == cmk_rules.is_alias(text)


def test_a_name_is_given_once_in_a_region(kms: EmbeddedKms, tmp_path: Path) -> None:
    key_id = create(kms)
    first = generate(kms, key_id, "user-17")["DataKeyId"]
    second = generate(kms, key_id, "user-18")["DataKeyId"]
    hosted = {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "user-17"}
    imported = {"KeyId": key_id, "ImportType": 2, "ImportKeyMaterial": "QUJD", "DataKeyName": "user-17"}
    rename = {"DataKeyId": second, "DataKeyName": "user-17"}
    for action, params in (("GenerateDataKey", hosted), ("ImportDataKey", imported), ("UpdateDataKeyName", rename)):
        assert outcome(kms, action, params) == TAKEN
    kms.call("UpdateDataKeyName", {"DataKeyId": first, "DataKeyName": "user-17"})
    with contextlib.closing(EmbeddedKms(tmp_path / "store", "ap-singapore")) as elsewhere:
        generate(elsewhere, create(elsewhere), "user-17")
        assert outcome(elsewhere, "DescribeDataKey", {"DataKeyId": first}) == GONE
    kms.call("UpdateDataKeyName", {"DataKeyId": first, "DataKeyName": "user-19"})
    kms.call("UpdateDataKeyName", rename)
    assert listed(kms) == ["user-17", "user-19"]


def test_a_description_has_at_most_100_bytes(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    made = generate(kms, key_id, Description="é" * 50)["DataKeyId"]
    kms.call("UpdateDataKeyDescription", {"DataKeyId": made, "Description": ""})
    assert describe(kms, made)["Description"] == ""
    long = {"Description": "é" * 50 + "d"}
    hosted = {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "a"}
    assert outcome(kms, "GenerateDataKey", hosted | long) == "InvalidParameter"
    assert outcome(kms, "UpdateDataKeyDescription", {"DataKeyId": made, **long}) == "InvalidParameter"


def test_a_region_holds_a_thousand_data_keys(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    last = generate(kms, key_id)["DataKeyId"]
    with kms.store.transaction(write=True) as db:
        db.execute(
            "INSERT INTO data_key WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999)"
            " SELECT region, printf('%08x', n) || substr(data_key_id, 9), key_id, name || n, description, state, origin,"
            " byte_count, created, deletion_date, context, wrapped, tags_digest, seal FROM numbers, data_key"
        )
    reseal(kms)
    assert kms.call("GetServiceStatus", {})["DataKeyUsedCount"] == kms.call("GetServiceStatus", {})["DataKeyLimit"]
    hosted = {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "one-more"}
    assert outcome(kms, "GenerateDataKey", hosted) == "LimitExceeded.DataKeyLimitExceeded"
    with pytest.raises(KmsToolError) as caught:
        raw(kms, key_id, b"x")
    assert caught.value.kms_code == "LimitExceeded.DataKeyLimitExceeded"
    kms.call("GenerateDataKey", {**hosted, "IsHostedByKms": 0})
    change(kms, "data_key", "data_key_id", last, state="PendingDelete", deletion_date=now(kms) - 1)
    generate(kms, key_id)


def test_lists_are_filtered_ordered_and_cut_into_pages(kms: EmbeddedKms) -> None:
    first, second = create(kms), create(kms)
    tags = [{"TagKey": "team", "TagValue": "a"}]
    ids = {
        "user-1": generate(kms, first, "user-1", Tags=tags)["DataKeyId"],
        "user-2": generate(kms, second, "user-2", NumberOfBytes=16)["DataKeyId"],
        "Backup": raw(kms, second, b"0123456789abcdef", DataKeyName="Backup")["DataKeyId"],
    }
    kms.call("DisableDataKeys", {"DataKeyIds": [ids["user-2"], ids["Backup"]]})
    kms.call("ScheduleDataKeyDeletion", {"DataKeyId": ids["Backup"], "PendingWindowInDays": 7})
    cases: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["Backup", "user-2", "user-1"]),
        ({"OrderType": 1}, ["user-1", "user-2", "Backup"]),
        ({"KeyState": 1}, ["user-1"]),
        ({"KeyState": 2}, ["user-2"]),
        ({"KeyState": 3}, ["Backup"]),
        ({"SearchKeyAlias": "USER"}, ["user-2", "user-1"]),
        ({"SearchKeyAlias": ids["Backup"][:13]}, ["Backup"]),
        ({"Origin": "EXTERNAL"}, ["Backup"]),
        ({"Origin": "ALL", "KeyId": second}, ["Backup", "user-2"]),
        ({"DataKeyLen": 16, "Origin": "TENCENT_KMS"}, ["user-2"]),
        ({"DataKeyLen": 0, "KeyId": first}, ["user-1"]),
        ({"TagFilters": [{"TagKey": "team"}]}, ["user-1"]),
        ({"TagFilters": [{"TagKey": "team", "TagValue": ["b"]}]}, []),
        ({"Role": 1}, []),
    ]
    for filters, expected in cases:
        assert listed(kms, **filters) == expected, filters
    answer = kms.call("ListDataKeyDetail", {"Offset": 1, "Limit": 1})
    assert (answer["TotalCount"], [found["DataKeyName"] for found in answer["DataKeyMetadatas"]]) == (3, ["user-2"])
    answer = kms.call("ListDataKeys", {"Limit": 2})
    assert (answer["TotalCount"], len(answer["DataKeys"])) == (3, 2)
    assert answer["DataKeys"][0] == {"DataKeyId": ids["Backup"]}
    assert kms.call("ListDataKeys", {"Role": 1})["TotalCount"] == 0
    for bad in ({"KeyState": 4}, {"Origin": "x"}, {"Limit": 201}, {"Role": 2}, {"OrderType": 2}):
        assert outcome(kms, "ListDataKeyDetail", bad) == "InvalidParameter"
    assert outcome(kms, "ListDataKeyDetail", {"KeyId": "x"}) == "InvalidParameterValue.InvalidKeyId"
    assert outcome(kms, "ListDataKeyDetail", {"KeyId": NOBODY}) == CMK_GONE
    assert outcome(kms, "ListDataKeys", {"Limit": 201}) == "InvalidParameterValue"


def test_many_data_keys_are_changed_all_or_none(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    good = [str(generate(kms, key_id)["DataKeyId"]) for _ in range(100)]
    pending = str(generate(kms, key_id)["DataKeyId"])
    change(kms, "data_key", "data_key_id", pending, state="PendingDelete", deletion_date=now(kms) + DAY)

    def states() -> set[str]:
        found = kms.call("DescribeDataKeys", {"DataKeyIds": good})["DataKeyMetadatas"]
        return {item["KeyState"] for item in found}

    for ids, code in (
        ([*good[:99], pending], STATE),
        ([*good[:99], NOBODY], GONE),
        ([*good[:99], good[0]], "InvalidParameterValue.DuplicatedDataKeyId"),
        ([*good[:99], "x"], "InvalidParameterValue.InvalidDataKeyId"),
        ([*good, NOBODY], "InvalidParameterValue"),
        ([], "InvalidParameterValue"),
    ):
        assert outcome(kms, "DisableDataKeys", {"DataKeyIds": ids}) == code
        assert states() == {"Enabled"}
    for _ in range(2):
        kms.call("DisableDataKeys", {"DataKeyIds": good})
        assert states() == {"Disabled"}
    kms.call("EnableDataKeys", {"DataKeyIds": good})
    assert states() == {"Enabled"}


@pytest.mark.parametrize("days", [0, 6, 31])
def test_a_window_of_less_than_7_or_more_than_30_days_is_refused(kms: EmbeddedKms, days: int) -> None:
    made = generate(kms, create(kms))["DataKeyId"]
    kms.call("DisableDataKey", {"DataKeyId": made})
    code = outcome(kms, "ScheduleDataKeyDeletion", {"DataKeyId": made, "PendingWindowInDays": days})
    assert code == "InvalidParameter.InvalidPendingWindowInDays"
    assert describe(kms, made)["KeyState"] == "Disabled"


def test_after_the_window_to_the_second_the_data_key_is_gone_and_nothing_else(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    made = generate(kms, key_id, "doomed", Tags=[{"TagKey": "team", "TagValue": "a tag that goes"}])
    kept = generate(kms, key_id)
    with kms.store.transaction() as db:
        query = "SELECT wrapped FROM data_key WHERE data_key_id = ?"
        wrapped = db.execute(query, (made["DataKeyId"],)).fetchone()[0]
    kms.call("DisableDataKey", {"DataKeyId": made["DataKeyId"]})
    before = now(kms)
    wanted = {"DataKeyId": made["DataKeyId"], "PendingWindowInDays": 7}
    date = kms.call("ScheduleDataKeyDeletion", wanted)["DeletionDate"]
    assert before + 7 * DAY <= date <= now(kms) + 7 * DAY
    assert describe(kms, made["DataKeyId"])["DeletionDate"] == date
    kms.call("CancelDataKeyDeletion", {"DataKeyId": made["DataKeyId"]})
    found = describe(kms, made["DataKeyId"])
    assert (found["KeyState"], found["DeletionDate"]) == ("Disabled", 0)
    date = kms.call("ScheduleDataKeyDeletion", wanted)["DeletionDate"]
    advance(kms, date - now(kms) - 60)
    assert describe(kms, made["DataKeyId"])["KeyState"] == "PendingDelete"
    assert wrapped in kms.store.path.read_bytes()
    advance(kms, 60)
    for action in data_key_rules.RULES:
        named = {"DataKeyIds": [made["DataKeyId"]]} if action.endswith("Keys") else {"DataKeyId": made["DataKeyId"]}
        assert outcome(kms, action, named | PARAMETERS.get(action, {})) == GONE
    after = kms.store.path.read_bytes()
    assert not any(secret in after for secret in (wrapped, made["DataKeyId"].encode(), b"a tag that goes"))
    assert plaintext(kms, kept["DataKeyId"]) == kept["Plaintext"]
    assert kms.call("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]})["Plaintext"] == made["Plaintext"]
    generate(kms, key_id, "doomed")


def test_the_data_keys_of_a_destroyed_cmk_go_with_it(kms: EmbeddedKms) -> None:
    doomed, other = create(kms), create(kms)
    tags = [{"TagKey": "team", "TagValue": "a tag that goes"}]
    lost = [generate(kms, doomed, Tags=tags)["DataKeyId"] for _ in range(3)]
    kept = generate(kms, other)
    kms.call("DisableKey", {"KeyId": doomed})
    date = kms.call("ScheduleKeyDeletion", {"KeyId": doomed, "PendingWindowInDays": 7})["DeletionDate"]
    advance(kms, date - now(kms))
    assert outcome(kms, "DescribeKey", {"KeyId": doomed}) == CMK_GONE
    assert [outcome(kms, "DescribeDataKey", {"DataKeyId": data_key_id}) for data_key_id in lost] == [GONE] * 3
    assert b"a tag that goes" not in kms.store.path.read_bytes()
    assert len(listed(kms)) == 1
    assert plaintext(kms, kept["DataKeyId"]) == kept["Plaintext"]


def test_a_data_key_waits_with_its_cmk_for_lost_material(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    made = generate(kms, key_id)
    change(kms, "cmk", "key_id", key_id, origin="EXTERNAL", valid_to=now(kms) + DAY)
    with kms.store.transaction() as db:
        material = db.execute("SELECT * FROM material WHERE key_id = ?", (key_id,)).fetchone()
    advance(kms, 2 * DAY)
    assert outcome(kms, "GetDataKeyPlaintext", {"DataKeyId": made["DataKeyId"]}) == CMK_STATE
    assert blob(kms, made["DataKeyId"]) == made["CiphertextBlob"]
    with kms.store.transaction(write=True) as db:
        db.execute("INSERT INTO material VALUES (?, ?, ?, ?)", material)
    change(kms, "cmk", "key_id", key_id, state="Enabled")
    assert plaintext(kms, made["DataKeyId"]) == made["Plaintext"]


def test_the_store_holds_no_plaintext_and_rows_cannot_be_exchanged(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    made, other = generate(kms, key_id), generate(kms, key_id)
    imported = raw(kms, key_id, b"imported key material")
    stored = kms.store.path.read_bytes()
    assert protocol.decode(made["Plaintext"]) not in stored
    assert b"imported key material" not in stored
    with kms.store.transaction() as db:
        rows = dict(db.execute("SELECT data_key_id, wrapped FROM data_key"))
    change(kms, "data_key", "data_key_id", made["DataKeyId"], wrapped=rows[other["DataKeyId"]])
    change(kms, "data_key", "data_key_id", imported["DataKeyId"], byte_count=7)
    change(kms, "data_key", "data_key_id", other["DataKeyId"], state="Asleep")
    for data_key_id, action in (
        (made["DataKeyId"], "GetDataKeyPlaintext"),
        (made["DataKeyId"], "GetDataKeyCiphertextBlob"),
        (imported["DataKeyId"], "GetDataKeyPlaintext"),
        (other["DataKeyId"], "DescribeDataKey"),
    ):
        with pytest.raises(IntegrityError, match="damaged"):
            kms.call(action, {"DataKeyId": data_key_id})


def test_a_damaged_store_is_not_taken_for_bad_material(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    text = kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"})["CiphertextBlob"]
    change(kms, "material", "key_id", key_id, wrapped=bytes(60))
    with pytest.raises(IntegrityError, match="damaged") as caught:
        kms.call("ImportDataKey", {"DataKeyName": "a", "ImportType": 1, "ImportKeyMaterial": text})
    assert caught.value.kms_code is None


def test_an_older_store_gets_the_table(kms: EmbeddedKms) -> None:
    key_id, folder = create(kms), kms.store.folder
    kms.close()
    before = next(number for number, step in enumerate(schema.STEPS) if "CREATE TABLE data_key " in step)
    age(folder, before)
    with contextlib.closing(EmbeddedKms(folder)) as again:
        made = generate(again, key_id)
        assert plaintext(again, made["DataKeyId"]) == made["Plaintext"]
    assert (folder / f"kms.sqlite3.format-{before}").exists()


class Altered:
    """A way to a KMS on which fields of one action's answers are altered or left out (None), as by a bad proxy."""

    def __init__(self, inner: EmbeddedKms, action: str, **fields: Any) -> None:
        self._inner, self._action, self._fields = inner, action, fields

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._inner.call(action, params)
        if action == self._action:
            inside = answer if "DataKeyMetadata" in self._fields else answer.get("DataKeyMetadata", answer)
            inside.update(self._fields)
        return answer


def test_the_methods_against_a_kms(kms: EmbeddedKms) -> None:
    client = KmsClient(kms)
    key_id = create(kms, Alias="demo")
    made = client.host_data_key(key_id, "user-17", 32, {"user": "17"}, description="d", tags={"team": "a"})
    assert (made.key_id, made.tag_code) == (key_id, 0)
    assert client.data_key_plaintext(made.data_key_id).plaintext == made.plaintext
    text = client.data_key_blob(made.data_key_id)["CiphertextBlob"]
    assert client.decrypt(text, {"user": "17"}).plaintext == made.plaintext
    found = client.describe_data_key(made.data_key_id)
    assert (found.name, found.key_alias, found.description, found.byte_count) == ("user-17", "demo", "d", 32)
    plain = client.import_data_key(key_id, "raw", b"raw bytes", tags={"team": "b"})
    blob_text = client.generate_data_key(key_id, "AES_128", {}).ciphertext_blob
    for number, known in enumerate((key_id, None)):
        copied = client.import_blob(known, f"blob-{number}", blob_text, description="e")
        assert (copied.key_id, copied.plaintext) == (key_id, None)
    names = [data_key.name for data_key in client.list_data_keys()]
    assert names == ["user-17", "raw", "blob-0", "blob-1"]
    tagged = client.list_data_keys(TagFilters=[{"TagKey": "team", "TagValue": ["b"]}])
    assert [data_key.data_key_id for data_key in tagged] == [plain.data_key_id]
    client.update_data_key_name(plain.data_key_id, "renamed")
    client.update_data_key_description(plain.data_key_id, "described")
    client.disable_data_keys([plain.data_key_id, made.data_key_id])
    client.enable_data_keys([made.data_key_id])
    date = client.schedule_data_key_deletion(plain.data_key_id, 7)["DeletionDate"]
    found = client.describe_data_key(plain.data_key_id)
    assert (found.name, found.description, found.state) == ("renamed", "described", "PendingDelete")
    assert found.deletion_unix == date
    client.cancel_data_key_deletion(plain.data_key_id)
    assert client.describe_data_key(plain.data_key_id).state == "Disabled"
    assert (made.plaintext or b"").hex() not in repr(made)
    assert "raw bytes" not in repr(client.import_data_key(key_id, "other", b"raw bytes"))


@pytest.mark.parametrize("size", [0, 1025])
def test_a_key_that_kms_would_not_keep_is_not_sent(kms: EmbeddedKms, size: int) -> None:
    with pytest.raises(InputError, match="1 to 1,024"):
        KmsClient(kms).import_data_key(create(kms), "a", bytes(size))
    assert listed(kms) == []


@pytest.mark.parametrize(
    ("action", "fields", "message"),
    [
        ("GenerateDataKey", {"Plaintext": "QUJD"}, "3 bytes for 32"),
        ("GenerateDataKey", {"DataKeyId": ""}, "DataKeyId"),
        ("GenerateDataKey", {"KeyId": NOBODY}, NOBODY),
        ("GenerateDataKey", {"CiphertextBlob": 7}, "CiphertextBlob"),
        ("ImportDataKey", {"DataKeyId": None}, "DataKeyId"),
        ("DescribeDataKey", {"DataKeyId": NOBODY}, NOBODY),
        ("DescribeDataKey", {"DataKeyMetadata": None}, "DataKeyMetadata"),
        ("DescribeDataKey", {"NumberOfBytes": "32"}, "NumberOfBytes"),
        ("DescribeDataKey", {"DataKeyName": None}, "DataKeyName"),
        ("ListDataKeyDetail", {"DataKeyMetadatas": None}, "DataKeyMetadatas"),
        ("ListDataKeyDetail", {"DataKeyMetadatas": ["x"]}, "DataKeyMetadatas"),
        ("GetDataKeyPlaintext", {"Plaintext": "QUJ"}, "base64"),
        ("GetDataKeyCiphertextBlob", {"CiphertextBlob": ""}, "CiphertextBlob"),
        ("ScheduleDataKeyDeletion", {"DeletionDate": "7"}, "DeletionDate"),
        ("EnableDataKey", {"RequestId": None}, "RequestId"),
    ],
)
def test_an_altered_answer_is_an_error(kms: EmbeddedKms, action: str, fields: dict[str, Any], message: str) -> None:
    key_id = create(kms)
    made = str(generate(kms, key_id)["DataKeyId"])
    client = KmsClient(Altered(kms, action, **fields))
    ways: dict[str, Callable[[], object]] = {
        "GenerateDataKey": lambda: client.host_data_key(key_id, "new", 32, {}),
        "ImportDataKey": lambda: client.import_data_key(key_id, "new", b"x"),
        "DescribeDataKey": lambda: client.describe_data_key(made),
        "ListDataKeyDetail": lambda: list(client.list_data_keys()),
        "GetDataKeyPlaintext": lambda: client.data_key_plaintext(made),
        "GetDataKeyCiphertextBlob": lambda: client.data_key_blob(made),
        "ScheduleDataKeyDeletion": lambda: (
            client.disable_data_keys([made]),
            client.schedule_data_key_deletion(made, 7),
        ),
        "EnableDataKey": lambda: client.enable_data_keys([made]),
    }
    with pytest.raises(ServiceError, match=message):
        ways[action]()


def test_tags_that_were_not_set_are_told(
    kms: EmbeddedKms, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create(kms, Alias="demo")
    altered = Altered(kms, "GenerateDataKey", TagCode=2, TagMsg="no such tag")
    monkeypatch.setattr(Connections, "transport", lambda *_: altered)
    session = Session({"KMSTOOL_PROFILE": "local"})
    words = ["generate", "--key", "demo", "--name", "user-17", "--tag", "team=a"]
    data_key.main(words, obj=session, standalone_mode=False)
    said = capsys.readouterr()
    assert "its tags were not set: no such tag" in said.err
    assert said.out.strip() == KmsClient(kms).describe_data_key(said.out.strip()).data_key_id


def test_a_terminal_is_shown_no_key(kms: EmbeddedKms) -> None:
    """Run the command on a terminal of its own: all that this shows comes to stdout."""
    raw(kms, create(kms), bytes(range(32)), DataKeyName="user-17")
    words = [sys.executable, "-m", "kmstool", "--profile", "local", "data-key", "plaintext", "user-17"]
    terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", terminal, *words],
        env={**os.environ, "KMSTOOL_LOCAL_HOME": str(kms.store.folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 8, done
    assert b"binary data is not written to a terminal" in done.stdout
    assert bytes(range(14, 32)) not in done.stdout
