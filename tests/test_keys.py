"""Customer master keys are made, named, listed and described as the API says, with its codes where it refuses."""

import contextlib
import re
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import errors, words
from kmstool.api import cmk_rules, protocol
from kmstool.api.cmk_rules import KeyAddress
from kmstool.errors import ArgumentError, KmsToolError
from kmstool.server.app import EmbeddedKms
from kmstool.server.handlers import ACTIONS
from tests.stores import reseal_folder

SYMMETRIC = "ENCRYPT_DECRYPT"
UNKNOWN_ID = "0b1c2d3e-1111-11ee-8000-525400abcdef"
GREGORIAN_SECONDS = 12_219_292_800
"""From the beginning of the Gregorian calendar, where the time of a UUID begins, to 1970."""

# Codes that every action may answer with, whatever its own list says (API page "common error codes").
COMMON_CODES = {
    "InvalidAction",
    "InvalidParameter",
    "MissingParameter",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedRegion",
}


def create(kms: EmbeddedKms, alias: str = "demo", **more: Any) -> str:
    return str(kms.call("CreateKey", {"Alias": alias, **more})["KeyId"])


def describe(kms: EmbeddedKms, key_id: str) -> dict[str, Any]:
    metadata = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    assert isinstance(metadata, dict)
    return metadata


def details(kms: EmbeddedKms, **filters: Any) -> list[str]:
    """Return the aliases of a list of up to 200 keys, in its order."""
    answer = kms.call("ListKeyDetail", {"Limit": 200, **filters})
    assert answer["TotalCount"] == len(answer["KeyMetadatas"]) or "Limit" in filters or "Offset" in filters
    return [key["Alias"] for key in answer["KeyMetadatas"]]


def code(kms: EmbeddedKms, action: str, params: dict[str, Any]) -> str:
    with pytest.raises(KmsToolError) as caught:
        kms.call(action, params)
    assert caught.value.kms_code, "the service refused it, with a code of the API"
    assert caught.value.request_id
    return caught.value.kms_code


def change(folder: Path, statement: str, values: tuple[Any, ...] = ()) -> None:
    """Change the store's database behind its back."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(folder / "kms.sqlite3")) as db:
        assert db.execute(statement, values).rowcount > 0
        db.commit()
    reseal_folder(folder)


def set_column(folder: Path, key_id: str, column: str, value: Any) -> None:
    change(folder, f"UPDATE cmk SET {column} = ? WHERE key_id = ?", (value, key_id))


def multiply(folder: Path, count: int) -> None:
    """Copy the newest key's row of a store `count` times, under other ids and aliases, each a second older."""
    import sqlite3

    with contextlib.closing(sqlite3.connect(folder / "kms.sqlite3")) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(cmk)")]
    changed = {
        "key_id": "printf('%08x', n) || substr(key_id, 9)",
        "alias": "alias || '-' || n",
        "created": "created - n",
    }
    values = ", ".join(changed.get(column, column) for column in columns)
    change(
        folder,
        "INSERT INTO cmk WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)"
        f" SELECT {values} FROM numbers, (SELECT * FROM cmk ORDER BY created DESC LIMIT 1)",
        (count,),
    )


@pytest.fixture
def folder(kms: EmbeddedKms, tmp_path: Path) -> Path:
    """Return the folder of the store of `kms`."""
    return tmp_path / "store"


def test_a_new_key_can_be_used_at_once(kms: EmbeddedKms) -> None:
    before = int(time.time())
    answer = kms.call("CreateKey", {"Alias": "demo", "Description": "of the tests"})
    assert before <= answer["CreateTime"] <= time.time()
    assert (answer["Alias"], answer["Description"]) == ("demo", "of the tests")
    assert (answer["KeyState"], answer["KeyUsage"], answer["TagCode"]) == ("Enabled", SYMMETRIC, 0)
    metadata = describe(kms, answer["KeyId"])
    assert {
        name: metadata[name] for name in ("KeyId", "Alias", "CreateTime", "Description", "KeyState", "KeyUsage")
    } == {name: answer[name] for name in ("KeyId", "Alias", "CreateTime", "Description", "KeyState", "KeyUsage")}
    assert (metadata["Origin"], metadata["Owner"], metadata["KeyRotationEnabled"]) == ("TENCENT_KMS", "user", False)


def test_a_key_for_imported_material_waits_for_it(kms: EmbeddedKms, folder: Path) -> None:
    import sqlite3

    answer = kms.call("CreateKey", {"Alias": "demo", "Type": 2})
    assert (answer["KeyState"], answer["KeyUsage"]) == ("PendingImport", SYMMETRIC)
    assert describe(kms, answer["KeyId"])["Origin"] == "EXTERNAL"
    with contextlib.closing(sqlite3.connect(folder / "kms.sqlite3")) as db:
        assert db.execute("SELECT count(*) FROM material").fetchone() == (0,)


def test_the_defaults_may_be_said(kms: EmbeddedKms) -> None:
    ways: list[dict[str, Any]] = [{"Type": 1}, {"Type": "1"}, {"KeyUsage": ""}, {"KeyUsage": SYMMETRIC}]
    for number, more in enumerate(ways):
        answer = kms.call("CreateKey", {"Alias": f"demo-{number}", **more})
        assert (answer["KeyState"], answer["KeyUsage"]) == ("Enabled", SYMMETRIC)


def test_a_key_id_is_a_uuid_of_the_time_of_creation(kms: EmbeddedKms) -> None:
    for number in range(50):
        answer = kms.call("CreateKey", {"Alias": f"demo-{number}"})
        key_id = uuid.UUID(answer["KeyId"])
        assert str(key_id) == answer["KeyId"]
        assert (key_id.version, key_id.variant) == (1, uuid.RFC_4122)
        assert key_id.time // 10_000_000 - GREGORIAN_SECONDS == answer["CreateTime"]
        assert f"{key_id.node:012x}".startswith("5254")
        assert cmk_rules.is_key_id(answer["KeyId"])


@pytest.mark.parametrize("alias", ["a", "A", "0", "a-", "a_", "7-Z_z", "a" * 60, "kms", "kms_", "Kms-a", "my-kms-a"])
def test_aliases_that_can_be_given(kms: EmbeddedKms, alias: str) -> None:
    key_id = create(kms, alias)
    assert describe(kms, key_id)["Alias"] == alias
    kms.call("UpdateAlias", {"KeyId": create(kms, "other"), "Alias": f"{alias[:-1]}Z"})


@pytest.mark.parametrize(
    "alias",
    ["", "-a", "_a", "a b", "a.b", "a/b", "a:b", "alias/a", "é", "名", "１", "a\n", "a\0", "a" * 61],
)
def test_aliases_that_are_refused(kms: EmbeddedKms, alias: str) -> None:
    assert code(kms, "CreateKey", {"Alias": alias}) == "InvalidParameterValue.InvalidAlias"
    key_id = create(kms)
    assert code(kms, "UpdateAlias", {"KeyId": key_id, "Alias": alias}) == "InvalidParameterValue.InvalidAlias"
    assert details(kms) == ["demo"]


def test_an_alias_is_given_once_in_a_region(kms: EmbeddedKms, tmp_path: Path) -> None:
    create(kms, "demo")
    other = create(kms, "other")
    taken = "InvalidParameterValue.AliasAlreadyExists"
    assert code(kms, "CreateKey", {"Alias": "demo"}) == taken
    assert code(kms, "UpdateAlias", {"KeyId": other, "Alias": "demo"}) == taken
    assert sorted(details(kms)) == ["demo", "other"]
    with contextlib.closing(EmbeddedKms(tmp_path / "store", "ap-singapore")) as elsewhere:
        create(elsewhere, "demo")
        assert details(elsewhere) == ["demo"]
    assert sorted(details(kms)) == ["demo", "other"]
    create(kms, "Demo")


def test_the_alias_of_a_key_that_awaits_deletion_stays_taken(kms: EmbeddedKms, folder: Path) -> None:
    set_column(folder, create(kms, "demo"), "state", "PendingDelete")
    assert code(kms, "CreateKey", {"Alias": "demo"}) == "InvalidParameterValue.AliasAlreadyExists"


def test_an_alias_is_free_again_after_a_change(kms: EmbeddedKms) -> None:
    key_id = create(kms, "demo")
    kms.call("UpdateAlias", {"KeyId": key_id, "Alias": "other"})
    assert describe(kms, key_id)["Alias"] == "other"
    assert create(kms, "demo") != key_id


def test_a_keys_own_alias_is_no_conflict(kms: EmbeddedKms) -> None:
    key_id = create(kms, "demo")
    kms.call("UpdateAlias", {"KeyId": key_id, "Alias": "demo"})
    assert details(kms) == ["demo"]


def test_descriptions_are_counted_in_bytes(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    for number, description in enumerate(["", "d" * 1024, "é" * 512, "密" * 341, "a\0b\n\t'\";--", "𐀀"]):
        assert describe(kms, create(kms, f"with-{number}", Description=description))["Description"] == description
        kms.call("UpdateKeyDescription", {"KeyId": key_id, "Description": description})
        assert describe(kms, key_id)["Description"] == description
    for number, description in enumerate(["d" * 1025, "é" * 513, "密" * 342]):
        assert code(kms, "CreateKey", {"Alias": f"over-{number}", "Description": description}) == "InvalidParameter"
        params = {"KeyId": key_id, "Description": description}
        assert code(kms, "UpdateKeyDescription", params) == "InvalidParameter"
    assert describe(kms, key_id)["Description"] == "𐀀"


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
def test_text_that_is_not_unicode_is_refused(kms: EmbeddedKms, text: str) -> None:
    """JSON can say it (`\\ud800`), UTF-8 cannot, so it could be neither stored nor answered."""
    key_id = create(kms)
    assert code(kms, "CreateKey", {"Alias": "other", "Description": text}) == "InvalidParameter"
    assert code(kms, "UpdateKeyDescription", {"KeyId": key_id, "Description": text}) == "InvalidParameter"
    for tag in ({"TagKey": text, "TagValue": "a"}, {"TagKey": "a", "TagValue": text}):
        assert code(kms, "CreateKey", {"Alias": "other", "Tags": [tag]}) == "InvalidParameter"
    assert details(kms) == ["demo"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"KeyUsage": "encrypt_decrypt"}, "InvalidParameterValue.InvalidKeyUsage"),
        ({"KeyUsage": "ALL"}, "InvalidParameterValue.InvalidKeyUsage"),
        ({"KeyUsage": "symmetric"}, "InvalidParameterValue.InvalidKeyUsage"),
        ({"Type": 0}, "InvalidParameterValue.InvalidType"),
        ({"Type": 3}, "InvalidParameterValue.InvalidType"),
        ({"Type": 2**64 - 1}, "InvalidParameterValue.InvalidType"),
        ({"Type": 2, "KeyUsage": "ASYMMETRIC_DECRYPT_SM2"}, "InvalidParameterValue.InvalidType"),
        ({"Type": 2, "KeyUsage": "ASYMMETRIC_SIGN_VERIFY_ECC"}, "InvalidParameterValue.InvalidType"),
    ],
)
def test_a_usage_or_type_that_there_is_not_is_refused(kms: EmbeddedKms, more: dict[str, Any], expected: str) -> None:
    assert code(kms, "CreateKey", {"Alias": "demo", **more}) == expected
    assert details(kms, KeyUsage="ALL") == []


def test_a_usage_is_served_or_refused_as_not_offered(kms: EmbeddedKms) -> None:
    listed = kms.call("ListAlgorithms", {})
    offered = {entry["KeyUsage"] for kind in listed.values() if isinstance(kind, list) for entry in kind}
    assert {SYMMETRIC} <= offered <= set(words.USAGES.values())
    for number, usage in enumerate(words.USAGES.values()):
        params = {"Alias": f"demo-{number}", "KeyUsage": usage}
        if usage in offered:
            key_id = kms.call("CreateKey", params)["KeyId"]
            assert describe(kms, key_id)["KeyUsage"] == usage
        else:
            expected = "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion"
            assert code(kms, "CreateKey", params) == expected


def test_a_region_holds_ten_thousand_keys(kms: EmbeddedKms, folder: Path, tmp_path: Path) -> None:
    create(kms)
    multiply(folder, 9_998)
    create(kms, "the-last")
    with pytest.raises(errors.LimitError) as caught:
        create(kms, "one-more")
    assert caught.value.kms_code == "LimitExceeded.CmkLimitExceeded"
    status = kms.call("GetServiceStatus", {})
    assert status["CmkUserCount"] == status["CmkLimit"] == 10_000
    with contextlib.closing(EmbeddedKms(tmp_path / "store", "ap-singapore")) as elsewhere:
        create(elsewhere)


def test_metadata_has_every_field_of_the_api(kms: EmbeddedKms) -> None:
    fields = protocol.object_fields("KeyMetadata")
    assert fields is not None
    for more in ({}, {"Type": 2}):
        metadata = describe(kms, create(kms, f"demo-{len(more)}", **more))
        assert metadata.keys() == fields.keys()
        assert conforms("KeyMetadata", metadata)
        assert None not in metadata.values()


def test_metadata_tells_region_and_owner(kms: EmbeddedKms, tmp_path: Path) -> None:
    metadata = describe(kms, create(kms))
    uin = metadata["CreatorUin"]
    assert metadata["CreatorUinString"] == str(uin)
    assert metadata["ResourceId"] == f"creatorUin/{uin}/{metadata['KeyId']}"
    assert metadata["Type"] == 4
    assert metadata["NextRotateTime"] == metadata["CreateTime"] + 365 * 86400
    assert (metadata["DeletionDate"], metadata["ValidTo"], metadata["LastRotateTime"]) == (0, 0, 0)
    with contextlib.closing(EmbeddedKms(tmp_path / "store", "ap-singapore")) as elsewhere:
        assert describe(elsewhere, create(elsewhere))["Type"] == 2


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        ("", "InvalidParameterValue.InvalidKeyId"),
        ("demo", "InvalidParameterValue.InvalidKeyId"),
        (UNKNOWN_ID.upper(), "InvalidParameterValue.InvalidKeyId"),
        (f"{UNKNOWN_ID} ", "InvalidParameterValue.InvalidKeyId"),
        (f"{UNKNOWN_ID}\n", "InvalidParameterValue.InvalidKeyId"),
        (UNKNOWN_ID, "ResourceUnavailable.CmkNotFound"),
    ],
)
def test_a_key_that_is_none_is_refused(kms: EmbeddedKms, key_id: str, expected: str) -> None:
    own = create(kms)
    for action, params in (
        ("DescribeKey", {"KeyId": key_id}),
        ("DescribeKeys", {"KeyIds": [own, key_id]}),
        ("UpdateAlias", {"KeyId": key_id, "Alias": "other"}),
        ("UpdateKeyDescription", {"KeyId": key_id, "Description": ""}),
    ):
        assert code(kms, action, params) == expected, action


def test_a_key_of_another_region_is_not_found(kms: EmbeddedKms, tmp_path: Path) -> None:
    key_id = create(kms)
    with contextlib.closing(EmbeddedKms(tmp_path / "store", "ap-shanghai")) as elsewhere:
        assert code(elsewhere, "DescribeKey", {"KeyId": key_id}) == "ResourceUnavailable.CmkNotFound"
        assert code(elsewhere, "UpdateAlias", {"KeyId": key_id, "Alias": "x"}) == "ResourceUnavailable.CmkNotFound"
        assert details(elsewhere) == []


def test_an_unknown_region_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KmsToolError) as caught:
        EmbeddedKms(tmp_path / "nowhere", "ap-nowhere")
    assert caught.value.kms_code == "UnsupportedRegion"
    assert not (tmp_path / "nowhere").exists()


def test_several_keys_are_described_in_the_order_asked_for(kms: EmbeddedKms) -> None:
    ids = [create(kms, f"demo-{number}") for number in range(3)]
    for order in (ids, ids[::-1], ids[1:2]):
        answer = kms.call("DescribeKeys", {"KeyIds": order})
        assert [key["KeyId"] for key in answer["KeyMetadatas"]] == order
    assert answer["KeyMetadatas"] == [describe(kms, ids[1])]


def test_up_to_100_keys_are_described_at_once_and_none_twice(kms: EmbeddedKms, folder: Path) -> None:
    create(kms)
    multiply(folder, 100)
    ids = [key["KeyId"] for key in kms.call("ListKeys", {"Limit": 200})["Keys"]]
    assert len(ids) == 101
    assert len(kms.call("DescribeKeys", {"KeyIds": ids[:100]})["KeyMetadatas"]) == 100
    assert code(kms, "DescribeKeys", {"KeyIds": ids}) == "InvalidParameter"
    assert code(kms, "DescribeKeys", {"KeyIds": []}) == "InvalidParameter"
    assert code(kms, "DescribeKeys", {"KeyIds": [ids[0], ids[1], ids[0]]}) == "InvalidParameterValue.DuplicatedKeyId"
    assert code(kms, "DescribeKeys", {"KeyIds": [UNKNOWN_ID] * 2}) == "InvalidParameterValue.DuplicatedKeyId"


@pytest.mark.parametrize("action", ["ListKeys", "ListKeyDetail"])
def test_a_list_comes_in_pages(kms: EmbeddedKms, folder: Path, action: str) -> None:
    create(kms)
    multiply(folder, 249)

    def ids(**window: Any) -> list[str]:
        answer = kms.call(action, window)
        assert answer["TotalCount"] == 250
        return [key["KeyId"] for key in answer["Keys" if action == "ListKeys" else "KeyMetadatas"]]

    whole = ids(Limit=200) + ids(Offset=200, Limit=200)
    assert len(set(whole)) == len(whole) == 250
    assert ids() == whole[:10]
    assert ids(Limit=0) == []
    assert ids(Limit=1) == whole[:1]
    assert ids(Offset=7, Limit="3") == whole[7:10]
    assert ids(Offset=245) == whole[245:]
    assert ids(Offset=250) == ids(Offset=2**64 - 1) == []
    for limit in (201, 1000, 2**64 - 1):
        assert code(kms, action, {"Limit": limit}) == "InvalidParameter"


def test_list_keys_hides_what_cannot_be_used(kms: EmbeddedKms, folder: Path) -> None:
    ids = {}
    for state in words.STATES:
        ids[state] = create(kms, state)
        set_column(folder, ids[state], "state", state)
    answer = kms.call("ListKeys", {})
    assert {key["KeyId"] for key in answer["Keys"]} == {ids["Enabled"], ids["Disabled"], ids["PendingImport"]}
    assert answer["TotalCount"] == 3


def test_all_states_are_described_and_listed_in_detail(kms: EmbeddedKms, folder: Path) -> None:
    for state in words.STATES:
        set_column(folder, create(kms, state), "state", state)
    assert sorted(details(kms)) == sorted(words.STATES)
    numbers = {0: None, 1: "Enabled", 2: "Disabled", 3: "PendingDelete", 4: "PendingImport", 5: "Archived"}
    for number, only in numbers.items():
        assert sorted(details(kms, KeyState=number)) == (sorted(words.STATES) if only is None else [only])
    for key in kms.call("ListKeyDetail", {})["KeyMetadatas"]:
        assert key["KeyState"] == key["Alias"]
        assert describe(kms, key["KeyId"]) == key


def test_the_order_is_the_newest_first_or_last(kms: EmbeddedKms, folder: Path) -> None:
    for number, alias in enumerate(["second", "third", "first"]):
        set_column(folder, create(kms, alias), "created", 1000 + number)
    assert details(kms) == details(kms, OrderType=0) == ["first", "third", "second"]
    assert details(kms, OrderType=1) == ["second", "third", "first"]
    set_column(folder, create(kms, "oldest"), "created", 1)
    assert details(kms) == ["first", "third", "second", "oldest"]
    assert details(kms, OrderType=1, Limit=2, Offset=1) == ["second", "third"]


def test_keys_of_one_second_have_an_order(kms: EmbeddedKms, folder: Path) -> None:
    aliases = [f"demo-{number}" for number in range(12)]
    for alias in aliases:
        set_column(folder, create(kms, alias), "created", 1000)
    assert details(kms) == aliases[::-1]
    assert details(kms, OrderType=1) == aliases


def test_the_role_tells_users_keys_from_products_keys(kms: EmbeddedKms, folder: Path) -> None:
    create(kms, "mine")
    set_column(folder, create(kms, "theirs"), "owner", "cos")
    assert details(kms) == details(kms, Role=0) == ["mine"]
    assert details(kms, Role=1) == ["theirs"]
    assert kms.call("ListKeys", {})["TotalCount"] == kms.call("ListKeys", {"Role": 1})["TotalCount"] == 1


def test_the_origin_is_a_filter(kms: EmbeddedKms) -> None:
    create(kms, "made")
    create(kms, "imported", Type=2)
    assert sorted(details(kms)) == sorted(details(kms, Origin="ALL")) == sorted(details(kms, Origin=""))
    assert details(kms, Origin="TENCENT_KMS") == ["made"]
    assert details(kms, Origin="EXTERNAL") == ["imported"]


def test_the_usage_is_a_filter_and_without_it_only_symmetric_keys_are_listed(kms: EmbeddedKms, folder: Path) -> None:
    create(kms, "symmetric")
    set_column(folder, create(kms, "signing"), "usage", "ASYMMETRIC_SIGN_VERIFY_SM2")
    assert details(kms) == details(kms, KeyUsage="") == details(kms, KeyUsage=SYMMETRIC) == ["symmetric"]
    assert details(kms, KeyUsage="ASYMMETRIC_SIGN_VERIFY_SM2") == ["signing"]
    assert sorted(details(kms, KeyUsage="ALL")) == ["signing", "symmetric"]
    for usage in words.USAGES.values():
        details(kms, KeyUsage=usage)


@pytest.mark.parametrize(
    "filters",
    [
        {"KeyState": 6},
        {"KeyState": 2**64 - 1},
        {"Origin": "external"},
        {"Origin": "ELSEWHERE"},
        {"KeyUsage": "all"},
        {"KeyUsage": "SIGN"},
        {"OrderType": 2},
        {"Role": 2},
    ],
    ids=str,
)
def test_a_filter_of_an_unknown_value_is_refused(kms: EmbeddedKms, filters: dict[str, Any]) -> None:
    assert code(kms, "ListKeyDetail", filters) == "InvalidParameter"


def test_list_keys_refuses_an_unknown_role(kms: EmbeddedKms) -> None:
    assert code(kms, "ListKeys", {"Role": 2}) == "InvalidParameter"


def test_the_search_is_for_a_part_of_alias_or_id_in_any_case(kms: EmbeddedKms) -> None:
    key_id = create(kms, "Orders")
    create(kms, "invoices")
    for search in ("Orders", "order", "RDE", key_id, key_id[3:20], key_id.upper()):
        assert details(kms, SearchKeyAlias=search) == ["Orders"], search
    assert sorted(details(kms, SearchKeyAlias="")) == ["Orders", "invoices"]
    for search in ("orderss", "%", "_", "*", "é", " "):
        assert details(kms, SearchKeyAlias=search) == []


TAGGED = {"team-a": {"team": "a", "env": "test"}, "team-b": {"team": "b", "env": "live"}, "plain": {}}


# Every action that makes something with tags.
TAGGING = {
    "CreateKey": {"Alias": "demo"},
    "CreateWhiteBoxKey": {"Alias": "demo", "Algorithm": "SM4"},
    "GenerateDataKey": {"KeyId": "KEY", "KeySpec": "AES_128", "IsHostedByKms": 1, "DataKeyName": "made"},
    "ImportDataKey": {"KeyId": "KEY", "ImportType": 2, "ImportKeyMaterial": "QUJD", "DataKeyName": "brought"},
}


def tags(pairs: dict[str, str]) -> list[dict[str, str]]:
    return [{"TagKey": name, "TagValue": value} for name, value in pairs.items()]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ([], ["plain", "team-a", "team-b"]),
        ([{"TagKey": "team"}], ["team-a", "team-b"]),
        ([{"TagKey": "team", "TagValue": []}], ["team-a", "team-b"]),
        ([{"TagKey": "team", "TagValue": ["a"]}], ["team-a"]),
        ([{"TagKey": "team", "TagValue": ["a", "b", "c"]}], ["team-a", "team-b"]),
        ([{"TagKey": "team", "TagValue": ["A"]}], []),
        ([{"TagKey": "Team"}], []),
        ([{"TagKey": "env", "TagValue": ["live"]}], ["team-b"]),
        ([{"TagKey": "team"}, {"TagKey": "env", "TagValue": ["test"]}], ["team-a"]),
        ([{"TagKey": "team", "TagValue": ["b"]}, {"TagKey": "env", "TagValue": ["test"]}], []),
        ([{"TagKey": "team", "TagValue": ["a"]}, {"TagKey": "team", "TagValue": ["b"]}], []),
    ],
)
def test_tags_are_kept_and_filtered(kms: EmbeddedKms, filters: list[dict[str, Any]], expected: list[str]) -> None:
    for alias, pairs in TAGGED.items():
        answer = kms.call("CreateKey", {"Alias": alias, "Tags": tags(pairs)})
        assert answer["TagCode"] == 0
    assert sorted(details(kms, TagFilters=filters)) == expected


def test_tags_are_found_again_after_a_restart(kms: EmbeddedKms, folder: Path) -> None:
    create(kms, "demo", Tags=tags({"команда": "密", "（a）": "b c"}))
    kms.close()
    with contextlib.closing(EmbeddedKms(folder)) as again:
        assert details(again, TagFilters=[{"TagKey": "команда", "TagValue": ["密"]}, {"TagKey": "（a）"}]) == ["demo"]


@pytest.mark.parametrize("alias", ["kms-", "kms-a"])
def test_a_new_key_has_no_alias_of_the_cloud_s_products_but_another_may_get_one(kms: EmbeddedKms, alias: str) -> None:
    """Only the page of CreateKey keeps the prefix for them."""
    assert code(kms, "CreateKey", {"Alias": alias}) == "InvalidParameterValue.InvalidAlias"
    kms.call("UpdateAlias", {"KeyId": create(kms, "demo"), "Alias": alias})
    kms.call("CreateWhiteBoxKey", {"Alias": alias, "Algorithm": "SM4"})
    assert details(kms) == [alias]


# Page 651/13354 of the tag service, and what its codes say of prefixes.
REFUSED_TAGS = [
    {"": "a"}, {"a": ""}, {"a" * 128: "a"}, {"a": "a" * 256}, {" a": "a"}, {"a": "a "}, {"a\tb": "c"}, {"a?": "b"},
    {"a": "b*"}, {"qcs:a": "b"}, {"project": "b"}, {"project-1": "b"}, {"qcloud:a": "b"}, {"tencent": "b"}, {"项目1": "b"},
    {f"a{number}": "b" for number in range(51)},
]  # fmt: skip
ALLOWED_TAGS = [
    {"a": "b"}, {"a" * 127: "b" * 255}, {"Project": "my project"}, {"键": "值"}, {"+-=._:/@()[],;><": "【】：（）"},
    {f"a{number}": "b" for number in range(50)}, {"qcs": "a"}, {"a": "project"},
]  # fmt: skip


@pytest.mark.parametrize("pairs", REFUSED_TAGS)
def test_a_key_is_made_without_the_tags_that_the_tag_service_refuses(kms: EmbeddedKms, pairs: dict[str, str]) -> None:
    key_id = create(kms, "cmk")
    for action, params in TAGGING.items():
        own = {name: key_id if value == "KEY" else value for name, value in params.items()}
        answer = kms.call(action, own | {"Tags": tags({**pairs, "good": "one"})})
        assert answer["TagCode"] == 2
        assert answer["TagMsg"] not in ("", "ok")
    assert details(kms, TagFilters=[{"TagKey": "good"}]) == []


@pytest.mark.parametrize("pairs", ALLOWED_TAGS)
def test_tags_that_its_page_allows_are_kept(kms: EmbeddedKms, pairs: dict[str, str]) -> None:
    key_id = create(kms, "cmk")
    for action, params in TAGGING.items():
        own = {name: key_id if value == "KEY" else value for name, value in params.items()}
        answer = kms.call(action, own | {"Tags": tags(pairs)})
        assert (answer["TagCode"], answer["TagMsg"]) == (0, "ok")
    assert details(kms, TagFilters=[{"TagKey": name} for name in pairs]) == ["demo"]


def test_a_tag_given_twice_is_refused(kms: EmbeddedKms) -> None:
    for second in ("a", "b"):
        params = {"Alias": "demo", "Tags": [*tags({"team": "a"}), *tags({"team": second})]}
        assert code(kms, "CreateKey", params) == "InvalidParameterValue.TagKeysDuplicated"
    assert details(kms) == []


@pytest.mark.parametrize("state", words.STATES)
@pytest.mark.parametrize(
    ("action", "params"), [("UpdateAlias", {"Alias": "other"}), ("UpdateKeyDescription", {"Description": "other"})]
)
def test_a_key_can_be_renamed_in_every_state_but_before_its_deletion(
    kms: EmbeddedKms, folder: Path, action: str, params: dict[str, str], state: str
) -> None:
    key_id = create(kms)
    set_column(folder, key_id, "state", state)
    before = describe(kms, key_id)
    expected = "ResourceUnavailable.CmkStateNotSupport" if state == "PendingDelete" else None
    assert cmk_rules.refusal(action, state) == expected
    if expected:
        assert code(kms, action, {"KeyId": key_id, **params}) == expected
        assert describe(kms, key_id) == before
    else:
        answer = kms.call(action, {"KeyId": key_id, **params})
        assert answer.keys() == {"RequestId"}
        assert describe(kms, key_id) == {**before, **params}


def test_a_refused_request_changes_nothing(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    before = kms.call("ListKeyDetail", {"KeyUsage": "ALL"})["KeyMetadatas"]
    for action, params in (
        ("CreateKey", {"Alias": "demo"}),
        ("CreateKey", {"Alias": "other", "Description": "d" * 1025}),
        ("CreateKey", {"Alias": "other", "Type": 7}),
        ("CreateKey", {"Alias": "kms-other"}),
        ("UpdateAlias", {"KeyId": key_id, "Alias": "-other"}),
    ):
        code(kms, action, params)
    assert kms.call("ListKeyDetail", {"KeyUsage": "ALL"})["KeyMetadatas"] == before


def conforms(kind: str, value: Any) -> bool:
    """Tell whether a value of an answer is of its type in the API's model, with all that is always there."""
    kind = kind.rstrip("!")
    if kind.startswith("list<"):
        return isinstance(value, list) and all(conforms(kind[5:-1], item) for item in value)
    fields = protocol.object_fields(kind)
    if fields is None:
        types: dict[str, Any] = {"string": str, "bool": bool, "uint64": int, "int64": int}
        return type(value) is types[kind] and not (kind == "uint64" and value < 0)
    return isinstance(value, dict) and conforms_to_all(fields, value)


def conforms_to_all(model: Any, values: dict[str, Any]) -> bool:
    there = all(name in values for name, kind in model.items() if kind.endswith("!"))
    return there and all(name in model and conforms(model[name], value) for name, value in values.items())


def test_an_action_that_is_not_served_is_refused_by_a_code(kms: EmbeddedKms) -> None:
    for action, model in protocol.actions().items():
        if action not in ACTIONS:
            params = {name: "1" for name, kind in model.request.items() if kind == "string!"}
            assert code(kms, action, params) in COMMON_CODES
    assert code(kms, "Frobnicate", {}) == "InvalidAction"


def test_every_region_is_listed_and_served(kms: EmbeddedKms, tmp_path: Path) -> None:
    regions = kms.call("GetRegions", {})["Regions"]
    assert len(set(regions)) == len(regions) > 2
    for region in regions:
        with contextlib.closing(EmbeddedKms(tmp_path / "store", region)) as elsewhere:
            create(elsewhere, "everywhere")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("orders", KeyAddress("orders")),
        (UNKNOWN_ID, KeyAddress(UNKNOWN_ID)),
        ("alias/orders", KeyAddress("orders", alias_only=True)),
        ("ap-tokyo:orders", KeyAddress("orders", "ap-tokyo")),
        ("ap-tokyo:alias/orders", KeyAddress("orders", "ap-tokyo", alias_only=True)),
        ("profile/shop/orders", KeyAddress("orders", profile="shop")),
        ("profile/shop/alias/orders", KeyAddress("orders", profile="shop", alias_only=True)),
        ("profile/shop/ap-tokyo:orders", KeyAddress("orders", "ap-tokyo", "shop")),
        ("profile/shop/ap-tokyo:alias/orders", KeyAddress("orders", "ap-tokyo", "shop", alias_only=True)),
        ("profile", KeyAddress("profile")),
        ("alias", KeyAddress("alias")),
    ],
)
def test_a_key_can_be_written_in_these_ways(text: str, expected: KeyAddress) -> None:
    assert KeyAddress.parse(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "orders ",
        "-orders",
        "a" * 61,
        "alias/",
        "alias/alias/orders",
        "Alias/orders",
        "orders/alias",
        ":orders",
        "ap-tokyo:",
        "ap-tokyo:alias/",
        "ap-tokyo:ap-tokyo:orders",
        "profile/",
        "profile//orders",
        "profile/shop",
        "profile/shop/",
        "profile/shop/:orders",
        "profile/shop/profile/other/orders",
        "orders\n",
        "é",
    ],
)
def test_what_names_no_key_is_a_usage_error(text: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        KeyAddress.parse(text)
    assert repr(text) in caught.value.message
    assert caught.value.hint


WORD = st.from_regex(r"[0-9A-Za-z][0-9A-Za-z_-]{0,59}", fullmatch=True)


@given(
    st.text(st.characters(exclude_categories=()))
    | st.lists(st.sampled_from(["profile", "alias", "/", ":", "orders", "ap-tokyo", "-", ""]), max_size=8).map("".join)
)
@settings(deadline=None, max_examples=500)
def test_any_text_is_an_address_that_is_written_the_same_or_a_usage_error(text: str) -> None:
    try:
        address = KeyAddress.parse(text)
    except ArgumentError:
        return
    assert cmk_rules.is_alias(address.name)
    assert address.region != ""
    assert address.profile != ""
    assert str(address) == text
    assert KeyAddress.parse(str(address)) == address


@given(WORD, st.none() | WORD, st.none() | WORD, st.booleans())
@settings(deadline=None)
def test_any_address_is_read_as_it_is_written(
    name: str, region: str | None, profile: str | None, alias_only: bool
) -> None:
    address = KeyAddress(name, region, profile, alias_only)
    assert KeyAddress.parse(str(address)) == address


@given(st.text(st.characters(exclude_categories=())) | st.from_regex(r"[0-9a-fA-F-]{36}", fullmatch=True))
@settings(deadline=None, max_examples=200)
def test_a_key_id_is_a_lower_case_uuid(text: str) -> None:
    try:
        canonical = str(uuid.UUID(text))
    except (ValueError, OverflowError):
        canonical = ""
    assert cmk_rules.is_key_id(text) == (bool(text) and canonical == text)
    assert not cmk_rules.is_key_id(text) or cmk_rules.is_alias(text)


@given(st.text(st.characters(exclude_categories=()), max_size=70))
@settings(deadline=None, max_examples=200)
def test_an_alias_is_of_letters_digits_and_two_signs(text: str) -> None:
    expected = bool(text) and len(text) <= 60 and text.isascii() and not text.startswith(("-", "_"))
    expected = expected and text.replace("-", "a").replace("_", "a").isalnum()
    assert cmk_rules.is_alias(text) == expected


def test_usages_have_a_short_name_and_the_apis(kms: EmbeddedKms) -> None:
    for short, usage in words.USAGES.items():
        assert cmk_rules.usage_of(short) == cmk_rules.usage_of(short.upper()) == cmk_rules.usage_of(usage) == usage
        assert re.fullmatch(r"[a-z0-9-]+", short)
    for name, way_out in (
        ("", "sign-sm2"),
        ("encrypt_decrypt", "symmetric"),
        ("ALL", "sign-sm2"),
        ("rsa", "did you mean rsa-2048?"),
        ("symmetric ", "did you mean symmetric?"),
    ):
        with pytest.raises(ArgumentError) as caught:
            cmk_rules.usage_of(name)
        assert way_out in (caught.value.hint or "")
