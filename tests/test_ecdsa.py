"""ECDSA takes the digest that belongs to its curve, and signatures in strict DER."""

import hashlib
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.crypto import der, ecdsa, formats, rsa
from kmstool.crypto.sm2 import keys
from kmstool.errors import InputError, IntegrityError
from tests.foreign import openssl, wycheproof

CURVES: tuple[ecdsa.Curve, ...] = get_args(ecdsa.Curve)
KEYS = {curve: ecdsa.generate(curve) for curve in CURVES}
HASHES: dict[ecdsa.Curve, str] = {"EC_P256": "sha256", "EC_P384": "sha384"}
ORDERS: dict[ecdsa.Curve, int] = {
    "EC_P256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "EC_P384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}


def digest_of(curve: ecdsa.Curve, message: bytes = b"message") -> bytes:
    return hashlib.new(HASHES[curve], message).digest()


@pytest.mark.parametrize("curve", CURVES)
def test_only_the_signature_of_this_digest_by_this_key_verifies(curve: ecdsa.Curve) -> None:
    key = KEYS[curve]
    digest = digest_of(curve)
    signature = ecdsa.sign(key, digest)
    ecdsa.verify(key.public_key(), digest, signature)
    for wrong_key, wrong_digest in ((ecdsa.generate(curve), digest), (key, digest_of(curve, b"Message"))):
        with pytest.raises(IntegrityError):
            ecdsa.verify(wrong_key.public_key(), wrong_digest, signature)


@pytest.mark.parametrize("curve", CURVES)
@given(position=st.integers(0), change=st.integers(1, 255))
@settings(deadline=None)
def test_every_altered_signature_is_refused(curve: ecdsa.Curve, position: int, change: int) -> None:
    altered = bytearray(ecdsa.sign(KEYS[curve], digest_of(curve)))
    altered[position % len(altered)] ^= change
    with pytest.raises((IntegrityError, InputError)):
        ecdsa.verify(KEYS[curve].public_key(), digest_of(curve), bytes(altered))


@pytest.mark.parametrize("curve", CURVES)
def test_numbers_out_of_range_and_other_encodings_are_refused(curve: ecdsa.Curve) -> None:
    key, digest, size, order = KEYS[curve], digest_of(curve), ecdsa.DIGEST_BYTES[curve], ORDERS[curve]
    signature = ecdsa.sign(key, digest)
    r, s = formats.read_signature(signature, number_bytes=size)
    for pair in ((0, 0), (0, s), (r, 0), (r + order, s), (r, s + order), (order, order), (s, r)):
        with pytest.raises((IntegrityError, InputError)):
            ecdsa.verify(key.public_key(), digest, formats.write_signature(*pair))
    raw = formats.write_signature(r, s, "raw", number_bytes=size)
    for wrong in (raw, b"", signature + b"\0", signature[:-1], der.sequence(signature)):
        with pytest.raises(InputError):
            ecdsa.verify(key.public_key(), digest, wrong)


@pytest.mark.parametrize("curve", CURVES)
@pytest.mark.parametrize("size", [0, 20, 31, 32, 33, 48, 64])
def test_a_digest_of_another_length_is_refused(curve: ecdsa.Curve, size: int) -> None:
    key = KEYS[curve]
    if size == ecdsa.DIGEST_BYTES[curve]:
        ecdsa.verify(key.public_key(), bytes(size), ecdsa.sign(key, bytes(size)))
        return
    with pytest.raises(InputError, match=rf"{size} bytes, not {ecdsa.DIGEST_BYTES[curve]}"):
        ecdsa.sign(key, bytes(size))
    with pytest.raises(InputError, match=rf"{size} bytes, not {ecdsa.DIGEST_BYTES[curve]}"):
        ecdsa.verify(key.public_key(), bytes(size), b"")


@pytest.mark.parametrize(("curve", "size"), [("EC_P256", 91), ("EC_P384", 120)])
def test_keys_are_read_as_written(curve: ecdsa.Curve, size: int) -> None:
    key = KEYS[curve]
    assert ecdsa.curve_of(key) == ecdsa.curve_of(key.public_key()) == curve
    assert len(ecdsa.to_spki(key.public_key())) == size
    assert ecdsa.load_public_key(ecdsa.to_spki(key.public_key())) == key.public_key()
    sec1 = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    for encoded in (ecdsa.to_pkcs8(key), sec1):
        assert ecdsa.load_private_key(encoded).private_numbers() == key.private_numbers()


def test_other_keys_are_refused() -> None:
    encoding, form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    private_form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    for curve in (ec.SECP521R1(), ec.SECP256K1()):
        foreign = ec.generate_private_key(curve)
        with pytest.raises(InputError, match=f"{curve.name} are not supported"):
            ecdsa.load_public_key(foreign.public_key().public_bytes(encoding, form))
        with pytest.raises(InputError, match=f"{curve.name} are not supported"):
            ecdsa.load_private_key(foreign.private_bytes(encoding, private_form, plain))
        with pytest.raises(InputError, match=f"{curve.name} are not supported"):
            ecdsa.sign(foreign, bytes(32))
    sm2_key = keys.PrivateKey.generate()
    with pytest.raises(InputError, match="curve that is not supported"):
        ecdsa.load_public_key(sm2_key.public_key.to_spki())
    with pytest.raises(InputError, match="curve that is not supported"):
        ecdsa.load_private_key(sm2_key.to_pkcs8())
    edwards = ed25519.Ed25519PrivateKey.generate()
    with pytest.raises(InputError, match="not one of an elliptic curve"):
        ecdsa.load_public_key(edwards.public_key().public_bytes(encoding, form))
    with pytest.raises(InputError, match="not one of an elliptic curve"):
        ecdsa.load_private_key(rsa.to_pkcs8(rsa.generate(2048)))


def test_a_point_that_is_not_on_the_curve_is_no_key() -> None:
    encoded = bytearray(ecdsa.to_spki(KEYS["EC_P256"].public_key()))
    encoded[-1] ^= 1
    with pytest.raises(InputError):
        ecdsa.load_public_key(bytes(encoded))


ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
P256 = der.object_identifier("1.2.840.10045.3.1.7")


@pytest.mark.parametrize("point", [b"", b"\0", b"\4" + bytes(64), b"\4" + b"\xff" * 64, b"\2" + bytes(31), b"\5" * 33])
def test_what_is_no_point_of_the_curve_is_no_key(point: bytes) -> None:
    """Infinity, coordinates that are not reduced, other lengths and prefixes."""
    algorithm = der.sequence(der.object_identifier("1.2.840.10045.2.1"), P256)
    with pytest.raises(InputError):
        ecdsa.load_public_key(der.sequence(algorithm, der.bits(point)))


@pytest.mark.parametrize("scalar", [0, ORDER_P256, ORDER_P256 + 5, (1 << 256) - 1, 1 << 4000])
def test_a_private_scalar_out_of_range_is_no_key(scalar: int) -> None:
    size = max(32, (scalar.bit_length() + 7) // 8)
    sec1 = der.sequence(der.integer(1), der.octets(scalar.to_bytes(size, "big")), der.value(der.EXPLICIT_0, P256))
    with pytest.raises(InputError):
        ecdsa.load_private_key(sec1)


def test_a_private_key_beside_the_public_key_of_another_is_no_key() -> None:
    other = KEYS["EC_P256"].public_key()
    point = other.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    scalar = der.octets((5).to_bytes(32, "big"))
    public = der.value(der.EXPLICIT_1, der.bits(point))
    with pytest.raises(InputError):
        ecdsa.load_private_key(der.sequence(der.integer(1), scalar, der.value(der.EXPLICIT_0, P256), public))


@given(st.binary(max_size=150))
@settings(deadline=None)
def test_any_bytes_are_refused_as_keys_and_signatures(data: bytes) -> None:
    with pytest.raises(InputError):
        ecdsa.load_public_key(data)
    with pytest.raises(InputError):
        ecdsa.load_private_key(data)
    with pytest.raises((InputError, IntegrityError)):
        ecdsa.verify(KEYS["EC_P256"].public_key(), bytes(32), data)


@pytest.mark.parametrize("curve", CURVES)
def test_the_openssl_program_signs_and_verifies_the_same(curve: ecdsa.Curve, tmp_path: Path) -> None:
    private, public, ours = (tmp_path / name for name in ("private", "public", "ours"))
    private.write_bytes(ecdsa.to_pkcs8(KEYS[curve]))
    public.write_bytes(ecdsa.to_spki(KEYS[curve].public_key()))
    ours.write_bytes(ecdsa.sign(KEYS[curve], digest_of(curve)))
    name = f"-{HASHES[curve]}"
    theirs = openssl("dgst", name, "-sign", private, "-keyform", "DER", data=b"message").stdout
    ecdsa.verify(KEYS[curve].public_key(), digest_of(curve), theirs)
    checked = openssl("dgst", name, "-verify", public, "-keyform", "DER", "-signature", ours, data=b"message")
    assert checked.stdout == b"Verified OK\n"


@pytest.mark.parametrize(("curve", "name", "count"), [("EC_P256", "secp256r1", 484), ("EC_P384", "secp384r1", 504)])
def test_vectors_of_wycheproof(curve: ecdsa.Curve, name: str, count: int) -> None:
    tests = wycheproof(f"ecdsa_{name}_{HASHES[curve]}_test.json")
    assert len(tests) >= count
    for test in tests:
        key = ecdsa.load_public_key(bytes.fromhex(test["group"]["publicKeyDer"]))
        digest = digest_of(curve, bytes.fromhex(test["msg"]))
        try:
            ecdsa.verify(key, digest, bytes.fromhex(test["sig"]))
            verdict = "valid"
        except (IntegrityError, InputError):
            verdict = "invalid"
        assert verdict == test["result"] or test["result"] == "acceptable", test["tcId"]
