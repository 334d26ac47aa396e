"""Foreign clients meet the served KMS here: each is a program of its own, and all live through the same life of a key."""

import base64
import json
import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import unable
from tests.foreign import TCCLI
from tests.program import Ran, kmstool
from tests.served import serving

# Each test has an environment without such variables, so it is read before the first one.
NODE_MODULES = os.environ.get("KMSTOOL_NODE_MODULES")
WARM_TCCLI = Path(__file__).with_name("warm_tccli.py")
TIMEOUT_SECONDS = 60
UNKNOWN_KEY = "6f6e2a6c-e7ca-11f1-8000-52540000ffff"
DAY = 86400

Call = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Performs an action and returns the inner object, with `Error` in it for a refusal."""


@pytest.fixture
def tccli_program() -> str:
    """The path of tccli, which lives in an environment of its own."""
    if not TCCLI or not Path(TCCLI).exists():
        unable("KMSTOOL_TCCLI does not name tccli")
    return str(TCCLI)


class Tccli:
    """tccli, loaded once: each command is a fork of that process."""

    def __init__(self, folder: Path) -> None:
        python = Path(str(TCCLI)).with_name("python3")
        self._folder = folder
        # Its home counts while it is loaded, when it opens its log.
        self._process = subprocess.Popen(
            [python, WARM_TCCLI],
            env={**os.environ, "HOME": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def run(self, *words: str, **variables: str) -> Ran:
        """Run a command in the environment of this test, with more variables; one that is empty is not set."""
        environ = {name: value for name, value in {**os.environ, **variables}.items() if value}
        stdout, stderr = self._folder / "stdout", self._folder / "stderr"
        job = {"words": words, "environ": environ, "stdout": str(stdout), "stderr": str(stderr)}
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return Ran(int(self._answer()), stdout.read_bytes(), stderr.read_bytes())

    def close(self) -> None:
        self._process.communicate(timeout=TIMEOUT_SECONDS)
        assert self._process.returncode == 0

    def _answer(self) -> str:
        assert self._process.stdout
        return self._process.stdout.readline().rstrip("\n")


@pytest.fixture(scope="session")
def warm_tccli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tccli]:
    program = Tccli(tmp_path_factory.mktemp("tccli"))
    yield program
    program.close()


@pytest.fixture
def tccli(tccli_program: str, request: pytest.FixtureRequest) -> Tccli:
    """A way to run tccli, Tencent's own command line."""
    found: Tccli = request.getfixturevalue("warm_tccli")
    return found


@pytest.fixture
def node_modules() -> str:
    """The folder `node_modules` with Tencent's SDK for Node."""
    if not NODE_MODULES or not (Path(NODE_MODULES) / "tencentcloud-sdk-nodejs").exists():
        unable("KMSTOOL_NODE_MODULES does not name a folder with tencentcloud-sdk-nodejs")
    return str(Path(str(NODE_MODULES)).absolute())


@dataclass(frozen=True)
class Server:
    """A running server; `environ` is what programs beside it need, `variables` what `kmstool local env` says."""

    folder: Path
    environ: Mapping[str, str]
    variables: Mapping[str, str]

    @property
    def endpoint(self) -> str:
        return self.variables["KMSTOOL_ENDPOINT"]

    @property
    def netloc(self) -> str:
        return self.endpoint.partition("://")[2]

    def run(self, *arguments: str, stdin: bytes = b"") -> bytes:
        """Run kmstool beside the server, and return what it prints."""
        return kmstool(*arguments, env=self.environ, stdin=stdin).stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("served")) as found:
        yield Server(found.folder, found.environ, found.variables)


class Conversation:
    """A program that reads a request a line and writes an answer a line, both in JSON."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"action": action, "params": params}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the client ended"
        answer: dict[str, Any] = json.loads(line)
        return answer


@pytest.fixture
def converse(tmp_path: Path) -> Iterator[Callable[[list[str], Mapping[str, str]], Call]]:
    """A way to start such programs; they must end well and have nothing to say on stderr."""
    running: list[subprocess.Popen[str]] = []
    errors = tmp_path / "stderr"

    def start(command: list[str], environ: Mapping[str, str]) -> Call:
        with errors.open("a") as log:
            process = subprocess.Popen(
                command, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        running.append(process)
        return Conversation(process)

    yield start
    for process in running:
        with process:
            process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0, errors.read_text()
    if running:
        assert errors.read_text() == ""


def good(answer: dict[str, Any]) -> dict[str, Any]:
    assert "Error" not in answer, answer
    assert uuid.UUID(answer["RequestId"])
    return answer


def refused(answer: dict[str, Any], code: str) -> None:
    assert answer["Error"]["Code"] == code
    assert answer["Error"]["Message"]
    assert uuid.UUID(answer["RequestId"])


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def use(call: Call, key_id: str) -> str:
    """Encrypt, decrypt, make a data key; return a blob and check that a wrong context is refused."""
    context = '{"purpose":"tests","名":"日本"}'
    plaintext = text(b"a secret of \xff bytes")
    encrypted = good(call("Encrypt", {"KeyId": key_id, "Plaintext": plaintext, "EncryptionContext": context}))
    blob: str = encrypted["CiphertextBlob"]
    assert encrypted["KeyId"] == key_id
    decrypted = good(call("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": context}))
    assert (decrypted["Plaintext"], decrypted["KeyId"]) == (plaintext, key_id)
    refused(call("Decrypt", {"CiphertextBlob": blob}), "InvalidParameterValue.InvalidCiphertext")
    made = good(call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": context}))
    assert len(base64.b64decode(made["Plaintext"])) == 32
    opened = good(call("Decrypt", {"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context}))
    assert opened["Plaintext"] == made["Plaintext"]
    plain = good(call("Encrypt", {"KeyId": key_id, "Plaintext": plaintext}))
    assert good(call("Decrypt", {"CiphertextBlob": plain["CiphertextBlob"]}))["Plaintext"] == plaintext
    return str(plain["CiphertextBlob"])


def live_through(call: Call) -> None:
    alias = "k" + uuid.uuid4().hex
    tags = [{"TagKey": "team", "TagValue": "a+b=c (日本)"}, {"TagKey": "env", "TagValue": "tests"}]
    created = good(call("CreateKey", {"Alias": alias, "Description": "日本 of the tests", "Tags": tags}))
    key_id = created["KeyId"]
    assert (created["Alias"], created["KeyState"], created["TagCode"]) == (alias, "Enabled", 0)
    key = good(call("DescribeKey", {"KeyId": key_id}))["KeyMetadata"]
    assert (key["KeyId"], key["Alias"], key["Description"]) == (key_id, alias, "日本 of the tests")
    assert (key["KeyUsage"], key["Origin"]) == ("ENCRYPT_DECRYPT", "TENCENT_KMS")
    assert abs(key["CreateTime"] - time.time()) < 300

    renamed = "k" + uuid.uuid4().hex
    good(call("UpdateAlias", {"KeyId": key_id, "Alias": renamed}))
    good(call("UpdateKeyDescription", {"KeyId": key_id, "Description": ""}))
    found = good(call("ListKeyDetail", {"KeyUsage": "ALL", "SearchKeyAlias": renamed, "Offset": 0, "Limit": 10}))
    assert [(item["KeyId"], item["Description"]) for item in found["KeyMetadatas"]] == [(key_id, "")]
    filters = [{"TagKey": "team", "TagValue": ["a+b=c (日本)"]}]
    found = good(call("ListKeyDetail", {"TagFilters": filters, "SearchKeyAlias": renamed}))
    assert [item["KeyId"] for item in found["KeyMetadatas"]] == [key_id]
    assert key_id in [item["KeyId"] for item in good(call("ListKeys", {"Limit": 200}))["Keys"]]

    blob = use(call, key_id)
    good(call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 30}))
    assert good(call("GetKeyRotationStatus", {"KeyId": key_id}))["KeyRotationEnabled"] is True
    assert good(call("RotateKey", {"KeyId": key_id}))["TaskId"]
    refused(call("RotateKey", {"KeyId": key_id}), "RequestLimitExceeded.RotateRateLimited")
    assert base64.b64decode(good(call("Decrypt", {"CiphertextBlob": blob}))["Plaintext"]) == b"a secret of \xff bytes"
    moved = good(call("ReEncrypt", {"CiphertextBlob": blob}))
    assert (moved["ReEncrypted"], moved["CiphertextBlob"] != blob) == (True, True)
    good(call("DisableKeyRotation", {"KeyId": key_id}))

    refused(
        call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7}),
        "ResourceUnavailable.CmkShouldBeDisabled",
    )
    good(call("DisableKey", {"KeyId": key_id}))
    refused(call("Encrypt", {"KeyId": key_id, "Plaintext": text(b"a")}), "ResourceUnavailable.CmkDisabled")
    good(call("EnableKeys", {"KeyIds": [key_id]}))
    good(call("Encrypt", {"KeyId": key_id, "Plaintext": text(b"a")}))
    good(call("DisableKeys", {"KeyIds": [key_id]}))
    date = good(call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7}))["DeletionDate"]
    assert 7 * DAY - 300 < date - time.time() < 8 * DAY + 300
    key = good(call("DescribeKeys", {"KeyIds": [key_id]}))["KeyMetadatas"][0]
    assert (key["KeyState"], key["DeletionDate"]) == ("PendingDelete", date)
    good(call("CancelKeyDeletion", {"KeyId": key_id}))
    assert good(call("DescribeKey", {"KeyId": key_id}))["KeyMetadata"]["KeyState"] == "Disabled"

    refused(call("DescribeKey", {"KeyId": UNKNOWN_KEY}), "ResourceUnavailable.CmkNotFound")
    refused(call("CreateKey", {"Alias": renamed}), "InvalidParameterValue.AliasAlreadyExists")


@pytest.fixture
def live() -> Callable[[Call], None]:
    """The whole life of a key, to be lived through with a client."""
    return live_through


def data_key_live_through(call: Call) -> None:
    key_id = good(call("CreateKey", {"Alias": "k" + uuid.uuid4().hex}))["KeyId"]
    name, context = "d" + uuid.uuid4().hex, '{"user":"日本"}'
    hosting = {"KeyId": key_id, "NumberOfBytes": 24, "IsHostedByKms": 1, "DataKeyName": name, "Description": "日本"}
    tags = [{"TagKey": "team", "TagValue": "a+b=c (日本)"}]
    made = good(call("GenerateDataKey", {**hosting, "EncryptionContext": context, "Tags": tags}))
    data_key_id = made["DataKeyId"]
    assert len(base64.b64decode(made["Plaintext"])) == 24
    refused(call("GenerateDataKey", hosting), "InvalidParameterValue.DataKeyNameAlreadyExists")

    found = good(call("DescribeDataKey", {"DataKeyId": data_key_id}))["DataKeyMetadata"]
    assert (found["DataKeyName"], found["KeyId"], found["Description"]) == (name, key_id, "日本")
    assert (found["KeyState"], found["NumberOfBytes"]) == ("Enabled", 24)
    assert good(call("GetDataKeyPlaintext", {"DataKeyId": data_key_id}))["Plaintext"] == made["Plaintext"]
    blob = good(call("GetDataKeyCiphertextBlob", {"DataKeyId": data_key_id}))["CiphertextBlob"]
    opened = good(call("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": context}))
    assert opened["Plaintext"] == made["Plaintext"]

    material = text(b"a key of \xff bytes")
    raw = {"DataKeyName": f"{name}-raw", "ImportType": 2, "ImportKeyMaterial": material, "KeyId": key_id}
    imported = good(call("ImportDataKey", raw))["DataKeyId"]
    assert good(call("GetDataKeyPlaintext", {"DataKeyId": imported}))["Plaintext"] == material
    copied = {"DataKeyName": f"{name}-blob", "ImportType": 1}
    plain = good(call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"}))
    copy = good(call("ImportDataKey", {**copied, "ImportKeyMaterial": plain["CiphertextBlob"]}))
    assert copy["KeyId"] == key_id
    refused(
        call("ImportDataKey", {**copied, "ImportKeyMaterial": blob}), "InvalidParameterValue.InvalidImportKeyMaterial"
    )

    filters = {"SearchKeyAlias": name, "KeyState": 1, "KeyId": key_id, "Offset": 0, "Limit": 10}
    listed = good(
        call("ListDataKeyDetail", {**filters, "TagFilters": [{"TagKey": "team", "TagValue": ["a+b=c (日本)"]}]})
    )
    assert [item["DataKeyId"] for item in listed["DataKeyMetadatas"]] == [data_key_id]
    listed = good(call("ListDataKeyDetail", {**filters, "Origin": "EXTERNAL", "OrderType": 1}))
    assert {item["DataKeyId"] for item in listed["DataKeyMetadatas"]} == {imported, copy["DataKeyId"]}
    assert data_key_id in [item["DataKeyId"] for item in good(call("ListDataKeys", {"Limit": 200}))["DataKeys"]]

    good(call("UpdateDataKeyName", {"DataKeyId": data_key_id, "DataKeyName": f"{name}-new"}))
    good(call("UpdateDataKeyDescription", {"DataKeyId": data_key_id, "Description": ""}))
    good(call("DisableDataKey", {"DataKeyId": imported}))
    refused(call("GetDataKeyPlaintext", {"DataKeyId": imported}), "ResourceUnavailable.DataKeyDisabled")
    good(call("EnableDataKey", {"DataKeyId": imported}))
    good(call("DisableDataKeys", {"DataKeyIds": [data_key_id, imported]}))
    good(call("EnableDataKeys", {"DataKeyIds": [imported]}))
    wanted = {"DataKeyId": data_key_id, "PendingWindowInDays": 7}
    date = good(call("ScheduleDataKeyDeletion", wanted))["DeletionDate"]
    assert abs(date - time.time() - 7 * DAY) < 300
    metadata = good(call("DescribeDataKeys", {"DataKeyIds": [data_key_id, imported]}))["DataKeyMetadatas"]
    assert [item["KeyState"] for item in metadata] == ["PendingDelete", "Enabled"]
    assert (metadata[0]["DataKeyName"], metadata[0]["Description"], metadata[0]["DeletionDate"]) == (
        f"{name}-new",
        "",
        date,
    )
    good(call("CancelDataKeyDeletion", {"DataKeyId": data_key_id}))
    assert good(call("DescribeDataKey", {"DataKeyId": data_key_id}))["DataKeyMetadata"]["KeyState"] == "Disabled"
    refused(call("DescribeDataKey", {"DataKeyId": UNKNOWN_KEY}), "ResourceUnavailable.DataKeyNotFound")


@pytest.fixture
def live_data_key() -> Callable[[Call], None]:
    """The whole life of a data key that KMS keeps, to be lived through with a client."""
    return data_key_live_through
