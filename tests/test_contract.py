"""Whatever leads to a KMS, the same request has the same answer: in process, over HTTP, by Tencent's SDK, in the cloud.

The cloud takes part only if KMSTOOL_CONTRACT_PROFILE names a profile with credentials; it
bills the keys that are made there until their deletion, which is scheduled at the end.
"""

import os
import secrets
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kmstool import whitebox
from kmstool.api import protocol
from kmstool.cli.session.session import Session
from kmstool.errors import IntegrityError, KeyStateError, KmsToolError, NotFoundError, ServiceError
from kmstool.kms.port import Transport
from kmstool.kms.provider import Credential, FixedProvider
from kmstool.kms.transport.cloud import CloudTransport
from kmstool.kms.transport.retry import RetryingTransport
from kmstool.kms.transport.sdk import SdkTransport
from kmstool.server.app import EmbeddedKms
from kmstool.whitebox import binding, key_file
from tests.served import serving

# Each test has an empty home and no such variables; what was there before is for the cloud.
ENVIRON = dict(os.environ)
CLOUD_PROFILE = ENVIRON.get("KMSTOOL_CONTRACT_PROFILE")
REGION = "ap-guangzhou"
TIMEOUT_SECONDS = 30
DAY = 86400

Folder = Callable[[str], Path]


def in_process(folder: Path) -> Iterator[Transport]:
    kms = EmbeddedKms(folder / "store", REGION)
    yield kms
    kms.close()


def over_http(folder: Path) -> Iterator[Transport]:
    with serving(folder) as found:
        given = found.variables
        credential = Credential(given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"])
        yield CloudTransport(FixedProvider(credential, "the tests"), REGION, endpoint=found.endpoint)


def over_the_sdk(folder: Path) -> Iterator[Transport]:
    with serving(folder) as found:
        given = found.variables
        credential = Credential(given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"])
        yield SdkTransport(FixedProvider(credential, "the tests"), REGION, endpoint=found.endpoint)


def in_the_cloud(folder: Path) -> Iterator[Transport]:
    transport = Session(ENVIRON).transport(profile=CLOUD_PROFILE)
    made = Recorded(transport)
    yield made
    for key_id in made.key_ids:
        with suppress(KmsToolError):
            transport.call("DisableKey", {"KeyId": key_id})
        with suppress(KmsToolError):
            transport.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})


class Recorded:
    """Remembers the keys that were made, so that they can be deleted."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.key_ids: list[str] = []

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        answer = self._inner.call(action, params)
        if action == "CreateKey":
            self.key_ids.append(answer["KeyId"])
        return answer


WAYS = {
    "in process": in_process,
    "HTTP": over_http,
    "Tencent's SDK": over_the_sdk,
    **({"cloud": in_the_cloud} if CLOUD_PROFILE else {}),
}


@pytest.fixture(scope="module", params=WAYS.values(), ids=list(WAYS))
def transport(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Transport]:
    yield from request.param(tmp_path_factory.mktemp("contract"))


@pytest.fixture(scope="module")
def key_id(transport: Transport) -> str:
    """A key that tests use and leave as it is."""
    found: str = ask(transport, "CreateKey", Alias=new_alias())["KeyId"]
    return found


def new_alias() -> str:
    return "contract-" + secrets.token_hex(8)


def ask(transport: Transport, action: str, /, **params: Any) -> dict[str, Any]:
    """Perform an action and check its answer against the API's model: what is always there, of its type."""
    answer = transport.call(action, params)
    model = protocol.actions()[action].response
    assert uuid.UUID(answer["RequestId"])
    for name, kind in model.items():
        if kind.endswith("!"):
            assert name in answer, name
        if answer.get(name) is not None:
            check(kind.rstrip("!"), answer[name], name)
    return answer


TYPES = {"string": str, "bool": bool, "uint64": int, "int64": int}


def check(kind: str, value: Any, where: str) -> None:
    if kind.startswith("list<"):
        assert isinstance(value, list), where
        for item in value:
            check(kind[5:-1], item, where)
        return
    fields = protocol.object_fields(kind)
    if fields is None:
        assert isinstance(value, TYPES[kind]), where
        return
    for name, inner in fields.items():
        if value.get(name) is not None:
            check(inner.rstrip("!"), value[name], f"{where}.{name}")


def state(transport: Transport, key_id: str) -> str:
    found: str = ask(transport, "DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyState"]
    return found


def refused(transport: Transport, kind: type[KmsToolError], code: str, action: str, /, **params: Any) -> KmsToolError:
    """Perform an action that is refused, and check the error."""
    with pytest.raises(KmsToolError) as caught:
        transport.call(action, params)
    error = caught.value
    assert (type(error), error.kms_code) == (kind, code)
    assert uuid.UUID(error.request_id)
    assert error.message
    return error


def test_the_life_of_a_key(transport: Transport) -> None:
    alias = new_alias()
    before = time.time()
    created = ask(transport, "CreateKey", Alias=alias, Description="日本 'of' the\ttests")
    key_id = created["KeyId"]
    assert (created["Alias"], created["KeyState"], created["KeyUsage"]) == (alias, "Enabled", "ENCRYPT_DECRYPT")
    key = ask(transport, "DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert (key["KeyId"], key["Alias"], key["Description"]) == (key_id, alias, "日本 'of' the\ttests")
    assert (key["Origin"], key["Owner"], key["KeyRotationEnabled"]) == ("TENCENT_KMS", "user", False)
    assert abs(key["CreateTime"] - before) < 300
    assert ask(transport, "DescribeKeys", KeyIds=[key_id])["KeyMetadatas"] == [key]
    listed = ask(transport, "ListKeyDetail", SearchKeyAlias=alias, KeyUsage="ALL")
    assert (listed["TotalCount"], [item["KeyId"] for item in listed["KeyMetadatas"]]) == (1, [key_id])

    renamed = new_alias()
    ask(transport, "UpdateAlias", KeyId=key_id, Alias=renamed)
    ask(transport, "UpdateKeyDescription", KeyId=key_id, Description="another")
    key = ask(transport, "DescribeKey", KeyId=key_id)["KeyMetadata"]
    assert (key["Alias"], key["Description"]) == (renamed, "another")

    ask(transport, "EnableKeyRotation", KeyId=key_id, RotateDays=30)
    assert ask(transport, "GetKeyRotationStatus", KeyId=key_id)["KeyRotationEnabled"] is True
    ask(transport, "DisableKeyRotation", KeyId=key_id)
    assert ask(transport, "GetKeyRotationStatus", KeyId=key_id)["KeyRotationEnabled"] is False

    deletion = {"KeyId": key_id, "PendingWindowInDays": 7}
    refused(transport, KeyStateError, "ResourceUnavailable.CmkShouldBeDisabled", "ScheduleKeyDeletion", **deletion)
    ask(transport, "DisableKey", KeyId=key_id)
    assert state(transport, key_id) == "Disabled"
    encrypt = {"KeyId": key_id, "Plaintext": protocol.encode(b"secret")}
    refused(transport, KeyStateError, "ResourceUnavailable.CmkDisabled", "Encrypt", **encrypt)
    ask(transport, "EnableKey", KeyId=key_id)
    ask(transport, "Encrypt", **encrypt)
    ask(transport, "DisableKeys", KeyIds=[key_id])

    date = ask(transport, "ScheduleKeyDeletion", **deletion)["DeletionDate"]
    assert 7 * DAY - 300 < date - before < 8 * DAY + 300
    assert state(transport, key_id) == "PendingDelete"
    assert ask(transport, "DescribeKey", KeyId=key_id)["KeyMetadata"]["DeletionDate"] == date
    refused(transport, KeyStateError, "ResourceUnavailable.CmkStateNotSupport", "EnableKey", KeyId=key_id)
    assert ask(transport, "CancelKeyDeletion", KeyId=key_id)["KeyId"] == key_id
    assert state(transport, key_id) == "Disabled"
    code = "ResourceUnavailable.CmkNotPendingDelete"
    refused(transport, KeyStateError, code, "CancelKeyDeletion", KeyId=key_id)


def test_the_life_of_a_white_box_key(transport: Transport) -> None:
    if not ask(transport, "DescribeWhiteBoxServiceStatus")["ServiceEnabled"]:
        refused(transport, KeyStateError, "ResourceUnavailable.NotPurchased", "DescribeWhiteBoxKeyDetails")
        return
    alias = new_alias()
    created = ask(transport, "CreateWhiteBoxKey", Alias=alias, Algorithm="SM4", Description="日本")
    key_id, iv = created["KeyId"], protocol.encode(bytes(range(16)))
    key = ask(transport, "DescribeWhiteBoxKey", KeyId=key_id)["KeyInfo"]
    assert (key["Alias"], key["Algorithm"], key["Status"], key["Description"]) == (alias, "SM4", "Enabled", "日本")
    assert key_id in [item["KeyId"] for item in ask(transport, "DescribeWhiteBoxKeyDetails")["KeyInfos"]]
    encryption = {"KeyId": key_id, "PlainText": SECRET}
    encrypted = ask(transport, "EncryptByWhiteBox", **encryption, InitializationVector=iv)
    ciphertext = protocol.decode(encrypted["CipherText"])
    assert (encrypted["InitializationVector"], len(ciphertext)) == (iv, 16)
    assert ask(transport, "EncryptByWhiteBox", **encryption)["CipherText"] != encrypted["CipherText"]
    if key_file.is_ours(protocol.decode(created["DecryptKey"])):
        assert whitebox.decrypt(created["DecryptKey"].encode(), protocol.decode(iv), ciphertext) == b"secret"

    devices = [{"Identity": binding.fingerprint(b"a device"), "Description": "of the tests"}]
    ask(transport, "OverwriteWhiteBoxDeviceFingerprints", KeyId=key_id, DeviceFingerprints=devices)
    assert ask(transport, "DescribeWhiteBoxDeviceFingerprints", KeyId=key_id)["DeviceFingerprints"] == devices
    assert ask(transport, "DescribeWhiteBoxKey", KeyId=key_id)["KeyInfo"]["DeviceFingerprintBind"] is True
    assert ask(transport, "DescribeWhiteBoxDecryptKey", KeyId=key_id)["DecryptKey"] != created["DecryptKey"]

    refused(transport, ServiceError, "FailedOperation", "DeleteWhiteBoxKey", KeyId=key_id)
    ask(transport, "DisableWhiteBoxKeys", KeyIds=[key_id])
    refused(transport, KeyStateError, "ResourceUnavailable.KeyDisabled", "EncryptByWhiteBox", **encryption)
    ask(transport, "DeleteWhiteBoxKey", KeyId=key_id)
    refused(transport, NotFoundError, "ResourceNotFound", "DescribeWhiteBoxKey", KeyId=key_id)


@pytest.mark.parametrize("plaintext", [b"s", bytes(range(256)), b"\xff" * 4096], ids=["one", "all", "most"])
def test_encryption_under_a_context(transport: Transport, key_id: str, plaintext: bytes) -> None:
    context = '{"a":"1","b":"日本"}'
    params = {"KeyId": key_id, "Plaintext": protocol.encode(plaintext), "EncryptionContext": context}
    encrypted = ask(transport, "Encrypt", **params)
    blob = encrypted["CiphertextBlob"]
    assert encrypted["KeyId"] == key_id
    assert len(blob.split("-k-")) == 3
    assert ask(transport, "Encrypt", **params)["CiphertextBlob"] != blob
    decrypted = ask(transport, "Decrypt", CiphertextBlob=blob, EncryptionContext=context)
    assert (decrypted["KeyId"], protocol.decode(decrypted["Plaintext"])) == (key_id, plaintext)
    code = "InvalidParameterValue.InvalidCiphertext"
    refused(transport, IntegrityError, code, "Decrypt", CiphertextBlob=blob)
    refused(transport, IntegrityError, code, "Decrypt", CiphertextBlob=blob, EncryptionContext='{"a":"1"}')
    altered = blob[:-6] + ("AAAA" if blob[-6:-2] != "AAAA" else "BBBB") + blob[-2:]
    refused(transport, IntegrityError, code, "Decrypt", CiphertextBlob=altered, EncryptionContext=context)


def test_a_data_key(transport: Transport, key_id: str) -> None:
    for params, size in (({"KeySpec": "AES_256"}, 32), ({"KeySpec": "AES_128"}, 16), ({"NumberOfBytes": 100}, 100)):
        made = ask(transport, "GenerateDataKey", KeyId=key_id, EncryptionContext='{"a":"1"}', **params)
        assert len(protocol.decode(made["Plaintext"])) == size
        found = ask(transport, "Decrypt", CiphertextBlob=made["CiphertextBlob"], EncryptionContext='{"a":"1"}')
        assert (found["Plaintext"], found["KeyId"]) == (made["Plaintext"], key_id)


def test_a_blob_moves_to_another_key(transport: Transport, key_id: str) -> None:
    other = ask(transport, "CreateKey", Alias=new_alias())["KeyId"]
    blob = ask(transport, "Encrypt", KeyId=key_id, Plaintext=protocol.encode(b"secret"))["CiphertextBlob"]
    moved = ask(transport, "ReEncrypt", CiphertextBlob=blob, DestinationKeyId=other)
    assert (moved["KeyId"], moved["SourceKeyId"], moved["ReEncrypted"]) == (other, key_id, True)
    found = ask(transport, "Decrypt", CiphertextBlob=moved["CiphertextBlob"])
    assert (found["KeyId"], protocol.decode(found["Plaintext"])) == (other, b"secret")


def test_random_bytes(transport: Transport) -> None:
    made = {ask(transport, "GenerateRandom", NumberOfBytes=32)["Plaintext"] for _ in range(3)}
    assert {len(protocol.decode(text)) for text in made} == {32}
    assert len(made) == 3


def test_every_answer_has_an_id_of_its_own(transport: Transport) -> None:
    assert len({ask(transport, "GetServiceStatus")["RequestId"] for _ in range(5)}) == 5


@pytest.mark.parametrize("action", ["GetServiceStatus", "GetRegions", "ListAlgorithms", "ListKeys", "ListKeyDetail"])
def test_what_needs_no_parameters(transport: Transport, action: str) -> None:
    assert ask(transport, action).keys() > {"RequestId"}


UNKNOWN = "6f6e2a6c-e7ca-11f1-8000-52540000ffff"
SECRET = protocol.encode(b"secret")

REFUSED: dict[str, tuple[type[KmsToolError], str, str, dict[str, Any]]] = {
    "unknown key": (NotFoundError, "ResourceUnavailable.CmkNotFound", "DescribeKey", {"KeyId": UNKNOWN}),
    "key of many": (NotFoundError, "ResourceUnavailable.CmkNotFound", "DescribeKeys", {"KeyIds": ["", UNKNOWN]}),
    "to encrypt": (
        NotFoundError,
        "ResourceUnavailable.CmkNotFound",
        "Encrypt",
        {"KeyId": UNKNOWN, "Plaintext": SECRET},
    ),
    "malformed key id": (ServiceError, "InvalidParameterValue.InvalidKeyId", "DescribeKey", {"KeyId": "demo"}),
    "malformed alias": (ServiceError, "InvalidParameterValue.InvalidAlias", "CreateKey", {"Alias": "a b"}),
    "kept alias": (ServiceError, "InvalidParameterValue.InvalidAlias", "CreateKey", {"Alias": "kms-a"}),
    "no plaintext": (ServiceError, "InvalidParameterValue.InvalidPlaintext", "Encrypt", {"KeyId": "", "Plaintext": ""}),
    "no base64": (ServiceError, "InvalidParameterValue.InvalidPlaintext", "Encrypt", {"KeyId": "", "Plaintext": "a"}),
    "long plaintext": (
        ServiceError,
        "InvalidParameterValue.InvalidPlaintext",
        "Encrypt",
        {"KeyId": "", "Plaintext": protocol.encode(bytes(4097))},
    ),
    "no blob": (IntegrityError, "InvalidParameterValue.InvalidCiphertext", "Decrypt", {"CiphertextBlob": "abc"}),
    "short window": (
        KeyStateError,
        "ResourceUnavailable.CmkShouldBeDisabled",
        "ScheduleKeyDeletion",
        {"KeyId": "", "PendingWindowInDays": 7},
    ),
    "missing parameter": (ServiceError, "MissingParameter", "DescribeKey", {}),
    "unknown parameter": (ServiceError, "UnknownParameter", "GenerateRandom", {"NumberOfBytes": 1, "Size": 1}),
    "wrong type": (ServiceError, "InvalidParameter", "DescribeKeys", {"KeyIds": "a"}),
    "too many at once": (ServiceError, "InvalidParameter", "ListKeys", {"Limit": 201}),
    "unknown action": (ServiceError, "InvalidAction", "GenerateRandoms", {}),
}


@pytest.mark.parametrize(("kind", "code", "action", "params"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(
    transport: Transport, key_id: str, kind: type[KmsToolError], code: str, action: str, params: dict[str, Any]
) -> None:
    """An empty KeyId stands for a key that there is."""
    given = {name: key_id if name == "KeyId" and value == "" else value for name, value in params.items()}
    if "KeyIds" in given and isinstance(given["KeyIds"], list):
        given["KeyIds"] = [item or key_id for item in given["KeyIds"]]
    refused(transport, kind, code, action, **given)


def test_an_alias_is_given_once(transport: Transport, key_id: str) -> None:
    alias = ask(transport, "DescribeKey", KeyId=key_id)["KeyMetadata"]["Alias"]
    refused(transport, ServiceError, "InvalidParameterValue.AliasAlreadyExists", "CreateKey", Alias=alias)


def test_keys_are_listed_page_by_page(transport: Transport, key_id: str) -> None:
    total = ask(transport, "ListKeys", Limit=1)["TotalCount"]
    assert total >= 1
    found: list[str] = []
    for offset in range(0, total, 2):
        page = ask(transport, "ListKeys", Offset=offset, Limit=2)["Keys"]
        assert len(page) == min(2, total - offset)
        found += [key["KeyId"] for key in page]
    assert len(set(found)) == total
    assert key_id in found
    assert ask(transport, "ListKeys", Offset=total, Limit=2)["Keys"] == []


def test_retries_stand_before_any_of_them(transport: Transport, key_id: str) -> None:
    """`RetryingTransport` changes neither answers nor refusals, and sleeps for neither."""
    slept: list[float] = []
    retrying = RetryingTransport(transport, sleep=slept.append)
    assert ask(retrying, "DescribeKey", KeyId=key_id)["KeyMetadata"]["KeyId"] == key_id
    refused(retrying, NotFoundError, "ResourceUnavailable.CmkNotFound", "DescribeKey", KeyId=UNKNOWN)
    assert slept == []
