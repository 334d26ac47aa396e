"""The served KMS takes and refuses what the gateway of the cloud does, before any action is performed.

Each rule names the page, or the report of a user of Tencent's SDKs, that tells it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.asking import Ask, Server, code, new_key, send_v1, serving, v1


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served")) as running:
        yield running


# Region: required by pages 573/34420 (2025-11), 1030/32189 (2025-04) and, of GetRegions too, 1030/38196 (2025-12).

MISSING = ("MissingParameter", "The request is missing a required parameter `Region`.")
UNSUPPORTED = ("UnsupportedRegion", "The action not support this region.")


def invalid(name: str) -> tuple[str, str]:
    return "InvalidParameterValue", f"A value specified in `{name}` is not valid, is unsupported, or cannot be used."


REGIONS = {
    "none": (None, MISSING),  # tencentcloud-sdk-go#37, -java#62
    "empty": ("", "invalid"),  # -nodejs#56
    "of the 2017 API": ("gz", "invalid"),  # -python#21
    "no region of the cloud": ("ap-atlantis", "invalid"),
    "in capitals": ("AP-GUANGZHOU", "invalid"),
    "without KMS": ("eu-moscow", UNSUPPORTED),  # -php#46
}


def refusal(answer: Mapping[str, Any]) -> tuple[str, str]:
    return answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.parametrize("action", ["GenerateRandom", "GetRegions", "GetServiceStatus", "CreateKey"])
@pytest.mark.parametrize(("region", "expected"), REGIONS.values(), ids=REGIONS)
def test_a_region_is_required(server: Server, action: str, region: str | None, expected: Any) -> None:
    body = b'{"NumberOfBytes": 8}' if action == "GenerateRandom" else b"{}"
    ask = Ask(action, body, later={"x-tc-region": region})
    assert refusal(ask.send(server)) == (invalid("X-TC-Region") if expected == "invalid" else expected)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("region", "expected"), REGIONS.values(), ids=REGIONS)
def test_a_region_is_required_in_the_older_scheme(
    server: Server, method: str, region: str | None, expected: Any
) -> None:
    fields = v1(server, method, "HmacSHA256", NumberOfBytes=8, Region=region)
    assert refusal(send_v1(server, method, fields)) == (invalid("Region") if expected == "invalid" else expected)


def test_a_role_is_of_a_region_too(server: Server) -> None:
    """tencentcloud-sdk-go#37 is about STS."""
    body = b'{"RoleArn": "qcs::cam::uin/1:roleName/a", "RoleSessionName": "tests"}'
    ask = Ask("AssumeRole", body, service="sts", headers={"x-tc-version": "2018-08-13"})
    assert code(ask.send(server)) is None
    assert refusal(replace(ask, later={"x-tc-region": None}).send(server)) == MISSING


def test_strangers_are_not_told_of_the_region(server: Server) -> None:
    ask = Ask(secret=("AKIDnobody", "wrong"), later={"x-tc-region": None})
    assert code(ask.send(server)) == "AuthFailure.SecretIdNotFound"


def test_a_lenient_server_takes_the_default_region(tmp_path_factory: pytest.TempPathFactory) -> None:
    with serving(tmp_path_factory.mktemp("lenient"), "--lenient") as server:
        key_id = new_key(server)
        describe = Ask("DescribeKey", f'{{"KeyId": "{key_id}"}}'.encode())
        for region in (None, ""):
            assert replace(describe, later={"x-tc-region": region}).send(server)["KeyMetadata"]["KeyId"] == key_id
        for fields in ({"Region": ""}, {"Region": None}):
            assert code(send_v1(server, "GET", v1(server, "GET", None, NumberOfBytes=8, **fields))) is None
        found = replace(describe, later={"x-tc-region": "ap-atlantis"}).send(server)
        assert refusal(found) == invalid("X-TC-Region")
