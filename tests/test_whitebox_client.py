"""The typed methods of white-box keys send what the API wants and take no answer that is not complete and right."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kmstool.api import protocol
from kmstool.api.cmk_rules import KeyAddress
from kmstool.cli.hints import hint_of
from kmstool.errors import ArgumentError, InputError, LimitError, NotFoundError, ServiceError
from kmstool.kms import names
from kmstool.kms.calls.white_box import DeviceFingerprint, WhiteBoxKey
from kmstool.kms.client import KmsClient

KEY_ID = "0b1c2d3e-1111-11ee-8000-525400abcdef"
IV = bytes(range(16))
CIPHERTEXT = b"ciphertext of 16"
KEYS = {"EncryptKey": protocol.encode(b"encrypt key"), "DecryptKey": protocol.encode(b"decrypt key")}
INFO = {
    "KeyId": KEY_ID, "Alias": "orders", "CreatorUin": 1, "Description": "", "CreateTime": 1, "Status": "Enabled",
    "OwnerUin": 1, "Algorithm": "SM4", "ResourceId": f"creatorUin/1/{KEY_ID}", **KEYS,
}  # fmt: skip
ABSENT = object()


class Recording:
    """A KMS that gives each action one answer, or one answer after the other, and keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self.calls.append((action, dict(params)))
        answer = self.answers.get(action, {})
        if isinstance(answer, list):
            answer = answer.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"RequestId": "request-1", **answer}


def info(number: int, alias: str) -> dict[str, Any]:
    return {**INFO, "KeyId": f"{number:08x}{KEY_ID[8:]}", "Alias": alias}


def test_create_sends_what_is_set_and_hides_the_keys() -> None:
    kms = Recording(CreateWhiteBoxKey={"KeyId": KEY_ID, "TagCode": 2, "TagMsg": "no", **KEYS})
    created = KmsClient(kms).create_white_box_key("orders", "AES_256", "all", {"team": "a"})
    assert (created.key_id, created.encrypt_key, created.decrypt_key) == (KEY_ID, b"encrypt key", b"decrypt key")
    assert (created.tag_code, created.tag_message) == (2, "no")
    assert "crypt key" not in repr(created)
    assert KEYS["DecryptKey"] not in repr(created)
    KmsClient(kms).create_white_box_key("orders", "SM4")
    assert kms.calls == [
        (
            "CreateWhiteBoxKey",
            {
                "Alias": "orders",
                "Algorithm": "AES_256",
                "Description": "all",
                "Tags": [{"TagKey": "team", "TagValue": "a"}],
            },
        ),
        ("CreateWhiteBoxKey", {"Alias": "orders", "Algorithm": "SM4"}),
    ]


@pytest.mark.parametrize(("bound", "expected"), [({}, False), ({"DeviceFingerprintBind": True}, True)])
def test_describe_returns_one_key(bound: dict[str, bool], expected: bool) -> None:
    kms = Recording(DescribeWhiteBoxKey={"KeyInfo": {**INFO, **bound}})
    key = KmsClient(kms).describe_white_box_key(KEY_ID)
    assert key == WhiteBoxKey(KEY_ID, "orders", "", "Enabled", "SM4", 1, expected, f"creatorUin/1/{KEY_ID}", {})
    assert KEYS["DecryptKey"] not in repr(key)
    assert kms.calls == [("DescribeWhiteBoxKey", {"KeyId": KEY_ID})]


def test_the_list_goes_on_until_all_are_seen() -> None:
    pages = [{"TotalCount": 3, "KeyInfos": infos} for infos in ([info(1, "a"), info(2, "b")], [info(3, "c")])]
    kms = Recording(DescribeWhiteBoxKeyDetails=pages)
    assert [key.alias for key in KmsClient(kms).list_white_box_keys()] == ["a", "b", "c"]
    assert [params for _, params in kms.calls] == [{"Offset": 0, "Limit": 50}, {"Offset": 2, "Limit": 50}]


def test_the_list_ends_when_keys_go_meanwhile() -> None:
    kms = Recording(
        DescribeWhiteBoxKeyDetails=[
            {"TotalCount": 2, "KeyInfos": [info(1, "a")]},
            {"TotalCount": 1, "KeyInfos": []},
        ]
    )
    assert [key.alias for key in KmsClient(kms).list_white_box_keys()] == ["a"]


def test_encrypt_sends_the_iv_only_if_given() -> None:
    answer = {"InitializationVector": protocol.encode(IV), "CipherText": protocol.encode(CIPHERTEXT)}
    kms = Recording(EncryptByWhiteBox=answer)
    for iv in (None, IV):
        encrypted = KmsClient(kms).encrypt_by_white_box(KEY_ID, b"secret", iv)
        assert (encrypted.iv, encrypted.ciphertext) == (IV, CIPHERTEXT)
    plain = {"KeyId": KEY_ID, "PlainText": protocol.encode(b"secret")}
    given = {**plain, "InitializationVector": protocol.encode(IV)}
    assert kms.calls == [("EncryptByWhiteBox", plain), ("EncryptByWhiteBox", given)]


@pytest.mark.parametrize("iv", [b"", bytes(15), bytes(17), bytes(16)])
def test_an_answer_with_another_iv_is_refused(iv: bytes) -> None:
    answer = {"InitializationVector": protocol.encode(iv) or "=", "CipherText": protocol.encode(CIPHERTEXT)}
    with pytest.raises(ServiceError):
        KmsClient(Recording(EncryptByWhiteBox=answer)).encrypt_by_white_box(KEY_ID, b"secret", IV)


@pytest.mark.parametrize(
    ("plaintext", "iv"), [(b"", None), (bytes(4097), None), (b"secret", b""), (b"secret", bytes(15))]
)
def test_what_kms_would_refuse_is_not_sent(plaintext: bytes, iv: bytes | None) -> None:
    kms = Recording()
    with pytest.raises(InputError):
        KmsClient(kms).encrypt_by_white_box(KEY_ID, plaintext, iv)
    assert not kms.calls


def test_one_key_and_many_have_actions_of_their_own() -> None:
    kms = Recording()
    client = KmsClient(kms)
    client.enable_white_box_keys(["a"]), client.enable_white_box_keys(["a", "b"])
    client.disable_white_box_keys(["a"]), client.disable_white_box_keys(["a", "b"])
    assert client.delete_white_box_key("a") == {"RequestId": "request-1"}
    assert kms.calls == [
        ("EnableWhiteBoxKey", {"KeyId": "a"}),
        ("EnableWhiteBoxKeys", {"KeyIds": ["a", "b"]}),
        ("DisableWhiteBoxKey", {"KeyId": "a"}),
        ("DisableWhiteBoxKeys", {"KeyIds": ["a", "b"]}),
        ("DeleteWhiteBoxKey", {"KeyId": "a"}),
    ]


def test_the_refusal_to_delete_says_what_to_do() -> None:
    kms = Recording(DeleteWhiteBoxKey=protocol.error("FailedOperation", "enabled"))
    with pytest.raises(ServiceError) as caught:
        KmsClient(kms).delete_white_box_key(KEY_ID)
    assert "disable" in (hint_of(caught.value) or "")
    kms = Recording(DeleteWhiteBoxKey=protocol.error("ResourceNotFound", "gone"))
    with pytest.raises(NotFoundError) as not_found:
        KmsClient(kms).delete_white_box_key(KEY_ID)
    assert "disable" not in (hint_of(not_found.value) or "")


def test_fingerprints_are_read_and_replaced_whole() -> None:
    listed = [{"Identity": "one", "Description": "first"}, {"Identity": "two"}]
    kms = Recording(DescribeWhiteBoxDeviceFingerprints={"DeviceFingerprints": listed})
    client = KmsClient(kms)
    found = client.fingerprints(KEY_ID)
    assert found == [DeviceFingerprint("one", "first"), DeviceFingerprint("two")]
    client.overwrite_fingerprints(KEY_ID, found)
    devices = [{"Identity": "one", "Description": "first"}, {"Identity": "two", "Description": ""}]
    sent = {"KeyId": KEY_ID, "DeviceFingerprints": devices}
    assert kms.calls[-1] == ("OverwriteWhiteBoxDeviceFingerprints", sent)


def test_the_decrypt_key_and_the_service() -> None:
    kms = Recording(DescribeWhiteBoxDecryptKey=KEYS, DescribeWhiteBoxServiceStatus={"ServiceEnabled": False})
    key = KmsClient(kms).white_box_decrypt_key(KEY_ID)
    assert key.data == b"decrypt key"
    assert "decrypt key" not in repr(key)
    assert KmsClient(kms).white_box_service_enabled() is False


GOOD: dict[str, dict[str, Any]] = {
    "CreateWhiteBoxKey": {"KeyId": KEY_ID, **KEYS},
    "DescribeWhiteBoxKey": {"KeyInfo": INFO},
    "DescribeWhiteBoxKeyDetails": {"TotalCount": 1, "KeyInfos": [INFO]},
    "DescribeWhiteBoxDecryptKey": {"DecryptKey": KEYS["DecryptKey"]},
    "EncryptByWhiteBox": {"InitializationVector": protocol.encode(IV), "CipherText": protocol.encode(CIPHERTEXT)},
    "DescribeWhiteBoxDeviceFingerprints": {"DeviceFingerprints": []},
    "DescribeWhiteBoxServiceStatus": {"ServiceEnabled": True},
}
METHODS: dict[str, Callable[[KmsClient], object]] = {
    "CreateWhiteBoxKey": lambda client: client.create_white_box_key("orders", "SM4"),
    "DescribeWhiteBoxKey": lambda client: client.describe_white_box_key(KEY_ID),
    "DescribeWhiteBoxKeyDetails": lambda client: list(client.list_white_box_keys()),
    "DescribeWhiteBoxDecryptKey": lambda client: client.white_box_decrypt_key(KEY_ID),
    "EncryptByWhiteBox": lambda client: client.encrypt_by_white_box(KEY_ID, b"secret"),
    "DescribeWhiteBoxDeviceFingerprints": lambda client: client.fingerprints(KEY_ID),
    "DescribeWhiteBoxServiceStatus": lambda client: client.white_box_service_enabled(),
}


@pytest.mark.parametrize("value", [ABSENT, None, "", 5.5, [None]], ids=["absent", "None", "empty", "5.5", "[None]"])
@pytest.mark.parametrize(("action", "field"), [(action, field) for action, fields in GOOD.items() for field in fields])
def test_a_field_that_is_missing_or_wrong_is_an_error(action: str, field: str, value: object) -> None:
    METHODS[action](KmsClient(Recording(**{action: GOOD[action]})))
    answer = {**GOOD[action], field: value}
    if value is ABSENT:
        del answer[field]
    with pytest.raises(ServiceError):
        METHODS[action](KmsClient(Recording(**{action: answer})))


@pytest.mark.parametrize("field", ["EncryptKey", "DecryptKey", "InitializationVector", "CipherText"])
def test_what_is_not_base64_is_an_error(field: str) -> None:
    for action in (action for action, fields in GOOD.items() if field in fields):
        with pytest.raises(ServiceError):
            METHODS[action](KmsClient(Recording(**{action: {**GOOD[action], field: "?"}})))


@pytest.mark.parametrize("name", ["KeyId", "Alias", "Status", "Algorithm", "CreateTime"])
def test_a_key_without_what_it_must_have_is_an_error(name: str) -> None:
    kms = Recording(DescribeWhiteBoxKey={"KeyInfo": {**INFO, name: None}})
    with pytest.raises(ServiceError):
        KmsClient(kms).describe_white_box_key(KEY_ID)


def test_another_key_than_the_one_asked_for_is_an_error() -> None:
    kms = Recording(DescribeWhiteBoxKey={"KeyInfo": info(1, "orders")})
    with pytest.raises(ServiceError):
        KmsClient(kms).describe_white_box_key(KEY_ID)


def test_a_name_leads_to_one_key() -> None:
    there = [info(0xABCDEF01, "orders"), info(0xABCDEF02, "order"), info(3, "abcdef01")]
    kms = Recording(DescribeWhiteBoxKeyDetails={"TotalCount": 3, "KeyInfos": there})

    def find(text: str) -> str:
        return names.find_white_box_key_id(KmsClient(kms), KeyAddress.parse(text))

    assert find(KEY_ID) == KEY_ID
    assert not kms.calls, "a whole id needs no call"
    assert find("order") == find("alias/order") == find("abcdef02") == there[1]["KeyId"]
    with pytest.raises(ArgumentError, match="ambiguous"):
        find("abcdef01")
    assert find("alias/abcdef01") == there[2]["KeyId"]
    with pytest.raises(NotFoundError) as caught:
        find("oders")
    assert "white-box key 'oders'" in caught.value.message
    assert "orders" in (hint_of(caught.value) or "")
    with pytest.raises(NotFoundError) as caught:
        find("else")
    assert "kmstool whitebox list" in (hint_of(caught.value) or "")


@pytest.mark.parametrize("code", ["LimitExceeded.KeyLimitExceeded", "LimitExceeded.FingerprintsLimitExceeded"])
def test_limits_have_their_class_and_a_hint(code: str) -> None:
    error = protocol.error(code, "too many")
    assert isinstance(error, LimitError)
    assert hint_of(error)
