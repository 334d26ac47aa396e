"""The wire words: every error code has its class, base64 has one form, and what changes the service is known."""

import base64
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import errors
from kmstool.api import protocol
from kmstool.cli.hints import hint_of

# All codes that are more than a plain refusal, whole; every other one is a ServiceError.
CLASSES: dict[str, type[errors.KmsToolError]] = {
    "AuthFailure": errors.AccessError,
    "AuthFailure.InvalidAuthorization": errors.AccessError,
    "AuthFailure.InvalidSecretId": errors.AccessError,
    "AuthFailure.MFAFailure": errors.AccessError,
    "AuthFailure.SecretIdNotFound": errors.AccessError,
    "AuthFailure.SignatureExpire": errors.AccessError,
    "AuthFailure.SignatureFailure": errors.AccessError,
    "AuthFailure.TokenFailure": errors.AccessError,
    "AuthFailure.UnauthorizedOperation": errors.AccessError,
    "UnauthorizedOperation": errors.AccessError,
    "InvalidParameterValue.InvalidCiphertext": errors.IntegrityError,
    "FailedOperation.DecryptError": errors.IntegrityError,
    "ResourceNotFound": errors.NotFoundError,
    "ResourceUnavailable.CmkNotFound": errors.NotFoundError,
    "ResourceUnavailable.DataKeyNotFound": errors.NotFoundError,
    "ResourceUnavailable.CloudResourceBindingNotFound": errors.NotFoundError,
    "FailedOperation.CmkUsedByCloudProduct": errors.KeyStateError,
    "InvalidParameterValue.InvalidKeyUsage": errors.KeyStateError,
    "ResourceUnavailable": errors.KeyStateError,
    "ResourceUnavailable.CmkArchived": errors.KeyStateError,
    "ResourceUnavailable.CmkDisabled": errors.KeyStateError,
    "ResourceUnavailable.CmkNotPendingDelete": errors.KeyStateError,
    "ResourceUnavailable.CmkShouldBeDisabled": errors.KeyStateError,
    "ResourceUnavailable.CmkStateNotSupport": errors.KeyStateError,
    "ResourceUnavailable.DataKeyDisabled": errors.KeyStateError,
    "ResourceUnavailable.DataKeyNotPendingDelete": errors.KeyStateError,
    "ResourceUnavailable.DataKeyPendingDelete": errors.KeyStateError,
    "ResourceUnavailable.DataKeyStateNotSupport": errors.KeyStateError,
    "ResourceUnavailable.KeyDisabled": errors.KeyStateError,
    "ResourceUnavailable.KeyPendingDelete": errors.KeyStateError,
    "ResourceUnavailable.NotPurchased": errors.KeyStateError,
    "ResourceUnavailable.TokenExpired": errors.KeyStateError,
    "UnsupportedOperation.ExternalCmkCanNotRotate": errors.KeyStateError,
    "UnsupportedOperation.NotExternalCmk": errors.KeyStateError,
    "UnsupportedOperation.RotateNotSupported": errors.KeyStateError,
    "LimitExceeded": errors.LimitError,
    "LimitExceeded.CmkLimitExceeded": errors.LimitError,
    "LimitExceeded.DataKeyLimitExceeded": errors.LimitError,
    "LimitExceeded.FingerprintsLimitExceeded": errors.LimitError,
    "LimitExceeded.KeyLimitExceeded": errors.LimitError,
    "RequestLimitExceeded": errors.LimitError,
    "RequestLimitExceeded.GlobalRegionUinLimitExceeded": errors.LimitError,
    "RequestLimitExceeded.IPLimitExceeded": errors.LimitError,
    "RequestLimitExceeded.RotateRateLimited": errors.LimitError,
    "RequestLimitExceeded.UinLimitExceeded": errors.LimitError,
}
COMMON = {
    "ActionOffline",
    "DryRunOperation",
    "FailedOperation",
    "InternalError",
    "InvalidAction",
    "InvalidParameter",
    "InvalidParameterValue",
    "InvalidRequest",
    "IpInBlacklist",
    "IpNotInWhitelist",
    "MissingParameter",
    "NoSuchProduct",
    "NoSuchVersion",
    "RequestSizeLimitExceeded",
    "ResourceInUse",
    "ResourceInsufficient",
    "ResponseSizeLimitExceeded",
    "ServiceUnavailable",
    "UnknownParameter",
    "UnsupportedOperation",
    "UnsupportedProtocol",
    "UnsupportedRegion",
}
MODEL_CODES = {code for action in protocol.actions().values() for code in action.errors}

READING = {
    "AsymmetricRsaDecrypt",
    "AsymmetricSm2Decrypt",
    "Decrypt",
    "DescribeDataKey",
    "DescribeDataKeys",
    "DescribeKey",
    "DescribeKeys",
    "DescribeWhiteBoxDecryptKey",
    "DescribeWhiteBoxDeviceFingerprints",
    "DescribeWhiteBoxKey",
    "DescribeWhiteBoxKeyDetails",
    "DescribeWhiteBoxServiceStatus",
    "Encrypt",
    "EncryptByWhiteBox",
    "GenerateDataKey",
    "GenerateRandom",
    "GetDataKeyCiphertextBlob",
    "GetDataKeyPlaintext",
    "GetKeyRotationStatus",
    "GetPublicKey",
    "GetRegions",
    "GetServiceStatus",
    "ListAlgorithms",
    "ListDataKeyDetail",
    "ListDataKeys",
    "ListKeyDetail",
    "ListKeys",
    "PostQuantumCryptoDecrypt",
    "PostQuantumCryptoEncrypt",
    "PostQuantumCryptoSign",
    "PostQuantumCryptoVerify",
    "ReEncrypt",
    "SignByAsymmetricKey",
    "VerifyByAsymmetricKey",
}


@pytest.mark.parametrize("code", sorted(MODEL_CODES | CLASSES.keys() | COMMON))
def test_every_code_has_its_class(code: str) -> None:
    error = protocol.error(code, "what happened", "request-1")
    assert type(error) is CLASSES.get(code, errors.ServiceError)
    assert (error.message, error.kms_code, error.request_id) == ("what happened", code, "request-1")


def test_the_exit_code_tells_access_integrity_and_refusal_apart() -> None:
    for code in MODEL_CODES | COMMON:
        if code.startswith("AuthFailure") or code == "UnauthorizedOperation":
            expected = 4
        elif code in {"InvalidParameterValue.InvalidCiphertext", "FailedOperation.DecryptError"}:
            expected = 5
        else:
            expected = 6
        assert protocol.error(code, "").exit_code == expected, code


def test_every_code_of_the_official_sdk_has_a_class() -> None:
    from tencentcloud.kms.v20190118 import errorcodes

    codes = {value for name, value in vars(errorcodes).items() if name.isupper()}
    assert len(codes) >= 65
    assert codes >= MODEL_CODES - {"AuthFailure.UnauthorizedOperation"}
    for code in codes:
        assert type(protocol.error(code, "")) is CLASSES.get(code, errors.ServiceError), code


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("AuthFailure.New", errors.AccessError),
        ("AuthFailure.New.Newer", errors.AccessError),
        ("UnauthorizedOperation.New", errors.AccessError),
        ("ResourceUnavailable.New", errors.KeyStateError),
        ("ResourceUnavailable.CmkNotFound.New", errors.NotFoundError),
        ("ResourceNotFound.New", errors.NotFoundError),
        ("LimitExceeded.New", errors.LimitError),
        ("InvalidParameterValue.InvalidCiphertext.New", errors.IntegrityError),
        ("InvalidParameterValue.InvalidCiphertextLength", errors.ServiceError),
        ("ResourceUnavailability", errors.ServiceError),
        ("New.ResourceNotFound", errors.ServiceError),
        ("", errors.ServiceError),
        (".", errors.ServiceError),
    ],
)
def test_an_unknown_code_has_the_class_of_its_longest_known_prefix(
    code: str, expected: type[errors.KmsToolError]
) -> None:
    error = protocol.error(code, "what happened")
    assert type(error) is expected
    assert error.kms_code == code
    # An error without a code is no answer of KMS.
    assert hint_of(error) is None if code else "gateway" in (hint_of(error) or "")


@given(st.text())
@settings(deadline=None)
def test_any_code_gives_an_error(code: str) -> None:
    error = protocol.error(code, "what happened")
    assert error.exit_code in {4, 5, 6}
    assert error.kms_code == code


@given(st.binary())
@settings(deadline=None)
def test_base64_is_standard_and_comes_back(data: bytes) -> None:
    text = protocol.encode(data)
    assert text == base64.b64encode(data).decode("ascii")
    assert protocol.decode(text) == data


def test_base64_has_no_line_breaks() -> None:
    text = protocol.encode(bytes(range(256)) * 100)
    assert len(text) == (25_600 + 2) // 3 * 4
    assert text.rstrip("=").replace("+", "").replace("/", "").isalnum()


@pytest.mark.parametrize(
    "text",
    [
        "QQ",
        "QQ=",
        "QQ===",
        "QR==",
        "QUJDRB==",
        "QQ==\n",
        "\nQQ==",
        " QQ==",
        "Q Q==",
        "QQ==QQ==",
        "=",
        "====",
        "A",
        "QUI",
        "-_-_",
        "QUJD-k-QUJD",
        "é",
        "ＱＱ＝＝",
        "\ud800",
        "QUJD\0",
    ],
)
def test_base64_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the message is the library's
        protocol.decode(text)


@given(
    st.one_of(
        st.text(st.characters(exclude_categories=())),
        st.text("AQR=+/\n -_", max_size=12),
        st.binary().map(protocol.encode).flatmap(lambda text: st.sampled_from([text[:-1], text + "=", text.lower()])),
    )
)
@settings(deadline=None, max_examples=300)
def test_decode_takes_what_encode_writes_and_nothing_else(text: str) -> None:
    try:
        data = protocol.decode(text)
    except ValueError:
        return
    assert protocol.encode(data) == text


@pytest.mark.parametrize("action", sorted(protocol.actions()))
def test_what_only_reads_is_known_for_every_action(action: str) -> None:
    assert protocol.changes(action, {}) is (action not in READING)


def test_the_list_of_reading_actions_is_of_real_actions() -> None:
    assert protocol.actions().keys() > READING


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, False),
        ({"IsHostedByKms": None}, False),
        ({"IsHostedByKms": 0}, False),
        ({"IsHostedByKms": "0"}, False),
        ({"IsHostedByKms": 1}, True),
        ({"IsHostedByKms": "1"}, True),
    ],
)
def test_a_data_key_changes_the_service_only_if_kept_there(params: dict[str, Any], expected: bool) -> None:
    assert protocol.changes("GenerateDataKey", {"KeyId": "x", **params}) is expected


@pytest.mark.parametrize("action", ["FrobnicateKey", "", "describeKey", "GetParametersForImport", "Generate"])
def test_an_unknown_action_is_assumed_to_change_the_service(action: str) -> None:
    assert protocol.changes(action, {})


def test_objects_of_the_model_are_told_from_plain_types() -> None:
    assert protocol.object_fields("Tag") == {"TagKey": "string!", "TagValue": "string!"}
    assert protocol.object_fields("string") is None
    assert protocol.object_fields("list<Tag>") is None


def test_what_is_secret_in_a_request_is_not_shown() -> None:
    secret = {"Plaintext": "QUJD", "PlainText": "QUJD", "ImportKeyMaterial": "QUJD"}
    shown = protocol.without_secrets({**secret, "KeyId": "a"})
    assert shown.keys() == {*secret, "KeyId"}
    assert shown["KeyId"] == "a"
    assert "QUJD" not in shown.values()
