"""Keys are read in whatever form people have them, and what is no key is refused with `InputError` and in no other way."""

import base64
import contextlib
import hashlib
import os
import textwrap
from collections.abc import Sequence
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.crypto import der, ecdsa, keys, passphrase_schemes, pem, pkcs8, rsa
from kmstool.crypto.keys import EcPrivateKey, PrivateKey, RsaPrivateKey, Sm2PrivateKey
from kmstool.crypto.sm2.keys import PrivateKey as Sm2Key
from kmstool.errors import AccessError, InputError
from tests.curves import keys_by_first_byte
from tests.foreign import openssl, stanzas

KINDS: tuple[keys.Kind, ...] = ("RSA", "EC_P256", "EC_P384", "SM2")
KEYS: dict[str, PrivateKey] = {
    "RSA": RsaPrivateKey(rsa.generate(2048)),
    "EC_P256": EcPrivateKey(ecdsa.generate("EC_P256")),
    "EC_P384": EcPrivateKey(ecdsa.generate("EC_P384")),
    "SM2": Sm2PrivateKey(Sm2Key.generate()),
}
OPENSSL_ALGORITHMS: dict[str, list[str]] = {
    "RSA": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "EC_P256": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "EC_P384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "SM2": ["-algorithm", "SM2"],
}
PASSPHRASE = b"correct horse"
# Made by `gmssl sm2keygen -pass 'correct horse'` of GmSSL 3.3, with the public key that it printed.
GMSSL_ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIH2MGEGCSqGSIb3DQEFDTBUMDQGCSqGSIb3DQEFDDAnBBDu2Jxo4f/ukszd8X5b
o0r0AgMBAAACARAwCwYJKoEcz1UBgxECMBwGCCqBHM9VAWgCBBDOk7Es4wCWSvHU
JxkkzHGvBIGQIefvFQkTWZ+/FDGTKGJ101YYE3lBTj+V/ZwPgiflefWEU2sC+PMs
M9H9CmC1eeFJXkcfTe+l9yCaNOEDMBIjBYZeTYrVjCE7W/Wdo4hGnLbAvwdzKzY+
+BbdOywRCmCSUzJUIE6Z8A506TLGjK6KM5Gtgq5NsaWkUsz5sbp/ZGp29NlfmQJR
hIspMgEN10p2
-----END ENCRYPTED PRIVATE KEY-----
"""
GMSSL_PUBLIC = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAELeAx+ZCHjzGuiTtdVIwSUEY2L66i
N1UBNC6pAKrNPSCautS9aNB4RJclj4eK+1/FjzfI+G7rlRghg7Wjy/0SuQ==
-----END PUBLIC KEY-----
"""


def block(label: str, encoded: bytes) -> bytes:
    body = "\n".join(textwrap.wrap(base64.b64encode(encoded).decode(), 64))
    return f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n".encode()


def str_or_data(value: object) -> str:
    """Name a parameter without its random bytes, which every process that runs tests draws anew."""
    return value if isinstance(value, str) else "data"


def to_pkcs8(key: PrivateKey) -> bytes:
    if isinstance(key, Sm2PrivateKey):
        return key.key.to_pkcs8()
    return rsa.to_pkcs8(key.key) if isinstance(key, RsaPrivateKey) else ecdsa.to_pkcs8(key.key)


# Public keys.


@pytest.mark.parametrize("kind", KINDS)
def test_public_keys_in_every_wrapping(kind: keys.Kind) -> None:
    key = KEYS[kind].public_key
    assert key.kind == KEYS[kind].kind == kind
    encoded = key.to_spki()
    once = base64.b64encode(encoded)
    text = pem.write_public_key(key).encode()
    forms = [
        text,
        text.replace(b"\n", b"\r\n"),
        text.replace(b"\n", b" "),
        text.replace(b"\n", b""),
        b"\xef\xbb\xbf" + text,
        "前面的文字\n".encode() + text + "后面的文字\n".encode(),
        text + block("PRIVATE KEY", b"not looked at"),
        b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(once) + b"\n-----END PUBLIC KEY-----",
        encoded,
        encoded.hex().encode(),
        once,
        once + b"\n",
        base64.encodebytes(encoded),
        base64.b64encode(once),
        base64.b64encode(base64.encodebytes(encoded)),
    ]
    for form in forms:
        assert pem.read_public_key(form) == key


@pytest.mark.parametrize("first", [0x00, 0x04, 0x40, 0x44])
def test_bare_sm2_points(first: int) -> None:
    key = keys_by_first_byte()[first].public_key
    point = key.to_bytes()
    compressed = bytes([2 + key.y % 2]) + point[1:33]
    for form in (point, point[1:], compressed):
        hexadecimal = form.hex()
        for written in (form, hexadecimal.encode(), hexadecimal.upper().encode(), f"{hexadecimal}\n".encode()):
            assert pem.read_public_key(written) == keys.Sm2PublicKey(key)
        assert pem.read_public_key(base64.b64encode(form)) == keys.Sm2PublicKey(key)


@pytest.mark.parametrize("kind", KINDS)
def test_public_keys_are_written_as_openssl_writes_them(kind: keys.Kind, tmp_path: Path) -> None:
    private = tmp_path / "private.pem"
    private.write_bytes(openssl("genpkey", *OPENSSL_ALGORITHMS[kind]).stdout)
    text = openssl("pkey", "-in", private, "-pubout").stdout
    key = pem.read_public_key(text)
    assert key.kind == kind
    assert pem.write_public_key(key).encode() == text
    assert key.to_spki() == openssl("pkey", "-in", private, "-pubout", "-outform", "DER").stdout
    read = pem.read_private_key(private.read_bytes())
    assert read.kind == kind
    assert read.public_key == key


def test_the_pem_of_an_api_sample_in_one_line() -> None:
    """`EncryptionPublicKey` is shown with blanks where line breaks were, `PublicKeyPem` as base64 of base64."""
    (one_line,) = {" ".join(GMSSL_PUBLIC.split("\n"))}
    assert pem.read_public_key(one_line.encode()) == pem.read_public_key(GMSSL_PUBLIC.encode())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no public key"),
        (b"hello", "no public key|base64"),
        (b"hello world!", "no public key"),
        (b"{}", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\n", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n", "no public key"),
        (b"-----BEGIN PUBLIC KEY-----\n*\n-----END PUBLIC KEY-----\n", "base64"),
        (b"-----BEGIN PUBLIC KEY-----\nAAA\n-----END PUBLIC KEY-----\n", "base64"),
        (GMSSL_PUBLIC.encode() * 2, "one public key in PEM; found: PUBLIC KEY"),
        (GMSSL_ENCRYPTED, "one public key in PEM; found: ENCRYPTED PRIVATE KEY"),
        (block("CERTIFICATE", b"0\0"), "one public key in PEM; found: CERTIFICATE"),
        (bytes(64), "not a point"),
        (bytes(65), "no SM2 public key"),
        (b"00" * 64, "not a point"),
        (b"0" * 65537, "at most 65536 bytes"),
    ],
    ids=str_or_data,
)
def test_what_is_no_public_key_is_told_apart(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words):
        pem.read_public_key(data)


def test_public_keys_of_other_kinds_are_refused() -> None:
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    others = [
        ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(*form),
        ec.generate_private_key(ec.SECP521R1()).public_key().public_bytes(*form),
        generate_private_key(65537, 1024).public_key().public_bytes(*form),
        der.sequence(der.sequence(der.object_identifier("1.2.840.113549.1.1.10")), der.bits(b"0\0")),
    ]
    for encoded in others:
        with pytest.raises(InputError):
            pem.read_public_key(encoded)
        with pytest.raises(InputError):
            pem.read_public_key(block("PUBLIC KEY", encoded))


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=400)
def test_any_bytes_are_refused_as_public_keys(data: bytes) -> None:
    for form in (data, base64.b64encode(data), block("PUBLIC KEY", data), der.sequence(data), data.hex().encode()):
        with pytest.raises(InputError):
            pem.read_public_key(form)


@pytest.mark.parametrize("kind", KINDS)
@given(position=st.integers(0), change=st.integers(1, 255))
@settings(deadline=None)
def test_an_altered_public_key_is_refused_or_another_one(kind: keys.Kind, position: int, change: int) -> None:
    key = KEYS[kind].public_key
    altered = bytearray(key.to_spki())
    altered[position % len(altered)] ^= change
    with contextlib.suppress(InputError):
        assert pem.read_public_key(bytes(altered)) != key


# Private keys.


@pytest.mark.parametrize("kind", KINDS)
def test_private_keys_in_every_wrapping(kind: keys.Kind, tmp_path: Path) -> None:
    key = KEYS[kind]
    plain = tmp_path / "plain.pem"
    plain.write_bytes(block("PRIVATE KEY", to_pkcs8(key)))
    traditional = openssl("rsa" if kind == "RSA" else "ec", "-in", plain, *(["-traditional"] if kind == "RSA" else []))
    assert b"-----BEGIN PRIVATE KEY-----" not in traditional.stdout
    for text in (plain.read_bytes(), traditional.stdout, plain.read_bytes().replace(b"\n", b" ")):
        read = pem.read_private_key(text)
        assert read.kind == kind
        assert read.public_key == key.public_key
        assert to_pkcs8(read) == to_pkcs8(key)
        # A passphrase may be at hand for other keys.
        assert pem.read_private_key(text, PASSPHRASE).public_key == key.public_key


def test_a_beginning_without_an_end_is_passed_over() -> None:
    """What was cut off before a whole key; and the end of another label ends nothing."""
    whole = block("PRIVATE KEY", to_pkcs8(KEYS["SM2"]))
    for before in (
        b"-----BEGIN PRIVATE KEY-----\nMIG\n",
        b"-----END PRIVATE KEY-----\n",
        b"-----BEGIN X-----\n",
        b"-----",
    ):
        assert pem.read_private_key(before + whole).public_key == KEYS["SM2"].public_key
    with pytest.raises(InputError, match="found: nothing"):
        pem.read_private_key(whole.replace(b"END PRIVATE", b"END EC PRIVATE"))


def test_parameters_before_a_key_are_passed_over() -> None:
    for name, kind in (("prime256v1", "EC_P256"), ("SM2", "SM2")):
        text = openssl("ecparam", "-name", name, "-genkey").stdout
        assert b" PARAMETERS-----" in text
        assert pem.read_private_key(text).kind == kind


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [
        ["-v2", "aes-256-cbc"],
        ["-v2", "aes-192-cbc", "-v2prf", "hmacWithSHA512"],
        ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1", "-iter", "1"],
        ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA384", "-iter", "10000"],
        ["-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA224"],
        ["-v2", "sm4-cbc"],
        ["-v2", "des3"],
        ["-scrypt", "-scrypt_N", "1024"],
        ["-scrypt", "-scrypt_N", "16384", "-scrypt_r", "4", "-scrypt_p", "2", "-v2", "aes-128-cbc"],
        ["-v1", "PBE-SHA1-3DES"],
        ["-v1", "PBE-SHA1-3DES", "-iter", "1"],
        ["-v1", "PBE-MD5-DES", "-provider", "legacy", "-provider", "default"],
        ["-v1", "PBE-SHA1-DES", "-provider", "legacy", "-provider", "default"],
    ],
    ids=" ".join,
)
def test_keys_that_openssl_encrypts(kind: keys.Kind, options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "plain.pem"
    path.write_bytes(block("PRIVATE KEY", to_pkcs8(KEYS[kind])))
    passout = ("-passout", f"pass:{PASSPHRASE.decode()}")
    text = openssl("pkcs8", "-topk8", "-in", path, *passout, *options).stdout
    with pytest.raises(AccessError, match="no passphrase is given"):
        pem.read_private_key(text)
    for wrong in (b"", b"correct", PASSPHRASE + b"\n"):
        with pytest.raises(AccessError, match="does not open"):
            pem.read_private_key(text, wrong)
    assert pem.read_private_key(text, PASSPHRASE).public_key == KEYS[kind].public_key


@pytest.mark.parametrize(
    "passphrase", ["", "x" * 200, "größer als 日本 🗝", "\udcff\udcfe"], ids=["none", "long", "words", "bytes"]
)
def test_passphrases_of_old_schemes_are_those_of_openssl(passphrase: str, tmp_path: Path) -> None:
    """PKCS#12 takes text: UTF-8 or, as OpenSSL has it, Latin-1 for what is none."""
    path = tmp_path / "plain.pem"
    path.write_bytes(block("PRIVATE KEY", to_pkcs8(KEYS["EC_P256"])))
    secret = os.fsencode(passphrase)
    (tmp_path / "secret").write_bytes(secret + b"\n")
    options = ("-passout", f"file:{tmp_path / 'secret'}", "-v1", "PBE-SHA1-3DES")
    text = openssl("pkcs8", "-topk8", "-in", path, *options).stdout
    assert pem.read_private_key(text, secret).public_key == KEYS["EC_P256"].public_key


@pytest.mark.parametrize("options", [["-v2", "camellia-256-cbc"], ["-v2prf", "hmacWithSHA512-256"]], ids=" ".join)
def test_keys_encrypted_in_a_way_that_is_not_known(options: list[str], tmp_path: Path) -> None:
    path = tmp_path / "plain.pem"
    path.write_bytes(block("PRIVATE KEY", to_pkcs8(KEYS["EC_P256"])))
    text = openssl("pkcs8", "-topk8", "-in", path, "-passout", f"pass:{PASSPHRASE.decode()}", *options).stdout
    for passphrase in (PASSPHRASE, b"wrong"):
        with pytest.raises(InputError, match="not supported"):
            pem.read_private_key(text, passphrase)


def test_the_key_that_gmssl_3_encrypted() -> None:
    key = pem.read_private_key(GMSSL_ENCRYPTED, PASSPHRASE)
    assert isinstance(key, Sm2PrivateKey)
    assert pem.write_public_key(key.public_key) == GMSSL_PUBLIC
    with pytest.raises(AccessError):
        pem.read_private_key(GMSSL_ENCRYPTED, b"correct hors")


def test_no_wrong_passphrase_is_taken_for_a_right_one() -> None:
    """In one of 256 the last byte looks like padding, and the text is garbage all the same."""
    quick = encrypted(iterations=1)
    assert pkcs8.decrypt(quick, PASSPHRASE) == KEYS["SM2"].key.to_pkcs8()
    for attempt in range(2000):
        with pytest.raises(AccessError):
            pem.read_private_key(block("ENCRYPTED PRIVATE KEY", quick), f"wrong {attempt}".encode())


def test_the_pem_encryption_of_old_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "plain.pem"
    path.write_bytes(block("PRIVATE KEY", to_pkcs8(KEYS["EC_P256"])))
    text = openssl("ec", "-in", path, "-aes128", "-passout", f"pass:{PASSPHRASE.decode()}").stdout
    with pytest.raises(InputError, match="Proc-Type") as refused:
        pem.read_private_key(text, PASSPHRASE)
    assert "pkcs8 -topk8" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "one private key in PEM; found: nothing"),
        (b"hello", "found: nothing"),
        (to_pkcs8(KEYS["SM2"]), "found: nothing"),
        (GMSSL_PUBLIC.encode(), "found: PUBLIC KEY"),
        (GMSSL_ENCRYPTED * 2, "found: ENCRYPTED PRIVATE KEY"),
        (block("PRIVATE KEY", to_pkcs8(KEYS["SM2"])) + GMSSL_ENCRYPTED, "found: ENCRYPTED PRIVATE KEY, PRIVATE KEY"),
        (block("OPENSSH PRIVATE KEY", b"0\0"), "found: OPENSSH PRIVATE KEY"),
        (b"-----BEGIN PRIVATE KEY-----*-----END PRIVATE KEY-----", "base64"),
        (block("EC PRIVATE KEY", to_pkcs8(KEYS["EC_P256"])), "DER"),
        (block("RSA PRIVATE KEY", to_pkcs8(KEYS["EC_P256"])), "not one of RSA"),
        (b" " * 65537, "at most 65536 bytes"),
    ],
    ids=str_or_data,
)
def test_what_is_no_private_key_is_told_apart(data: bytes, words: str) -> None:
    for passphrase in (None, PASSPHRASE):
        with pytest.raises(InputError, match=words):
            pem.read_private_key(data, passphrase)


def test_private_keys_of_other_kinds_are_refused() -> None:
    form = (serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for other in (
        ed25519.Ed25519PrivateKey.generate().private_bytes(*form),
        ec.generate_private_key(ec.SECP521R1()).private_bytes(*form),
        generate_private_key(65537, 1024).private_bytes(*form),
    ):
        with pytest.raises(InputError):
            pem.read_private_key(block("PRIVATE KEY", other))


LABELS = ["PRIVATE KEY", "EC PRIVATE KEY", "SM2 PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"]


@given(st.sampled_from(LABELS), st.binary(max_size=300))
@settings(deadline=None, max_examples=400)
def test_any_bytes_are_refused_as_private_keys(label: str, data: bytes) -> None:
    for form in (data, block(label, data), block(label, der.sequence(data))):
        with pytest.raises(InputError):
            pem.read_private_key(form, PASSPHRASE)


@given(position=st.integers(0), change=st.integers(1, 255))
@settings(deadline=None)
def test_an_altered_sm2_private_key_is_refused(position: int, change: int) -> None:
    """Every byte counts, as the public key is in it too."""
    altered = bytearray(to_pkcs8(KEYS["SM2"]))
    altered[position % len(altered)] ^= change
    with pytest.raises(InputError):
        pem.read_private_key(block("PRIVATE KEY", bytes(altered)))


@pytest.mark.parametrize("kind", ["RSA", "EC_P256", "EC_P384"])
@given(position=st.integers(0), change=st.integers(1, 255))
@settings(deadline=None, max_examples=50)
def test_an_altered_private_key_of_cryptography_is_refused_by_no_other_error(
    kind: keys.Kind, position: int, change: int
) -> None:
    altered = bytearray(to_pkcs8(KEYS[kind]))
    altered[position % len(altered)] ^= change
    with contextlib.suppress(InputError):
        assert pem.read_private_key(block("PRIVATE KEY", bytes(altered))).kind == kind


@given(position=st.integers(0), change=st.integers(1, 255))
@settings(deadline=None, max_examples=400)
def test_an_altered_encrypted_key_is_refused(position: int, change: int) -> None:
    """Nothing authenticates it: what opens all the same, such as with another version of PKCS#8, is the same key."""
    whole = encrypted(iterations=1)
    altered = bytearray(whole)
    altered[position % len(altered)] ^= change
    try:
        key = pem.read_private_key(block("ENCRYPTED PRIVATE KEY", bytes(altered)), PASSPHRASE)
    except (InputError, AccessError):
        return
    assert to_pkcs8(key) == to_pkcs8(KEYS["SM2"])


def test_a_private_key_does_not_show_itself() -> None:
    for key in KEYS.values():
        assert repr(key).startswith("<kmstool.crypto.keys.")
        assert "0x" in repr(key)


# The parameters of PBES2.


def encrypted(
    *,
    iterations: int = 1,
    key_bytes: tuple[int, ...] = (16,),
    prf: bytes | None = None,
    iv: bytes = bytes(16),
    ciphertext: bytes | None = None,
    after: Sequence[bytes] = (b"",) * 5,
) -> bytes:
    """Encrypt an SM2 key as GmSSL does, but for what is given; something may follow every sequence."""
    function = der.sequence(der.object_identifier("1.2.156.10197.1.401.2")) if prf is None else prf
    parameters = der.sequence(
        der.octets(b"salt"), der.integer(iterations), *map(der.integer, key_bytes), function, after[0]
    )
    derivation = der.sequence(der.object_identifier("1.2.840.113549.1.5.12"), parameters, after[1])
    cipher = der.sequence(der.object_identifier("1.2.156.10197.1.104.2"), der.octets(iv), after[2])
    scheme = der.sequence(derivation, cipher, after[3])
    algorithm = der.sequence(der.object_identifier("1.2.840.113549.1.5.13"), scheme, after[4])
    return der.sequence(algorithm, der.octets(CIPHERTEXT if ciphertext is None else ciphertext))


def _ciphertext() -> bytes:
    key = PBKDF2HMAC(hashes.SM3(), 16, b"salt", 1).derive(PASSPHRASE)
    encryptor = Cipher(algorithms.SM4(key), modes.CBC(bytes(16))).encryptor()
    padder = PKCS7(128).padder()
    padded = padder.update(to_pkcs8(KEYS["SM2"])) + padder.finalize()
    return encryptor.update(padded) + encryptor.finalize()


CIPHERTEXT = _ciphertext()
NULL = b"\x05\0"
HMAC_SM3 = der.object_identifier("1.2.156.10197.1.401.2")


@pytest.mark.parametrize(
    "prf",
    [
        der.sequence(HMAC_SM3),
        der.sequence(HMAC_SM3, NULL),
        der.sequence(der.object_identifier("1.2.156.10197.1.401.3.1"), NULL),
    ],
)
@pytest.mark.parametrize("key_bytes", [(), (16,)])
def test_parameters_in_every_spelling(prf: bytes, key_bytes: tuple[int, ...]) -> None:
    assert pkcs8.decrypt(encrypted(prf=prf, key_bytes=key_bytes), PASSPHRASE) == to_pkcs8(KEYS["SM2"])


@pytest.mark.parametrize(
    "flawed",
    [
        encrypted(iterations=0),
        encrypted(iterations=10_000_001),
        encrypted(key_bytes=(32,)),
        encrypted(key_bytes=(16, 16)),
        encrypted(prf=der.sequence(HMAC_SM3, b"\x05\x01\0")),
        encrypted(prf=der.sequence(HMAC_SM3, NULL, NULL)),
        encrypted(prf=der.sequence(HMAC_SM3, der.octets(b""))),
        encrypted(prf=der.sequence(der.object_identifier("1.2.3.4"), NULL)),
        encrypted(iv=bytes(15)),
        encrypted(iv=bytes(17)),
        encrypted(ciphertext=b""),
        encrypted(ciphertext=bytes(15)),
        encrypted(ciphertext=bytes(161)),
        *(encrypted(after=tuple(NULL if place == index else b"" for place in range(5))) for index in range(5)),
        encrypted() + b"\0",
        encrypted()[:-1],
        b"",
    ],
    ids=str_or_data,
)
def test_flawed_parameters_are_refused(flawed: bytes) -> None:
    with pytest.raises((InputError, AccessError)) as refused:
        pkcs8.decrypt(flawed, PASSPHRASE)
    assert refused.type is InputError


def test_keys_of_openssls_vectors_are_read() -> None:
    texts = [fields["text"] for fields in stanzas("openssl/evppkey_sm2.txt") if "PrivateKey" in fields]
    assert [pem.read_private_key(text.encode()).kind for text in texts] == ["SM2", "SM2"]


# What a file may ask for.

PBES2 = der.object_identifier("1.2.840.113549.1.5.13")
SCRYPT = der.object_identifier("1.3.6.1.4.1.11591.4.11")
AES_256 = der.sequence(der.object_identifier("2.16.840.1.101.3.4.1.42"), der.octets(bytes(16)))
CIPHERS = {
    "aes": AES_256,
    "des3": der.sequence(der.object_identifier("1.2.840.113549.3.7"), der.octets(bytes(8))),
}
PRFS = {
    "sha1": "1.2.840.113549.2.7",
    "sha256": "1.2.840.113549.2.9",
    "sha512": "1.2.840.113549.2.11",
    "sha3-512": "2.16.840.1.101.3.4.2.16",
    "sm3": "1.2.156.10197.1.401.2",
}


def file_with(algorithm: bytes) -> bytes:
    return block("ENCRYPTED PRIVATE KEY", der.sequence(algorithm, der.octets(bytes(64))))


def scrypt_file(*numbers: int, cipher: bytes = AES_256) -> bytes:
    derivation = der.sequence(SCRYPT, der.sequence(der.octets(b"salt"), *map(der.integer, numbers)))
    return file_with(der.sequence(PBES2, der.sequence(derivation, cipher)))


def pbkdf2_file(iterations: int, prf: str, cipher: bytes) -> bytes:
    function = der.sequence(der.object_identifier(PRFS[prf]), NULL)
    parameters = der.sequence(der.octets(b"salt"), der.integer(iterations), function)
    derivation = der.sequence(der.object_identifier("1.2.840.113549.1.5.12"), parameters)
    return file_with(der.sequence(PBES2, der.sequence(derivation, cipher)))


def old_file(identifier: str, iterations: int) -> bytes:
    return file_with(
        der.sequence(der.object_identifier(identifier), der.sequence(der.octets(bytes(8)), der.integer(iterations)))
    )


OLD_SCHEMES = [f"1.2.840.113549.1.5.{last}" for last in (1, 3, 4, 6, 10, 11)]
OLD_SCHEMES += [f"1.2.840.113549.1.12.1.{last}" for last in range(1, 7)]
COUNTS = (0, 10_000_001, 1 << 31, 1 << 64, 1 << 100_000)
SCRYPT_NUMBERS = [
    *((1 << bits, 8, 1) for bits in (19, 24, 30, 40, 63, 64, 10_000)),
    *((16384, 8, p) for p in (0, 17, 1 << 20, (1 << 30) - 1, 1 << 64)),
    *((16384, r, 1) for r in (0, 129, 1 << 20, 1 << 30, 1 << 64)),
    *((n, 8, 1) for n in (0, 1, 3, 5, 6, 1000, 16383, 16385)),
    (65536, 1, 1),
    (2, 1 << 20, 2),
]
GREEDY = {
    **{f"scrypt {index}": scrypt_file(*numbers) for index, numbers in enumerate(SCRYPT_NUMBERS)},
    **{f"scrypt des3 {index}": scrypt_file(*n, cipher=CIPHERS["des3"]) for index, n in enumerate(SCRYPT_NUMBERS)},
    "scrypt of a length": scrypt_file(16384, 8, 1, 16),
    **{
        f"pbkdf2 {prf} {cipher} {index}": pbkdf2_file(count, prf, encoded)
        for prf in PRFS
        for cipher, encoded in CIPHERS.items()
        for index, count in enumerate(COUNTS)
    },
    **{f"{scheme} {index}": old_file(scheme, count) for scheme in OLD_SCHEMES for index, count in enumerate(COUNTS)},
}


@pytest.mark.parametrize("name", GREEDY)
def test_what_asks_for_too_much_work_is_refused_before_any(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No library gets to see it: 2^24 for N took 16 GiB, and a large p many minutes that no signal ended."""

    def computed(*_: object, **__: object) -> None:
        raise AssertionError("the library computes")

    monkeypatch.setattr(hashlib, "scrypt", computed)
    monkeypatch.setattr(passphrase_schemes, "PBKDF2HMAC", computed)
    monkeypatch.setattr(serialization, "load_der_private_key", computed)
    monkeypatch.setattr(passphrase_schemes._Pbkdf1, "derive", computed)
    monkeypatch.setattr(passphrase_schemes._Pkcs12, "derive", computed)
    with pytest.raises(InputError) as refused:
        pem.read_private_key(GREEDY[name], PASSPHRASE)
    assert len(refused.value.message) < 200


def test_what_the_hardest_files_ask_for_is_done() -> None:
    """The bounds themselves: 256 MiB of scrypt."""
    with pytest.raises(AccessError, match="does not open"):
        pem.read_private_key(scrypt_file(1 << 18, 8, 1), PASSPHRASE)
