"""Tencent's SDK for Node works with the served KMS, by every method and signature that it has."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).with_name("kms.js")

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
Start = Callable[[list[str], Mapping[str, str]], Call]


@pytest.fixture
def client(server: Any, node_modules: str, converse: Start) -> Callable[..., Call]:
    """A way to start the SDK in a process, with other options or variables if need be."""
    program = shutil.which("node")
    assert program, "the SDK is there, and Node is not"

    def start(options: Mapping[str, str] | None = None, **variables: str) -> Call:
        chosen = {
            "protocol": "http://",
            "endpoint": server.netloc,
            "signMethod": "TC3-HMAC-SHA256",
            "reqMethod": "POST",
        }
        environ = {**server.environ, **server.variables, "NODE_PATH": node_modules, **variables}
        environ["KMS_OPTIONS"] = json.dumps({**chosen, **(options or {})})
        return converse([program, str(SCRIPT)], environ)

    return start


def test_the_life_of_a_key(client: Callable[..., Call], live: Callable[[Call], None]) -> None:
    live(client())


def test_the_life_of_a_data_key(client: Callable[..., Call], live_data_key: Callable[[Call], None]) -> None:
    live_data_key(client())


@pytest.mark.parametrize(
    "options",
    [
        {"reqMethod": "GET"},
        {"signMethod": "HmacSHA256"},
        {"signMethod": "HmacSHA1"},
        {"signMethod": "HmacSHA256", "reqMethod": "GET"},
        {"signMethod": "HmacSHA1", "reqMethod": "GET"},
    ],
    ids=lambda options: " ".join(options.values()),
)
def test_the_life_of_a_key_by_other_ways(
    client: Callable[..., Call], live: Callable[[Call], None], options: Mapping[str, str]
) -> None:
    live(client(options))


def test_by_another_name_of_this_machine(server: Any, client: Callable[..., Call]) -> None:
    """The SDK signs the name alone and calls the service after it."""
    port = server.netloc.rpartition(":")[2]
    answer = client({"endpoint": f"localhost:{port}"})("GenerateRandom", {"NumberOfBytes": 8})
    assert answer["Plaintext"]


@pytest.mark.parametrize("method", ["TC3-HMAC-SHA256", "HmacSHA256"])
def test_a_wrong_secret_is_refused(client: Callable[..., Call], method: str) -> None:
    answer = client({"signMethod": method}, TENCENTCLOUD_SECRET_KEY="wrong")("GetServiceStatus", {})
    assert answer["Error"]["Code"] == "AuthFailure.SignatureFailure"
    assert answer["RequestId"]


def test_a_temporary_credential(server: Any, client: Callable[..., Call]) -> None:
    made = json.loads(server.run("local", "credentials", "create", "--lifetime", "10m", "--format", "json"))
    secret = {"TENCENTCLOUD_SECRET_ID": made["SecretId"], "TENCENTCLOUD_SECRET_KEY": made["SecretKey"]}
    assert client(TENCENTCLOUD_TOKEN=made["Token"], **secret)("GenerateRandom", {"NumberOfBytes": 8})["Plaintext"]
    answer = client(**secret)("GenerateRandom", {"NumberOfBytes": 8})
    assert answer["Error"]["Code"] == "AuthFailure.TokenFailure"
