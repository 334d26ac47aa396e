"""SM2 agrees with vectors made by others and with independent implementations, in both directions."""

import inspect
import random
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kmstool.crypto import digests, formats, pem
from kmstool.crypto.keys import Sm2PrivateKey
from kmstool.crypto.sm2 import curve, encryption, keys, signatures
from kmstool.crypto.sm2.curve import N
from kmstool.crypto.sm2.encryption import Ciphertext
from kmstool.errors import InputError, IntegrityError
from tests.curves import affine_multiply, keys_by_first_byte
from tests.foreign import CASES, openssl, package, stanzas

DISTID = ("-pkeyopt", "distid:1234567812345678")


# Vectors.


def test_signatures_of_botan() -> None:
    """Two are on the recommended curve; one has SHA-256 for SM3, which leaves our arithmetic to be compared."""
    found = []
    curve = ""
    for fields in stanzas("botan/sm2_sig.vec"):
        curve = fields.get("Oid", curve)
        if curve != "1.2.156.10197.1.301" or "Signature" not in fields:
            continue
        key = keys.PrivateKey(int(fields["x"], 16))
        e = digest_with(fields["Hash"], key.public_key, fields["Ident"].encode(), bytes.fromhex(fields["Msg"]))
        signed = signatures._sign_with(int(fields["Nonce"], 16), key, e)
        assert signed is not None
        assert formats.write_signature(*signed, "raw").hex() == fields["Signature"].lower()
        signatures.verify(key.public_key, e, *signed)
        if fields["Hash"] == "SM3":
            assert signatures.digest(key.public_key, bytes.fromhex(fields["Msg"]), fields["Ident"].encode()) == e
        found.append(fields["Hash"])
    assert found == ["SM3", "SHA-256"]


def digest_with(name: str, key: keys.PublicKey, user_id: bytes, message: bytes) -> bytes:
    """Compute e by the words of GB/T 32918.2, 5.5 and 6.1, with any hash."""
    assert name in {"SM3", "SHA-256"}
    of = digests.of_chunks
    curve = "FFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC"
    curve += "28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93"
    curve += "32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7"
    curve += "BC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0"
    parts = [(len(user_id) * 8).to_bytes(2, "big"), user_id, bytes.fromhex(curve), key.to_bytes()[1:]]
    return of("SM3", [of("SM3", parts), message]) if name == "SM3" else of("SHA-256", [of("SHA-256", parts), message])


def test_ciphertexts_of_botan() -> None:
    """They are on the curve of the drafts, so that only what comes after the point is ours here."""
    vectors = stanzas("botan/sm2_enc.vec")
    curve = {name: int(vectors[0][name], 16) for name in ("P", "A")}
    key = None
    compared = 0
    hash_name = "SM3"
    plaintext = b""
    for fields in vectors:
        key = int(fields["x"], 16) if "x" in fields else key
        hash_name = fields.get("Hash", hash_name)
        plaintext = bytes.fromhex(fields["Msg"]) if "Msg" in fields else plaintext
        if "Ciphertext" not in fields or hash_name != "SM3":
            continue
        assert key is not None
        ciphertext = formats.read_ciphertext(bytes.fromhex(fields["Ciphertext"]), "der")
        point = affine_multiply(key, (ciphertext.x, ciphertext.y), curve["P"], curve["A"])
        assert point is not None
        shared = encryption._shared_secret(point)
        mask = encryption._mask(shared, len(plaintext))
        assert encryption._xor(ciphertext.c2, mask) == plaintext
        assert encryption._c3(shared, plaintext) == ciphertext.c3
        compared += 1
    assert compared == 4


def test_the_20_malformed_ciphertexts_of_botan_are_refused() -> None:
    vectors = stanzas("botan/sm2_invalid.vec")
    key = keys.PrivateKey(next(int(fields["Key"], 16) for fields in vectors if "Key" in fields))
    malformed = [bytes.fromhex(fields["Ctext"]) for fields in vectors if "Ctext" in fields]
    assert len(malformed) == 20
    opened = []
    for encoded in malformed:
        with pytest.raises((InputError, IntegrityError)):
            encryption.decrypt_any(key, formats.ciphertext_readings(encoded, "der"))
        with suppress(InputError, IntegrityError):
            opened.append(encryption.decrypt_any(key, formats.ciphertext_readings(encoded, "auto")))
    # One has C2 before C3, which is the order of the drafts: `auto` tries it, and its C3 proves it.
    assert opened == [b"Hello SM2"]


def openssl_keys() -> dict[str, keys.PrivateKey]:
    keys = {}
    for fields in stanzas("openssl/evppkey_sm2.txt"):
        if "PrivateKey" in fields:
            read = pem.read_private_key(fields["text"].encode())
            assert isinstance(read, Sm2PrivateKey)
            keys[fields["PrivateKey"]] = read.key
    return keys


def test_signatures_of_openssl() -> None:
    """Its entropy, repeated, is k; what it is told to refuse is not about SM2 but about its options."""
    keys = openssl_keys()
    verified = signed = 0
    for fields in stanzas("openssl/evppkey_sm2.txt"):
        if "Result" in fields or not {"Sign", "Verify"} & set(fields):
            continue
        key = keys[fields.get("Sign") or fields["Verify"]]
        e, encoded = bytes.fromhex(fields["Input"]), bytes.fromhex(fields["Output"])
        signatures.verify(key.public_key, e, *formats.read_signature(encoded, "der"))
        verified += 1
        if "Sign" in fields:
            entropy = bytes.fromhex(fields["Test-Entropy"])
            k = int.from_bytes((entropy * 32)[:32], "big")
            pair = signatures._sign_with(k, key, e)
            assert pair is not None
            assert formats.write_signature(*pair) == encoded
            signed += 1
    assert (verified, signed) == (20, 18)


def test_a_signature_of_openssl_with_another_digest_is_refused() -> None:
    key = openssl_keys()["SM2_key1"]
    (fields,) = [one for one in stanzas("openssl/evppkey_sm2.txt") if one.get("Result") == "PKEY_CTRL_ERROR"]
    with pytest.raises(InputError, match="64 bytes, not 32"):
        signatures.verify(key.public_key, bytes.fromhex(fields["Input"]), 1, 1)


def test_ciphertexts_of_openssl() -> None:
    keys = openssl_keys()
    vectors = [one for one in stanzas("openssl/evppkey_sm2.txt") if "Decrypt" in one and "Result" not in one]
    assert len(vectors) == 4
    for fields in vectors:
        ciphertext = formats.read_ciphertext(bytes.fromhex(fields["Input"]), "der")
        plaintext = encryption.decrypt(keys[fields["Decrypt"]], ciphertext)
        assert plaintext == fields["Output"].strip('"').encode()


# The `openssl` program.


def key_files(key: keys.PrivateKey, folder: Path) -> tuple[Path, Path]:
    private, public = folder / "private.der", folder / "public.der"
    private.write_bytes(key.to_pkcs8())
    public.write_bytes(key.public_key.to_spki())
    return private, public


def messages() -> Iterator[tuple[keys.PrivateKey, bytes]]:
    """Yield as many random keys as are asked for, each with a message of another length."""
    for case in range(CASES):
        yield keys.PrivateKey.generate(), secrets.token_bytes(1 + case * 7 % 200)


def openssl_pkeyutl(*arguments: str | Path, key: Path, data: Path) -> bytes:
    return openssl("pkeyutl", *arguments, "-inkey", key, "-keyform", "DER", "-in", data).stdout


def test_openssl_verifies_what_we_sign(tmp_path: Path) -> None:
    for key, message in messages():
        _, public = key_files(key, tmp_path)
        (tmp_path / "message").write_bytes(message)
        signature = signatures.sign(key, signatures.digest(key.public_key, message))
        (tmp_path / "signature").write_bytes(formats.write_signature(*signature))
        options = ("-verify", "-pubin", "-rawin", "-digest", "sm3", "-sigfile", tmp_path / "signature", *DISTID)
        openssl_pkeyutl(*options, key=public, data=tmp_path / "message")


def test_we_verify_what_openssl_signs(tmp_path: Path) -> None:
    for key, message in messages():
        private, _ = key_files(key, tmp_path)
        (tmp_path / "message").write_bytes(message)
        options = ("-sign", "-rawin", "-digest", "sm3", *DISTID)
        signature = openssl_pkeyutl(*options, key=private, data=tmp_path / "message")
        e = signatures.digest(key.public_key, message)
        signatures.verify(key.public_key, e, *formats.read_signature(signature))


def test_openssl_decrypts_what_we_encrypt(tmp_path: Path) -> None:
    for key, message in messages():
        private, _ = key_files(key, tmp_path)
        ciphertext = encryption.encrypt(key.public_key, message)
        (tmp_path / "ciphertext").write_bytes(formats.write_ciphertext(ciphertext))
        assert openssl_pkeyutl("-decrypt", key=private, data=tmp_path / "ciphertext") == message


def test_we_decrypt_what_openssl_encrypts(tmp_path: Path) -> None:
    for key, message in messages():
        _, public = key_files(key, tmp_path)
        (tmp_path / "message").write_bytes(message)
        encoded = openssl_pkeyutl("-encrypt", "-pubin", key=public, data=tmp_path / "message")
        assert encryption.decrypt(key, formats.read_ciphertext(encoded)) == message


@pytest.mark.parametrize("first", [0x00, 0x04, 0x40, 0x44])
def test_keys_that_begin_like_a_prefix_are_the_same_for_openssl(first: int, tmp_path: Path) -> None:
    key = keys_by_first_byte()[first]
    private, public = key_files(key, tmp_path)
    (tmp_path / "data").write_bytes(b"message")
    options = ("-sign", "-rawin", "-digest", "sm3", *DISTID)
    signature = openssl_pkeyutl(*options, key=private, data=tmp_path / "data")
    e = signatures.digest(key.public_key, b"message")
    signatures.verify(key.public_key, e, *formats.read_signature(signature))
    encoded = openssl_pkeyutl("-encrypt", "-pubin", key=public, data=tmp_path / "data")
    assert encryption.decrypt(key, formats.read_ciphertext(encoded)) == b"message"


def test_openssl_refuses_our_signature_of_another_message(tmp_path: Path) -> None:
    """The options above are no formality: the program does compare."""
    key = keys.PrivateKey.generate()
    _, public = key_files(key, tmp_path)
    (tmp_path / "message").write_bytes(b"another message")
    pair = signatures.sign(key, signatures.digest(key.public_key, b"message"))
    (tmp_path / "signature").write_bytes(formats.write_signature(*pair))
    options = ("-verify", "-pubin", "-rawin", "-digest", "sm3", "-sigfile", tmp_path / "signature", *DISTID)
    arguments = ("pkeyutl", *options, "-inkey", public, "-keyform", "DER", "-in", tmp_path / "message")
    assert openssl(*arguments, accept=(1,)).returncode == 1


# GmSSL 3, through gmssl-pyx.


@pytest.fixture(scope="module")
def gmssl3() -> Any:
    return package("gmssl_pyx")


def raw_key(key: keys.PrivateKey) -> tuple[bytes, bytes]:
    return key.scalar.to_bytes(32, "big"), key.public_key.to_bytes()[1:]


def test_gmssl3_and_we_verify_each_other(gmssl3: Any) -> None:
    for key, message in messages():
        private, public = raw_key(key)
        e = signatures.digest(key.public_key, message)
        ours = formats.write_signature(*signatures.sign(key, e))
        assert gmssl3.sm2_verify(public, message, ours)
        theirs = gmssl3.sm2_sign(private, public, message)
        signatures.verify(key.public_key, e, *formats.read_signature(theirs, "der"))


def test_gmssl3_and_we_decrypt_each_other(gmssl3: Any) -> None:
    for key, message in messages():
        private, public = raw_key(key)
        ours = formats.write_ciphertext(encryption.encrypt(key.public_key, message))
        assert gmssl3.sm2_decrypt(private, ours) == message
        theirs = gmssl3.sm2_encrypt(public, message)
        assert encryption.decrypt(key, formats.read_ciphertext(theirs, "der")) == message


def test_gmssl3_agrees_on_user_ids(gmssl3: Any) -> None:
    key = keys.PrivateKey.generate()
    private, public = raw_key(key)
    for user_id in (b"a", b"alice@example.com", bytes(range(1, 200))):
        e = signatures.digest(key.public_key, b"message", user_id)
        theirs = gmssl3.sm2_sign(private, public, b"message", signer_id=user_id)
        signatures.verify(key.public_key, e, *formats.read_signature(theirs, "der"))


# PyPI's gmssl 3.2.2: what it agrees on, and why it is not used at run time.


@pytest.fixture(scope="module")
def gmssl() -> Any:
    return package("gmssl.sm2")


def crypt_of(gmssl: Any, key: keys.PrivateKey, **options: Any) -> Any:
    """Return its object for a key, with the public key in the form that it does not mangle."""
    crypt = gmssl.CryptSM2(f"{key.scalar:064x}", "", mode=1, **options)
    crypt.public_key = key.public_key.to_bytes()[1:].hex()
    return crypt


def test_gmssl_agrees_once_its_key_is_whole(gmssl: Any) -> None:
    for key, message in [(keys.PrivateKey.generate(), b"message") for _ in range(3)]:
        crypt = crypt_of(gmssl, key)
        e = signatures.digest(key.public_key, message)
        assert crypt.verify_with_sm3(formats.write_signature(*signatures.sign(key, e), "raw").hex(), message)
        theirs = bytes.fromhex(crypt.sign_with_sm3(message))
        signatures.verify(key.public_key, e, *formats.read_signature(theirs, "raw"))
        ours = formats.write_ciphertext(encryption.encrypt(key.public_key, message), "c1c3c2", prefix=False)
        assert crypt.decrypt(ours) == message
        assert encryption.decrypt(key, formats.read_ciphertext(crypt.encrypt(message), "c1c3c2")) == message


def test_gmssl_mangles_one_public_key_in_eight(gmssl: Any) -> None:
    """It strips the characters 0 and 4 where it means the prefix 04; the standard's own key is one of those."""
    public_keys = [keys.PrivateKey(scalar).public_key for scalar in range(1, 801)]
    mangled = [key for key in public_keys if len(gmssl.CryptSM2("", key.to_bytes().hex()).public_key) != 128]
    assert {f"{key.x:064x}"[0] for key in mangled} == {"0", "4"}
    assert 0.09 < len(mangled) / len(public_keys) < 0.16
    standards = "04" + "09f9df31" + "0" * 120
    assert gmssl.CryptSM2("", standards).public_key.startswith("9f9df31")


def test_gmssl_does_not_compare_c3(gmssl: Any) -> None:
    key = keys.PrivateKey.generate()
    sent = encryption.encrypt(key.public_key, b"pay 100")
    difference = int.from_bytes(b"pay 100", "big") ^ int.from_bytes(b"pay 999", "big")
    altered = Ciphertext(sent.x, sent.y, bytes(32), (int.from_bytes(sent.c2, "big") ^ difference).to_bytes(7, "big"))
    assert crypt_of(gmssl, key).decrypt(formats.write_ciphertext(altered, "c1c3c2", prefix=False)) == b"pay 999"
    with pytest.raises(IntegrityError):
        encryption.decrypt(key, altered)


def test_gmssl_uses_the_private_key_on_points_of_other_curves(gmssl: Any) -> None:
    """On curves with another b there are points of small order, whose multiples tell the key modulo that order."""
    key = keys.PrivateKey.generate()
    point = (12345, 67890)
    assert not curve.contains(*point)
    forged = Ciphertext(*point, bytes(32), bytes(16))
    multiple = affine_multiply(key.scalar, point)
    assert multiple is not None
    mask = encryption._mask(encryption._shared_secret(multiple), 16)
    assert crypt_of(gmssl, key).decrypt(formats.write_ciphertext(forged, "c1c3c2", prefix=False)) == mask
    with pytest.raises(IntegrityError):
        encryption.decrypt(key, forged)


def test_gmssl_signs_with_k_zero_and_so_gives_the_key_away(gmssl: Any) -> None:
    key = keys.PrivateKey.generate()
    signature = bytes.fromhex(crypt_of(gmssl, key).sign(bytes(range(32)), "0"))
    r, s = formats.read_signature(signature, "raw")
    # s = −r·d / (1 + d)
    assert -s * pow(r + s, -1, N) % N == key.scalar


def test_gmssl_takes_laxly_encoded_signatures(gmssl: Any) -> None:
    key = keys.PrivateKey.generate()
    e = bytes(range(32))
    r, s = signatures.sign(key, e)
    numbers = [number.to_bytes(33, "big") for number in (r, s)]
    padded = b"".join(b"\x02\x23\x00\x00" + number for number in numbers)
    three = b"".join(b"\x02\x21" + number for number in (*numbers, bytes(33)))
    assert crypt_of(gmssl, key, asn1=True).verify(formats.write_signature(r, s).hex(), e)
    for content in (padded, three):
        lax = b"\x30" + bytes([len(content)]) + content
        assert crypt_of(gmssl, key, asn1=True).verify(lax.hex(), e)
        with pytest.raises(InputError):
            formats.read_signature(lax)


def test_gmssl_may_encrypt_to_nothing(gmssl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key = keys.PrivateKey(1)
    bare = next(k for k in range(1, 5000) if encryption._encrypt_with(k, key.public_key, b"!") is None)
    monkeypatch.setattr(gmssl.func, "random_hex", lambda _: f"{bare:064x}")
    assert crypt_of(gmssl, key).encrypt(b"!") is None


def test_gmssl_takes_k_from_a_predictable_generator(gmssl: Any) -> None:
    assert "choice" in inspect.getsource(gmssl.func.random_hex)
    seen = set()
    for _ in range(2):
        random.seed(20240229)
        seen.add(gmssl.func.random_hex(64))
    assert len(seen) == 1
