"""ECDSA (FIPS 186-5) on P-256 with SHA-256 and on P-384 with SHA-384; signatures are strict DER."""

from __future__ import annotations

from typing import Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from kmstool.crypto import formats
from kmstool.errors import InputError, IntegrityError

Curve = Literal["EC_P256", "EC_P384"]

DIGEST_BYTES: dict[Curve, int] = {"EC_P256": 32, "EC_P384": 48}
"""The size of a digest, and of each of the two numbers of a signature."""

_CURVES: dict[Curve, ec.EllipticCurve] = {"EC_P256": ec.SECP256R1(), "EC_P384": ec.SECP384R1()}
_NAMES: dict[str, Curve] = {curve.name: name for name, curve in _CURVES.items()}
_SCHEMES: dict[Curve, ec.ECDSA] = {
    "EC_P256": ec.ECDSA(Prehashed(hashes.SHA256())),
    "EC_P384": ec.ECDSA(Prehashed(hashes.SHA384())),
}


def generate(curve: Curve) -> EllipticCurvePrivateKey:
    """Make a new key."""
    return ec.generate_private_key(_CURVES[curve])


def curve_of(key: EllipticCurvePublicKey | EllipticCurvePrivateKey) -> Curve:
    """Return the name of a key's curve; raise `InputError` for a curve that is not used here."""
    name = _NAMES.get(key.curve.name)
    if name is None:
        raise InputError(f"elliptic curve keys on {key.curve.name} are not supported, only on P-256, P-384 and SM2")
    return name


def load_public_key(encoded: bytes) -> EllipticCurvePublicKey:
    """Read a SubjectPublicKeyInfo in DER; raise `InputError` for anything but a key on P-256 or P-384."""
    try:
        key = serialization.load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("the elliptic curve public key is malformed, or on a curve that is not supported") from error
    if not isinstance(key, EllipticCurvePublicKey):
        raise InputError("the public key is not one of an elliptic curve")
    curve_of(key)
    return key


def load_private_key(encoded: bytes) -> EllipticCurvePrivateKey:
    """Read unencrypted PKCS#8 or SEC 1 in DER; raise `InputError` for anything but a key on P-256 or P-384."""
    try:
        key = serialization.load_der_private_key(encoded, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Nothing says that the text of the cause keeps the key to itself.
        raise InputError("the elliptic curve private key is malformed, or on a curve that is not supported") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise InputError("the private key is not one of an elliptic curve")
    curve_of(key)
    return key


def to_spki(key: EllipticCurvePublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo in DER: 91 bytes for P-256, 120 for P-384."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def to_pkcs8(key: EllipticCurvePrivateKey) -> bytes:
    """Return the unencrypted PKCS#8 PrivateKeyInfo in DER."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def sign(key: EllipticCurvePrivateKey, digest: bytes) -> bytes:
    """Sign a digest of 32 bytes (P-256) or 48 (P-384) and return DER; raise `InputError` for another length."""
    curve = curve_of(key)
    _check_digest(curve, digest)
    return key.sign(digest, _SCHEMES[curve])


def verify(key: EllipticCurvePublicKey, digest: bytes, signature: bytes) -> None:
    """Return if this is a signature of the digest in DER, else raise `IntegrityError`.

    Raises `InputError` for a digest of another length than `sign` takes and for a signature that is no DER.
    """
    curve = curve_of(key)
    _check_digest(curve, digest)
    # OpenSSL never sees an encoding of its own choice: what it gets was read here and written again.
    r, s = formats.read_signature(signature, "der", number_bytes=DIGEST_BYTES[curve])
    try:
        key.verify(formats.write_signature(r, s), digest, _SCHEMES[curve])
    except InvalidSignature as error:
        raise IntegrityError("the signature is not one of this data by this key") from error


def _check_digest(curve: Curve, digest: bytes) -> None:
    if len(digest) != DIGEST_BYTES[curve]:
        raise InputError(f"the digest to sign has {len(digest)} bytes, not {DIGEST_BYTES[curve]}")
