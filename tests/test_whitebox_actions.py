"""The embedded KMS serves white-box keys as the API says: states, limits, codes, and decrypt keys that obey their binding."""

import base64
import re
import secrets
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kmstool import whitebox, words
from kmstool.api import cmk_rules, protocol
from kmstool.cli.hints import hint_of
from kmstool.errors import InputError, IntegrityError, KmsToolError
from kmstool.server import admin, regions
from kmstool.server.app import EmbeddedKms
from kmstool.server.handlers import ACTIONS
from kmstool.server.seed import seeding
from kmstool.server.tables import white_box_keys
from kmstool.whitebox import binding, key_file
from tests.stores import age, reseal

DOCUMENT = Path(__file__).parent.parent / "docs" / "local-kms.md"
ALGORITHMS = ("AES_256", "SM4")
UNKNOWN_ID = "0b1c2d3e-1111-11ee-8000-525400abcdef"
PLAINTEXT = b"an API SecretKey"
DEVICE_A, DEVICE_B = b"machine\x004c4c4544003957108052b4c04f384833", b"secret\0f3b1c0a95d7e4826b1a6c4d29f8e7350"
NOT_BOUND = "^WRP_KEY_import error: 01000016$"
IV = base64.b64encode(bytes(range(16))).decode()

WRONG = "InvalidParameterValue"
UNKNOWN = "ResourceNotFound"
DISABLED = "ResourceUnavailable.KeyDisabled"

# The cloud's table, read from its pages apart from keys.py: on an enabled and on a disabled key; all else works on both.
CLOUD = {"EncryptByWhiteBox": (None, DISABLED), "DeleteWhiteBoxKey": ("FailedOperation", None)}


def create(kms: EmbeddedKms, alias: str = "orders", algorithm: str = "AES_256", **more: Any) -> dict[str, Any]:
    return kms.call("CreateWhiteBoxKey", {"Alias": alias, "Algorithm": algorithm, **more})


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    return str(create(kms)["KeyId"])


def code(kms: EmbeddedKms, action: str, **params: Any) -> str | None:
    """Call an action; return None, or the code with which it was refused."""
    try:
        kms.call(action, params)
    except KmsToolError as error:
        return error.kms_code or repr(error)
    return None


def info(kms: EmbeddedKms, key_id: str) -> dict[str, Any]:
    found: dict[str, Any] = kms.call("DescribeWhiteBoxKey", {"KeyId": key_id})["KeyInfo"]
    return found


def details(kms: EmbeddedKms, **filters: Any) -> list[str]:
    answer = kms.call("DescribeWhiteBoxKeyDetails", filters)
    assert answer["TotalCount"] >= len(answer["KeyInfos"])
    return [key["Alias"] for key in answer["KeyInfos"]]


def encrypt(kms: EmbeddedKms, key_id: str, plaintext: bytes = PLAINTEXT) -> tuple[bytes, bytes]:
    answer = kms.call("EncryptByWhiteBox", {"KeyId": key_id, "PlainText": protocol.encode(plaintext)})
    return protocol.decode(answer["InitializationVector"]), protocol.decode(answer["CipherText"])


def device(origin: bytes, description: str = "") -> dict[str, str]:
    return {"Identity": binding.fingerprint(origin), "Description": description}


def bind(kms: EmbeddedKms, key_id: str, *origins: bytes) -> None:
    devices = [device(origin) for origin in origins]
    kms.call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": key_id, "DeviceFingerprints": devices})


def download(kms: EmbeddedKms, key_id: str) -> bytes:
    return protocol.decode(kms.call("DescribeWhiteBoxDecryptKey", {"KeyId": key_id})["DecryptKey"])


def nobody() -> dict[str, str]:
    """Return a device that there is not."""
    return device(secrets.token_bytes(32))


# Keys and what they decrypt.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_kms_encrypts_opens_with_the_decrypt_key(kms: EmbeddedKms, algorithm: str) -> None:
    created = create(kms, algorithm=algorithm)
    for size in (1, 15, 16, 17, 4096):
        plaintext = secrets.token_bytes(size)
        iv, ciphertext = encrypt(kms, created["KeyId"], plaintext)
        assert len(ciphertext) == size // 16 * 16 + 16
        for decrypt_key in (protocol.decode(created["DecryptKey"]), download(kms, created["KeyId"])):
            assert whitebox.decrypt(decrypt_key, iv, ciphertext) == plaintext


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_survives_its_process_and_its_tables_stay_the_same(tmp_path: Path, algorithm: str) -> None:
    with closing(EmbeddedKms(tmp_path / "store")) as kms:
        created = create(kms, algorithm=algorithm)
        iv, ciphertext = encrypt(kms, created["KeyId"])
    with closing(EmbeddedKms(tmp_path / "store")) as kms:
        # An unbound file has nothing random in it but the tables.
        assert download(kms, created["KeyId"]) == protocol.decode(created["DecryptKey"])
        assert whitebox.decrypt(download(kms, created["KeyId"]), iv, ciphertext) == PLAINTEXT


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_ciphertext_is_that_of_the_cipher_itself(kms: EmbeddedKms, algorithm: str) -> None:
    """Under a key that is known, against a library that has no white boxes."""
    cipher = {"AES_256": algorithms.AES, "SM4": algorithms.SM4}[algorithm]
    key = secrets.token_bytes({"AES_256": 32, "SM4": 16}[algorithm])
    secret = protocol.encode(key + secrets.token_bytes(32))
    lines = ["[[white-box-key]]", 'alias = "known"', f'algorithm = "{algorithm}"', f'secret = "{secret}"']
    (added,) = seeding.apply(kms, "\n".join(lines))
    iv, ciphertext = encrypt(kms, added.key_id)
    decryptor = Cipher(cipher(key), modes.CBC(iv)).decryptor()
    assert decryptor.update(ciphertext) + decryptor.finalize() == PLAINTEXT + b"\x10" * 16


def test_an_iv_is_echoed_and_random_if_none_is_given(kms: EmbeddedKms, key_id: str) -> None:
    request = {"KeyId": key_id, "PlainText": protocol.encode(PLAINTEXT)}
    given = [kms.call("EncryptByWhiteBox", {**request, "InitializationVector": IV}) for _ in range(2)]
    assert {answer["InitializationVector"] for answer in given} == {IV}
    assert given[0]["CipherText"] == given[1]["CipherText"]
    drawn = [kms.call("EncryptByWhiteBox", {**request, **more}) for more in ({}, {}, {"InitializationVector": ""})]
    assert len({answer["InitializationVector"] for answer in drawn}) == 3
    assert len({answer["CipherText"] for answer in drawn}) == 3


def test_no_two_keys_are_alike(kms: EmbeddedKms) -> None:
    one, other = (create(kms, alias) for alias in ("one", "other"))
    iv, ciphertext = encrypt(kms, one["KeyId"])
    wrong = protocol.decode(other["DecryptKey"])
    # Garbage ends like a padding now and then.
    with suppress(IntegrityError):
        assert whitebox.decrypt(wrong, iv, ciphertext) != PLAINTEXT


def test_the_encrypt_key_opens_nowhere(kms: EmbeddedKms) -> None:
    created = create(kms)
    for text in (created["EncryptKey"], info(kms, created["KeyId"])["EncryptKey"]):
        file = key_file.read(protocol.decode(text))
        assert (file.direction, file.devices, file.key_id) == ("encrypt", 1, created["KeyId"])
        with pytest.raises(InputError):
            file.open(DEVICE_A)


# Binding.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_bound_decrypt_key_opens_on_its_devices_only(kms: EmbeddedKms, algorithm: str) -> None:
    created = create(kms, algorithm=algorithm)
    key_id, before = created["KeyId"], protocol.decode(created["DecryptKey"])
    bind(kms, key_id, DEVICE_A)
    bound = download(kms, key_id)
    iv, ciphertext = encrypt(kms, key_id)
    assert whitebox.decrypt(bound, iv, ciphertext, DEVICE_A) == PLAINTEXT
    for origin in (DEVICE_B, None):
        with pytest.raises(IntegrityError, match=NOT_BOUND):
            whitebox.decrypt(bound, iv, ciphertext, origin)
        assert whitebox.decrypt(before, iv, ciphertext, origin) == PLAINTEXT, "a file from before stays open"

    bind(kms, key_id, DEVICE_B)
    assert whitebox.decrypt(download(kms, key_id), iv, ciphertext, DEVICE_B) == PLAINTEXT
    with pytest.raises(IntegrityError, match=NOT_BOUND):
        whitebox.decrypt(download(kms, key_id), iv, ciphertext, DEVICE_A)
    assert whitebox.decrypt(bound, iv, ciphertext, DEVICE_A) == PLAINTEXT, "binding anew recalls nothing"

    bind(kms, key_id)
    assert whitebox.decrypt(download(kms, key_id), iv, ciphertext) == PLAINTEXT


def test_no_answer_goes_round_the_binding(kms: EmbeddedKms, key_id: str) -> None:
    bind(kms, key_id, DEVICE_A)
    listed = kms.call("DescribeWhiteBoxKeyDetails", {})["KeyInfos"]
    for text in (info(kms, key_id)["DecryptKey"], *(key["DecryptKey"] for key in listed)):
        file = key_file.read(protocol.decode(text))
        assert file.devices == 1
        file.open(DEVICE_A)
        with pytest.raises(IntegrityError, match=NOT_BOUND):
            file.open(DEVICE_B)


def test_every_download_is_sealed_anew(kms: EmbeddedKms, key_id: str) -> None:
    bind(kms, key_id, DEVICE_A)
    assert download(kms, key_id) != download(kms, key_id)


def test_devices_are_told_as_they_were_given(kms: EmbeddedKms, key_id: str) -> None:
    assert info(kms, key_id)["DeviceFingerprintBind"] is False
    devices = [device(DEVICE_B, "日本"), device(DEVICE_A), nobody()]
    kms.call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": key_id, "DeviceFingerprints": devices})
    assert kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})["DeviceFingerprints"] == devices
    assert info(kms, key_id)["DeviceFingerprintBind"] is True
    other = create(kms, "other")["KeyId"]
    assert kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": other})["DeviceFingerprints"] == []


@pytest.mark.parametrize("more", [{}, {"DeviceFingerprints": []}], ids=["absent", "empty"])
def test_no_devices_take_the_binding_away(kms: EmbeddedKms, key_id: str, more: dict[str, Any]) -> None:
    bind(kms, key_id, DEVICE_A)
    kms.call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": key_id, **more})
    assert kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})["DeviceFingerprints"] == []
    assert info(kms, key_id)["DeviceFingerprintBind"] is False


def test_a_key_is_bound_to_200_devices_and_no_more(kms: EmbeddedKms, key_id: str) -> None:
    devices = [*(nobody() for _ in range(199)), device(DEVICE_A)]
    overwrite = {"KeyId": key_id, "DeviceFingerprints": devices}
    assert code(kms, "OverwriteWhiteBoxDeviceFingerprints", **overwrite) is None
    key_file.read(download(kms, key_id)).open(DEVICE_A)
    overwrite["DeviceFingerprints"] = [*devices, nobody()]
    found = code(kms, "OverwriteWhiteBoxDeviceFingerprints", **overwrite)
    assert found == "LimitExceeded.FingerprintsLimitExceeded"
    assert kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})["DeviceFingerprints"] == devices


GOOD = binding.fingerprint(DEVICE_A)


@pytest.mark.parametrize(
    "devices",
    [
        [{"Identity": "123456"}],
        [{"Identity": ""}],
        [{"Identity": GOOD.upper()}],
        [{"Identity": GOOD + "\n"}],
        [{"Identity": GOOD}, {"Identity": str(uuid.uuid4())}],
        [{"Identity": GOOD, "Description": "é" * 513}],
        [{"Identity": GOOD}, {"Identity": GOOD, "Description": "again"}],
    ],
    ids=["short", "empty", "capitals", "line end", "one of two", "description", "twice"],
)
def test_a_wrong_device_changes_nothing(kms: EmbeddedKms, key_id: str, devices: list[dict[str, str]]) -> None:
    bind(kms, key_id, DEVICE_B)
    assert code(kms, "OverwriteWhiteBoxDeviceFingerprints", KeyId=key_id, DeviceFingerprints=devices) == WRONG
    (left,) = kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})["DeviceFingerprints"]
    assert left == device(DEVICE_B)


def test_a_description_of_a_device_may_have_1024_bytes(kms: EmbeddedKms, key_id: str) -> None:
    devices = [{"Identity": GOOD, "Description": "é" * 512}]
    assert code(kms, "OverwriteWhiteBoxDeviceFingerprints", KeyId=key_id, DeviceFingerprints=devices) is None


# States.


def request(action: str, key_id: str) -> dict[str, Any]:
    if action == "DescribeWhiteBoxKeyDetails":
        return {}
    if "KeyIds" in protocol.actions()[action].request:
        return {"KeyIds": [key_id]}
    more = {"EncryptByWhiteBox": {"PlainText": protocol.encode(PLAINTEXT)}}
    return {"KeyId": key_id, **more.get(action, {})}


@pytest.mark.parametrize("state", words.WHITE_BOX_STATES)
@pytest.mark.parametrize("action", cmk_rules.WHITE_BOX_RULES)
def test_every_action_in_every_state(kms: EmbeddedKms, key_id: str, action: str, state: str) -> None:
    if state == "Disabled":
        kms.call("DisableWhiteBoxKey", {"KeyId": key_id})
    expected = cmk_rules.white_box_refusal(action, state)
    assert expected == CLOUD.get(action, (None, None))[words.WHITE_BOX_STATES.index(state)]
    assert expected is None or expected in protocol.actions()[action].errors
    assert code(kms, action, **request(action, key_id)) == expected
    if action == "DeleteWhiteBoxKey" and expected is None:
        assert code(kms, "DescribeWhiteBoxKey", KeyId=key_id) == UNKNOWN
    else:
        becomes = {"Enable": "Enabled", "Disabl": "Disabled"}.get(action[:6], state)
        assert info(kms, key_id)["Status"] == becomes


def test_the_table_knows_every_action_on_a_key() -> None:
    rest = {"CreateWhiteBoxKey", "DescribeWhiteBoxServiceStatus"}
    served = {action for action in ACTIONS if "WhiteBox" in action}
    assert set(cmk_rules.WHITE_BOX_RULES) | rest == served
    assert served == {action for action in protocol.actions() if "WhiteBox" in action}


def test_the_documented_table_is_the_one_of_the_code() -> None:
    found = re.search(
        r"<!-- white-box states:[^\n]*-->\n+(.*?)\n+<!-- end of white-box states -->", DOCUMENT.read_text(), re.DOTALL
    )
    assert found, "docs/local-kms.md has lost the marks of its table of white-box states"
    lines = [f"| {' | '.join(['action', *words.WHITE_BOX_STATES])} |", "|---|---|---|"]
    for action, codes in cmk_rules.WHITE_BOX_RULES.items():
        cells = ["yes" if code is None else f"`{code.rpartition('.')[2]}`" for code in codes]
        lines.append(f"| {' | '.join([action, *cells])} |")
    assert found[1] == "\n".join(lines)


def test_a_deleted_key_leaves_nothing_but_its_files(kms: EmbeddedKms) -> None:
    created = create(kms, Tags=[{"TagKey": "team", "TagValue": "a"}])
    key_id = created["KeyId"]
    bind(kms, key_id, DEVICE_A)
    iv, ciphertext = encrypt(kms, key_id)
    kms.call("DisableWhiteBoxKey", {"KeyId": key_id})
    kms.call("DeleteWhiteBoxKey", {"KeyId": key_id})
    with kms.store.transaction() as db:
        for table in ("white_box_key", "device", "tag"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    assert whitebox.decrypt(protocol.decode(created["DecryptKey"]), iv, ciphertext) == PLAINTEXT
    assert create(kms)["KeyId"] != key_id, "its alias is free again"


def test_many_keys_are_enabled_and_disabled_at_once_or_none(kms: EmbeddedKms) -> None:
    ids = [create(kms, f"key-{number}")["KeyId"] for number in range(3)]
    kms.call("DisableWhiteBoxKeys", {"KeyIds": ids})
    assert details(kms, KeyStatus=1) == []
    assert code(kms, "EnableWhiteBoxKeys", KeyIds=[*ids, UNKNOWN_ID]) == UNKNOWN
    assert details(kms, KeyStatus=1) == []
    kms.call("EnableWhiteBoxKeys", {"KeyIds": ids[:2]})
    assert details(kms, KeyStatus=1) == ["key-1", "key-0"]


@pytest.mark.parametrize("action", ["EnableWhiteBoxKeys", "DisableWhiteBoxKeys"])
@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([], "InvalidParameter"),
        (["x"], "InvalidParameterValue.InvalidKeyId"),
        ([UNKNOWN_ID], UNKNOWN),
        ([UNKNOWN_ID, UNKNOWN_ID], "InvalidParameterValue.DuplicatedKeyId"),
        ([UNKNOWN_ID[:-2] + f"{number:02}" for number in range(50)], UNKNOWN),
        ([UNKNOWN_ID[:-2] + f"{number:02}" for number in range(51)], "InvalidParameter"),
    ],
    ids=["none", "malformed", "unknown", "twice", "50", "51"],
)
def test_wrong_lists_of_ids(kms: EmbeddedKms, action: str, ids: list[str], expected: str) -> None:
    assert code(kms, action, KeyIds=ids) == expected


# Create, describe, list.


def test_a_key_is_described_as_it_was_made(kms: EmbeddedKms) -> None:
    created = create(kms, "orders", "SM4", Description="日本")
    assert (created["TagCode"], created["TagMsg"]) == (0, "no tags to save")
    found = info(kms, created["KeyId"])
    assert uuid.UUID(found["KeyId"]).version == 1
    assert found.keys() == protocol.object_fields("WhiteboxKeyInfo").keys()
    assert (found["Alias"], found["Algorithm"], found["Description"], found["Status"]) == (
        "orders",
        "SM4",
        "日本",
        "Enabled",
    )
    assert found["ResourceId"] == f"creatorUin/{found['CreatorUin']}/{created['KeyId']}"
    assert found["DecryptKey"] == created["DecryptKey"]
    assert key_file.read(protocol.decode(found["DecryptKey"])).key_id == created["KeyId"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"Alias": "a b"}, "InvalidParameterValue.InvalidAlias"),
        ({"Alias": "taken"}, "InvalidParameterValue.AliasAlreadyExists"),
        ({"Algorithm": "AES_128"}, WRONG),
        ({"Algorithm": ""}, WRONG),
        ({"Description": "é" * 513}, WRONG),
        ({"Tags": [{"TagKey": "a", "TagValue": "1"}] * 2}, "InvalidParameterValue.TagKeysDuplicated"),
        ({"Description": "é" * 512}, None),
        ({"Alias": "a" * 60}, None),
    ],
)
def test_what_a_new_key_may_be(kms: EmbeddedKms, more: dict[str, Any], expected: str | None) -> None:
    create(kms, "taken")
    assert code(kms, "CreateWhiteBoxKey", **{"Alias": "new", "Algorithm": "SM4", **more}) == expected
    assert len(details(kms)) == (2 if expected is None else 1)


def test_aliases_are_apart_from_those_of_other_keys_and_regions(tmp_path: Path, kms: EmbeddedKms) -> None:
    kms.call("CreateKey", {"Alias": "orders"})
    key_id = create(kms, "orders")["KeyId"]
    kms.call("CreateWhiteBoxKey", {"Alias": "orders", "Algorithm": "SM4"}, "ap-hongkong")
    assert details(kms) == ["orders"]
    with pytest.raises(KmsToolError) as caught:
        kms.call("DescribeWhiteBoxKey", {"KeyId": key_id}, "ap-hongkong")
    assert caught.value.kms_code == UNKNOWN


def test_a_region_has_50_keys_and_no_more(kms: EmbeddedKms) -> None:
    for number in range(50):
        create(kms, f"key-{number}", "SM4")
    assert code(kms, "CreateWhiteBoxKey", Alias="more", Algorithm="SM4") == "LimitExceeded.KeyLimitExceeded"
    assert len(details(kms)) == 50, "without a Limit there are no pages"
    assert details(kms, Offset=48, Limit=10) == ["key-1", "key-0"]
    key_id = kms.call("DescribeWhiteBoxKeyDetails", {"Limit": 1})["KeyInfos"][0]["KeyId"]
    kms.call("DisableWhiteBoxKey", {"KeyId": key_id})
    kms.call("DeleteWhiteBoxKey", {"KeyId": key_id})
    create(kms, "more")


def test_the_list_is_filtered_and_cut(kms: EmbeddedKms) -> None:
    for number in range(4):
        create(kms, f"key-{number}", Tags=[{"TagKey": "number", "TagValue": str(number)}] if number else [])
    disabled = kms.call("DescribeWhiteBoxKeyDetails", {"Limit": 1})["KeyInfos"][0]["KeyId"]
    kms.call("DisableWhiteBoxKey", {"KeyId": disabled})
    assert details(kms) == ["key-3", "key-2", "key-1", "key-0"]
    assert details(kms, Limit=0, Offset=1) == ["key-2", "key-1", "key-0"]
    assert details(kms, Limit=2, Offset=1) == ["key-2", "key-1"]
    assert details(kms, KeyStatus=0) == ["key-3"]
    assert details(kms, KeyStatus=1) == ["key-2", "key-1", "key-0"]
    assert details(kms, TagFilters=[{"TagKey": "number"}]) == ["key-3", "key-2", "key-1"]
    assert details(kms, TagFilters=[{"TagKey": "number", "TagValue": ["1", "3"]}], KeyStatus=1) == ["key-1"]
    answer = kms.call("DescribeWhiteBoxKeyDetails", {"Limit": 1, "KeyStatus": 1})
    assert (answer["TotalCount"], len(answer["KeyInfos"])) == (3, 1)


@pytest.mark.parametrize("params", [{"KeyStatus": 2}, {"KeyStatus": -1}, {"Limit": 201}])
def test_wrong_filters(kms: EmbeddedKms, params: dict[str, Any]) -> None:
    assert code(kms, "DescribeWhiteBoxKeyDetails", **params) == WRONG


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"PlainText": ""}, WRONG),
        ({"PlainText": "x"}, WRONG),
        ({"PlainText": protocol.encode(bytes(4097))}, WRONG),
        ({"InitializationVector": "x"}, WRONG),
        ({"InitializationVector": protocol.encode(bytes(15))}, WRONG),
        ({"InitializationVector": protocol.encode(bytes(17))}, WRONG),
        ({"PlainText": protocol.encode(bytes(4096))}, None),
    ],
)
def test_what_may_be_encrypted(kms: EmbeddedKms, key_id: str, more: dict[str, Any], expected: str | None) -> None:
    assert code(kms, "EncryptByWhiteBox", **{"KeyId": key_id, "PlainText": "QUJD", **more}) == expected


@pytest.mark.parametrize("action", [action for action in cmk_rules.WHITE_BOX_RULES if "Details" not in action])
def test_an_id_that_is_none_and_one_that_is_unknown(kms: EmbeddedKms, action: str) -> None:
    cmk = kms.call("CreateKey", {"Alias": "cmk"})["KeyId"]
    for key_id, expected in (("x", "InvalidParameterValue.InvalidKeyId"), (UNKNOWN_ID, UNKNOWN), (cmk, UNKNOWN)):
        assert code(kms, action, **request(action, key_id)) == expected


# Regions.


def test_the_regions_are_those_of_the_cloud() -> None:
    assert sorted(regions.WHITE_BOX) == ["ap-beijing", "ap-guangzhou", "ap-hongkong", "ap-shanghai"]
    assert set(regions.WHITE_BOX) <= set(regions.REGIONS)


@pytest.mark.parametrize("region", ["ap-guangzhou", "ap-hongkong"])
def test_where_there_are_white_box_keys(kms: EmbeddedKms, region: str) -> None:
    assert kms.call("DescribeWhiteBoxServiceStatus", {}, region)["ServiceEnabled"] is True
    for algorithm in ALGORITHMS:
        kms.call("CreateWhiteBoxKey", {"Alias": algorithm, "Algorithm": algorithm}, region)


@pytest.mark.parametrize("region", sorted(set(regions.REGIONS) - set(regions.WHITE_BOX)))
def test_where_there_are_none(kms: EmbeddedKms, region: str) -> None:
    assert kms.call("DescribeWhiteBoxServiceStatus", {}, region)["ServiceEnabled"] is False
    requests = {action: request(action, UNKNOWN_ID) for action in cmk_rules.WHITE_BOX_RULES}
    requests["CreateWhiteBoxKey"] = {"Alias": "orders", "Algorithm": "SM4"}
    for action, params in requests.items():
        with pytest.raises(KmsToolError) as caught:
            kms.call(action, params, region)
        assert caught.value.kms_code == "ResourceUnavailable.NotPurchased"
        assert "ap-beijing" in (hint_of(caught.value) or "")


# The store.


def raw(kms: EmbeddedKms, statement: str, *values: object) -> None:
    """Change the store's database behind its back."""
    with kms.store.transaction(write=True) as db:
        assert db.execute(statement, values).rowcount > 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE white_box_key SET state = 'Archived'",
        "UPDATE white_box_key SET algorithm = 'DES'",
        "UPDATE white_box_key SET algorithm = 'SM4'",
        "UPDATE white_box_key SET alias = x'00'",
        "UPDATE white_box_key SET created = 'today'",
        "UPDATE white_box_key SET wrapped = zeroblob(92)",
        "UPDATE white_box_key SET wrapped = 'text'",
        "UPDATE device SET fingerprint = 'short'",
        "UPDATE device SET fingerprint = x'00'",
        "UPDATE device SET description = x'00'",
    ],
)
def test_a_damaged_row_is_said_to_be_damaged(kms: EmbeddedKms, key_id: str, change: str) -> None:
    bind(kms, key_id, DEVICE_A)
    raw(kms, change)
    with pytest.raises(IntegrityError, match="is damaged"):
        kms.call("DescribeWhiteBoxDecryptKey", {"KeyId": key_id})


def test_material_cannot_be_moved_to_another_row(kms: EmbeddedKms, key_id: str) -> None:
    create(kms, "other")
    raw(kms, "UPDATE white_box_key SET wrapped = (SELECT wrapped FROM white_box_key WHERE key_id <> ?)", key_id)
    reseal(kms)
    with pytest.raises(IntegrityError):
        encrypt(kms, key_id)


def test_material_of_another_size_is_damaged(kms: EmbeddedKms, key_id: str) -> None:
    with kms.transaction(write=True) as call:
        wrapped = white_box_keys.wrap(call, "ap-guangzhou", key_id, "AES_256", bytes(63))
        call.db.execute("UPDATE white_box_key SET wrapped = ?", (wrapped,))
    reseal(kms)
    with pytest.raises(IntegrityError, match="is damaged"):
        encrypt(kms, key_id)


def test_neither_key_nor_tables_lie_in_the_store(kms: EmbeddedKms) -> None:
    key, rest = secrets.token_bytes(32), secrets.token_bytes(32)
    secret = protocol.encode(key + rest)
    seeding.apply(kms, f'[[white-box-key]]\nalias = "known"\nsecret = "{secret}"\n')
    stored = kms.store.save()
    assert not any(part in stored for part in (key, rest, secret.encode(), key.hex().encode()))


def test_a_backup_brings_white_box_keys_back(kms: EmbeddedKms, key_id: str, tmp_path: Path) -> None:
    bind(kms, key_id, DEVICE_A)
    iv, ciphertext = encrypt(kms, key_id)
    admin.backup(kms, tmp_path / "copy")
    kms.call("DisableWhiteBoxKey", {"KeyId": key_id})
    kms.call("DeleteWhiteBoxKey", {"KeyId": key_id})
    admin.restore(kms, tmp_path / "copy", lambda: b"")
    assert info(kms, key_id)["Status"] == "Enabled"
    assert whitebox.decrypt(download(kms, key_id), iv, ciphertext, DEVICE_A) == PLAINTEXT


def test_a_store_from_before_there_were_white_box_keys_gets_them(tmp_path: Path) -> None:
    from kmstool.server.tables import schema

    number = next(number for number, step in enumerate(schema.STEPS) if "white_box_key" in step)
    with closing(EmbeddedKms(tmp_path / "store")) as kms:
        cmk = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    age(tmp_path / "store", number)
    with closing(EmbeddedKms(tmp_path / "store")) as kms:
        encrypt(kms, create(kms)["KeyId"])
        assert kms.call("DescribeKey", {"KeyId": cmk})["KeyMetadata"]["Alias"] == "demo"


# Seed files.


def documented() -> str:
    found = re.search(r"```toml\n(\[\[white-box-key\]\]\n.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/local-kms.md has lost its example of a white-box key in a seed file"
    return found[1]


def test_the_documented_example_works(kms: EmbeddedKms) -> None:
    (added,) = seeding.apply(kms, documented())
    found = info(kms, added.key_id)
    assert found["KeyId"] == "6f6e2a6c-e7ca-11f1-8000-525400000002"
    assert (found["Alias"], found["Description"], found["CreateTime"]) == ("secret-key", "for the tests", 1795500000)
    assert (found["Status"], found["Algorithm"], found["DeviceFingerprintBind"]) == ("Enabled", "AES_256", True)
    assert details(kms, TagFilters=[{"TagKey": "team", "TagValue": ["a"]}]) == ["secret-key"]
    devices = kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": added.key_id})["DeviceFingerprints"]
    assert [item["Description"] for item in devices] == ["laptop"]


def test_the_documented_example_shows_every_field(kms: EmbeddedKms) -> None:
    import tomllib

    with pytest.raises(InputError) as caught:
        seeding.apply(kms, '[[white-box-key]]\nalias = "demo"\nflavour = 1\n')
    known = (hint_of(caught.value) or "").removeprefix("known: ").split(", ")
    assert set(tomllib.loads(documented())["white-box-key"][0]) == set(known)


@pytest.fixture
def other(tmp_path: Path) -> Iterator[EmbeddedKms]:
    """Another store."""
    with closing(EmbeddedKms(tmp_path / "other")) as opened:
        yield opened


def test_an_export_carries_keys_to_another_store(kms: EmbeddedKms, other: EmbeddedKms) -> None:
    for algorithm in ALGORITHMS:
        create(kms, algorithm, algorithm, Description="a \x7f", Tags=[{"TagKey": "team", "TagValue": "a"}])
    kms.call("CreateWhiteBoxKey", {"Alias": "far", "Algorithm": "SM4"}, "ap-hongkong")
    kms.call("CreateKey", {"Alias": "cmk"})
    listed = kms.call("DescribeWhiteBoxKeyDetails", {})["KeyInfos"]
    key_id, disabled = (key["KeyId"] for key in listed)
    devices = [device(DEVICE_A, "two words"), device(DEVICE_B)]
    kms.call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": key_id, "DeviceFingerprints": devices})
    kms.call("DisableWhiteBoxKey", {"KeyId": disabled})
    iv, ciphertext = encrypt(kms, key_id)
    text = seeding.export(kms, plaintext=True)
    assert len(seeding.apply(other, text)) == 4
    assert seeding.export(other, plaintext=True) == text
    assert whitebox.decrypt(download(other, key_id), iv, ciphertext, DEVICE_B) == PLAINTEXT
    assert kms.call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})["DeviceFingerprints"] == devices
    assert download(other, disabled) == download(kms, disabled), "the seed of the tables is the same"


def test_an_export_without_plaintext_makes_new_keys(kms: EmbeddedKms, other: EmbeddedKms, key_id: str) -> None:
    text = seeding.export(kms, plaintext=False)
    assert "secret" not in text
    seeding.apply(other, text)
    assert info(other, key_id)["Alias"] == "orders"
    assert download(other, key_id) != download(kms, key_id)


@pytest.mark.parametrize(
    ("lines", "rule"),
    [
        ('alias = "a b"', "alias"),
        ('region = "ap-singapore"', "region"),
        ('id = "x"', "id"),
        ('state = "Archived"', "state"),
        ('algorithm = "DES"', "AES_256, SM4"),
        ('algorithm = "SM4"\nsecret = "QUJD"', "not the 48 of SM4"),
        ('secret = "x"', "base64"),
        ("secret = 1", "type str"),
        ("created = -1", "created"),
        ("devices = [1]", "list of texts"),
        ('devices = ["x"]', "no device fingerprint"),
        (f'devices = ["{GOOD} a", "{GOOD} b"]', "none twice"),
        (f"devices = {[nobody()['Identity'] for _ in range(201)]}", "at most 200"),
    ],
)
def test_a_malformed_table_is_refused_and_adds_nothing(kms: EmbeddedKms, lines: str, rule: str) -> None:
    alias = "" if lines.startswith("alias") else 'alias = "demo"\n'
    text = f'[[key]]\nalias = "cmk"\n[[white-box-key]]\n{alias}{lines}\n'
    with pytest.raises(InputError, match="white-box-key 1") as caught:
        seeding.apply(kms, text)
    assert rule in caught.value.message
    assert details(kms) == []
    assert kms.call("ListKeys", {})["TotalCount"] == 0


def test_what_the_store_has_is_not_added_again(kms: EmbeddedKms, key_id: str) -> None:
    cmk = kms.call("CreateKey", {"Alias": "cmk"})["KeyId"]
    for kind, field in (
        ("white-box-key", f'id = "{key_id}"\nalias = "new"'),
        ("white-box-key", f'id = "{cmk}"\nalias = "new"'),
        ("white-box-key", 'alias = "orders"'),
        ("key", f'id = "{key_id}"\nalias = "new"'),
    ):
        with pytest.raises(InputError, match="already"):
            seeding.apply(kms, f"[[{kind}]]\n{field}\n")


def test_the_command_tells_what_was_added(kms: EmbeddedKms) -> None:
    import os
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-m", "kmstool", "--profile", "local", "local", "seed", "-"],
        env=os.environ | {"KMSTOOL_LOCAL_HOME": str(kms.store.folder)},
        input=documented(),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert re.search(r"^secret-key\tEnabled\tap-guangzhou\t6f6e2a6c-", done.stdout, re.MULTILINE)
