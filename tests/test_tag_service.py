"""The tag service answers as its pages say, over the one table of tags that the KMS has."""

import hashlib
from typing import Any

import pytest

from kmstool.errors import IntegrityError, KmsToolError
from kmstool.server import tag_service
from kmstool.server.app import EmbeddedKms
from tests.stores import reseal

REGION, UIN = "ap-guangzhou", 100000000001
NOBODY = "6f6e2a6c-e7ca-11f1-8000-525400000001"


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    return str(kms.call("CreateKey", {"Alias": "demo"})["KeyId"])


def name(key_id: str, region: str = REGION, account: str = "uin/") -> str:
    return f"qcs::kms:{region}:{account}:key/creatorUin/{UIN}/{key_id}"


def put(kms: EmbeddedKms, key_id: str, **tags: str) -> None:
    listed = [{"TagKey": tag, "TagValue": value} for tag, value in tags.items()]
    tag_service.call(kms, "ModifyResourceTags", {"Resource": name(key_id), "ReplaceTags": listed})


def describe(kms: EmbeddedKms, *resource_ids: str, **more: Any) -> dict[str, Any]:
    request = {"ServiceType": "kms", "ResourcePrefix": "key", "ResourceRegion": REGION, "ResourceIds": [*resource_ids]}
    return tag_service.call(kms, "DescribeResourceTagsByResourceIds", request | more)


def tags_of(kms: EmbeddedKms, resource_id: str) -> dict[str, str]:
    return {tag["TagKey"]: tag["TagValue"] for tag in describe(kms, resource_id, Limit=100)["Tags"]}


def code(kms: EmbeddedKms, action: str, params: dict[str, Any]) -> str | None:
    with pytest.raises(KmsToolError) as caught:
        tag_service.call(kms, action, params)
    return caught.value.kms_code


def test_a_tag_is_shown_as_the_page_has_it(kms: EmbeddedKms, key_id: str) -> None:
    put(kms, key_id, team="billing")
    resource_id = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["ResourceId"]
    answer = describe(kms, resource_id)
    assert answer.pop("RequestId")
    md5 = {word: hashlib.md5(word.encode(), usedforsecurity=False).hexdigest() for word in ("team", "billing")}
    tag = {
        "TagKey": "team", "TagValue": "billing", "ResourceId": resource_id, "TagKeyMd5": md5["team"],
        "TagValueMd5": md5["billing"], "ServiceType": "kms", "Category": "Custom",
    }  # fmt: skip
    assert answer == {"TotalCount": 1, "Offset": 0, "Limit": 15, "Tags": [tag]}


@pytest.mark.parametrize("prefix", ["", f"creatorUin/{UIN}/"])
def test_keys_of_every_kind_have_tags_under_both_their_names(kms: EmbeddedKms, key_id: str, prefix: str) -> None:
    white = kms.call("CreateWhiteBoxKey", {"Alias": "white", "Algorithm": "SM4"})["KeyId"]
    hosted = {"KeyId": key_id, "KeySpec": "AES_128", "IsHostedByKms": 1, "DataKeyName": "data"}
    data = kms.call("GenerateDataKey", hosted)["DataKeyId"]
    for one in (key_id, white, data):
        resource = f"qcs::kms:{REGION}:uin/{UIN}:key/{prefix}{one}"
        change = {"Resource": resource, "ReplaceTags": [{"TagKey": "own", "TagValue": one}]}
        assert tag_service.call(kms, "ModifyResourceTags", change).keys() == {"RequestId"}
        assert tags_of(kms, f"{prefix}{one}") == {"own": one}
    wanted = {"TagFilters": [{"TagKey": "own"}]}
    for action, listed in (
        ("ListKeyDetail", "KeyMetadatas"),
        ("DescribeWhiteBoxKeyDetails", "KeyInfos"),
        ("ListDataKeyDetail", "DataKeyMetadatas"),
    ):
        assert len(kms.call(action, wanted)[listed]) == 1


def test_tags_are_set_replaced_and_removed_together(kms: EmbeddedKms, key_id: str) -> None:
    put(kms, key_id, a="1", b="2", c="3")
    change = {
        "ReplaceTags": [{"TagKey": "b", "TagValue": "two"}, {"TagKey": "d", "TagValue": "4"}],
        "DeleteTags": [{"TagKey": "a"}, {"TagKey": "absent"}],
    }
    tag_service.call(kms, "ModifyResourceTags", {"Resource": name(key_id)} | change)
    assert tags_of(kms, key_id) == {"b": "two", "c": "3", "d": "4"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "InvalidParameter.Tag"),
        ({"ReplaceTags": []}, "InvalidParameter.Tag"),
        ({"ReplaceTags": [{"TagKey": "a", "TagValue": "1"}], "DeleteTags": []}, "InvalidParameter.Tag"),
        ({"ReplaceTags": [{"TagKey": f"a{n}", "TagValue": "1"} for n in range(11)]}, "InvalidParameter.Tag"),
        ({"DeleteTags": [{"TagKey": f"a{n}"} for n in range(11)]}, "InvalidParameter.Tag"),
        ({"ReplaceTags": [{"TagKey": "a", "TagValue": "1"}, {"TagKey": "a", "TagValue": "2"}]}, "InvalidParameter.Tag"),
        (
            {"ReplaceTags": [{"TagKey": "a", "TagValue": "1"}], "DeleteTags": [{"TagKey": "a"}]},
            "InvalidParameterValue.DeleteTagsParamError",
        ),
        ({"ReplaceTags": [{"TagKey": "", "TagValue": "1"}]}, "InvalidParameterValue.TagKeyEmpty"),
        ({"ReplaceTags": [{"TagKey": "a" * 128, "TagValue": "1"}]}, "InvalidParameterValue.TagKeyLengthExceeded"),
        ({"ReplaceTags": [{"TagKey": "a", "TagValue": "1" * 256}]}, "InvalidParameterValue.TagValueLengthExceeded"),
        ({"ReplaceTags": [{"TagKey": "a?", "TagValue": "1"}]}, "InvalidParameterValue.TagKeyCharacterIllegal"),
        ({"ReplaceTags": [{"TagKey": "a", "TagValue": "1 "}]}, "InvalidParameterValue.TagValueCharacterIllegal"),
        ({"ReplaceTags": [{"TagKey": "qcloud:a", "TagValue": "1"}]}, "InvalidParameter.ReservedTagKey"),
        ({"ReplaceTags": [{"TagKey": "a"}]}, "MissingParameter"),
        ({"DeleteTags": [{"Key": "a"}]}, "UnknownParameter"),
        ({"DeleteTags": ["a"]}, "InvalidParameter"),
    ],
)
def test_a_change_that_is_none_is_refused_and_changes_nothing(
    kms: EmbeddedKms, key_id: str, change: dict[str, Any], expected: str
) -> None:
    put(kms, key_id, kept="1")
    assert code(kms, "ModifyResourceTags", {"Resource": name(key_id)} | change) == expected
    assert tags_of(kms, key_id) == {"kept": "1"}


def test_a_resource_has_50_tags_at_most(kms: EmbeddedKms, key_id: str) -> None:
    for tens in range(5):
        put(kms, key_id, **{f"tag-{tens}{ones}": "1" for ones in range(10)})
    one_more = {"Resource": name(key_id), "ReplaceTags": [{"TagKey": "one-more", "TagValue": "1"}]}
    assert code(kms, "ModifyResourceTags", one_more) == "LimitExceeded.ResourceAttachedTags"
    tag_service.call(kms, "ModifyResourceTags", one_more | {"DeleteTags": [{"TagKey": "tag-00"}]})
    assert len(tags_of(kms, key_id)) == 50


@pytest.mark.parametrize(
    "resource",
    [
        "", "key", name(NOBODY), name(NOBODY[:-1]), name(NOBODY, region="ap-nowhere"), name(NOBODY, account="uin/x"),
        f"qcs::cvm:{REGION}:uin/:instance/ins-1", f"qcs::kms:{REGION}:uin/:key/", f"qcs::kms::uin/:key/{NOBODY}",
        f"qcs::kms:{REGION}:uin/:key/{NOBODY}\n", f"qcs::kms:{REGION}:uin/:secret/{NOBODY}", name("é" * 36),
    ],
)  # fmt: skip
def test_a_resource_that_is_no_key_is_refused(kms: EmbeddedKms, resource: str) -> None:
    change = {"Resource": resource, "ReplaceTags": [{"TagKey": "a", "TagValue": "1"}]}
    assert code(kms, "ModifyResourceTags", change) == "InvalidParameterValue.ResourceDescriptionError"


def test_a_key_is_tagged_in_its_own_region_only(kms: EmbeddedKms, key_id: str) -> None:
    change = {"ReplaceTags": [{"TagKey": "a", "TagValue": "1"}]}
    elsewhere = {"Resource": name(key_id, region="ap-singapore")} | change
    assert code(kms, "ModifyResourceTags", elsewhere) == "InvalidParameterValue.ResourceDescriptionError"
    put(kms, key_id, a="1")
    assert describe(kms, key_id, ResourceRegion="ap-singapore")["Tags"] == []


def test_resources_without_tags_and_without_keys_are_passed_over(kms: EmbeddedKms, key_id: str) -> None:
    other = kms.call("CreateKey", {"Alias": "other"})["KeyId"]
    put(kms, other, a="1")
    assert [tag["ResourceId"] for tag in describe(kms, key_id, "nothing", NOBODY, other)["Tags"]] == [other]
    assert describe(kms, other, Category="System")["Tags"] == []


def test_tags_come_in_pages(kms: EmbeddedKms, key_id: str) -> None:
    for tens in range(3):
        put(kms, key_id, **{f"tag-{tens}{ones}": "1" for ones in range(10)})
    pages = [describe(kms, key_id, Limit=20, Offset=offset) for offset in (0, 20, 40)]
    assert [len(page["Tags"]) for page in pages] == [20, 10, 0]
    assert {page["TotalCount"] for page in pages} == {30}
    assert len({tag["TagKey"] for page in pages for tag in page["Tags"]}) == 30


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"ServiceType": "cvm"}, "InvalidParameterValue.ServiceTypeInvalid"),
        ({"ResourcePrefix": "instance"}, "InvalidParameterValue.ResourcePrefixInvalid"),
        ({"ResourceRegion": ""}, "InvalidParameterValue.RegionInvalid"),
        ({"ResourceIds": []}, "InvalidParameterValue.ResourceIdInvalid"),
        ({"ResourceIds": [NOBODY] * 51}, "InvalidParameterValue.ResourceIdInvalid"),
        ({"Offset": 7, "Limit": 10}, "InvalidParameterValue.OffsetInvalid"),
        ({"ResourceRegion": None}, "MissingParameter"),
        ({"Uin": 1}, "UnknownParameter"),
    ],
)
def test_a_question_that_is_none_is_refused(kms: EmbeddedKms, more: dict[str, Any], expected: str) -> None:
    request = {"ServiceType": "kms", "ResourcePrefix": "key", "ResourceRegion": REGION, "ResourceIds": [NOBODY]}
    assert code(kms, "DescribeResourceTagsByResourceIds", request | more) == expected


def test_other_actions_of_the_tag_service_are_not_here(kms: EmbeddedKms) -> None:
    assert code(kms, "GetTagKeys", {}) == "InvalidAction"


def test_tags_that_were_altered_in_the_store_are_damage_and_stay(kms: EmbeddedKms, key_id: str) -> None:
    put(kms, key_id, a="1")
    with kms.store.transaction(write=True) as db:
        db.execute("UPDATE tag SET value = '2'")
    with pytest.raises(IntegrityError):
        describe(kms, key_id)
    with pytest.raises(IntegrityError):
        put(kms, key_id, b="1")
    reseal(kms)
    assert tags_of(kms, key_id) == {"a": "2"}


def test_the_tags_of_a_key_go_with_it(kms: EmbeddedKms) -> None:
    white = kms.call("CreateWhiteBoxKey", {"Alias": "white", "Algorithm": "SM4"})["KeyId"]
    put(kms, white, a="1")
    kms.call("DisableWhiteBoxKey", {"KeyId": white})
    kms.call("DeleteWhiteBoxKey", {"KeyId": white})
    with kms.store.transaction() as db:
        assert db.execute("SELECT count(*) FROM tag").fetchone() == (0,)
