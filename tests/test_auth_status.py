"""`auth status` tries the credential with calls that change nothing: who it is, of what kind, and what it may do."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from kmstool.kms.profiles import Profile
from kmstool.server.tables.cmks import UIN
from kmstool.workflows import tag_connections
from tests.program import Ran, kmstool
from tests.served import Served, serving

ALL = ["list keys", "list data keys", "list white-box keys", "get random bytes"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("served"), "--metadata") as running:
        running.run("key", "create", "--alias", "demo", "--profile", "local")
        yield running


@pytest.fixture
def client(server: Served, tmp_path: Path) -> Iterator[Mapping[str, str]]:
    """The variables of a client with the server's API key; the rules of faults are removed at the end."""
    yield {**server.environ, **server.variables, "HOME": str(tmp_path), "KMSTOOL_HOME": str(tmp_path / "own")}
    server.run("local", "faults", "clear")


def status(client: Mapping[str, str], *options: str, exit_code: int = 0, **variables: str) -> Ran:
    return kmstool("auth", "status", *options, exit_code=exit_code, env={**client, **variables})


def texts(answer: Mapping[str, Any], name: str) -> list[str]:
    return [item["Text"] for item in answer[name]]


def test_a_permanent_credential(client: Mapping[str, str]) -> None:
    answer = status(client, "--format", "json").json
    assert (answer["Kind"], answer["Source"], answer["Expires"]) == ("permanent", "the environment", "never")
    assert (answer["Account"], answer["User"], answer["UserType"]) == (str(UIN), str(UIN), "CAMUser")
    assert (texts(answer, "Allowed"), texts(answer, "Refused")) == (ALL, [])
    lines = dict(re.split(": +", line, maxsplit=1) for line in status(client).out.splitlines())
    assert (lines["account"], lines["may"], lines["may not"]) == (str(UIN), ", ".join(ALL), "-")


def test_a_key_of_the_profile_is_tried_too(client: Mapping[str, str]) -> None:
    kmstool("profile", "set", "mine", "--credentials", "environment", "--key", "demo", env=client)
    answer = status(client, "--profile", "mine", "--format", "json").json
    assert texts(answer, "Allowed") == [*ALL, "see demo", "encrypt with demo", "decrypt with demo"]


def test_a_temporary_credential_of_the_machine(client: Mapping[str, str], server: Served) -> None:
    kmstool("profile", "set", "machine", "--credentials", "cvm-role", env=client)
    answer = status(client, "--profile", "machine", "--format", "json").json
    assert (answer["Kind"], answer["Source"]) == ("metadata", "the CVM's role")
    assert re.fullmatch(r"20..-..-..T..:..:..Z", answer["Expires"])
    assert answer["UserType"] == "CAMRole"
    assert answer["Arn"].startswith(f"qcs::sts:{UIN}:assumed-role/")
    assert server.variables["KMSTOOL_METADATA_ENDPOINT"]


def test_a_role_that_is_assumed(client: Mapping[str, str]) -> None:
    role = "qcs::cam::uin/1:roleName/reader"
    answer = status(
        client, "--format", "json", TENCENTCLOUD_ROLE_ARN=role, KMSTOOL_STS_ENDPOINT=client["KMSTOOL_ENDPOINT"]
    ).json
    assert answer["Kind"] == "role"
    assert answer["Source"] == f"the role {role}, by the environment"
    assert texts(answer, "Allowed") == ALL


def test_a_credential_with_a_token(client: Mapping[str, str], server: Served) -> None:
    made = server.run("local", "credentials", "create", "--lifetime", "1h", "--format", "json").json
    variables = {
        "TENCENTCLOUD_SECRET_ID": made["SecretId"],
        "TENCENTCLOUD_SECRET_KEY": made["SecretKey"],
        "TENCENTCLOUD_TOKEN": made["Token"],
    }
    answer = status(client, "--format", "json", **variables).json
    assert (answer["Kind"], answer["Expires"]) == ("temporary", "not known")


def test_what_is_not_allowed_is_told_with_its_code(client: Mapping[str, str], server: Served) -> None:
    for action in ("GenerateRandom", "ListDataKeyDetail"):
        server.run("local", "faults", "add", "--action", action, "--code", "UnauthorizedOperation")
    lines = dict(re.split(": +", line, maxsplit=1) for line in status(client).out.splitlines())
    assert lines["may"] == "list keys, list white-box keys"
    assert lines["may not"] == "list data keys (UnauthorizedOperation), get random bytes (UnauthorizedOperation)"


@pytest.mark.parametrize("name", ["TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_TOKEN"])
def test_a_credential_that_is_refused_is_no_access(client: Mapping[str, str], name: str) -> None:
    done = status(client, exit_code=4, **{name: "AKID" + "0" * 32})
    assert "AuthFailure" in done.err
    assert done.out == ""


def test_offline_nothing_is_tried(client: Mapping[str, str]) -> None:
    nobody = {"KMSTOOL_ENDPOINT": "http://127.0.0.1:1", "TENCENTCLOUD_SECRET_KEY": "wrong"}
    lines = dict(re.split(": +", line, maxsplit=1) for line in status(client, "--offline", **nobody).out.splitlines())
    assert (lines["kind"], lines["tried"]) == ("permanent", "no, because of --offline")
    assert status(client, "--max-wait", "0", exit_code=7, **nobody).out == ""


def test_where_sts_does_not_answer_a_key_tells_the_account(client: Mapping[str, str]) -> None:
    answer = status(client, "--format", "json", KMSTOOL_STS_ENDPOINT="http://127.0.0.1:1").json
    assert (answer["Account"], answer["User"], answer["Arn"]) == (str(UIN), "", "")


@pytest.mark.parametrize(
    ("kms", "sts"),
    [
        (None, None),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("kms.ap-guangzhou.tencentcloudapi.com", "sts.ap-guangzhou.tencentcloudapi.com"),
        ("https://kms.intl.tencentcloudapi.com", "https://sts.intl.tencentcloudapi.com"),
    ],
)
def test_sts_is_asked_beside_kms(kms: str | None, sts: str | None) -> None:
    """The credential of a private endpoint is never shown to the cloud."""
    assert tag_connections.endpoint_of(kms, "sts") == sts


def test_the_embedded_kms_needs_no_credential(tmp_path: Path) -> None:
    done = kmstool(
        "auth", "status", "--profile", "local", "--format", "json", KMSTOOL_LOCAL_HOME=str(tmp_path / "store")
    )
    assert (done.json["Kind"], done.json["Profile"]) == ("none", Profile("local").name)
    assert not (tmp_path / "store").exists()
