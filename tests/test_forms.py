"""What can be read without doubt is read, and what is something else is named: exit 5 is for altered data alone.

What programs of others really print is in `test_peer_forms.py`; here are the dialects one by one, and the doubts.
"""

import base64
import codecs
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.crypto import der, formats, keys, pem, rsa
from kmstool.crypto.keys import RsaPrivateKey, Sm2PrivateKey, Sm2PublicKey
from kmstool.crypto.sm2 import curve, encryption
from kmstool.crypto.sm2.encryption import Ciphertext
from kmstool.crypto.sm2.keys import PrivateKey as Sm2Key
from kmstool.envelope import armor, header
from kmstool.errors import InputError, IntegrityError, Reason
from kmstool.forms import (
    blobs,
    certificates,
    ciphertexts,
    encodings,
    private_keys,
    public_keys,
    recognition,
    signatures,
    texts,
)
from kmstool.forms.recognition import Form
from kmstool.whitebox import key_file
from tests.foreign import openssl
from tests.test_pem import KEYS, block, to_pkcs8

SM2 = Sm2PrivateKey(Sm2Key.generate())
RSA = RsaPrivateKey(rsa.generate(2048))
BLOB = "-k-".join(base64.b64encode(os.urandom(size)).decode() for size in (64, 16, 36))


# Text.

CHARACTER_SETS: dict[str, Callable[[str], bytes]] = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16 of Windows": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16 of the network": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16 of the network without a mark": lambda text: text.encode("utf-16-be"),
}
AROUND: dict[str, Callable[[str], str]] = {
    "nothing": lambda text: text,
    "a line end": lambda text: f"{text}\n",
    "a line end of Windows": lambda text: f"{text}\r\n",
    "blanks": lambda text: f"  {text}\t\n",
    "double quotes": lambda text: f'"{text}"\n',
    "single quotes": lambda text: f"'{text}'",
    "bytes of Python": lambda text: f"b'{text}'\n",
    "JSON": json.dumps,
    "JSON of Gson": lambda text: '"' + text.replace("=", r"\u003d").replace("/", r"\/") + '",',
    "a line end that is written out": lambda text: text + r"\n",
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("characters", CHARACTER_SETS)
def test_text_is_told_from_what_stands_around_it(characters: str, around: str) -> None:
    data = CHARACTER_SETS[characters](AROUND[around]("ab/c+d=="))
    text = texts.decode(data)
    assert text is not None
    assert texts.bare(text).strip() == "ab/c+d=="
    assert texts.is_utf16(data) == characters.startswith("UTF-16")


@pytest.mark.parametrize(
    "data", [b"\0", b"\x80", b"a\0b", b"\x1b[1m", b"\xff\xfea", b"\0\0\0\0", codecs.BOM_UTF16_LE + b"\0\0"]
)
def test_what_is_no_text(data: bytes) -> None:
    assert texts.decode(data) is None


@given(st.binary())
def test_any_bytes_are_text_or_not(data: bytes) -> None:
    text = texts.decode(data)
    if text is not None:
        texts.bare(text)
        texts.answer(text)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufeff")))
def test_text_comes_back(text: str) -> None:
    assert texts.decode(text.encode()) == text


@pytest.mark.parametrize("text", ["[1]", "{", '{"a":', "null", "[" * 100_000, '{"a":' * 100_000])
def test_what_is_no_answer(text: str) -> None:
    assert texts.answer(text) is None


def test_an_answer_of_the_api_is_within_its_response() -> None:
    assert texts.answer('{"Response": {"KeyId": "a"}}') == texts.answer('\n{"KeyId": "a"}') == {"KeyId": "a"}
    assert texts.answer('{"Response": 1}') == {"Response": 1}


# Digits.

DATA = bytes.fromhex("3045fb00ffbe10")
HEXADECIMAL: dict[str, str] = {
    "small letters": "3045fb00ffbe10",
    "capital letters": "3045FB00FFBE10",
    "0x": "0x3045fb00ffbe10",
    "colons": "30:45:FB:00:ff:be:10",
    "colons and lines": "    30:45:fb:\n    00:ff:be:10\n",
    "blanks": " 30 45 fb 00 ff be 10",
    "pairs of blanks": "3045 fb00  ffbe 10",
    "0x and commas": "0x30, 0x45, 0xfb, 0x00, 0xff, 0xbe, 0x10",
    "lines": "3045f\nb00ffb\r\ne10",
}
DIALECTS: dict[str, str] = {
    "the standard": "MEX7AP++EA==",
    "no padding": "MEX7AP++EA",
    "safe for URLs": "MEX7AP--EA==",
    "safe for URLs without padding": "MEX7AP--EA",
    "safe for URLs with dots": "MEX7AP--EA..",
    "lines": "MEX7\nAP++\r\nEA==\n",
}


@pytest.mark.parametrize("way", HEXADECIMAL)
def test_hexadecimal_digits(way: str) -> None:
    assert encodings.from_hexadecimal(HEXADECIMAL[way]) == DATA
    assert next(encodings.readings(HEXADECIMAL[way].encode())) == DATA


@pytest.mark.parametrize("way", DIALECTS)
def test_dialects_of_base64(way: str) -> None:
    assert encodings.from_base64(DIALECTS[way]) == DATA
    assert next(encodings.readings(DIALECTS[way].encode())) == DATA


@pytest.mark.parametrize("text", ["", "0", "abc", "0x", "0x1,0x23", "1:2:3", "30 4g", "30-45", "0x30 0x4"])
def test_what_is_not_hexadecimal(text: str) -> None:
    assert encodings.from_hexadecimal(text) is None


@pytest.mark.parametrize("text", ["", "A", "AAAAA", "QQ===", "Q=Q=", "+-AA", "a b c d e", "äAAA", "AA.=", "=="])
def test_what_is_not_base64(text: str) -> None:
    assert encodings.from_base64(text) is None


@given(st.binary(min_size=1, max_size=200))
def test_what_was_written_comes_back(data: bytes) -> None:
    for text in (data.hex(), data.hex(":"), data.hex(" ", 2)):
        assert encodings.from_hexadecimal(text) == data
    for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data).rstrip(b"="), base64.encodebytes(data)):
        assert encodings.from_base64(encoded.decode()) == data


@given(st.binary(max_size=100))
def test_the_bytes_themselves_are_the_last_reading(data: bytes) -> None:
    *_, last = encodings.readings(data)
    assert last == data


DIGEST = bytes(range(32))
LABELLED: dict[str, str] = {
    "openssl dgst": f"SHA2-256(m.txt)= {DIGEST.hex()}\n",
    "openssl dgst -c": f"SM3(m.txt)= {DIGEST.hex(':')}\n",
    "openssl dgst -r": f"{DIGEST.hex()} *m.txt\n",
    "sha256sum": f"{DIGEST.hex()}  m.txt\n",
    "sha256sum of a strange name": f"\\{DIGEST.hex()}  m\\\\n.txt\n",
    "sha256sum --tag": f"SHA256 (m.txt) = {DIGEST.hex()}\n",
    "botan hash": f"{DIGEST.hex().upper()} m.txt\n",
}


@pytest.mark.parametrize("way", LABELLED)
def test_a_digest_with_the_name_of_its_file(way: str) -> None:
    assert signatures.read_digest(LABELLED[way].encode(), "d", 32) == DIGEST


# Digests.

DIGESTS: dict[str, bytes] = {
    "bytes": DIGEST,
    "hexadecimal": DIGEST.hex().encode(),
    "base64": base64.b64encode(DIGEST) + b"\n",
    "an answer": json.dumps({"Digest": DIGEST.hex()}).encode(),
}


@pytest.mark.parametrize("way", DIGESTS)
def test_a_digest_as_bytes_or_text(way: str) -> None:
    assert signatures.read_digest(DIGESTS[way], "d", 32) == DIGEST


@pytest.mark.parametrize("data", [b"0123456789abcdef0123456789abcdef", bytes(32), b"\n" * 32])
def test_as_many_bytes_as_a_digest_has_are_one(data: bytes) -> None:
    """Also if they are all digits: that is what the file was said to hold."""
    assert signatures.read_digest(data, "d", 32) == data


def test_a_digest_of_another_size_is_for_its_algorithm_to_refuse() -> None:
    assert signatures.read_digest(bytes(20), "d", 32) == bytes(20)
    assert signatures.read_digest(b"00" * 20, "d", 32) == bytes(20)
    with pytest.raises(InputError, match="d is text that is neither hexadecimal nor base64, not a digest"):
        signatures.read_digest(b"some words\n", "d", 32)
    with pytest.raises(InputError, match="d is a ciphertext blob, not a digest"):
        signatures.read_digest(BLOB.encode(), "d", 32)


# Signatures.


def der_signature() -> bytes:
    return formats.write_signature(int.from_bytes(os.urandom(31), "big"), int.from_bytes(os.urandom(32), "big"))


@pytest.mark.parametrize("form", ["der", "raw"])
def test_a_signature_of_a_curve(form: str) -> None:
    signature = der_signature() if form == "der" else os.urandom(64)
    encoded = base64.b64encode(signature).decode()
    ways = [signature, signature.hex(), signature.hex(":"), encoded, f'"{encoded}"', encoded.rstrip("=")]
    ways += [f"SM2-SM3(m)= {signature.hex()}\n", json.dumps({"Signature": encoded, "RequestId": "1"})]
    ways += [json.dumps({"Response": {"Signature": encoded}}), base64.b64encode(signature.hex().encode())]
    ways += [block("SIGNATURE", signature), block("SM2 SIGNATURE", signature)]
    for way in ways:
        data = way if isinstance(way, bytes) else way.encode()
        assert signatures.read(data, "sig", SM2.public_key) == signature
        assert signatures.read(codecs.BOM_UTF8 + data, "sig", SM2.public_key) == signature or data == signature


def test_a_signature_of_rsa() -> None:
    signature = os.urandom(256)
    for data in (signature, signature.hex().encode(), base64.b64encode(signature)):
        assert signatures.read(data, "sig", RSA.public_key) == signature


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 70, b"\0" * 256, os.urandom(63), b"00" * 70, der_signature()[:-1]],
    ids=["ones", "zeros", "random", "hexadecimal", "cut short"],
)
def test_what_may_have_been_a_signature_is_left_to_verification(data: bytes) -> None:
    signatures.read(data, "sig", SM2.public_key)


def test_an_empty_signature_is_cut_short() -> None:
    with pytest.raises(IntegrityError, match="sig is empty"):
        signatures.read(b"\n", "sig", SM2.public_key)


# Ciphertexts.


def ciphertext() -> Ciphertext:
    return encryption.encrypt(SM2.key.public_key, b"a message of the tests")


WRITTEN: dict[str, Callable[[Ciphertext], bytes]] = {
    "DER": lambda c: formats.write_ciphertext(c, "der"),
    "DER of the drafts": lambda c: der.sequence(der.integer(c.x), der.integer(c.y), der.octets(c.c2), der.octets(c.c3)),
    "C1C3C2": lambda c: formats.write_ciphertext(c, "c1c3c2"),
    "C1C2C3": lambda c: formats.write_ciphertext(c, "c1c2c3"),
    "C1C3C2 without 04": lambda c: formats.write_ciphertext(c, "c1c3c2", prefix=False),
    "C1C2C3 without 04": lambda c: formats.write_ciphertext(c, "c1c2c3", prefix=False),
    "C1C3C2 with C1 compressed": lambda c: (
        bytes([2 + c.y % 2]) + formats.write_ciphertext(c, "c1c3c2")[1:33] + formats.write_ciphertext(c, "c1c3c2")[65:]
    ),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_a_ciphertext_of_sm2(way: str) -> None:
    data = WRITTEN[way](ciphertext())
    for written in (
        data,
        data.hex().encode(),
        data.hex().upper().encode(),
        base64.b64encode(data),
        data.hex(":").encode(),
    ):
        meanings = ciphertexts.read_sm2(written, "c")
        assert encryption.decrypt_any(SM2.key, meanings) == b"a message of the tests"


def test_a_ciphertext_of_sm2_with_32_bytes_of_data_in_der() -> None:
    """Both octet strings may be the digest then."""
    made = encryption.encrypt(SM2.key.public_key, bytes(32))
    for way in ("DER", "DER of the drafts"):
        assert encryption.decrypt_any(SM2.key, ciphertexts.read_sm2(WRITTEN[way](made), "c")) == bytes(32)


def test_a_ciphertext_of_rsa() -> None:
    data = os.urandom(256)
    for written in (data, data.hex().encode(), base64.encodebytes(data)):
        assert ciphertexts.read_rsa(written, "c", 256) == data
    assert ciphertexts.read_rsa(data[:-1], "c", 256) == data[:-1]
    assert ciphertexts.read_rsa(base64.b64encode(data[:-1]), "c", 256) == data[:-1]


@pytest.mark.parametrize("way", WRITTEN)
def test_an_altered_ciphertext_is_left_to_its_digest(way: str) -> None:
    data = bytearray(WRITTEN[way](ciphertext()))
    data[-40] ^= 1
    for written in (bytes(data), data.hex().encode()):
        with pytest.raises(IntegrityError):
            encryption.decrypt_any(SM2.key, ciphertexts.read_sm2(written, "c"))


# Blobs.

BLOBS: dict[str, bytes] = {
    "a line": BLOB.encode() + b"\n",
    "lines": "\n".join(BLOB[i : i + 76] for i in range(0, len(BLOB), 76)).encode(),
    "lines of Windows": "\r\n".join(BLOB[i : i + 76] for i in range(0, len(BLOB), 76)).encode(),
    "YAML": "\n".join(f"    {BLOB[i : i + 60]}" for i in range(0, len(BLOB), 60)).encode(),
    "a mark": codecs.BOM_UTF8 + BLOB.encode(),
    "UTF-16": (BLOB + "\r\n").encode("utf-16"),
    "quotes": f'"{BLOB}"\n'.encode(),
    "an answer": json.dumps({"CiphertextBlob": BLOB, "KeyId": "a", "RequestId": "b"}, indent=2).encode(),
    "an answer of the API": json.dumps({"Response": {"CiphertextBlob": BLOB}}).encode(),
    "an answer in UTF-16": json.dumps({"CiphertextBlob": BLOB}).encode("utf-16"),
    "safe for URLs": "-k-".join(part.translate(str.maketrans("+/", "-_")) for part in BLOB.split("-k-")).encode(),
    "without padding": BLOB.replace("=", "").encode(),
}


@pytest.mark.parametrize("way", BLOBS)
def test_a_blob(way: str) -> None:
    found = blobs.read(BLOBS[way], "b")
    if way == "without padding":
        assert found == BLOB.replace("=", "")
    else:
        assert found == BLOB


@pytest.mark.parametrize(
    "change", [lambda b: b.replace("A", "!", 1), lambda b: b[:50] + "é" + b[51:], lambda b: b[:50] + "\0" + b[51:]]
)
def test_an_altered_blob_is_one(change: Callable[[str], str]) -> None:
    blob = "A" + BLOB
    with pytest.raises(IntegrityError, match="was altered"):
        blobs.read(change(blob).encode(), "b")


# Public keys.


def test_public_keys_within_others() -> None:
    for kind, private in KEYS.items():
        encoded = to_pkcs8(private)
        for data in (encoded, block("PRIVATE KEY", encoded), base64.b64encode(encoded), encoded.hex().encode()):
            found = public_keys.read(data, "k")
            assert found.key == private.public_key, kind
            assert found.holder == "a private key"


@pytest.mark.parametrize("kind", KEYS)
def test_public_keys_in_every_form(kind: str) -> None:
    key = KEYS[kind].public_key
    spki, text = key.to_spki(), pem.write_public_key(key)
    answer = {"KeyId": "a", "PublicKey": base64.b64encode(spki).decode(), "PublicKeyPem": text, "RequestId": "1"}
    ways = [spki, text, text.replace("\n", "\r\n"), text.replace("\n", r"\n"), json.dumps(text), json.dumps(answer)]
    ways += [json.dumps({"PublicKeyPem": text}), base64.b64encode(spki), base64.b64encode(base64.b64encode(spki))]
    ways += [spki.hex(), spki.hex(":"), f"b'{base64.b64encode(spki).decode()}'", text.replace("\n", " ")]
    for way in ways:
        data = way if isinstance(way, bytes) else way.encode()
        assert public_keys.read(data, "k") == public_keys.Found(key)
    for way in (text, json.dumps(answer), spki.hex()):
        for write in CHARACTER_SETS.values():
            assert public_keys.read(write(way), "k").key == key


@pytest.mark.parametrize("curve_name", ["prime256v1", "secp384r1", "SM2"])
@pytest.mark.parametrize("compressed", [True, False])
def test_parameters_that_are_spelled_out(curve_name: str, tmp_path: Path, *, compressed: bool) -> None:
    private = tmp_path / "k.pem"
    form = ("-conv_form", "compressed") if compressed else ()
    openssl("ecparam", "-name", curve_name, "-genkey", "-noout", "-param_enc", "explicit", *form, "-out", private)
    spki = openssl("pkey", "-in", private, "-pubout", "-outform", "DER").stdout
    named = openssl("ec", "-in", private, "-pubout", "-param_enc", "named_curve", "-conv_form", "uncompressed").stdout
    assert len(spki) > 200
    assert public_keys.read(spki, "k").key == public_keys.read(named, "k").key
    for data in (private.read_bytes(), openssl("pkcs8", "-topk8", "-nocrypt", "-in", private).stdout):
        assert private_keys.read(data, "k", no_passphrase).public_key == public_keys.read(named, "k").key


@pytest.mark.parametrize("number", range(7))
def test_parameters_of_another_curve(number: int, tmp_path: Path) -> None:
    """A base point of the attacker's choice makes any key a key that he has (CVE-2020-0601)."""
    private = tmp_path / "k.pem"
    openssl("ecparam", "-name", "SM2", "-genkey", "-noout", "-param_enc", "explicit", "-out", private)
    spki = openssl("pkey", "-in", private, "-pubout", "-outform", "DER").stdout
    x, y = curve.GENERATOR
    other = curve.multiply_generator(7)
    values = [curve.P, curve.A, curve.B, x, y, curve.N]
    replacements = [curve.P - 2, curve.A + 1, curve.B + 1, other[0], other[1], curve.N - 2]
    altered = spki
    for index, (value, replacement) in enumerate(zip(values, replacements, strict=True)):
        if index == number or (number == 6 and index in (3, 4)):
            assert value.to_bytes(32, "big") in altered
            altered = altered.replace(value.to_bytes(32, "big"), replacement.to_bytes(32, "big"), 1)
    assert altered != spki
    with pytest.raises(InputError):
        public_keys.read(altered, "k")


SM2_ALGORITHMS = [
    "30150609 2a811ccf5501822d01 06082a811ccf5501822d",  # Botan
    "30150609 2a811ccf5501822d03 06082a811ccf5501822d",
    "30140608 2a811ccf5501822d 06082a811ccf5501822d",  # certificates of some authorities
    "300a0608 2a811ccf5501822d",
    "300c0608 2a811ccf5501822d 0500",
]


@pytest.mark.parametrize("algorithm", SM2_ALGORITHMS)
def test_sm2_in_place_of_the_algorithm(algorithm: str) -> None:
    spki = der.sequence(bytes.fromhex(algorithm), der.bits(SM2.key.public_key.to_bytes()))
    assert public_keys.read(spki, "k").key == SM2.public_key
    info = der.whole_sequence(SM2.key.to_pkcs8())
    version, _, key = info.integer(), info.value(der.SEQUENCE), info.octets()
    pkcs8 = der.sequence(der.integer(version), bytes.fromhex(algorithm), der.octets(key))
    assert private_keys.read(pkcs8, "k", no_passphrase).public_key == SM2.public_key


def test_sm2_as_algorithm_on_another_curve() -> None:
    algorithm = bytes.fromhex("301506092a811ccf5501822d0106082a8648ce3d030107")
    with pytest.raises(InputError, match="on another curve"):
        public_keys.read(der.sequence(algorithm, der.bits(SM2.key.public_key.to_bytes())), "k")


def test_points_of_other_curves() -> None:
    for kind in ("EC_P256", "EC_P384"):
        key = KEYS[kind].public_key
        size = 65 if kind == "EC_P256" else 97
        point = key.to_spki()[-size:]
        for data in (point, point.hex().encode(), base64.b64encode(point)):
            assert public_keys.read(data, "k").key == key


def test_a_certificate_a_chain_and_a_request(tmp_path: Path) -> None:
    private, other = tmp_path / "k.pem", tmp_path / "o.pem"
    for path in (private, other):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path)
    key = public_keys.read(openssl("pkey", "-in", private, "-pubout").stdout, "k").key
    req = ("req", "-new", "-subj", "/CN=tests", "-key")
    certificate = openssl(*req, private, "-x509").stdout
    chain = certificate + openssl(*req, other, "-x509").stdout
    for data in (certificate, chain, openssl("x509", "-outform", "DER", data=certificate).stdout):
        assert public_keys.read(data, "k") == public_keys.Found(key, "a certificate, which was not checked")
    request = openssl(*req, private).stdout
    for data in (request, openssl("req", "-outform", "DER", data=request).stdout):
        assert public_keys.read(data, "k") == public_keys.Found(key, "a certificate request, which was not checked")


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_as_certificates(data: bytes) -> None:
    for read in (certificates.public_key, certificates.requested_public_key):
        try:
            read(data)
        except InputError:
            continue


def test_a_public_key_of_rsa_in_its_own_form(tmp_path: Path) -> None:
    private = tmp_path / "k.pem"
    openssl("genrsa", "-out", private, "2048")
    for form in ("PEM", "DER"):
        data = openssl("rsa", "-in", private, "-RSAPublicKey_out", "-outform", form).stdout
        assert public_keys.read(data, "k").key == private_keys.read(private.read_bytes(), "k", no_passphrase).public_key


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("-algorithm", "ED25519"), "Ed25519"),
        (("-algorithm", "X25519"), "X25519"),
        (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"), "secp256k1"),
        (("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"), "P-521"),
        (("-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"), "RSA-PSS"),
    ],
)
def test_a_key_of_another_kind_is_named(arguments: tuple[str, ...], name: str) -> None:
    private = openssl("genpkey", *arguments).stdout
    for data in (private, openssl("pkey", "-pubout", data=private).stdout):
        with pytest.raises(InputError, match=name):
            public_keys.read(data, "k")


def test_two_public_keys_are_one_too_many() -> None:
    text = "".join(pem.write_public_key(key.public_key) for key in (SM2, RSA))
    with pytest.raises(InputError, match="one public key in PEM; found 2"):
        public_keys.read(text.encode(), "k")


def no_passphrase() -> bytes:
    raise AssertionError("nothing is encrypted")


# Private keys.


@pytest.mark.parametrize("kind", KEYS)
def test_private_keys_in_every_form(kind: str) -> None:
    encoded = to_pkcs8(KEYS[kind])
    text = block("PRIVATE KEY", encoded).decode()
    ways = [encoded, text, text.replace("\n", r"\n"), json.dumps(text), base64.b64encode(encoded), encoded.hex()]
    for way in ways:
        data = way if isinstance(way, bytes) else way.encode()
        assert private_keys.read(data, "k", no_passphrase).public_key == KEYS[kind].public_key
    for write in CHARACTER_SETS.values():
        assert private_keys.read(write(text), "k", no_passphrase).public_key == KEYS[kind].public_key


def test_the_number_of_an_sm2_key() -> None:
    for scalar in (SM2.key.scalar, 2**255 + 1, 2**230 + 7):
        number = scalar.to_bytes(32, "big")
        for text in (number.hex(), "00" + number.hex(), base64.b64encode(number).decode(), f"{scalar:x}"):
            if len(text) % 2:
                continue
            read = private_keys.read(text.encode(), "k", no_passphrase)
            assert isinstance(read, Sm2PrivateKey)
            assert read.key.scalar == scalar
    with pytest.raises(InputError):
        private_keys.read(os.urandom(32).replace(b"\0", b"\x01"), "k", no_passphrase)


def test_an_encrypted_private_key_in_der(tmp_path: Path) -> None:
    private = tmp_path / "k.pem"
    private.write_bytes(openssl("genpkey", "-algorithm", "SM2").stdout)
    words = ("pkcs8", "-topk8", "-in", private, "-passout", "pass:tests")
    for form in ("PEM", "DER"):
        asked = []

        def ask() -> bytes:
            asked.append(form)  # noqa: B023 - called before the next round
            return b"tests"

        private_keys.read(openssl(*words, "-outform", form).stdout, "k", ask)
        assert asked == [form]


# What it is instead.


def pem_of(label: str) -> bytes:
    return block(label, bytes(48))


THINGS: dict[str, tuple[bytes, Form]] = {
    "an envelope": (header.MAGIC + bytes(100), Form.ENVELOPE),
    "armor": (armor.BEGIN + b"\nAAAA\n" + armor.END + b"\n", Form.ARMOR),
    "armor with a mark": (codecs.BOM_UTF8 + armor.BEGIN + b"\nAAAA\n", Form.ARMOR),
    "armor in UTF-16": ((armor.BEGIN + b"\r\nAAAA\r\n").decode().encode("utf-16"), Form.ARMOR),
    "an envelope with line ends of Windows": ((header.MAGIC + bytes(99)).replace(b"\n", b"\r\n"), Form.SPOILT_ENVELOPE),
    "an envelope with line ends of Unix": ((header.MAGIC + bytes(99)).replace(b"\r\n", b"\n"), Form.SPOILT_ENVELOPE),
    "an envelope through PowerShell": ("\ufffdKTE\r\n\x1a".encode("utf-16"), Form.SPOILT_ENVELOPE),
    "an envelope as Latin-1 in UTF-8": ((header.MAGIC + bytes(9)).decode("latin-1").encode(), Form.SPOILT_ENVELOPE),
    "an envelope with unknown characters replaced": ((header.MAGIC + bytes(9)).decode("utf-8", "replace").encode(), Form.SPOILT_ENVELOPE),
    "an envelope in base64": (base64.b64encode(header.MAGIC + os.urandom(99)), Form.ENVELOPE),
    "a blob": (BLOB.encode(), Form.BLOB),
    "a blob in lines": (BLOBS["lines"], Form.BLOB),
    "an answer": (b'{"KeyId": "a", "RequestId": "bcd"}', Form.ANSWER),
    "a refusal": (b'{"Response": {"Error": {"Code": "ResourceUnavailable.CmkDisabled", "Message": "m"}}}', Form.REFUSAL),
    "an error of kmstool": (b'{"error": {"code": "InputError", "message": "m"}}', Form.REFUSAL),
    "a document": (b'{"format": "kmstool-wrapped-material-1"}', Form.DOCUMENT),
    "a JSON Web Key": (b'{"kty": "EC", "crv": "P-256"}', Form.JWK),
    "JSON": (b'{"a": 1}', Form.JSON),
    "a public key": (pem_of("PUBLIC KEY"), Form.PUBLIC_KEY),
    "a private key": (pem_of("EC PRIVATE KEY"), Form.PRIVATE_KEY),
    "an encrypted private key": (pem_of("ENCRYPTED PRIVATE KEY"), Form.ENCRYPTED_PRIVATE_KEY),
    "a certificate": (pem_of("CERTIFICATE"), Form.CERTIFICATE),
    "a request": (pem_of("CERTIFICATE REQUEST"), Form.CERTIFICATE_REQUEST),
    "a key of OpenSSH": (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA user@host\n", Form.OPENSSH_KEY),
    "a private key of OpenSSH": (pem_of("OPENSSH PRIVATE KEY"), Form.OPENSSH_KEY),
    "OpenPGP": (pem_of("PGP MESSAGE"), Form.FOREIGN),
    "a label that nobody knows": (pem_of("STRANGE THING"), Form.FOREIGN),
    "a key in DER": (SM2.public_key.to_spki(), Form.PUBLIC_KEY),
    "a private key in DER": (SM2.key.to_pkcs8(), Form.PRIVATE_KEY),
    "a signature": (der_signature(), Form.SIGNATURE),
    "a ciphertext": (formats.write_ciphertext(ciphertext()), Form.CIPHERTEXT),
    "openssl enc": (b"Salted__" + bytes(40), Form.FOREIGN),
    "age": (b"age-encryption.org/v1\n-> X25519 a\n", Form.FOREIGN),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), Form.FOREIGN),
    "a white-box key": (key_file.MAGIC + bytes(30), Form.WHITE_BOX_KEY),
    "xxd": (b"00000000: 306e 0220 74b8 efca 7ef7 2f99 d203 e0dc  0n. t...~./.....\n", Form.DUMP),
    "hexdump -C": (b"00000000  30 6e 02 20 74 b8 ef ca  7e f7 2f 99 d2 03 e0 dc  |0n. t...~./.....|\n", Form.DUMP),
    "openssl -hexdump": (b"0000 - 30 70 02 21 00 ea d3 98-a2 1f c6 ab 08 22 3f 38   0p.!.........\"?8\n", Form.DUMP),
    "text": (b"some words\n", Form.TEXT),
    "nothing": (b" \r\n", Form.EMPTY),
}  # fmt: skip


@pytest.mark.parametrize("thing", THINGS)
def test_a_thing_is_recognised(thing: str) -> None:
    data, form = THINGS[thing]
    found = recognition.recognise(data)
    assert found
    assert found.form is form
    assert str(recognition.unexpected(data, "x", "a test", Reason.NO_BLOB)).startswith("x is ")


READERS: dict[str, tuple[Callable[[bytes], object], set[Form]]] = {
    "a signature": (lambda data: signatures.read(data, "x", SM2.public_key), {Form.SIGNATURE, Form.EMPTY}),
    "a signature of RSA": (lambda data: signatures.read(data, "x", RSA.public_key), {Form.SIGNATURE, Form.EMPTY}),
    "a digest": (lambda data: signatures.read_digest(data, "x", 32), set()),
    "a ciphertext of SM2": (lambda data: ciphertexts.read_sm2(data, "x"), {Form.CIPHERTEXT}),
    "a ciphertext of RSA": (lambda data: ciphertexts.read_rsa(data, "x", 256), set()),
    "a blob": (lambda data: blobs.read(data, "x"), {Form.BLOB}),
    "a public key": (lambda data: public_keys.read(data, "x"), {Form.PUBLIC_KEY, Form.PRIVATE_KEY}),
    "a private key": (lambda data: private_keys.read(data, "x", lambda: b""), {Form.PRIVATE_KEY}),
}


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("reader", READERS)
def test_something_else_is_an_error_of_input_and_said(reader: str, thing: str) -> None:
    data, form = THINGS[thing]
    read, own = READERS[reader]
    if form in own:
        return
    with pytest.raises(InputError) as caught:
        read(data)
    assert type(caught.value) is InputError
    if thing not in ("a certificate", "a request", "a public key", "a private key", "an encrypted private key"):
        assert caught.value.message.startswith("x is ")


@given(st.binary(max_size=300) | st.text().map(str.encode))
@settings(deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    recognition.recognise(data)
    for read, _ in READERS.values():
        try:
            read(data)
        except (InputError, IntegrityError):
            continue


def test_marks_of_ours_are_those_of_their_formats() -> None:
    assert recognition._MARKS[0][0] == header.MAGIC
    assert recognition._MARKS[1][0] == key_file.MAGIC
    assert f"-----BEGIN {next(iter(recognition._LABELS))}-----".encode() == armor.BEGIN


def test_a_point_of_sm2_by_itself() -> None:
    point = SM2.key.public_key.to_bytes()
    for data in (point, point[1:], point.hex().encode(), point[1:].hex(":").encode()):
        assert public_keys.read(data, "k").key == Sm2PublicKey(SM2.key.public_key)
    assert keys.from_point(point) == SM2.public_key
