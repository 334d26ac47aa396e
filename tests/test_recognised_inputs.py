"""Every command that takes a file takes it as other programs write it, or says what it is and which command takes it."""

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kmstool.crypto import pem
from kmstool.server.app import EmbeddedKms
from tests.foreign import openssl
from tests.program import kmstool

SECRET = "a secret"
MARK = b"\xef\xbb\xbf"


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    kms.call("CreateKey", {"Alias": "demo"})
    Path("plain").write_text(SECRET)
    return workplace


def utf16(data: bytes) -> bytes:
    return data.decode().replace("\n", "\r\n").encode("utf-16")


# Envelopes.


@pytest.fixture
def armor() -> bytes:
    kmstool("envelope", "encrypt", "--key", "demo", "-a", "plain", "-o", "a.pem")
    return Path("a.pem").read_bytes()


WRITTEN: dict[str, Callable[[bytes], bytes]] = {
    "as it was": bytes,
    "with a mark": lambda data: MARK + data,
    "with line ends of Windows": lambda data: data.replace(b"\n", b"\r\n"),
    "in UTF-16": utf16,
    "in UTF-16 of the network": lambda data: b"\xfe\xff" + data.decode().encode("utf-16-be"),
    "after white space": lambda data: b"\n \n" + data,
}


@pytest.mark.parametrize("way", WRITTEN)
def test_armor_of_windows(way: str, armor: bytes) -> None:
    Path("b.pem").write_bytes(WRITTEN[way](armor))
    assert kmstool("envelope", "decrypt", "b.pem", "-o", "-").out == SECRET
    assert kmstool("envelope", "decrypt", "-o", "-", stdin=WRITTEN[way](armor)).out == SECRET
    assert kmstool("envelope", "verify", "b.pem").exit_code == 0
    assert kmstool("envelope", "inspect", "b.pem").exit_code == 0


def test_long_armor_in_utf16() -> None:
    plaintext = bytes(range(256)) * 2000
    Path("long").write_bytes(plaintext)
    kmstool("envelope", "encrypt", "--key", "demo", "-a", "long", "-o", "long.pem")
    Path("long.u16").write_bytes(utf16(Path("long.pem").read_bytes()))
    assert kmstool("envelope", "decrypt", "long.u16", "-o", "-").stdout == plaintext
    cut = Path("long.u16").read_bytes()[:-300]
    done = kmstool("envelope", "decrypt", "-o", "-", stdin=cut, exit_code=None)
    assert done.exit_code in (3, 5)
    assert "cut short" in done.err


def test_what_is_no_envelope_is_named(armor: bytes) -> None:
    kmstool("encrypt", "--key", "demo", "plain", "-o", "blob")
    kmstool("envelope", "encrypt", "--key", "demo", "plain")
    envelope = Path("plain.kte").read_bytes()
    things = {
        "a ciphertext blob": (Path("blob").read_bytes(), "kmstool decrypt opens it"),
        "copied as text": (envelope.replace(b"\n", b"\r\n"), "copy it again as bytes"),
        "stands for an envelope": (base64.encodebytes(envelope), "kmstool envelope decrypt"),
        "a public key": (pem_of("PUBLIC KEY"), "--public-key"),
        "an answer of KMS": (b'{"CiphertextBlob": "a", "KeyId": "b"}', "--query"),
    }
    for noun, (data, hint) in things.items():
        Path("thing").write_bytes(data)
        for command in ("decrypt", "verify", "inspect"):
            words = ("-o", "-") if command == "decrypt" else ()
            err = kmstool("envelope", command, "thing", *words, exit_code=3).err
            assert noun in err
            assert "not an envelope" in err or noun == "copied as text"
            assert hint in err
    for data in (b"some words", b"\x01\x02", b""):
        Path("thing").write_bytes(data)
        assert "envelope" in kmstool("envelope", "inspect", "thing", exit_code=3).err


def pem_of(label: str) -> bytes:
    return f"-----BEGIN {label}-----\n{base64.b64encode(bytes(48)).decode()}\n-----END {label}-----\n".encode()


def test_an_envelope_where_a_blob_must_be() -> None:
    kmstool("envelope", "encrypt", "--key", "demo", "plain")
    for command in (("decrypt", "plain.kte"), ("reencrypt", "plain.kte"), ("exec", "--env", "A=@plain.kte", "true")):
        err = kmstool(*command, exit_code=3).err
        assert "plain.kte is an envelope, not a ciphertext blob" in err
        assert "kmstool envelope decrypt opens it" in err


# Key material.


@pytest.fixture
def external(kms: EmbeddedKms) -> Iterator[Callable[[], None]]:
    def make() -> None:
        kms.call("CreateKey", {"Alias": "own", "Type": 2})
        kmstool("material", "params", "--key", "own", "-o", "import")
        Path("material").write_bytes(bytes(range(16)))
        padding = ("rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256")
        words = [word for option in padding for word in ("-pkeyopt", option)]
        key = ("-pubin", "-inkey", "import/wrapping-key.pem")
        openssl("pkeyutl", "-encrypt", *key, "-in", "material", "-out", "wrapped", *words)

    return make


TEXTS: dict[str, Callable[[bytes], bytes]] = {
    "bytes": bytes,
    "base64 on one line": base64.b64encode,
    "base64 on lines": base64.encodebytes,
    "base64 in UTF-16": lambda data: utf16(base64.encodebytes(data)),
    "hexadecimal": lambda data: data.hex().encode() + b"\n",
    "hexadecimal on lines": lambda data: "\n".join(data.hex()[i : i + 60] for i in range(0, 512, 60)).encode(),
    "a request": lambda data: json.dumps({"EncryptedKeyMaterial": base64.b64encode(data).decode()}).encode(),
}


@pytest.mark.parametrize("way", TEXTS)
def test_wrapped_material_of_another_program(way: str, external: Callable[[], None]) -> None:
    external()
    Path("w").write_bytes(TEXTS[way](Path("wrapped").read_bytes()))
    assert "is enabled" in kmstool("material", "upload", "--params", "import", "w").err


def test_what_is_no_wrapped_material_is_named(external: Callable[[], None]) -> None:
    external()
    kmstool("envelope", "encrypt", "--key", "demo", "plain")
    err = kmstool("material", "upload", "--params", "import", "plain.kte", exit_code=3).err
    assert "is an envelope, not wrapped material" in err
    assert "kmstool-wrapped-material-1" in kmstool("material", "upload", "--params", "import", "plain", exit_code=3).err


MATERIAL = bytes(range(16))
DIALECTS: dict[str, tuple[str, bytes]] = {
    "digits with colons": ("hex", MATERIAL.hex(":").encode()),
    "digits with blanks": ("hex", MATERIAL.hex(" ", 2).encode() + b"\n"),
    "digits with 0x": ("hex", b"0x" + MATERIAL.hex().upper().encode()),
    "digits in UTF-16": ("hex", utf16(MATERIAL.hex().encode() + b"\n")),
    "base64 without padding": ("base64", base64.b64encode(MATERIAL).rstrip(b"=")),
    "base64 for URLs": ("base64", base64.urlsafe_b64encode(MATERIAL)),
    "quotes": ("base64", b'"' + base64.b64encode(MATERIAL) + b'"\r\n'),
}


@pytest.mark.parametrize("way", DIALECTS)
def test_key_material_in_text(way: str, external: Callable[[], None]) -> None:
    external()
    encoding, data = DIALECTS[way]
    Path("m").write_bytes(data)
    kmstool("import-material", "--key", "own", "--input-encoding", encoding, "m")
    Path("again").write_bytes(MATERIAL)
    kmstool("import-material", "--key", "own", "again")


def test_documents_with_the_marks_of_windows(external: Callable[[], None]) -> None:
    external()
    kmstool("material", "wrap", "--params", "import", "material", "-o", "wrapped.json")
    for write in (lambda data: MARK + data, utf16):
        Path("w").write_bytes(write(Path("wrapped.json").read_bytes()))
        kmstool("material", "upload", "--params", "import", "w")


# White-box keys.


def test_white_box_files_in_text() -> None:
    made = kmstool("whitebox", "create", "--alias", "app", "--algorithm", "AES_256").out.strip()
    kmstool("whitebox", "download-key", made, "-o", "key.bin")
    answer = kmstool("whitebox", "encrypt", "--key", "app", "plain", "--format", "json").json
    Path("answer.json").write_text(json.dumps(answer))
    key = Path("key.bin").read_bytes()
    iv = base64.b64decode(answer["InitializationVector"])
    ciphertext = base64.b64decode(answer["CipherText"])
    forms = {
        "key": {"bin": key, "base64": base64.encodebytes(key), "json": json.dumps({"DecryptKey": base64.b64encode(key).decode()}).encode()},
        "iv": {"base64": base64.b64encode(iv), "hex": iv.hex().encode(), "json": json.dumps(answer).encode(), "mark": MARK + base64.b64encode(iv)},
        "text": {"base64": base64.encodebytes(ciphertext), "hex": ciphertext.hex().encode(), "json": json.dumps(answer).encode()},
    }  # fmt: skip
    for part, ways in forms.items():
        for way, data in ways.items():
            chosen = {"key": key, "iv": base64.b64encode(iv), "text": base64.b64encode(ciphertext)} | {part: data}
            for name, content in chosen.items():
                Path(name).write_bytes(content)
            done = kmstool("whitebox", "decrypt", "--key-file", "key", "--iv", "@iv", "text")
            assert done.out == SECRET, (part, way)


# Other text.


@pytest.mark.parametrize("write", [lambda data: MARK + data, utf16, lambda data: data.replace(b"\n", b"\r\n")])
def test_requests_lists_and_seeds_of_windows(write: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMSTOOL_DEVICE_SECRET", "a secret of the tests, long enough")
    Path("request.json").write_bytes(write(b'{\n"Limit": 1\n}\n'))
    assert kmstool("api", "ListKeys", "--params", "@request.json").json["TotalCount"] == 1
    Path("seed.toml").write_bytes(write(b'[[key]]\nalias = "seeded"\n'))
    kmstool("local", "seed", "seed.toml")
    assert "seeded" in kmstool("key", "list").out
    kmstool("whitebox", "create", "--alias", "app", "--algorithm", "AES_256")
    template = kmstool("fingerprint", "template").out.split("\n")[0]
    identity = kmstool("fingerprint").out.strip()
    Path("devices.csv").write_bytes(write(f"{template}\n{identity}, a device\n".encode()))
    kmstool("fingerprint", "import", "--key", "app", "devices.csv", "--yes")
    assert "a device" in kmstool("fingerprint", "list", "--key", "app").out


def test_lines_of_a_login_with_a_mark() -> None:
    Path("passphrase").write_text("a long passphrase")
    words = ("auth", "login", "--profile", "work", "--store", "file", "--passphrase-file", "passphrase", "--no-verify")
    kmstool(*words, stdin=MARK + b"AKIDtests0123456789\r\nthe-key\r\n")


def test_the_public_key_of_a_certificate_and_of_a_private_key_is_said() -> None:
    openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", "key.pem")
    openssl("req", "-new", "-x509", "-subj", "/CN=tests", "-key", "key.pem", "-out", "cert.pem")
    openssl("dgst", "-sha256", "-sign", "key.pem", "-out", "sig", "plain")
    line = ("verify", "--local", "--algorithm", "RSA_PKCS1_SHA_256", "--signature", "sig", "plain", "--public-key")
    assert "out of a private key: key.pem" in kmstool(*line, "key.pem").err
    assert "out of a certificate, which was not checked: cert.pem" in kmstool(*line, "cert.pem").err
    assert "out of" not in kmstool(*line, "key.pem", "--quiet").err
    public = openssl("pkey", "-in", "key.pem", "-pubout").stdout
    Path("pub.pem").write_bytes(public)
    assert kmstool(*line, "pub.pem").err == ""
    assert pem.read_public_key(public).kind == "RSA"
