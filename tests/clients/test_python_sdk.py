"""Tencent's SDK for Python works with the served KMS, by every method and signature that it has.

It runs in a process of its own and uses its generated models, which warn of every field
that they do not know; a warning is a failure.
"""

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

import pytest

CLIENT = """
import json, os, sys
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.kms.v20190118 import kms_client, models

options = json.loads(os.environ["KMS_OPTIONS"])
unsigned = options.pop("unsignedPayload", None)
profile = ClientProfile(signMethod=options.pop("signMethod"), httpProfile=HttpProfile(reqTimeout=30, **options))
profile.unsignedPayload = unsigned
given = os.environ
credential = Credential(
    given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"], given.get("TENCENTCLOUD_TOKEN")
)
client = kms_client.KmsClient(credential, given["TENCENTCLOUD_REGION"], profile)
for line in sys.stdin:
    asked = json.loads(line)
    request = getattr(models, asked["action"] + "Request")()
    request._deserialize(asked["params"])
    try:
        answer = getattr(client, asked["action"])(request).to_json_string()
    except TencentCloudSDKException as error:
        answer = json.dumps({"Error": {"Code": error.code, "Message": error.message}, "RequestId": error.requestId})
    print(answer, flush=True)
"""

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
Start = Callable[[list[str], Mapping[str, str]], Call]


@pytest.fixture
def client(server: Any, converse: Start) -> Callable[..., Call]:
    """A way to start the SDK in a process, with other options or variables if need be."""

    def start(options: Mapping[str, Any] | None = None, **variables: str) -> Call:
        chosen = {"protocol": "http", "endpoint": server.netloc, "signMethod": "TC3-HMAC-SHA256", "reqMethod": "POST"}
        environ = {**server.environ, **server.variables, **variables}
        # It looks for host and port in NO_PROXY, as `kmstool local env` writes it; so a proxy does no harm.
        environ |= {"HTTP_PROXY": "http://127.0.0.1:1", "http_proxy": "http://127.0.0.1:1"}
        environ["KMS_OPTIONS"] = json.dumps({**chosen, **(options or {})})
        # Its own call of a function that Python 3.12 deprecates is no matter of ours.
        quiet = "ignore::DeprecationWarning:tencentcloud.common.abstract_client"
        return converse([sys.executable, "-W", "always", "-W", quiet, "-c", CLIENT], environ)

    return start


def test_the_life_of_a_key(client: Callable[..., Call], live: Callable[[Call], None]) -> None:
    live(client())


def test_the_life_of_a_data_key(client: Callable[..., Call], live_data_key: Callable[[Call], None]) -> None:
    live_data_key(client())


@pytest.mark.parametrize(
    "options",
    [
        {"reqMethod": "GET"},
        {"unsignedPayload": True},
        {"keepAlive": True},
        {"signMethod": "HmacSHA256"},
        {"signMethod": "HmacSHA1"},
        {"signMethod": "HmacSHA256", "reqMethod": "GET"},
        {"signMethod": "HmacSHA1", "reqMethod": "GET"},
    ],
    ids=lambda options: " ".join(f"{name}={value}" for name, value in options.items()),
)
def test_the_life_of_a_key_by_other_ways(
    client: Callable[..., Call], live: Callable[[Call], None], options: Mapping[str, Any]
) -> None:
    live(client(options))


def test_an_endpoint_with_a_scheme(server: Any, client: Callable[..., Call]) -> None:
    """The SDK then sends and signs the scheme as part of the host."""
    answer = client({"endpoint": server.endpoint})("GenerateRandom", {"NumberOfBytes": 8})
    assert answer["Plaintext"]


@pytest.mark.parametrize("method", ["TC3-HMAC-SHA256", "HmacSHA256"])
def test_a_wrong_secret_is_refused(client: Callable[..., Call], method: str) -> None:
    answer = client({"signMethod": method}, TENCENTCLOUD_SECRET_KEY="wrong")("GetServiceStatus", {})
    assert answer["Error"]["Code"] == "AuthFailure.SignatureFailure"
    assert answer["RequestId"]


@pytest.mark.parametrize("method", ["TC3-HMAC-SHA256", "HmacSHA1"])
def test_a_temporary_credential(server: Any, client: Callable[..., Call], method: str) -> None:
    made = json.loads(server.run("local", "credentials", "create", "--lifetime", "10m", "--format", "json"))
    secret = {"TENCENTCLOUD_SECRET_ID": made["SecretId"], "TENCENTCLOUD_SECRET_KEY": made["SecretKey"]}
    start = {"signMethod": method}
    assert client(start, TENCENTCLOUD_TOKEN=made["Token"], **secret)("GenerateRandom", {"NumberOfBytes": 8})[
        "Plaintext"
    ]
    answer = client(start, **secret)("GenerateRandom", {"NumberOfBytes": 8})
    assert answer["Error"]["Code"] == "AuthFailure.TokenFailure"
