"""The recipes done by hand, with tccli and openssl, and by kmstool: each takes what the other made."""

import base64
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import openssl

TIMEOUT_SECONDS = 60
SECRET = b"a secret of the tests"
USER_ID = "1234567812345678"
OAEP = (
    *("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"),
    *("-pkeyopt", "rsa_mgf1_md:sha256"),
)

# Algorithm, the short name of the usage, and what openssl needs to check and make such a signature.
SIGNATURES = [
    ("SM2DSA", "sign-sm2", ("-sm3", "-sigopt", f"distid:{USER_ID}")),
    (
        "RSA_PSS_SHA_256",
        "sign-rsa-2048",
        ("-sha256", "-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:auto"),
    ),
    ("RSA_PKCS1_SHA_256", "sign-rsa-3072", ("-sha256",)),
    ("ECC_P256_R1", "sign-ecc", ("-sha256",)),
    ("ECDSA384_SHA384", "sign-ecc-p384", ("-sha384",)),
]

Call = Callable[..., dict[str, Any]]


@pytest.fixture
def call(tccli: Any, server: Any) -> Call:
    """Perform an action with tccli, whose options are the parameters."""

    def perform(action: str, **parameters: str) -> dict[str, Any]:
        words = [word for name, value in parameters.items() for word in (f"--{name}", value)]
        done = tccli.run("kms", action, *words, "--endpoint", server.endpoint, **server.variables)
        assert done.exit_code == 0, done.err
        answer: dict[str, Any] = done.json
        return answer

    return perform


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def new_key(server: Any, usage: str) -> str:
    made: bytes = server.run("key", "create", "--profile", "local", "--alias", "k" + uuid.uuid4().hex, "--usage", usage)
    return made.decode().strip()


def public_key(call: Call, key_id: str, folder: Path) -> Path:
    """Write the public key as the recipes do: base64 of DER, made PEM by openssl."""
    path = folder / "pub.pem"
    der = base64.b64decode(call("GetPublicKey", KeyId=key_id)["PublicKey"])
    openssl("pkey", "-pubin", "-inform", "DER", "-out", path, data=der)
    return path


def test_row_3_rsa_encryption(call: Call, server: Any, tmp_path: Path) -> None:
    key_id = new_key(server, "rsa-2048")
    pub = public_key(call, key_id, tmp_path)
    ciphertext = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", pub, *OAEP, data=SECRET).stdout
    found = call("AsymmetricRsaDecrypt", KeyId=key_id, Algorithm="RSAES_OAEP_SHA_256", Ciphertext=text(ciphertext))
    assert base64.b64decode(found["Plaintext"]) == SECRET
    words = ("asymmetric", "decrypt", "--profile", "local", "--key", key_id)
    assert server.run(*words, stdin=text(ciphertext).encode()) == SECRET
    made = server.run("asymmetric", "encrypt", "--public-key", str(pub), stdin=SECRET).decode().strip()
    found = call("AsymmetricRsaDecrypt", KeyId=key_id, Algorithm="RSAES_OAEP_SHA_256", Ciphertext=made)
    assert base64.b64decode(found["Plaintext"]) == SECRET


def test_row_4_sm2_encryption(call: Call, server: Any, tmp_path: Path) -> None:
    key_id = new_key(server, "sm2")
    pub = public_key(call, key_id, tmp_path)
    ciphertext = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", pub, data=SECRET).stdout
    found = call("AsymmetricSm2Decrypt", KeyId=key_id, Ciphertext=text(ciphertext))
    assert base64.b64decode(found["Plaintext"]) == SECRET
    words = ("asymmetric", "decrypt", "--profile", "local", "--key", key_id)
    assert server.run(*words, stdin=text(ciphertext).encode()) == SECRET
    made = server.run("asymmetric", "encrypt", "--public-key", str(pub), stdin=SECRET).decode().strip()
    found = call("AsymmetricSm2Decrypt", KeyId=key_id, Ciphertext=made)
    assert base64.b64decode(found["Plaintext"]) == SECRET


@pytest.mark.parametrize(("algorithm", "usage", "options"), SIGNATURES)
def test_rows_5_to_7_signatures(
    call: Call, server: Any, tmp_path: Path, algorithm: str, usage: str, options: tuple[str, ...]
) -> None:
    """A message is signed by hand as it is and as its digest, and each is verified in all three ways."""
    key_id = new_key(server, usage)
    pub = public_key(call, key_id, tmp_path)
    path, signature = tmp_path / "message", tmp_path / "signature"
    path.write_bytes(SECRET)
    common = {"KeyId": key_id, "Algorithm": algorithm}
    name = {"SM2DSA": "sm2", "ECDSA384_SHA384": "sha384"}.get(algorithm, "sha256")
    digest_words = ("digest", "--algorithm", name, *(("--public-key", str(pub)) if name == "sm2" else ()), "--raw")
    digest = server.run(*digest_words, stdin=SECRET)
    if name != "sm2":
        assert openssl("dgst", f"-{name}", "-binary", data=SECRET).stdout == digest
    ours = ("--profile", "local", "--key", key_id, "--algorithm", algorithm)
    made = {
        "message": call("SignByAsymmetricKey", **common, Message=text(SECRET), MessageType="RAW")["Signature"],
        "digest": call("SignByAsymmetricKey", **common, Message=text(digest), MessageType="DIGEST")["Signature"],
        "kmstool": server.run("sign", *ours, str(path)).decode().strip(),
    }
    for value in made.values():
        signature.write_bytes(base64.b64decode(value))
        openssl("dgst", *options, "-verify", pub, "-signature", signature, path)
        assert server.run("verify", *ours, "--signature", str(signature), str(path)) == b"signature valid\n"
        local = ("--local", "--public-key", str(pub), "--algorithm", algorithm, "--signature", str(signature))
        assert server.run("verify", *local, str(path)) == b"signature valid\n"
        for message, kind, expected in (
            (SECRET, "RAW", True),
            (digest, "DIGEST", True),
            (SECRET + b"\n", "RAW", False),
        ):
            answer = call(
                "VerifyByAsymmetricKey", **common, Message=text(message), MessageType=kind, SignatureValue=value
            )
            assert answer["SignatureValid"] is expected


@pytest.mark.parametrize(("algorithm", "name"), [("AES_256", "decrypt_key_aes256.bin"), ("SM4", "decrypt_key_sm4.bin")])
def test_rows_9_and_10_white_box_keys_and_devices(
    call: Call, server: Any, tmp_path: Path, algorithm: str, name: str
) -> None:
    """What tccli creates, binds, encrypts and downloads kmstool decrypts, and each finds the devices of the other."""
    here = replace(server, environ={**server.environ, "KMSTOOL_DEVICE_SECRET": "of this device " * 3})
    there = replace(server, environ={**server.environ, "KMSTOOL_DEVICE_SECRET": "of another one " * 3})
    device, other = (place.run("fingerprint").decode().strip() for place in (here, there))
    alias = "k" + uuid.uuid4().hex
    key_id = call("CreateWhiteBoxKey", Alias=alias, Algorithm=algorithm)["KeyId"]
    devices = [{"Identity": device, "Description": "web"}]
    call("OverwriteWhiteBoxDeviceFingerprints", KeyId=key_id, DeviceFingerprints=json.dumps(devices))
    encrypted = call("EncryptByWhiteBox", KeyId=key_id, PlainText=text(SECRET))
    (tmp_path / "iv.base64").write_text(encrypted["InitializationVector"])
    (tmp_path / "ciphertext.base64").write_text(encrypted["CipherText"])
    decrypt_key = call("DescribeWhiteBoxDecryptKey", KeyId=key_id)["DecryptKey"]
    (tmp_path / name).write_bytes(base64.b64decode(decrypt_key))
    words = ("whitebox", "decrypt", "--bundle", str(tmp_path))
    assert here.run(*words) == SECRET
    with pytest.raises(AssertionError, match="WRP_KEY_import error: 01000016"):
        there.run(*words)

    ours = ("--profile", "local", "--key", alias)
    assert here.run("fingerprint", "list", *ours) == f"{device}\tweb\n".encode()
    here.run("fingerprint", "bind", *ours, other, "--description", "db", "--yes")
    found = call("DescribeWhiteBoxDeviceFingerprints", KeyId=key_id)["DeviceFingerprints"]
    assert found == [*devices, {"Identity": other, "Description": "db"}]
    here.run("whitebox", "bundle", *ours, "-o", str(tmp_path / "ours"), stdin=SECRET)
    assert [place.run(*words[:-1], str(tmp_path / "ours")) for place in (here, there)] == [SECRET, SECRET]
    iv = (tmp_path / "ours" / "iv.base64").read_text().strip()
    again = call("EncryptByWhiteBox", KeyId=key_id, PlainText=text(SECRET), InitializationVector=iv)["CipherText"]
    assert (tmp_path / "ours" / "ciphertext.base64").read_text() == again + "\n"


@pytest.mark.parametrize(("algorithm", "usage", "options"), SIGNATURES)
def test_a_long_message_is_signed_as_its_digest(
    call: Call, server: Any, tmp_path: Path, algorithm: str, usage: str, options: tuple[str, ...]
) -> None:
    key_id = new_key(server, usage)
    pub = public_key(call, key_id, tmp_path)
    path, signature = tmp_path / "message", tmp_path / "signature"
    path.write_bytes(os.urandom(1_000_000))
    words = ("--profile", "local", "--key", key_id, "--algorithm", algorithm)
    signature.write_bytes(server.run("sign", *words, "--raw", str(path)))
    openssl("dgst", *options, "-verify", pub, "-signature", signature, path)
