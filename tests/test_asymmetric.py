"""Asymmetric keys of KMS: public keys, signatures and decryption as the API says, and answers that only the caller reads.

What KMS gives out, `openssl` reads; what `openssl` makes, KMS takes, and nothing else.
"""

import base64
import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import pytest

from kmstool import signing, words
from kmstool.api import protocol
from kmstool.cli.main import root
from kmstool.cli.session.session import Session
from kmstool.crypto import formats, keys, pem
from kmstool.crypto.keys import RsaPrivateKey, RsaPublicKey, Sm2PrivateKey, Sm2PublicKey
from kmstool.crypto.sm2 import encryption, signatures
from kmstool.errors import KmsToolError
from kmstool.server import materials
from kmstool.server.app import EmbeddedKms
from kmstool.server.seed import seeding
from tests.foreign import openssl

ABROAD = "ap-singapore"
RSA, SM2 = "ASYMMETRIC_DECRYPT_RSA_2048", "ASYMMETRIC_DECRYPT_SM2"
INVALID = "InvalidParameter"
UNWRAPPABLE = "FailedOperation.EncryptionError"
UNDECRYPTABLE = "FailedOperation.DecryptError"
NOT_HERE = "UnsupportedOperation.UnsupportedKeyUsageInCurrentRegion"
SECRET = b"a secret of the tests"
SPKI_BYTES = {"RSA_2048": 294, "RSA_3072": 422, "SM2": 91, "ECC": 91, "ECDSA384_SHA384": 120}
PADDINGS: dict[str, tuple[str, ...]] = {
    "RSAES_PKCS1_V1_5": ("-pkeyopt", "rsa_padding_mode:pkcs1"),
    "RSAES_OAEP_SHA_1": ("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha1"),
    "RSAES_OAEP_SHA_256": (
        *("-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"),
        *("-pkeyopt", "rsa_mgf1_md:sha256"),
    ),
}
CAPACITY = {"RSAES_PKCS1_V1_5": 245, "RSAES_OAEP_SHA_1": 214, "RSAES_OAEP_SHA_256": 190}
ALGORITHMS = [
    (usage, algorithm.name)
    for usage, kind in signing.SIGNING_USAGES.items()
    for algorithm in signing.ALGORITHMS.values()
    if algorithm.kind == kind
]


@pytest.fixture(scope="module")
def material() -> dict[str, bytes]:
    """One private key a usage, as PKCS#8."""
    return {usage: materials.make(algorithm) for usage, algorithm in materials.ASYMMETRIC.items()}


@pytest.fixture
def ids(kms: EmbeddedKms, material: dict[str, bytes]) -> dict[str, str]:
    """The id of a key of every usage whose material the tests know, and of a symmetric one."""
    tables = [
        f'[[key]]\nalias = "{usage}"\nusage = "{usage}"\nversions = ["{text(key)}"]\n'
        for usage, key in material.items()
    ]
    added = seeding.apply(kms, "".join([*tables, '[[key]]\nalias = "symmetric"\n']))
    return {cmk.alias: cmk.key_id for cmk in added}


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def private_file(material: bytes, path: Path) -> Path:
    lines = text(material)
    body = "\n".join(lines[start : start + 64] for start in range(0, len(lines), 64))
    path.write_text(f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")
    return path


def code(kms: EmbeddedKms, action: str, **parameters: Any) -> str | None:
    """Call an action that must be refused and return the code."""
    with pytest.raises(KmsToolError) as caught:
        kms.call(action, parameters)
    return caught.value.kms_code


@pytest.mark.parametrize("usage", materials.ASYMMETRIC)
def test_every_usage_can_be_created_and_shows_its_public_key(kms: EmbeddedKms, usage: str, tmp_path: Path) -> None:
    created = kms.call("CreateKey", {"Alias": "demo", "KeyUsage": usage})
    assert (created["KeyUsage"], created["KeyState"]) == (usage, "Enabled")
    found = kms.call("GetPublicKey", {"KeyId": created["KeyId"]})
    encoded = base64.b64decode(found["PublicKey"], validate=True)
    assert found["KeyId"] == created["KeyId"]
    assert len(encoded) == SPKI_BYTES[materials.ASYMMETRIC[usage]]
    (tmp_path / "pem").write_text(found["PublicKeyPem"])
    assert openssl("pkey", "-pubin", "-in", tmp_path / "pem", "-outform", "DER").stdout == encoded
    assert openssl("pkey", "-pubin", "-inform", "DER", data=encoded).stdout.decode() == found["PublicKeyPem"]
    assert kms.call("GetPublicKey", {"KeyId": created["KeyId"]})["PublicKey"] == found["PublicKey"]


def test_two_keys_are_never_the_same(kms: EmbeddedKms) -> None:
    found = set()
    for number, usage in enumerate([*materials.ASYMMETRIC, "ASYMMETRIC_DECRYPT_SM2", RSA]):
        key_id = kms.call("CreateKey", {"Alias": f"demo-{number}", "KeyUsage": usage})["KeyId"]
        found.add(kms.call("GetPublicKey", {"KeyId": key_id})["PublicKey"])
    assert len(found) == len(materials.ASYMMETRIC) + 2


@pytest.mark.parametrize("usage", materials.ASYMMETRIC)
def test_sm2_is_not_offered_abroad_and_all_else_is(kms: EmbeddedKms, usage: str) -> None:
    request = {"Alias": "demo", "KeyUsage": usage}
    if materials.ASYMMETRIC[usage] == "SM2":
        with pytest.raises(KmsToolError) as caught:
            kms.call("CreateKey", request, ABROAD)
        assert caught.value.kms_code == NOT_HERE
    else:
        assert kms.call("CreateKey", request, ABROAD)["KeyUsage"] == usage


@pytest.mark.parametrize("usage", ["ASYMMETRIC_Encrypt_Decrypt_Kyber_AES", "ASYMMETRIC_SIGN_VERIFY_DILITHIUM"])
def test_what_has_no_public_format_is_not_offered(kms: EmbeddedKms, usage: str) -> None:
    assert code(kms, "CreateKey", Alias="demo", KeyUsage=usage) == NOT_HERE


def test_asymmetric_material_cannot_be_imported(kms: EmbeddedKms) -> None:
    assert code(kms, "CreateKey", Alias="demo", KeyUsage=SM2, Type=2) == "InvalidParameterValue.InvalidType"


def digest_of(material: bytes, algorithm: str, message: bytes) -> bytes:
    key = keys.from_pkcs8(material)
    if isinstance(key, Sm2PrivateKey):
        return signatures.digest(key.key.public_key, message)
    return hashlib.new("sha384" if algorithm == "ECDSA384_SHA384" else "sha256", message).digest()


@pytest.mark.parametrize(("usage", "algorithm"), ALGORITHMS)
def test_a_message_and_its_digest_have_the_same_signatures(
    kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes], usage: str, algorithm: str
) -> None:
    for size in (1, 4096):
        message = secrets.token_bytes(size)
        common = {"KeyId": ids[usage], "Algorithm": algorithm}
        raw = common | {"Message": text(message)}
        digest = common | {"Message": text(digest_of(material[usage], algorithm, message)), "MessageType": "DIGEST"}
        ways = (raw, raw | {"MessageType": "RAW"}, digest)
        for signed in ways:
            signature = kms.call("SignByAsymmetricKey", signed)["Signature"]
            for checked in ways:
                answer = kms.call("VerifyByAsymmetricKey", checked | {"SignatureValue": signature})
                assert answer["SignatureValid"] is True
            for other in (
                raw | {"Message": text(message + b"\n" if size == 1 else message[1:])},
                digest | {"Message": text(bytes(len(base64.b64decode(digest["Message"]))))},
            ):
                answer = kms.call("VerifyByAsymmetricKey", other | {"SignatureValue": signature})
                assert answer["SignatureValid"] is False


@pytest.mark.parametrize("action", ["SignByAsymmetricKey", "VerifyByAsymmetricKey"])
@pytest.mark.parametrize(("usage", "algorithm"), ALGORITHMS)
def test_what_cannot_be_signed(kms: EmbeddedKms, ids: dict[str, str], usage: str, algorithm: str, action: str) -> None:
    good: dict[str, Any] = {"KeyId": ids[usage], "Algorithm": algorithm, "Message": text(b"message")}
    if action == "VerifyByAsymmetricKey":
        good["SignatureValue"] = text(b"signature")
    kms.call(action, good)
    size = 48 if algorithm == "ECDSA384_SHA384" else 32
    wrong: list[dict[str, Any]] = [
        {"Message": text(bytes(4097))},
        {"Message": "="},
        {"Message": "a secret"},
        {"Message": "YWJj\n"},
        {"Message": text(bytes(size - 1)), "MessageType": "DIGEST"},
        {"Message": text(bytes(size + 1)), "MessageType": "DIGEST"},
        {"Message": text(b"message"), "MessageType": "DIGEST"},
        {"MessageType": "raw"},
        {"MessageType": "HASH"},
        {"Algorithm": "RSA"},
        {"Algorithm": algorithm.lower()},
        {
            "Algorithm": next(
                name for _, name in ALGORITHMS if signing.ALGORITHMS[name].kind != signing.ALGORITHMS[algorithm].kind
            )
        },
    ]
    for change in wrong:
        assert code(kms, action, **good | change) == INVALID, change
    assert code(kms, action, **good | {"Message": ""}) in {INVALID, "MissingParameter"}
    for name in good:
        missing = {key: value for key, value in good.items() if key != name}
        assert code(kms, action, **missing) == "MissingParameter"


@pytest.mark.parametrize(("usage", "algorithm"), ALGORITHMS)
def test_malformed_signatures_are_false_and_what_is_not_base64_is_refused(
    kms: EmbeddedKms, ids: dict[str, str], usage: str, algorithm: str
) -> None:
    request = {"KeyId": ids[usage], "Algorithm": algorithm, "Message": text(b"message")}
    signature = base64.b64decode(kms.call("SignByAsymmetricKey", request)["Signature"])
    for wrong in (
        b"x",
        signature[:-1],
        signature + b"\0",
        b"\0" + signature,
        signature[:-1] + bytes([signature[-1] ^ 1]),
        bytes(len(signature)),
        bytes(64),
        b"\x30\x06\x02\x01\x00\x02\x01\x00",
        b"\x30\x80",
        secrets.token_bytes(4096),
    ):
        answer = kms.call("VerifyByAsymmetricKey", request | {"SignatureValue": text(wrong)})
        assert answer["SignatureValid"] is False, wrong.hex()
    for wrong_text in ("=", "not base64", text(signature) + "\n", text(signature)[:-1] + "!"):
        assert code(kms, "VerifyByAsymmetricKey", **request, SignatureValue=wrong_text) == INVALID


@pytest.mark.parametrize("name", ["ECC_P256_R1", "ECDSA384_SHA384", "SM2DSA"])
def test_kms_takes_signatures_of_curves_as_der_only(kms: EmbeddedKms, ids: dict[str, str], name: str) -> None:
    """The cloud's signatures are DER; bare r and s would be malformed there."""
    usage = next(usage for usage, algorithm in ALGORITHMS if algorithm == name)
    request = {"KeyId": ids[usage], "Algorithm": name, "Message": text(b"message")}
    signature = base64.b64decode(kms.call("SignByAsymmetricKey", request)["Signature"])
    size = 48 if name == "ECDSA384_SHA384" else 32
    raw = formats.write_signature(
        *formats.read_signature(signature, "der", number_bytes=size), "raw", number_bytes=size
    )
    assert kms.call("VerifyByAsymmetricKey", request | {"SignatureValue": text(raw)})["SignatureValid"] is False


@pytest.mark.parametrize("padding", PADDINGS)
def test_rsa_decrypts_what_openssl_encrypted(
    kms: EmbeddedKms, ids: dict[str, str], padding: str, tmp_path: Path
) -> None:
    path = tmp_path / "pub.pem"
    path.write_text(kms.call("GetPublicKey", {"KeyId": ids[RSA]})["PublicKeyPem"])
    for size in (1, CAPACITY[padding]):
        plaintext = secrets.token_bytes(size)
        ciphertext = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", path, *PADDINGS[padding], data=plaintext).stdout
        request = {"KeyId": ids[RSA], "Ciphertext": text(ciphertext), "Algorithm": padding}
        answer = kms.call("AsymmetricRsaDecrypt", request)
        assert (answer["KeyId"], base64.b64decode(answer["Plaintext"])) == (ids[RSA], plaintext)
        for other in PADDINGS:
            # PKCS #1 v1.5 is answered with other data by OpenSSL, not with a failure.
            if other not in {padding, "RSAES_PKCS1_V1_5"}:
                assert code(kms, "AsymmetricRsaDecrypt", **request | {"Algorithm": other}) == UNDECRYPTABLE
    for wrong in (b"x", ciphertext[:-1], ciphertext + b"\0", b"\xff" * 256):
        assert code(kms, "AsymmetricRsaDecrypt", **request | {"Ciphertext": text(wrong)}) == UNDECRYPTABLE
    assert code(kms, "AsymmetricRsaDecrypt", **request | {"Ciphertext": "no base64"}) == INVALID
    for name in ("RSA", "rsaes_pkcs1_v1_5", "SM2"):
        assert code(kms, "AsymmetricRsaDecrypt", **request | {"Algorithm": name}) == INVALID


def sm2_ciphertext(kms: EmbeddedKms, key_id: str, plaintext: bytes, folder: Path) -> bytes:
    path = folder / "sm2.pem"
    path.write_text(kms.call("GetPublicKey", {"KeyId": key_id})["PublicKeyPem"])
    return openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", path, data=plaintext).stdout


def test_sm2_decrypts_what_openssl_encrypted(kms: EmbeddedKms, ids: dict[str, str], tmp_path: Path) -> None:
    for size in (1, 32, 33, 145):
        plaintext = secrets.token_bytes(size)
        ciphertext = sm2_ciphertext(kms, ids[SM2], plaintext, tmp_path)
        answer = kms.call("AsymmetricSm2Decrypt", {"KeyId": ids[SM2], "Ciphertext": text(ciphertext)})
        assert (answer["KeyId"], base64.b64decode(answer["Plaintext"])) == (ids[SM2], plaintext)


def test_sm2_takes_at_most_256_bytes_in_asn1(kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes]) -> None:
    key = keys.from_pkcs8(material[SM2]).public_key
    assert isinstance(key, Sm2PublicKey)
    sizes = set()
    for size in range(140, 156):
        ciphertext = formats.write_ciphertext(encryption.encrypt(key.key, bytes(size)))
        request = {"KeyId": ids[SM2], "Ciphertext": text(ciphertext)}
        if len(ciphertext) <= 256:
            assert base64.b64decode(kms.call("AsymmetricSm2Decrypt", request)["Plaintext"]) == bytes(size)
            sizes.add(size)
        else:
            assert code(kms, "AsymmetricSm2Decrypt", **request) == INVALID
    assert max(sizes) >= 146


def test_sm2_refuses_whatever_is_not_asn1_of_its_own(
    kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes], tmp_path: Path
) -> None:
    encoded = sm2_ciphertext(kms, ids[SM2], SECRET, tmp_path)
    parts = formats.read_ciphertext(encoded, "der")
    wrong = [
        formats.write_ciphertext(parts, form, prefix=prefix)
        for form in ("c1c3c2", "c1c2c3")
        for prefix in (True, False)
    ]
    wrong += [b"x", encoded[:-1], encoded + b"\0", encoded[:-1] + bytes([encoded[-1] ^ 1]), b"\x30\x00"]
    stranger = keys.from_pkcs8(materials.make("SM2")).public_key
    assert isinstance(stranger, Sm2PublicKey)
    wrong.append(formats.write_ciphertext(encryption.encrypt(stranger.key, SECRET)))
    for data in wrong:
        assert code(kms, "AsymmetricSm2Decrypt", KeyId=ids[SM2], Ciphertext=text(data)) == UNDECRYPTABLE
    assert code(kms, "AsymmetricSm2Decrypt", KeyId=ids[SM2], Ciphertext="no base64") == INVALID


# Answers under the caller's public key.


def asks(kms: EmbeddedKms, ids: dict[str, str], **wrapping: str) -> list[tuple[bytes, bytes]]:
    """Ask for plaintexts by Decrypt and GenerateDataKey; return each with what must be in it."""
    blob = kms.call("Encrypt", {"KeyId": ids["symmetric"], "Plaintext": text(SECRET)})["CiphertextBlob"]
    decrypted = kms.call("Decrypt", {"CiphertextBlob": blob, **wrapping})["Plaintext"]
    made = kms.call("GenerateDataKey", {"KeyId": ids["symmetric"], "KeySpec": "AES_256", **wrapping})
    data_key = kms.call("Decrypt", {"CiphertextBlob": made["CiphertextBlob"]})["Plaintext"]
    return [
        (base64.b64decode(decrypted, validate=True), SECRET),
        (base64.b64decode(made["Plaintext"], validate=True), base64.b64decode(data_key)),
    ]


def public_pem(material: bytes) -> str:
    return pem.write_public_key(keys.from_pkcs8(material).public_key)


@pytest.mark.parametrize("padding", PADDINGS)
def test_answers_wrapped_with_rsa_are_opened_by_openssl(
    kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes], padding: str, tmp_path: Path
) -> None:
    path = private_file(material[RSA], tmp_path / "key")
    for wrapped, plaintext in asks(
        kms, ids, EncryptionPublicKey=public_pem(material[RSA]), EncryptionAlgorithm=padding
    ):
        assert len(wrapped) == 256
        assert openssl("pkeyutl", "-decrypt", "-inkey", path, *PADDINGS[padding], data=wrapped).stdout == plaintext


@pytest.mark.parametrize("algorithm", [None, "", "SM2", "SM2_C1C3C2_ASN1"])
@pytest.mark.parametrize("lines", [True, False])
def test_answers_wrapped_with_sm2(
    kms: EmbeddedKms,
    ids: dict[str, str],
    material: dict[str, bytes],
    algorithm: str | None,
    lines: bool,
    tmp_path: Path,
) -> None:
    key = keys.from_pkcs8(material[SM2])
    assert isinstance(key, Sm2PrivateKey)
    public = public_pem(material[SM2])
    wrapping = {"EncryptionPublicKey": public if lines else public.strip().replace("\n", " ")}
    if algorithm is not None:
        wrapping["EncryptionAlgorithm"] = algorithm
    for wrapped, plaintext in asks(kms, ids, **wrapping):
        if algorithm == "SM2_C1C3C2_ASN1":
            assert encryption.decrypt(key.key, formats.read_ciphertext(wrapped, "der")) == plaintext
            path = private_file(material[SM2], tmp_path / "key")
            assert openssl("pkeyutl", "-decrypt", "-inkey", path, data=wrapped).stdout == plaintext
            continue
        assert len(wrapped) == 64 + 32 + len(plaintext)
        parts = formats.read_ciphertext(b"\x04" + wrapped, "c1c3c2")
        assert encryption.decrypt(key.key, parts) == plaintext


@pytest.mark.parametrize(
    "trouble", ["text", "empty pem", "p-256", "rsa alone", "rsa as sm2", "sm2 as rsa", "unknown", "private"]
)
def test_an_answer_that_cannot_be_wrapped_is_not_given(
    kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes], trouble: str, tmp_path: Path
) -> None:
    own, chinese = public_pem(material[RSA]), public_pem(material[SM2])
    curve = public_pem(material["ASYMMETRIC_SIGN_VERIFY_ECC"])
    wrapping = {
        "text": ("no key", "SM2"),
        "empty pem": ("-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----", "SM2"),
        "p-256": (curve, "SM2"),
        "rsa alone": (own, ""),
        "rsa as sm2": (own, "SM2_C1C3C2_ASN1"),
        "sm2 as rsa": (chinese, "RSAES_OAEP_SHA_256"),
        "unknown": (own, "RSA"),
        "private": (private_file(material[RSA], tmp_path / "key").read_text(), "RSAES_OAEP_SHA_256"),
    }[trouble]
    fields = dict(zip(("EncryptionPublicKey", "EncryptionAlgorithm"), wrapping, strict=True))
    blob = kms.call("Encrypt", {"KeyId": ids["symmetric"], "Plaintext": text(SECRET)})["CiphertextBlob"]
    assert code(kms, "Decrypt", CiphertextBlob=blob, **fields) == UNWRAPPABLE
    request = {"KeyId": ids["symmetric"], "NumberOfBytes": 32}
    assert code(kms, "GenerateDataKey", **request, **fields) == UNWRAPPABLE


@pytest.mark.parametrize("padding", PADDINGS)
def test_what_rsa_has_no_room_for(
    kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes], padding: str
) -> None:
    wrapping = {"EncryptionPublicKey": public_pem(material[RSA]), "EncryptionAlgorithm": padding}
    for size, fits in ((CAPACITY[padding], True), (CAPACITY[padding] + 1, False)):
        request = {"KeyId": ids["symmetric"], "Plaintext": text(bytes(size))}
        blob = kms.call("Encrypt", request)["CiphertextBlob"]
        if fits:
            kms.call("Decrypt", {"CiphertextBlob": blob, **wrapping})
        else:
            assert code(kms, "Decrypt", CiphertextBlob=blob, **wrapping) == UNWRAPPABLE


# The commands.


@pytest.fixture
def work(ids: dict[str, str], workplace: Path) -> dict[str, str]:
    """Work in an empty folder with the store of the keys."""
    assert workplace == Path.cwd()
    return ids


def run(*arguments: str, code: int = 0) -> str:
    """Run kmstool in this process and check its exit code; return the message of a failure."""
    found, message = 0, ""
    try:
        with root.make_context("kmstool", list(arguments), obj=Session(os.environ)) as context:
            root.invoke(context)
    except KmsToolError as error:
        found, message = error.exit_code, error.message
    assert found == code, message
    return message


@pytest.mark.parametrize("usage", [RSA, SM2])
@pytest.mark.parametrize("encoding", ["pem", "der", "base64"])
@pytest.mark.parametrize("raw", [True, False])
def test_what_is_encrypted_here_is_decrypted_there(work: dict[str, str], usage: str, encoding: str, raw: bool) -> None:
    plaintext = secrets.token_bytes(146)
    Path("plain").write_bytes(plaintext)
    run("public-key", usage, "--encoding", encoding, "-o", "pub")
    options = ["--raw"] if raw else []
    run("asymmetric", "encrypt", "--public-key", "pub", *options, "plain", "-o", "one")
    run("asymmetric", "encrypt", "--key", usage, *options, "plain", "-o", "two")
    for number, name in enumerate(("one", "two")):
        run("asymmetric", "decrypt", "--key", usage, name, "-o", f"opened-{number}")
        assert Path(f"opened-{number}").read_bytes() == plaintext
    assert Path("one").read_bytes() != Path("two").read_bytes()


@pytest.mark.parametrize("padding", words.RSA_ALGORITHMS)
def test_the_paddings_of_the_commands(work: dict[str, str], material: dict[str, bytes], padding: str) -> None:
    Path("plain").write_bytes(bytes(CAPACITY[padding]))
    Path("long").write_bytes(bytes(CAPACITY[padding] + 1))
    run("public-key", RSA, "-o", "pub")
    line = ("asymmetric", "encrypt", "--public-key", "pub", "--algorithm", padding, "--raw")
    run(*line, "plain", "-o", "cipher")
    run(*line, "long", "-o", "none", code=3)
    key = private_file(material[RSA], Path("key"))
    opened = openssl("pkeyutl", "-decrypt", "-inkey", key, *PADDINGS[padding], "-in", "cipher").stdout
    assert opened == Path("plain").read_bytes()
    run("asymmetric", "decrypt", "--key", RSA, "--algorithm", padding, "cipher", "-o", "opened")
    assert Path("opened").read_bytes() == opened


def test_all_forms_of_sm2_ciphertexts(work: dict[str, str], material: dict[str, bytes]) -> None:
    key = keys.from_pkcs8(material[SM2]).public_key
    assert isinstance(key, Sm2PublicKey)
    parts = encryption.encrypt(key.key, SECRET)
    written: tuple[tuple[str, formats.WrittenCiphertextFormat], ...] = (
        ("der", "der"), ("auto", "der"), ("c1c3c2", "c1c3c2"), ("auto", "c1c3c2"), ("c1c2c3", "c1c2c3"),
    )  # fmt: skip
    forms = [
        (name, formats.write_ciphertext(parts, form, prefix=prefix))
        for name, form in written
        for prefix in (True, False)
    ]
    for number, (name, data) in enumerate(forms):
        Path("cipher").write_bytes(data)
        out = f"opened-{number}"
        run("asymmetric", "decrypt", "--key", SM2, "--ciphertext-format", name, "cipher", "-o", out)
        assert Path(out).read_bytes() == SECRET, name
    Path("cipher").write_bytes(formats.write_ciphertext(parts, "c1c2c3"))
    run("asymmetric", "decrypt", "--key", SM2, "--ciphertext-format", "c1c3c2", "cipher", code=5)
    Path("cipher").write_bytes(formats.write_ciphertext(parts, "c1c3c2"))
    run("asymmetric", "decrypt", "--key", SM2, "--ciphertext-format", "der", "cipher", code=3)


def test_openssl_decrypts_what_the_command_encrypted_with_sm2(work: dict[str, str], material: dict[str, bytes]) -> None:
    Path("plain").write_bytes(SECRET)
    run("asymmetric", "encrypt", "--key", SM2, "--raw", "plain", "-o", "cipher")
    key = private_file(material[SM2], Path("key"))
    assert openssl("pkeyutl", "-decrypt", "-inkey", key, "-in", "cipher").stdout == SECRET


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (("encrypt", "plain"), 2),
        (("encrypt", "--key", RSA, "--public-key", "pub", "plain"), 2),
        (("encrypt", "--key", "ASYMMETRIC_SIGN_VERIFY_ECC", "plain"), 2),
        (("encrypt", "--key", SM2, "--algorithm", "RSAES_OAEP_SHA_1", "plain"), 2),
        (("encrypt", "--key", SM2, "empty"), 3),
        (("encrypt", "--key", SM2, "long"), 3),
        (("encrypt", "--key", RSA, "long"), 3),
        (("encrypt", "--public-key", "plain", "plain"), 3),
        (("decrypt", "--key", RSA, "plain"), 3),
        (("decrypt", "--key", SM2, "--algorithm", "RSAES_OAEP_SHA_1", "cipher"), 2),
        (("decrypt", "--key", RSA, "--ciphertext-format", "der", "cipher"), 2),
        (("decrypt", "--key", "symmetric", "cipher"), 6),
        (("decrypt", "--key", "ASYMMETRIC_SIGN_VERIFY_RSA_2048", "cipher"), 6),
        (("decrypt", "--key", RSA, "cipher", "-o", "cipher", "--force"), 2),
    ],
)
def test_what_the_commands_refuse(work: dict[str, str], line: tuple[str, ...], code: int) -> None:
    Path("plain").write_bytes(SECRET)
    Path("empty").write_bytes(b"")
    Path("long").write_bytes(bytes(191))
    run("public-key", RSA, "-o", "pub")
    named = "SM2" if "--key" in line and SM2 in line else "RSA"
    run("asymmetric", "encrypt", "--key", SM2 if named == "SM2" else RSA, "plain", "-o", "cipher")
    run("asymmetric", *line, code=code)


def test_client_and_kms_mean_the_same_public_key(
    kms: EmbeddedKms, ids: dict[str, str], material: dict[str, bytes]
) -> None:
    for usage, encoded in material.items():
        found = kms.call("GetPublicKey", {"KeyId": ids[usage]})
        key = keys.from_pkcs8(encoded)
        assert protocol.decode(found["PublicKey"]) == key.public_key.to_spki()
        assert isinstance(key, RsaPrivateKey) == isinstance(key.public_key, RsaPublicKey)
