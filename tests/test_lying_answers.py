"""No lie of a gateway is a success: each answer here is false in one way, and a real command must say so with its exit code.

Between the program and a real KMS stands a liar on loopback, who alters the answer to one action.
"""

import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.server.app import EmbeddedKms
from tests.program import Ran, kmstool

TIMEOUT_SECONDS = 60
SECRET = b"a secret of the tests"

REQUEST_ID = "a3f1c0de-0000-4000-8000-000000000000"


@dataclass
class World:
    """A KMS with a key of each kind, and the liar before it."""

    kms: EmbeddedKms
    folder: Path
    ids: dict[str, str] = field(default_factory=dict)
    lies: dict[str, "Lie"] = field(default_factory=dict)
    port: int = 0

    def make(self) -> None:
        call = self.kms.call
        for name in ("symmetric", "other"):
            self.ids[name] = call("CreateKey", {"Alias": name})["KeyId"]
        for name, usage in (
            ("rsa", "ASYMMETRIC_DECRYPT_RSA_2048"),
            ("signing", "ASYMMETRIC_SIGN_VERIFY_ECC"),
            ("signing-2", "ASYMMETRIC_SIGN_VERIFY_ECC"),
        ):
            self.ids[name] = call("CreateKey", {"Alias": name, "KeyUsage": usage})["KeyId"]
        self.renew()
        self.ids["external"] = call("CreateKey", {"Alias": "external", "Type": 2})["KeyId"]
        for name in ("white-box", "white-box-2"):
            self.ids[name] = call("CreateWhiteBoxKey", {"Alias": name, "Algorithm": "SM4"})["KeyId"]
        for name in ("data-key", "data-key-2"):
            self.ids[name] = call(
                "GenerateDataKey",
                {"KeyId": self.ids["symmetric"], "NumberOfBytes": 32, "IsHostedByKms": 1, "DataKeyName": name},
            )["DataKeyId"]
        signed = call("SignByAsymmetricKey", {
            "KeyId": self.ids["signing"], "Algorithm": "ECC_P256_R1", "Message": protocol.encode(b"other"),
        })  # fmt: skip
        self.ids["signature"] = signed["Signature"]
        encrypted = call("Encrypt", {"KeyId": self.ids["symmetric"], "Plaintext": protocol.encode(SECRET)})
        self.file("blob").write_text(encrypted["CiphertextBlob"] + "\n")
        self.file("secret").write_bytes(SECRET)
        self.file("material").write_bytes(bytes(16))

    def renew(self) -> None:
        """Make what a command can be done to once only."""
        call, new = self.kms.call, f"n{uuid.uuid4().hex}"
        self.ids["new"] = new
        for name in ("rotating", "disabled", "dying"):
            self.ids[name] = call("CreateKey", {"Alias": f"{name}-{new}"})["KeyId"]
        call("EnableKeyRotation", {"KeyId": self.ids["rotating"]})
        for name in ("disabled", "dying"):
            call("DisableKey", {"KeyId": self.ids[name]})
        call("ScheduleKeyDeletion", {"KeyId": self.ids["dying"], "PendingWindowInDays": 7})

    def file(self, name: str) -> Path:
        return self.folder / name

    def answer(self, action: str, params: dict[str, Any]) -> bytes:
        try:
            inner = self.kms.call(action, params)
        except KmsToolError as error:
            inner = {"Error": {"Code": error.kms_code, "Message": error.message}, "RequestId": REQUEST_ID}
        lie = self.lies.get(action)
        told = lie(inner, self.ids) if lie else inner
        return told if isinstance(told, bytes) else json.dumps({"Response": told}).encode()

    def run(self, arguments: list[str], exit_code: int = 0) -> Ran:
        clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        credential = {"TENCENTCLOUD_SECRET_ID": "AKIDofthetests", "TENCENTCLOUD_SECRET_KEY": "ofTheTests"}
        words = ("--endpoint", f"http://127.0.0.1:{self.port}", "--retries", "0", "--yes")
        return kmstool(*arguments, *words, exit_code=exit_code, env={**clean, **credential}, cwd=self.folder)


Lie = Callable[[dict[str, Any], dict[str, str]], Any]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("lies")
    world = World(EmbeddedKms(folder / "store"), folder)
    world.make()

    class Liar(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            params = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = world.answer(self.headers["X-TC-Action"], params)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.daemon_threads = True
    world.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield world
    server.shutdown()
    thread.join()
    server.server_close()
    world.kms.close()


@pytest.fixture
def world(standing: World) -> Iterator[World]:
    standing.renew()
    yield standing
    standing.lies.clear()


# Ways to lie.


def says(**fields: Any) -> Lie:
    """Alter fields; a word in braces is the id of that name."""

    def lie(inner: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
        return inner | {
            name: ids[value[1:-1]] if isinstance(value, str) and value[:1] == "{" and value[1:-1] in ids else value
            for name, value in fields.items()
        }

    return lie


def without(*names: str) -> Lie:
    return lambda inner, _: {name: value for name, value in inner.items() if name not in names}


def within(name: str, lie: Lie) -> Lie:
    """Tell a lie in an object that is a field, or in the first of a list of them."""

    def told(inner: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
        value = inner[name]
        if isinstance(value, list):
            return inner | {name: [lie(value[0], ids), *value[1:]]}
        return inner | {name: lie(value, ids)}

    return told


def whole(body: str) -> Lie:
    """Send this, with the honest fields in place of FIELDS."""
    return lambda inner, _: body.replace("FIELDS", json.dumps(inner)[1:-1]).encode()


def longer(name: str, count: int) -> Lie:
    """Append bytes to a field of base64, or take some away."""

    def lie(inner: dict[str, Any], _: dict[str, str]) -> dict[str, Any]:
        data = protocol.decode(inner[name])
        return inner | {name: protocol.encode(data + bytes(count) if count > 0 else data[:count])}

    return lie


def repeated(name: str) -> Lie:
    """List the first thing twice, and count both."""
    return lambda inner, _: (
        inner
        | {
            name: [*inner[name], inner[name][0]],
            "TotalCount": inner["TotalCount"] + 1,
        }
    )


ENCRYPT = "encrypt --key {symmetric} secret"
DECRYPT = "decrypt blob"
RE_ENCRYPT = "reencrypt --to {other} blob"
RANDOM = "random 8"
SIGN = "sign --key {signing} secret"
PUBLIC = "public-key {signing}"
CREATE = "key create --alias {new}"
ROTATE = "key rotate {rotating}"
GENERATE = "data-key generate --key {symmetric} --name {new} --bytes 32"
PARAMS = "material params --key {external} -o {new}"
WHITE_BOX = "whitebox encrypt --key {white-box} secret --format json"
ENVELOPE = "envelope encrypt --key {symmetric} secret -o out.kte --force"


@dataclass(frozen=True)
class Case:
    """A command, and the lie that is told of one of its actions."""

    command: str
    action: str
    lie: Lie
    exit_code: int = 6


CASES = {
    # Of any answer.
    "two errors": Case(RANDOM, "GenerateRandom", whole('{"Response": {"Error": {"Code": "InternalError", "Message": ""}, "Error": null, FIELDS}}'), 7),
    "two responses": Case(RANDOM, "GenerateRandom", whole('{"Response": {"Error": {"Code": "AuthFailure", "Message": ""}}, "Response": {FIELDS}}'), 7),
    "two plaintexts": Case(RANDOM, "GenerateRandom", whole('{"Response": {"Plaintext": "AAAAAAAAAAA=", FIELDS}}'), 7),
    "two request ids": Case(RANDOM, "GenerateRandom", whole('{"Response": {"RequestId": "a", FIELDS}}'), 7),
    "two of a field nobody reads": Case(RANDOM, "GenerateRandom", whole('{"Response": {FIELDS, "X": {"a": 1, "a": 2}}}'), 7),
    "an error beside the response": Case(RANDOM, "GenerateRandom", whole('{"Error": {"Code": "InternalError"}, "Response": {FIELDS}}')),
    "an empty error": Case(RANDOM, "GenerateRandom", says(Error={})),
    "an error that is text": Case(RANDOM, "GenerateRandom", says(Error="AuthFailure")),
    "an error that is false": Case(RANDOM, "GenerateRandom", says(Error=False)),
    "an error without a message": Case(RANDOM, "GenerateRandom", says(Error={"Code": "InternalError"})),
    "an error with a code that is a number": Case(RANDOM, "GenerateRandom", says(Error={"Code": 5, "Message": "m"})),
    "no response": Case(RANDOM, "GenerateRandom", whole("{}")),
    "a response that is null": Case(RANDOM, "GenerateRandom", whole('{"Response": null}')),
    "a response that is a list": Case(RANDOM, "GenerateRandom", whole('{"Response": [{FIELDS}]}')),
    "an empty response": Case(RANDOM, "GenerateRandom", whole('{"Response": {}}')),
    "a list": Case(RANDOM, "GenerateRandom", whole('[{"Response": {FIELDS}}]')),
    "null": Case(RANDOM, "GenerateRandom", whole("null")),
    "nothing": Case(RANDOM, "GenerateRandom", whole(""), 7),
    "a page in HTML": Case(RANDOM, "GenerateRandom", whole("<html>logged in</html>"), 7),
    "half an answer": Case(RANDOM, "GenerateRandom", whole('{"Response": {FIELDS'), 7),
    "two answers": Case(RANDOM, "GenerateRandom", whole('{"Response": {FIELDS}}{"Response": {FIELDS}}'), 7),
    "a number that is none": Case(RANDOM, "GenerateRandom", whole('{"Response": {FIELDS, "X": NaN}}'), 7),
    "no request id": Case(RANDOM, "GenerateRandom", without("RequestId")),
    "no request id, raw": Case("api GenerateRandom --params {\"NumberOfBytes\":8}", "GenerateRandom", without("RequestId")),
    "a request id that is a number": Case(RANDOM, "GenerateRandom", says(RequestId=5)),
    "an answer of a hundred thousand brackets": Case(RANDOM, "GenerateRandom", whole("[" * 100_000), 7),
    # Encrypt, Decrypt, ReEncrypt, GenerateRandom.
    "encrypted under another key": Case(ENCRYPT, "Encrypt", says(KeyId="{other}")),
    "encrypted under no key": Case(ENCRYPT, "Encrypt", without("KeyId")),
    "no blob": Case(ENCRYPT, "Encrypt", without("CiphertextBlob")),
    "an empty blob": Case(ENCRYPT, "Encrypt", says(CiphertextBlob="")),
    "a blob that is a list": Case(ENCRYPT, "Encrypt", says(CiphertextBlob=["a"])),
    "a blob of two lines": Case(ENCRYPT, "Encrypt", says(CiphertextBlob="a\nb")),
    "a blob that is the plaintext": Case(ENCRYPT, "Encrypt", says(CiphertextBlob=protocol.encode(SECRET))),
    "no plaintext": Case(DECRYPT, "Decrypt", without("Plaintext")),
    "an empty plaintext": Case(DECRYPT, "Decrypt", says(Plaintext="")),
    "a plaintext that is no base64": Case(DECRYPT, "Decrypt", says(Plaintext="a secret")),
    "a plaintext that is a number": Case(DECRYPT, "Decrypt", says(Plaintext=5)),
    "decrypted under no key": Case(DECRYPT, "Decrypt", without("KeyId")),
    "moved to another key": Case(RE_ENCRYPT, "ReEncrypt", says(KeyId="{symmetric}")),
    "moved, and the same blob": Case(RE_ENCRYPT, "ReEncrypt", lambda inner, _: inner | {"ReEncrypted": False}),
    "moved is text": Case(RE_ENCRYPT, "ReEncrypt", says(ReEncrypted="true")),
    "moved from nowhere": Case(RE_ENCRYPT, "ReEncrypt", without("SourceKeyId")),
    "too few random bytes": Case(RANDOM, "GenerateRandom", longer("Plaintext", -1)),
    "too many random bytes": Case(RANDOM, "GenerateRandom", longer("Plaintext", 1)),
    # Envelopes.
    "a short data key": Case(ENVELOPE, "GenerateDataKey", longer("Plaintext", -16)),
    "a long data key": Case(ENVELOPE, "GenerateDataKey", longer("Plaintext", 1)),
    "a data key under another key": Case(ENVELOPE, "GenerateDataKey", says(KeyId="{other}")),
    "a data key in clear": Case(ENVELOPE, "GenerateDataKey", lambda inner, _: inner | {"CiphertextBlob": inner["Plaintext"]}),
    "a data key without a blob": Case(ENVELOPE, "GenerateDataKey", without("CiphertextBlob")),
    "another data key": Case("envelope decrypt sealed.kte -o opened --force", "Decrypt", says(Plaintext=protocol.encode(bytes(32))), 5),
    "a data key of a third key": Case("envelope decrypt sealed.kte -o opened --force", "Decrypt", says(KeyId="{other}"), 5),
    # Keys.
    "created another key": Case(CREATE, "CreateKey", says(Alias="newer")),
    "created another kind": Case(CREATE, "CreateKey", says(KeyUsage="ASYMMETRIC_SIGN_VERIFY_SM2")),
    "created nothing": Case(CREATE, "CreateKey", without("KeyId")),
    "created a list": Case(CREATE, "CreateKey", says(KeyId=[])),
    "tags of a wrong type": Case(CREATE, "CreateKey", says(TagCode="0")),
    "described another key": Case("key show {symmetric}", "DescribeKey", within("KeyMetadata", says(KeyId="{other}"))),
    "described nothing": Case("key show {symmetric}", "DescribeKey", without("KeyMetadata")),
    "a time that is text": Case("key show {symmetric}", "DescribeKey", within("KeyMetadata", says(CreateTime="now"))),
    "a time with a fraction": Case("key show {symmetric}", "DescribeKey", within("KeyMetadata", says(CreateTime=1.5))),
    "a rotation that is a number": Case("key show {symmetric}", "DescribeKey", within("KeyMetadata", says(KeyRotationEnabled=1))),
    "a list that is counted only": Case("key list", "ListKeyDetail", says(KeyMetadatas=[])),
    "a list that is not there": Case("key list", "ListKeyDetail", without("KeyMetadatas")),
    "a list without a count": Case("key list", "ListKeyDetail", without("TotalCount")),
    "a list that is counted as none": Case("key list", "ListKeyDetail", says(TotalCount=0)),
    "a list that is counted as less": Case("key list", "ListKeyDetail", says(TotalCount=2)),
    "a list that is counted as less than none": Case("key list", "ListKeyDetail", says(TotalCount=-1)),
    "a list that never ends": Case("key list", "ListKeyDetail", says(TotalCount=10**9)),
    "a list of one key twice": Case("key list", "ListKeyDetail", repeated("KeyMetadatas")),
    "a list of text": Case("key list", "ListKeyDetail", says(KeyMetadatas=["a"])),
    "a list of a key without an id": Case("key list", "ListKeyDetail", within("KeyMetadatas", without("KeyId"))),
    "a count that is true": Case("key list", "ListKeyDetail", says(TotalCount=True)),
    "an alias that is on the way only": Case("encrypt --key symmetric secret", "ListKeyDetail", says(KeyMetadatas=[])),
    "rotated without a task": Case(ROTATE, "RotateKey", without("TaskId")),
    "rotated with a task that is a number": Case(ROTATE, "RotateKey", says(TaskId=1)),
    "another key will be deleted": Case("key schedule-deletion {disabled} --days 7", "ScheduleKeyDeletion", says(KeyId="{other}")),
    "deleted at no time": Case("key schedule-deletion {disabled} --days 7", "ScheduleKeyDeletion", says(DeletionDate=0)),
    "another key is kept": Case("key cancel-deletion {dying}", "CancelKeyDeletion", says(KeyId="{other}")),
    "algorithms of nothing": Case("key usages", "ListAlgorithms", says(SymmetricAlgorithms=[{}])),
    # Asymmetric keys.
    "the public key of another": Case(PUBLIC, "GetPublicKey", says(KeyId="{signing-2}")),
    "a public key that is none": Case(PUBLIC, "GetPublicKey", says(PublicKey="AAAA")),
    "a public key that is cut": Case(PUBLIC, "GetPublicKey", longer("PublicKey", -1)),
    "a public key that goes on": Case(PUBLIC, "GetPublicKey", longer("PublicKey", 1)),
    "no signature": Case(SIGN, "SignByAsymmetricKey", without("Signature")),
    "a signature that is no base64": Case(SIGN, "SignByAsymmetricKey", says(Signature="?")),
    "a signature that is cut": Case(SIGN, "SignByAsymmetricKey", longer("Signature", -1), 5),
    "a signature that goes on": Case(SIGN, "SignByAsymmetricKey", longer("Signature", 1), 5),
    "valid is text": Case("verify --key {signing} --signature blob.sig secret", "VerifyByAsymmetricKey", says(SignatureValid="true")),
    "valid is a number": Case("verify --key {signing} --signature blob.sig secret", "VerifyByAsymmetricKey", says(SignatureValid=1)),
    "valid is not said": Case("verify --key {signing} --signature blob.sig secret", "VerifyByAsymmetricKey", without("SignatureValid")),
    "not valid": Case("verify --key {signing} --signature blob.sig secret", "VerifyByAsymmetricKey", says(SignatureValid=False), 5),
    "decrypted by another key": Case("asymmetric decrypt --key {rsa} rsa.blob", "AsymmetricRsaDecrypt", says(KeyId="{other}")),
    "the signature of another text": Case(SIGN, "SignByAsymmetricKey", says(Signature="{signature}"), 5),
    # Material.
    "parameters of another key": Case(PARAMS, "GetParametersForImport", says(KeyId="{other}")),
    "a wrapping key that is none": Case(PARAMS, "GetParametersForImport", says(PublicKey="AAAA")),
    "no token": Case(PARAMS, "GetParametersForImport", says(ImportToken="")),
    "parameters that end never": Case(PARAMS, "GetParametersForImport", says(ParametersValidTo="never")),
    "parameters of another key, at once": Case("import-material --key {external} material", "GetParametersForImport", says(KeyId="{other}")),
    # Data keys.
    "a hosted key of another size": Case(GENERATE, "GenerateDataKey", longer("Plaintext", -1)),
    "a hosted key under another": Case(GENERATE, "GenerateDataKey", says(KeyId="{other}")),
    "a hosted key without an id": Case(GENERATE, "GenerateDataKey", without("DataKeyId")),
    "imported under another": Case("data-key import --key {symmetric} --name {new} material", "ImportDataKey", says(KeyId="{other}")),
    "another data key described": Case("data-key show {data-key}", "DescribeDataKey", within("DataKeyMetadata", says(DataKeyId="{data-key-2}"))),
    "data keys that are counted only": Case("data-key list", "ListDataKeyDetail", says(DataKeyMetadatas=[])),
    "one data key twice": Case("data-key list", "ListDataKeyDetail", repeated("DataKeyMetadatas")),
    "no plaintext of a data key": Case("data-key plaintext {data-key}", "GetDataKeyPlaintext", without("Plaintext")),
    "no blob of a data key": Case("data-key blob {data-key}", "GetDataKeyCiphertextBlob", without("CiphertextBlob")),
    # White-box keys.
    "a white-box key without its keys": Case("whitebox create --alias {new} --algorithm SM4", "CreateWhiteBoxKey", without("DecryptKey")),
    "another white-box key": Case("whitebox show {white-box}", "DescribeWhiteBoxKey", within("KeyInfo", says(KeyId="{white-box-2}"))),
    "white-box keys that are counted only": Case("whitebox list", "DescribeWhiteBoxKeyDetails", says(KeyInfos=[])),
    "one white-box key twice": Case("whitebox list", "DescribeWhiteBoxKeyDetails", repeated("KeyInfos")),
    "no decrypt key": Case("whitebox download-key {white-box} -o {new}", "DescribeWhiteBoxDecryptKey", says(DecryptKey="")),
    "another IV": Case(WHITE_BOX + " --iv AAAAAAAAAAAAAAAAAAAAAA==", "EncryptByWhiteBox", says(InitializationVector="/////////////////////w==")),
    "a short IV": Case(WHITE_BOX, "EncryptByWhiteBox", longer("InitializationVector", -1)),
    "a short ciphertext": Case(WHITE_BOX, "EncryptByWhiteBox", longer("CipherText", -16)),
    "devices that are text": Case("fingerprint list --key {white-box}", "DescribeWhiteBoxDeviceFingerprints", says(DeviceFingerprints="none")),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def prepared(standing: World) -> None:
    """Make the files that need the program itself, whose way to KMS is honest yet."""
    for command in (
        "envelope encrypt --key {symmetric} secret -o sealed.kte",
        "sign --key {signing} secret -o blob.sig",
        "asymmetric encrypt --key {rsa} secret -o rsa.blob",
    ):
        standing.run(words(standing, command))


def words(world: World, command: str) -> list[str]:
    for name, known in world.ids.items():
        command = command.replace("{" + name + "}", known)
    return command.split()


def test_there_are_many_lies() -> None:
    assert len(CASES) >= 63


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_lie_is_no_success(world: World, case: Case) -> None:
    world.lies[case.action] = case.lie
    done = world.run(words(world, case.command), case.exit_code)
    assert done.stdout == b""
    assert b"unexpected" not in done.stderr


@pytest.mark.parametrize("command", sorted({case.command for case in CASES.values()}))
def test_without_a_lie_each_command_succeeds(world: World, command: str) -> None:
    """Else a refusal would say nothing."""
    world.run(words(world, command))
