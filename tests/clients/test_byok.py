"""Bring your own key as the recipe does it, with tccli and openssl, then by kmstool alone, and each finishing what the other began."""

import base64
import re
import secrets
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import openssl

TIMEOUT_SECONDS = 60
DAY = 86400
REFUSAL = re.compile(r"\[TencentCloudSDKException\] code:(\S+) message:")

# What openssl needs to wrap with each algorithm; PKCS#1 v1.5 is its default.
PADDINGS: dict[str, tuple[str, ...]] = {
    "RSAES_PKCS1_V1_5": (),
    "RSAES_OAEP_SHA_1": ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1"),
    "RSAES_OAEP_SHA_256": (
        *("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"),
        *("-pkeyopt", "rsa_mgf1_md:sha256"),
    ),
}
REGIONS = {"ap-guangzhou": 16, "ap-singapore": 32}

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(tccli: Any, server: Any) -> Call:
    """Perform an action with tccli, whose options are the parameters; `Error` in the answer is a refusal's code."""

    def perform(action: str, region: str = "ap-guangzhou", **parameters: str) -> dict[str, Any]:
        words = [word for name, value in parameters.items() for word in (f"--{name}", value)]
        done = tccli.run("kms", action, *words, "--region", region, "--endpoint", server.endpoint, **server.variables)
        if done.exit_code:
            found = REFUSAL.search(done.err)
            assert found, done.err
            return {"Error": found[1]}
        answer: dict[str, Any] = done.json
        return answer

    return perform


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def wrapped_by_hand(public_key: str, material: bytes, algorithm: str, folder: Path) -> str:
    """Wrap as the recipe does: base64 to DER, DER to PEM, openssl pkeyutl, base64."""
    pem, source, out = folder / "wrapping-key.pem", folder / "by-hand.bin", folder / "by-hand.wrapped"
    openssl("pkey", "-pubin", "-inform", "DER", "-out", pem, data=base64.b64decode(public_key))
    source.write_bytes(material)
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", pem, "-in", source, "-out", out, *PADDINGS[algorithm])
    return text(out.read_bytes())


def new_key(call: Call, region: str = "ap-guangzhou") -> str:
    created = call("CreateKey", region, Alias="k" + uuid.uuid4().hex, Type="2")
    assert created["KeyState"] == "PendingImport"
    return str(created["KeyId"])


def state(call: Call, key_id: str, region: str = "ap-guangzhou") -> str:
    return str(call("DescribeKey", region, KeyId=key_id)["KeyMetadata"]["KeyState"])


def ask(call: Call, key_id: str, algorithm: str, region: str = "ap-guangzhou") -> dict[str, Any]:
    names = {"WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"}
    return call("GetParametersForImport", region, KeyId=key_id, **names)


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("algorithm", PADDINGS)
def test_row_8_by_hand(call: Call, tmp_path: Path, algorithm: str, region: str) -> None:
    """Create, wrap, import, use, delete the material, lose the blobs, import the same, have them back, delete the key."""
    material = openssl("rand", str(REGIONS[region])).stdout
    key_id = new_key(call, region)
    issued = ask(call, key_id, algorithm, region)
    request = {
        "KeyId": key_id,
        "ImportToken": issued["ImportToken"],
        "EncryptedKeyMaterial": wrapped_by_hand(issued["PublicKey"], material, algorithm, tmp_path),
    }
    assert "Error" not in call("ImportKeyMaterial", region, **request, ValidTo="0")
    assert state(call, key_id, region) == "Enabled"
    blob = call("Encrypt", region, KeyId=key_id, Plaintext=text(b"a secret"))["CiphertextBlob"]
    assert "Error" not in call("DeleteImportedKeyMaterial", region, KeyId=key_id)
    assert state(call, key_id, region) == "PendingImport"
    assert call("Decrypt", region, CiphertextBlob=blob)["Error"] == "ResourceUnavailable.CmkDisabled"
    other = wrapped_by_hand(issued["PublicKey"], secrets.token_bytes(REGIONS[region]), algorithm, tmp_path)
    refused = call("ImportKeyMaterial", region, **{**request, "EncryptedKeyMaterial": other})
    assert refused["Error"] == "InvalidParameterValue.MaterialNotMatch"
    assert "Error" not in call("ImportKeyMaterial", region, **request)
    assert base64.b64decode(call("Decrypt", region, CiphertextBlob=blob)["Plaintext"]) == b"a secret"
    assert "Error" not in call("DisableKey", region, KeyId=key_id)
    assert call("ScheduleKeyDeletion", region, KeyId=key_id, PendingWindowInDays="7")["DeletionDate"] > 0


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("algorithm", PADDINGS)
def test_row_8_with_kmstool_alone(server: Any, tmp_path: Path, algorithm: str, region: str) -> None:
    def kmstool(*words: str, stdin: bytes = b"") -> bytes:
        done: bytes = server.run(*words, "--profile", "local", "--region", region, stdin=stdin)
        return done

    material = tmp_path / "material.bin"
    material.write_bytes(secrets.token_bytes(REGIONS[region]))
    alias = "k" + uuid.uuid4().hex
    kmstool("key", "create", "--alias", alias, "--external")
    one = ("import-material", "--key", alias, "--algorithm", algorithm, str(material))
    kmstool(*one)
    blob = kmstool("encrypt", "--key", alias, stdin=b"a secret")
    (tmp_path / "blob").write_bytes(blob)
    kmstool("material", "delete", alias, "--yes")
    kmstool(*one, "--valid-to", "365d", "--check", str(tmp_path / "blob"))
    assert kmstool("decrypt", stdin=blob) == b"a secret"
    kmstool("key", "disable", alias, "--yes")
    kmstool("key", "schedule-deletion", alias, "--days", "7", "--yes")


@pytest.mark.parametrize("algorithm", PADDINGS)
def test_what_openssl_wrapped_is_uploaded_by_kmstool(call: Call, server: Any, tmp_path: Path, algorithm: str) -> None:
    """Over HTTP, with the credentials of the server, as an operator with an HSM would."""
    key_id, folder = new_key(call), tmp_path / "import"
    material, wrapped = tmp_path / "material.bin", tmp_path / "wrapped.bin"
    material.write_bytes(secrets.token_bytes(16))
    over_http = ("--endpoint", server.endpoint, "--profile", "local")
    server.run("material", "params", "--key", key_id, "--algorithm", algorithm, "-o", str(folder), *over_http)
    pem = folder / "wrapping-key.pem"
    openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", pem, "-in", material, "-out", wrapped, *PADDINGS[algorithm])
    server.run("material", "upload", "--params", str(folder), str(wrapped), *over_http)
    assert state(call, key_id) == "Enabled"


@pytest.mark.parametrize("algorithm", PADDINGS)
def test_what_kmstool_wrapped_is_taken_by_hand(call: Call, server: Any, tmp_path: Path, algorithm: str) -> None:
    key_id, folder = new_key(call), tmp_path / "import"
    material, wrapped = tmp_path / "material.bin", tmp_path / "wrapped.bin"
    material.write_bytes(secrets.token_bytes(16))
    words = ("--key", key_id, "--algorithm", algorithm, "-o", str(folder), "--profile", "local")
    server.run("material", "params", *words)
    server.run("material", "wrap", "--params", str(folder), str(material), "--raw", "-o", str(wrapped))
    token = (folder / "import-token.base64").read_text().strip()
    encrypted = text(wrapped.read_bytes())
    assert "Error" not in call("ImportKeyMaterial", KeyId=key_id, ImportToken=token, EncryptedKeyMaterial=encrypted)
    assert state(call, key_id) == "Enabled"
    assert "Error" not in ask(call, key_id, algorithm)
    refused = call("ImportKeyMaterial", KeyId=key_id, ImportToken=token, EncryptedKeyMaterial=encrypted)
    assert refused["Error"] == "ResourceUnavailable.TokenExpired"


def test_the_bytes_of_the_material_are_those_of_the_key(call: Call, server: Any, tmp_path: Path) -> None:
    """What hand and kmstool import is the same key: each proves it by importing again what the other did."""
    material = secrets.token_bytes(16)
    path, hexadecimal = tmp_path / "material.bin", tmp_path / "material.hex"
    path.write_bytes(material)
    hexadecimal.write_text(material.hex() + "\n")
    key_id = new_key(call)
    server.run("import-material", "--key", key_id, str(hexadecimal), "--input-encoding", "hex", "--profile", "local")
    issued = ask(call, key_id, "RSAES_OAEP_SHA_1")
    encrypted = wrapped_by_hand(issued["PublicKey"], material, "RSAES_OAEP_SHA_1", tmp_path)
    again = {"KeyId": key_id, "ImportToken": issued["ImportToken"], "EncryptedKeyMaterial": encrypted}
    assert "Error" not in call("ImportKeyMaterial", **again)
    server.run("import-material", "--key", key_id, str(path), "--profile", "local")


def test_what_is_refused_by_hand(call: Call, tmp_path: Path) -> None:
    key_id = new_key(call)
    issued = ask(call, key_id, "RSAES_OAEP_SHA_256")

    def refused(material: bytes, algorithm: str = "RSAES_OAEP_SHA_256", **more: str) -> str:
        encrypted = wrapped_by_hand(issued["PublicKey"], material, algorithm, tmp_path)
        request = {"KeyId": key_id, "ImportToken": issued["ImportToken"], "EncryptedKeyMaterial": encrypted, **more}
        return str(call("ImportKeyMaterial", **request)["Error"])

    assert refused(bytes(32)) == "InvalidParameter.DecryptMaterialError"
    assert refused(bytes(16), "RSAES_OAEP_SHA_1") == "InvalidParameter.DecryptMaterialError"
    assert refused(bytes(16), "RSAES_PKCS1_V1_5") == "InvalidParameter.DecryptMaterialError"
    assert refused(bytes(16), ValidTo="1700000000") == "InvalidParameter"
    assert refused(bytes(16), ValidTo="2147443201") == "InvalidParameter"
    usual = call("CreateKey", Alias="k" + uuid.uuid4().hex)["KeyId"]
    assert ask(call, usual, "RSAES_OAEP_SHA_256")["Error"] == "UnsupportedOperation.NotExternalCmk"
    assert state(call, key_id) == "PendingImport"
