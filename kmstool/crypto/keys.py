"""Asymmetric keys of every kind that KMS has, and which kind an encoded key is of.

What can be done with a key is in the module of its kind: `rsa`, `ecdsa`, `sm2_signature`
and `sm2_encryption`. An encoded key is DER throughout; `pem` reads and writes text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from kmstool.crypto import curve_names, der, ecdsa, rsa
from kmstool.crypto.curve_names import ELLIPTIC_CURVE, P256_CURVE, P384_CURVE, SM2_CURVE
from kmstool.crypto.sm2 import keys
from kmstool.errors import InputError

Kind = Literal["RSA", "EC_P256", "EC_P384", "SM2"]

_CURVES = (SM2_CURVE, P256_CURVE, P384_CURVE)
_NULL = der.value(der.NULL)
# What people have keys of that are not for KMS.
_NAMES = {
    der.object_identifier(dotted): name
    for dotted, name in {
        "1.2.840.10040.4.1": "DSA",
        "1.2.840.113549.1.1.10": "RSA-PSS alone",
        "1.2.840.113549.1.3.1": "Diffie-Hellman",
        "1.3.101.110": "X25519",
        "1.3.101.111": "X448",
        "1.3.101.112": "Ed25519",
        "1.3.101.113": "Ed448",
        "1.3.132.0.10": "secp256k1",
        "1.3.132.0.33": "P-224",
        "1.3.132.0.35": "P-521",
        "1.3.36.3.3.2.8.1.1.7": "brainpoolP256r1",
        "2.16.840.1.101.3.4.3.17": "ML-DSA-44",
        "2.16.840.1.101.3.4.3.18": "ML-DSA-65",
        "2.16.840.1.101.3.4.3.19": "ML-DSA-87",
        "2.16.840.1.101.3.4.4.2": "ML-KEM-768",
    }.items()
}


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    """A public key for `rsa`."""

    key: RSAPublicKey
    kind: ClassVar[Literal["RSA"]] = "RSA"

    def to_spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo in DER."""
        return rsa.to_spki(self.key)


@dataclass(frozen=True, slots=True)
class EcPublicKey:
    """A public key for `ecdsa`."""

    key: EllipticCurvePublicKey

    @property
    def kind(self) -> ecdsa.Curve:
        """The curve, which is the kind."""
        return ecdsa.curve_of(self.key)

    def to_spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo in DER."""
        return ecdsa.to_spki(self.key)


@dataclass(frozen=True, slots=True)
class Sm2PublicKey:
    """A public key for `sm2_signature` and `sm2_encryption`."""

    key: keys.PublicKey
    kind: ClassVar[Literal["SM2"]] = "SM2"

    def to_spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo in DER."""
        return self.key.to_spki()


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RsaPrivateKey:
    """A private key for `rsa`."""

    key: RSAPrivateKey
    kind: ClassVar[Literal["RSA"]] = "RSA"

    @property
    def public_key(self) -> RsaPublicKey:
        """The public key that belongs to it."""
        return RsaPublicKey(self.key.public_key())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EcPrivateKey:
    """A private key for `ecdsa`."""

    key: EllipticCurvePrivateKey

    @property
    def kind(self) -> ecdsa.Curve:
        """The curve, which is the kind."""
        return ecdsa.curve_of(self.key)

    @property
    def public_key(self) -> EcPublicKey:
        """The public key that belongs to it."""
        return EcPublicKey(self.key.public_key())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sm2PrivateKey:
    """A private key for `sm2_signature` and `sm2_encryption`."""

    key: keys.PrivateKey
    kind: ClassVar[Literal["SM2"]] = "SM2"

    @property
    def public_key(self) -> Sm2PublicKey:
        """The public key that belongs to it."""
        return Sm2PublicKey(self.key.public_key)


PublicKey: TypeAlias = RsaPublicKey | EcPublicKey | Sm2PublicKey
PrivateKey: TypeAlias = RsaPrivateKey | EcPrivateKey | Sm2PrivateKey


def from_spki(encoded: bytes) -> PublicKey:
    """Read a SubjectPublicKeyInfo in DER; raise `InputError` for anything but a public key of these kinds.

    The curve may be named or spelled out, and SM2 may stand in place of the algorithm, see `curve_names`.
    """
    info = der.whole_sequence(encoded)
    curve = _curve(info.value(der.SEQUENCE), "public key")
    if curve is None:
        return RsaPublicKey(rsa.load_public_key(encoded))
    point = info.bits()
    info.end()
    usual = der.sequence(der.sequence(ELLIPTIC_CURVE, curve), der.bits(point))
    if curve == SM2_CURVE:
        return Sm2PublicKey(keys.PublicKey.from_spki(usual))
    return EcPublicKey(ecdsa.load_public_key(usual))


def from_pkcs1_public(encoded: bytes) -> RsaPublicKey:
    """Read a PKCS#1 RSAPublicKey in DER; raise `InputError` for anything else."""
    return RsaPublicKey(rsa.load_public_key(der.sequence(der.sequence(rsa.ALGORITHM, _NULL), der.bits(encoded))))


def from_point(data: bytes) -> PublicKey:
    """Read a point by itself: of SM2's curve or, if it is not there, of P-256 or P-384; raise `InputError`.

    A point of SM2 may lack the 04, and may be compressed; of the others only 04 ‖ x ‖ y tells for certain.
    """
    try:
        return Sm2PublicKey(keys.PublicKey.from_bytes(data))
    except InputError:
        curve = {65: P256_CURVE, 97: P384_CURVE}.get(len(data))
        if curve is None or not data.startswith(b"\x04"):
            raise
    spki = der.sequence(der.sequence(ELLIPTIC_CURVE, curve), der.bits(data))
    try:
        return EcPublicKey(ecdsa.load_public_key(spki))
    except InputError as error:
        raise InputError("the public key is not a point of SM2's curve, P-256 or P-384") from error


def from_pkcs8(encoded: bytes, *, trusted: bool = False) -> PrivateKey:
    """Read an unencrypted PKCS#8 PrivateKeyInfo in DER; raise `InputError` for anything but a key of these kinds.

    What `trusted` leaves out is said in `rsa.load_private_key`, what a curve may be written as in `from_spki`.
    """
    info = der.whole_sequence(encoded)
    version = info.integer()
    curve = _curve(info.value(der.SEQUENCE), "private key")
    if curve is None:
        return RsaPrivateKey(rsa.load_private_key(encoded, trusted=trusted))
    key = info.octets()
    if info.next_is(der.EXPLICIT_0):
        info.value(der.EXPLICIT_0)  # attributes, which say nothing of the key
    if version == 1 and info.next_is(der.IMPLICIT_1):
        info.value(der.IMPLICIT_1)  # the public key (RFC 5958), which belongs into `key`
    info.end()
    if version not in (0, 1):
        raise InputError("the private key is of a version that is not known")
    return _from_sec1(der.whole_sequence(key), curve)


def from_sec1(encoded: bytes) -> PrivateKey:
    """Read a SEC 1 ECPrivateKey in DER that says which curve it is on; raise `InputError` for anything else."""
    return _from_sec1(der.whole_sequence(encoded), None)


def from_pkcs1(encoded: bytes) -> RsaPrivateKey:
    """Read a PKCS#1 RSAPrivateKey in DER; raise `InputError` for anything else."""
    return RsaPrivateKey(rsa.load_private_key(encoded))


def _from_sec1(fields: der.Reader, curve: bytes | None) -> PrivateKey:
    version, scalar = fields.integer(), fields.octets()
    if fields.next_is(der.EXPLICIT_0):
        parameters = fields.nested(der.EXPLICIT_0)
        stated = curve_names.of_parameters(parameters)
        parameters.end()
        if curve not in (None, stated):
            raise InputError("the private key names two curves")
        curve = stated
    if curve is None:
        raise InputError("the private key does not say which curve it is on")
    public = der.value(der.EXPLICIT_1, fields.value(der.EXPLICIT_1)) if fields.next_is(der.EXPLICIT_1) else b""
    fields.end()
    usual = der.sequence(der.integer(version), der.octets(scalar), der.value(der.EXPLICIT_0, curve), public)
    if curve == SM2_CURVE:
        return Sm2PrivateKey(keys.PrivateKey.from_sec1(usual))
    return EcPrivateKey(ecdsa.load_private_key(usual))


def _curve(algorithm: bytes, noun: str) -> bytes | None:
    """Return the curve of an AlgorithmIdentifier's content, None for RSA; raise `InputError` for other keys."""
    curve = curve_names.of_algorithm(algorithm)
    if curve is not None:
        if curve not in _CURVES:
            raise InputError(f"the {noun} is on {_named(curve)}: keys of KMS are on P-256, P-384 or SM2's curve")
        return curve
    name = der.Reader(algorithm).object_identifier()
    if name != rsa.ALGORITHM:
        raise InputError(f"the {noun} is one of {_named(name)}, and neither RSA nor on P-256, P-384 or SM2's curve")
    return None


def _named(identifier: bytes) -> str:
    return _NAMES.get(identifier, "a kind that is not known here")
