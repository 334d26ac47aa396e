"""tccli, Tencent's own command line, works with the served KMS; and it leaves secrets behind where kmstool does not."""

import base64
import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kmstool import whitebox
from kmstool.errors import IntegrityError
from kmstool.whitebox import binding
from tests.program import Ran, kmstool, started, until, waits

TIMEOUT_SECONDS = 60
CANARY = b"canary plaintext of the tests"
REFUSAL = re.compile(r"\[TencentCloudSDKException\] code:(\S+) message:(.*) requestId:(\S+)")

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
Run = Callable[..., Ran]


@pytest.fixture
def run(tccli: Any, server: Any) -> Run:
    """A way to run tccli in the home of this test, with the credentials of the server."""

    def start(*arguments: str, **variables: str) -> Ran:
        ran: Ran = tccli.run(*arguments, **{**server.variables, **variables})
        return ran

    return start


@pytest.fixture
def call(run: Run, server: Any) -> Call:
    """Perform an action: every parameter is an option, what is no text is JSON."""

    def perform(action: str, params: dict[str, Any]) -> dict[str, Any]:
        words = [
            word
            for name, value in params.items()
            for word in (f"--{name}", value if isinstance(value, str) else json.dumps(value))
        ]
        done = run("kms", action, *words, "--endpoint", server.endpoint)
        if done.exit_code == 0:
            assert done.err == ""
            answer: dict[str, Any] = done.json
            return answer
        found = REFUSAL.search(done.err)
        assert found, done.err
        assert done.exit_code == 255
        return {"Error": {"Code": found[1], "Message": found[2]}, "RequestId": found[3]}

    return perform


def test_the_life_of_a_key(call: Call, live: Callable[[Call], None]) -> None:
    live(call)


def test_the_life_of_a_data_key(call: Call, live_data_key: Callable[[Call], None]) -> None:
    live_data_key(call)


@pytest.mark.parametrize("algorithm", ["AES_256", "SM4"])
def test_what_tccli_encrypts_and_binds_kmstool_decrypts_on_that_device(call: Call, algorithm: str) -> None:
    origin, other = b"machine\0of the tests", b"machine\0another"
    created = call("CreateWhiteBoxKey", {"Alias": f"tccli-{algorithm}", "Algorithm": algorithm})
    key_id = created["KeyId"]
    given = {"KeyId": key_id, "PlainText": base64.b64encode(CANARY).decode()}
    encrypted = call("EncryptByWhiteBox", given)
    iv, ciphertext = (base64.b64decode(encrypted[name]) for name in ("InitializationVector", "CipherText"))
    assert whitebox.decrypt(created["DecryptKey"].encode(), iv, ciphertext) == CANARY

    devices = [{"Identity": binding.fingerprint(origin), "Description": "of the tests"}]
    assert "Error" not in call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": key_id, "DeviceFingerprints": devices})
    found = call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})
    assert found["DeviceFingerprints"] == devices
    bound = call("DescribeWhiteBoxDecryptKey", {"KeyId": key_id})["DecryptKey"].encode()
    assert whitebox.decrypt(bound, iv, ciphertext, origin) == CANARY
    with pytest.raises(IntegrityError, match="01000016"):
        whitebox.decrypt(bound, iv, ciphertext, other)

    info = call("DescribeWhiteBoxKey", {"KeyId": key_id})
    assert (info["KeyInfo"]["DeviceFingerprintBind"], nulls(info)) == (True, [])
    assert call("DescribeWhiteBoxServiceStatus", {})["ServiceEnabled"] is True
    assert call("DeleteWhiteBoxKey", {"KeyId": key_id})["Error"]["Code"] == "FailedOperation"
    assert "Error" not in call("DisableWhiteBoxKey", {"KeyId": key_id})
    assert call("EncryptByWhiteBox", given)["Error"]["Code"] == "ResourceUnavailable.KeyDisabled"
    assert "Error" not in call("DeleteWhiteBoxKey", {"KeyId": key_id})
    assert key_id not in [key["KeyId"] for key in call("DescribeWhiteBoxKeyDetails", {})["KeyInfos"]]


def test_no_field_of_an_answer_is_missing(call: Call) -> None:
    """What the service leaves out, tccli shows as null."""
    key_id = call("CreateKey", {"Alias": "tccli"})["KeyId"]
    hosting = {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "tccli"}
    named = {"DataKeyId": call("GenerateDataKey", hosting)["DataKeyId"]}
    for action, params in (
        ("DescribeKey", {"KeyId": key_id}),
        ("DescribeDataKey", named),
        ("GetServiceStatus", {}),
        ("ListAlgorithms", {}),
    ):
        assert nulls(call(action, params)) == []


def nulls(value: Any, where: str = "") -> list[str]:
    if isinstance(value, dict):
        return [found for name, item in value.items() for found in nulls(item, f"{where}.{name}")]
    if isinstance(value, list):
        return [found for item in value for found in nulls(item, where)]
    return [where] if value is None else []


def test_an_endpoint_that_is_configured_once(run: Run, server: Any) -> None:
    """In a profile of its own, with credentials of its own and none in the environment."""
    variables = {"TENCENTCLOUD_SECRET_ID": "", "TENCENTCLOUD_SECRET_KEY": "", "TENCENTCLOUD_REGION": ""}
    given = server.variables
    profile = ("--profile", "here")
    assert run("configure", "set", "kms.endpoint", server.endpoint, *profile, **variables).exit_code == 0
    words = ("secretId", given["TENCENTCLOUD_SECRET_ID"], "secretKey", given["TENCENTCLOUD_SECRET_KEY"])
    assert run("configure", "set", *words, "region", "ap-singapore", *profile, **variables).exit_code == 0
    done = run("kms", "ListAlgorithms", *profile, **variables)
    assert done.json["SymmetricAlgorithms"][0]["Algorithm"] == "AES_256", done.err


def test_a_process_of_its_own(tccli_program: str, server: Any) -> None:
    """As users start it, and not from the process that this file starts all others from."""
    words = ("kms", "GenerateRandom", "--NumberOfBytes", "8", "--endpoint", server.endpoint)
    environ = {**os.environ, **server.variables}
    done = subprocess.run([tccli_program, *words], env=environ, capture_output=True, timeout=60, check=True)
    assert len(base64.b64decode(json.loads(done.stdout)["Plaintext"])) == 8


def test_as_a_proxy_for_the_name_of_the_cloud(run: Run, server: Any) -> None:
    words = ("--endpoint", "http://kms.tencentcloudapi.com", "--https-proxy", server.endpoint)
    done = run("kms", "GenerateRandom", "--NumberOfBytes", "8", *words, NO_PROXY="")
    assert len(base64.b64decode(done.json["Plaintext"])) == 8, done.err


def test_a_wrong_secret_is_refused(run: Run, server: Any) -> None:
    done = run("kms", "GetServiceStatus", "--endpoint", server.endpoint, TENCENTCLOUD_SECRET_KEY="wrong")
    assert done.exit_code == 255
    assert "AuthFailure.SignatureFailure" in done.err


def test_a_temporary_credential(run: Run, server: Any) -> None:
    made = json.loads(server.run("local", "credentials", "create", "--lifetime", "10m", "--format", "json"))
    secret = {"TENCENTCLOUD_SECRET_ID": made["SecretId"], "TENCENTCLOUD_SECRET_KEY": made["SecretKey"]}
    words = ("kms", "GenerateRandom", "--NumberOfBytes", "8", "--endpoint", server.endpoint)
    assert run(*words, TENCENTCLOUD_TOKEN=made["Token"], **secret).exit_code == 0
    assert "AuthFailure.TokenFailure" in run(*words, **secret).err


def test_its_files_are_a_source_of_credentials_for_kmstool(run: Run, server: Any) -> None:
    given = server.variables
    words = ("secretId", given["TENCENTCLOUD_SECRET_ID"], "secretKey", given["TENCENTCLOUD_SECRET_KEY"])
    assert run("configure", "set", *words, "region", "ap-singapore").exit_code == 0
    found = kmstool("auth", "status", "--offline", "--format", "json").json
    assert (found["Profile"], found["Region"]) == ("tccli", "ap-singapore")
    assert len(kmstool("random", "8", "--endpoint", server.endpoint).out) == 17


def holders(folder: Path, secrets: tuple[bytes, ...]) -> list[str]:
    """Return the files below a folder that hold one of the secrets."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if any(secret in path.read_bytes() for secret in secrets)]


def test_what_is_left_behind(home: Path, call: Call, server: Any) -> None:
    """The same plaintext encrypted by both: the one keeps it in its log, the other nowhere."""
    secrets = (CANARY, base64.b64encode(CANARY), CANARY.hex().encode())
    key_id = call("CreateKey", {"Alias": "canary"})["KeyId"]
    assert call("Encrypt", {"KeyId": key_id, "Plaintext": base64.b64encode(CANARY).decode()})["CiphertextBlob"]
    assert holders(home, secrets) == ["tccli.log"]

    (home / ".tccli" / "log" / "tccli.log").unlink()
    server.run("local", "faults", "add", "--action", "Encrypt", "--delay", "2s")
    try:
        with started("encrypt", "--key", key_id, "--debug", **server.variables) as process:
            assert process.stdin
            process.stdin.write(CANARY)
            process.stdin.close()
            # The answer is late, and so it waits for that.
            until(lambda: waits(process, "poll|recv|sk_wait"))
            seen = watched(process.pid)
            process.stdin = None
            out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0, err
    finally:
        server.run("local", "faults", "clear")
    assert len(seen) == 1, "kmstool is alone: it started no program that could see anything"
    assert b"encrypt" in seen[0]
    for place in (*seen, out, err):
        assert not any(secret in place for secret in secrets)
    assert holders(home, secrets) == []
    assert server.run("decrypt", "--profile", "local", stdin=out) == CANARY


def watched(pid: int) -> list[bytes]:
    """Return what others can see of a process and its children: command line and, for the same user, environment."""
    folder = Path("/proc") / str(pid)
    children = [int(word) for task in (folder / "task").iterdir() for word in (task / "children").read_text().split()]
    try:
        variables = (folder / "environ").read_bytes()
    except PermissionError:
        variables = b""
    own = (folder / "cmdline").read_bytes() + variables
    return [own, *(seen for child in children for seen in watched(child))]
