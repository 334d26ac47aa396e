"""Asymmetric keys of every kind that KMS has, and which kind an encoded key is of.

What can be done with a key is in the module of its kind: `rsa`, `ecdsa`, `sm2_signature`
and `sm2_encryption`. An encoded key is DER throughout; `pem` reads and writes text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

from kmstool.crypto import der, ecdsa, rsa
from kmstool.crypto.sm2 import keys
from kmstool.errors import InputError

Kind = Literal["RSA", "EC_P256", "EC_P384", "SM2"]

_ELLIPTIC_CURVE = der.object_identifier("1.2.840.10045.2.1")


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
    """Read a SubjectPublicKeyInfo in DER; raise `InputError` for anything but a public key of these kinds."""
    match _family(der.whole_sequence(encoded), "public key"):
        case "SM2":
            return Sm2PublicKey(keys.PublicKey.from_spki(encoded))
        case "RSA":
            return RsaPublicKey(rsa.load_public_key(encoded))
        case "EC":
            return EcPublicKey(ecdsa.load_public_key(encoded))


def from_pkcs8(encoded: bytes, *, trusted: bool = False) -> PrivateKey:
    """Read an unencrypted PKCS#8 PrivateKeyInfo in DER; raise `InputError` for anything but a key of these kinds.

    What `trusted` leaves out is said in `rsa.load_private_key`.
    """
    info = der.whole_sequence(encoded)
    info.integer()
    match _family(info, "private key"):
        case "SM2":
            return Sm2PrivateKey(keys.PrivateKey.from_pkcs8(encoded))
        case "RSA":
            return RsaPrivateKey(rsa.load_private_key(encoded, trusted=trusted))
        case "EC":
            return EcPrivateKey(ecdsa.load_private_key(encoded))


def from_sec1(encoded: bytes) -> PrivateKey:
    """Read a SEC 1 ECPrivateKey in DER that names its curve; raise `InputError` for anything else."""
    fields = der.whole_sequence(encoded)
    fields.integer()
    fields.octets()
    if fields.nested(der.EXPLICIT_0).object_identifier() == keys.CURVE_IDENTIFIER:
        return Sm2PrivateKey(keys.PrivateKey.from_sec1(encoded))
    return EcPrivateKey(ecdsa.load_private_key(encoded))


def from_pkcs1(encoded: bytes) -> RsaPrivateKey:
    """Read a PKCS#1 RSAPrivateKey in DER; raise `InputError` for anything else."""
    return RsaPrivateKey(rsa.load_private_key(encoded))


def _family(fields: der.Reader, what: str) -> Literal["RSA", "EC", "SM2"]:
    """Take an AlgorithmIdentifier and return which kind of keys it is for; raise `InputError` for other keys."""
    algorithm = der.sequence(fields.value(der.SEQUENCE))
    if algorithm == keys.ALGORITHM_IDENTIFIER:
        return "SM2"
    name = der.whole_sequence(algorithm).object_identifier()
    if name == rsa.ALGORITHM:
        return "RSA"
    if name == _ELLIPTIC_CURVE:
        return "EC"
    raise InputError(f"the {what} is neither RSA nor on P-256, P-384 or SM2's curve")
