"""The words of the KMS of 2017: codes have their classes, and names their forms."""

import pytest

from kmstool import errors
from kmstool.api import beta
from kmstool.api.beta import Code
from kmstool.kms.transport import limiter
from kmstool.kms.transport.retry import Verdict, classify

# Every code of the pages 228/9260 and 213/6982, those of 573/8889 to 8898, and one that nobody knows.
CLASSES = {
    4000: errors.ServiceError,
    4100: errors.AccessError,
    4101: errors.AccessError,
    4104: errors.AccessError,
    4105: errors.AccessError,
    4110: errors.AccessError,
    4200: errors.AccessError,
    4300: errors.AccessError,
    4400: errors.LimitError,
    4490: errors.ServiceError,
    4500: errors.AccessError,
    4510: errors.LimitError,
    4520: errors.ServiceError,
    4540: errors.ServiceError,
    4560: errors.KeyStateError,
    4580: errors.IntegrityError,
    4590: errors.ServiceError,
    4600: errors.ServiceError,
    5000: errors.NotFoundError,
    5100: errors.ServiceError,
    5200: errors.ServiceError,
    6000: errors.ServiceError,
    6100: errors.ServiceError,
    6200: errors.ServiceError,
    9999: errors.ServiceError,
}


@pytest.mark.parametrize(("code", "kind"), CLASSES.items())
def test_a_code_has_its_class(code: int, kind: type[errors.KmsToolError]) -> None:
    error = beta.error("Encrypt", code, "m", "r")
    assert (type(error), error.kms_code, error.message, error.request_id) == (
        errors.AccessError if kind is errors.AccessError and code == 4300 else kind, str(code), "m", "r",
    )  # fmt: skip


def test_every_code_of_ours_is_in_the_table() -> None:
    assert {int(code) for code in Code} <= set(CLASSES)


def test_the_code_that_two_things_have_is_told_by_the_module() -> None:
    assert type(beta.error("CreateKey", 4500, "(10480)alias exists")) is errors.ServiceError
    assert type(beta.error("CreateKey", 4500, "the nonce was used")) is errors.AccessError
    assert type(beta.error("Encrypt", 4500, "(10480)alias exists")) is errors.AccessError


def test_the_code_of_the_module_stands_before_the_message() -> None:
    assert beta.refuse("Decrypt", Code.BLOB, "altered").message == "(10680)altered"
    assert beta.refuse("ListKey", Code.PARAMETER, "wrong").message == "wrong"


def test_the_codes_that_pass_are_those_after_which_is_tried_again() -> None:
    verdicts = {code: classify(beta.error("Encrypt", code, "m")) for code in CLASSES}
    passing = {code for code, verdict in verdicts.items() if verdict in (Verdict.LATER, Verdict.UNKNOWN)}
    unknown = {code for code, verdict in verdicts.items() if verdict is Verdict.UNKNOWN}
    assert passing == {int(code) for code in beta.LATER}
    assert unknown == {int(code) for code in beta.UNKNOWN}
    assert str(int(Code.OVER_QUOTA)) in limiter.THROTTLED


@pytest.mark.parametrize("text", ["kms-345sdfk", "kms-00000000", "kms-zzzzzzzz"])
def test_a_key_id_is_one(text: str) -> None:
    assert beta.is_key_id(text)


@pytest.mark.parametrize(
    "text", ["", "kms-", "kms-345sdf", "kms-345sdfk00", "kms-345sdfK", "KMS-345sdfk", "kms-345sdfk\n", "kms-345sdf٣"]
)
def test_what_is_no_key_id_is_none(text: str) -> None:
    assert not beta.is_key_id(text)


def test_an_alias_has_up_to_32_characters_that_show() -> None:
    assert all(beta.is_alias(text) for text in ("a", "for test", "日本", "a" * 32, "@a"))
    assert not any(beta.is_alias(text) for text in ("", "a" * 33, "a\nb", "\x7f"))


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("kms-gz.api.qcloud.com", "ap-guangzhou"),
        ("kms-sh.api.tencentyun.com", "ap-shanghai"),
        ("kms-bj.api.qcloud.com", "ap-beijing"),
        ("kms-xx.api.qcloud.com", None),
        ("kms-gz.api.qcloud.com.example.org", None),
        ("127.0.0.1", None),
        ("", None),
    ],
)
def test_a_host_says_its_region(host: str, region: str | None) -> None:
    assert beta.region_of_host(host) == region


def test_a_code_has_a_name_for_those_who_show_it() -> None:
    assert [beta.code_name(code) for code in (0, 4400, 4580, 1)] == [
        "Success", "RequestLimitExceeded", "OperationFailed", "OperationFailed",
    ]  # fmt: skip
