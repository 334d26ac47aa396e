"""For every action that the embedded KMS serves a request that works, and what has to be there before it.

The values are those of Tencent's own examples, so that what is made here fits these too.
"""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from kmstool import words
from kmstool.api import protocol
from kmstool.crypto import formats, keys, pem, rsa
from kmstool.crypto.sm2 import encryption
from kmstool.crypto.sm2.keys import PrivateKey as Sm2PrivateKey
from tests import import_requests

Params = dict[str, Any]
Call = Callable[[str, Params], Params]
"""Performs an action that must succeed."""
Scenario = Callable[[Call], Params]
"""Makes what an action needs and returns a request for it."""

CONTEXT = '{"key1":"value1"}'
PLAINTEXT = protocol.encode(b"test\n")
SIGNED = {"Algorithm": "SM2DSA", "Message": PLAINTEXT, "MessageType": "RAW"}
DEVICES = [{"Identity": "a1" + "0" * 6 + ("-" + "0" * 14) * 3 + "-" + "0" * 16, "Description": "laptop"}]
RSA_ALGORITHM: words.EncryptionAlgorithm = "RSAES_OAEP_SHA_256"


def request(action: str, call: Call) -> Params:
    """Make what an action needs and return a request for it that works."""
    if action not in SCENARIOS:
        pytest.fail(f"{action} is served: add a request for it that works to SCENARIOS in tests/scenarios.py")
    return SCENARIOS[action](call)


def after(action: str, *names: str, **more: Any) -> Scenario:
    """Perform another action, and take these fields of its request or answer."""

    def make(call: Call) -> Params:
        asked = request(action, call)
        told = asked | call(action, asked)
        return {name: told[name] for name in names} | more

    return make


def key(usage: str, **more: Any) -> Scenario:
    """Make a key for a usage."""

    def make(call: Call) -> Params:
        return {"KeyId": call("CreateKey", new_alias() | {"KeyUsage": usage})["KeyId"]} | more

    return make


def new_alias() -> Params:
    return {"Alias": f"key-{secrets.token_hex(8)}"}


def two_keys(call: Call) -> Params:
    return {"KeyIds": [call("CreateKey", new_alias())["KeyId"] for _ in range(2)]}


def public_key(call: Call, key_id: str) -> keys.PublicKey:
    return keys.from_spki(protocol.decode(call("GetPublicKey", {"KeyId": key_id})["PublicKey"]))


def blob_without_context(call: Call) -> Params:
    plain = {"KeyId": call("CreateKey", new_alias())["KeyId"], "Plaintext": PLAINTEXT}
    return {
        "CiphertextBlob": call("Encrypt", plain)["CiphertextBlob"],
        "DestinationKeyId": call("CreateKey", new_alias())["KeyId"],
        "DestinationEncryptionContext": CONTEXT,
    }


def hosted(call: Call) -> Params:
    return after("CreateKey", "KeyId")(call) | new_name() | {"KeySpec": "AES_256", "IsHostedByKms": 1}


def new_name() -> Params:
    return {"DataKeyName": f"data-key-{secrets.token_hex(8)}"}


def data_key(**more: Any) -> Scenario:
    """Make a data key that KMS keeps."""

    def make(call: Call) -> Params:
        return {"DataKeyId": call("GenerateDataKey", hosted(call))["DataKeyId"]} | more

    return make


def two_data_keys(call: Call) -> Params:
    return {"DataKeyIds": [data_key()(call)["DataKeyId"] for _ in range(2)]}


def listed_data_key(call: Call) -> Params:
    asked = hosted(call)
    call("GenerateDataKey", asked)
    return {"SearchKeyAlias": asked["DataKeyName"]}


def external_key(call: Call) -> Params:
    return {"KeyId": call("CreateKey", new_alias() | {"Type": 2})["KeyId"]}


def wrapped_material(call: Call) -> Params:
    asked = request("GetParametersForImport", call)
    return import_requests.wrapped(call("GetParametersForImport", asked), bytes(16), RSA_ALGORITHM)


def white_box_key(**more: Any) -> Scenario:
    """Make a white-box key."""

    def make(call: Call) -> Params:
        return {"KeyId": call("CreateWhiteBoxKey", new_alias() | {"Algorithm": "SM4"})["KeyId"]} | more

    return make


def two_white_box_keys(call: Call) -> Params:
    return {"KeyIds": [white_box_key()(call)["KeyId"] for _ in range(2)]}


def rsa_ciphertext(call: Call) -> Params:
    made = key("ASYMMETRIC_DECRYPT_RSA_2048")(call)
    public = public_key(call, made["KeyId"])
    assert isinstance(public, keys.RsaPublicKey)
    ciphertext = rsa.encrypt(public.key, RSA_ALGORITHM, b"test\n")
    return made | {"Ciphertext": protocol.encode(ciphertext), "Algorithm": RSA_ALGORITHM}


def sm2_ciphertext(call: Call) -> Params:
    made = key("ASYMMETRIC_DECRYPT_SM2")(call)
    public = public_key(call, made["KeyId"])
    assert isinstance(public, keys.Sm2PublicKey)
    ciphertext = formats.write_ciphertext(encryption.encrypt(public.key, b"test"))
    return made | {"Ciphertext": protocol.encode(ciphertext)}


def signature(call: Call) -> Params:
    asked = request("SignByAsymmetricKey", call)
    return asked | {"SignatureValue": call("SignByAsymmetricKey", asked)["Signature"]}


def shielded_data_key(call: Call) -> Params:
    public = keys.Sm2PublicKey(Sm2PrivateKey.generate().public_key)
    return {
        "KeyId": call("CreateKey", new_alias())["KeyId"],
        "KeySpec": "AES_256",
        "EncryptionContext": CONTEXT,
        "EncryptionPublicKey": pem.write_public_key(public),
        "EncryptionAlgorithm": "SM2",
        "IsHostedByKms": 1,
    } | new_name()


SCENARIOS: dict[str, Scenario] = {
    "CreateKey": lambda _: (
        new_alias() | {"Description": "of the tests", "Tags": [{"TagKey": "env", "TagValue": "dev"}]}
    ),
    "DescribeKey": after("CreateKey", "KeyId"),
    "DescribeKeys": two_keys,
    "ListKeys": after("CreateKey", Limit=2),
    "ListKeyDetail": lambda call: {"SearchKeyAlias": after("CreateKey", "Alias")(call)["Alias"], "KeyUsage": "ALL"},
    "UpdateAlias": lambda call: after("CreateKey", "KeyId")(call) | new_alias(),
    "UpdateKeyDescription": after("CreateKey", "KeyId", Description="NewDescription"),
    "EnableKey": after("DisableKey", "KeyId"),
    "DisableKey": after("CreateKey", "KeyId"),
    "EnableKeys": after("DisableKeys", "KeyIds"),
    "DisableKeys": two_keys,
    "ArchiveKey": after("CreateKey", "KeyId"),
    "CancelKeyArchive": after("ArchiveKey", "KeyId"),
    "ScheduleKeyDeletion": after("DisableKey", "KeyId", PendingWindowInDays=7),
    "CancelKeyDeletion": after("ScheduleKeyDeletion", "KeyId"),
    "EnableKeyRotation": after("CreateKey", "KeyId"),
    "DisableKeyRotation": after("EnableKeyRotation", "KeyId"),
    "GetKeyRotationStatus": after("EnableKeyRotation", "KeyId"),
    "RotateKey": after("EnableKeyRotation", "KeyId"),
    "BindCloudResource": after("CreateKey", "KeyId", ProductId="ssm", ResourceId="resourceId"),
    "UnbindCloudResource": after("BindCloudResource", "KeyId", "ProductId", "ResourceId"),
    "Encrypt": after("CreateKey", "KeyId", Plaintext=PLAINTEXT, EncryptionContext=CONTEXT),
    "Decrypt": after("Encrypt", "CiphertextBlob", "EncryptionContext"),
    "ReEncrypt": blob_without_context,
    "GenerateDataKey": shielded_data_key,
    "GenerateRandom": lambda _: {"NumberOfBytes": 10},
    "ImportDataKey": lambda call: (
        after("CreateKey", "KeyId", ImportType=2, ImportKeyMaterial=PLAINTEXT)(call) | new_name()
    ),
    "ListDataKeys": lambda call: data_key()(call) and {"Limit": 2},
    "ListDataKeyDetail": listed_data_key,
    "DescribeDataKey": data_key(),
    "DescribeDataKeys": two_data_keys,
    "EnableDataKey": after("DisableDataKey", "DataKeyId"),
    "DisableDataKey": data_key(),
    "EnableDataKeys": after("DisableDataKeys", "DataKeyIds"),
    "DisableDataKeys": two_data_keys,
    "ScheduleDataKeyDeletion": after("DisableDataKey", "DataKeyId", PendingWindowInDays=7),
    "CancelDataKeyDeletion": after("ScheduleDataKeyDeletion", "DataKeyId"),
    "UpdateDataKeyName": lambda call: data_key()(call) | new_name(),
    "UpdateDataKeyDescription": data_key(Description="NewDescription"),
    "GetDataKeyPlaintext": data_key(),
    "GetDataKeyCiphertextBlob": data_key(),
    "GetParametersForImport": lambda call: (
        external_key(call) | {"WrappingAlgorithm": RSA_ALGORITHM, "WrappingKeySpec": "RSA_2048"}
    ),
    "ImportKeyMaterial": wrapped_material,
    "DeleteImportedKeyMaterial": after("ImportKeyMaterial", "KeyId"),
    "GetPublicKey": key("ASYMMETRIC_DECRYPT_RSA_2048"),
    "SignByAsymmetricKey": key("ASYMMETRIC_SIGN_VERIFY_SM2", **SIGNED),
    "VerifyByAsymmetricKey": signature,
    "AsymmetricRsaDecrypt": rsa_ciphertext,
    "AsymmetricSm2Decrypt": sm2_ciphertext,
    "CreateWhiteBoxKey": lambda _: (
        new_alias() | {"Algorithm": "AES_256", "Description": "d", "Tags": [{"TagKey": "env", "TagValue": "dev"}]}
    ),
    "DescribeWhiteBoxKey": white_box_key(),
    "DescribeWhiteBoxKeyDetails": after("CreateWhiteBoxKey"),
    "DescribeWhiteBoxDecryptKey": white_box_key(),
    "EncryptByWhiteBox": white_box_key(PlainText=PLAINTEXT),
    "EnableWhiteBoxKey": after("DisableWhiteBoxKey", "KeyId"),
    "DisableWhiteBoxKey": white_box_key(),
    "EnableWhiteBoxKeys": after("DisableWhiteBoxKeys", "KeyIds"),
    "DisableWhiteBoxKeys": two_white_box_keys,
    "DeleteWhiteBoxKey": after("DisableWhiteBoxKey", "KeyId"),
    "OverwriteWhiteBoxDeviceFingerprints": white_box_key(DeviceFingerprints=DEVICES),
    "DescribeWhiteBoxDeviceFingerprints": after("OverwriteWhiteBoxDeviceFingerprints", "KeyId"),
    "DescribeWhiteBoxServiceStatus": lambda _: {},
    "GetServiceStatus": lambda _: {},
    "GetRegions": lambda _: {},
    "ListAlgorithms": lambda _: {},
}
