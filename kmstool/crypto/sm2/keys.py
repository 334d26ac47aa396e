"""SM2 keys (GB/T 32918.1): a public key that exists is on the curve, a private key that exists can sign.

What they do is in `sm2_signature` and `sm2_encryption`. Their DER forms are those of elliptic
curve keys (RFC 5480, 5915 and 5958) with the curve's identifier from GM/T 0006.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property

from kmstool.crypto import der
from kmstool.crypto.sm2 import curve
from kmstool.crypto.sm2.curve import FIELD_BYTES, N
from kmstool.errors import InputError

CURVE_IDENTIFIER = der.object_identifier("1.2.156.10197.1.301")
ALGORITHM_IDENTIFIER = der.sequence(der.object_identifier("1.2.840.10045.2.1"), CURVE_IDENTIFIER)
"""What marks a SubjectPublicKeyInfo or a PKCS#8 private key as one of SM2."""

_UNCOMPRESSED = b"\x04"
_COMPRESSED = (b"\x02", b"\x03")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A point of the curve; raises `InputError` for coordinates of no point."""

    x: int
    y: int

    def __post_init__(self) -> None:
        if not curve.contains(self.x, self.y):
            raise InputError("the SM2 public key is not a point of the curve")

    @classmethod
    def from_bytes(cls, data: bytes) -> PublicKey:
        """Read x ‖ y (64 bytes), 04 ‖ x ‖ y (65) or, compressed, 02 or 03 ‖ x (33); raise `InputError`."""
        # The length alone says whether there is a prefix: x may begin with any byte.
        prefix, coordinates = data[: len(data) % FIELD_BYTES], data[len(data) % FIELD_BYTES :]
        x, y = int.from_bytes(coordinates[:FIELD_BYTES], "big"), int.from_bytes(coordinates[FIELD_BYTES:], "big")
        if len(coordinates) == 2 * FIELD_BYTES and prefix in {b"", _UNCOMPRESSED}:
            return cls(x, y)
        if len(coordinates) == FIELD_BYTES and prefix in _COMPRESSED:
            point = curve.lift(x, _COMPRESSED.index(prefix))
            if point is None:
                raise InputError("the SM2 public key is not a point of the curve")
            return cls(*point)
        raise InputError(f"{len(data)} bytes of this form are no SM2 public key")

    @classmethod
    def from_spki(cls, encoded: bytes) -> PublicKey:
        """Read a SubjectPublicKeyInfo in DER; raise `InputError` for anything else, also after it."""
        info = der.whole_sequence(encoded)
        if der.sequence(info.value(der.SEQUENCE)) != ALGORITHM_IDENTIFIER:
            raise InputError("the public key is not one of SM2")
        point = info.bits()
        info.end()
        return cls.from_bytes(_with_prefix(point))

    def to_bytes(self) -> bytes:
        """Return 04 ‖ x ‖ y, 65 bytes."""
        return _UNCOMPRESSED + self.x.to_bytes(FIELD_BYTES, "big") + self.y.to_bytes(FIELD_BYTES, "big")

    def to_spki(self) -> bytes:
        """Return the SubjectPublicKeyInfo in DER, 91 bytes."""
        return der.sequence(ALGORITHM_IDENTIFIER, der.bits(self.to_bytes()))


@dataclass(frozen=True, eq=False, repr=False)
class PrivateKey:
    """A secret scalar of 1 to N − 2; raises `InputError` for any other. Its `repr` does not show it."""

    scalar: int

    def __post_init__(self) -> None:
        # N − 1 would leave 1 + d without an inverse, and so without signatures (GB/T 32918.1, 6.1).
        if not 1 <= self.scalar <= N - 2:
            raise InputError("the SM2 private key is out of range")

    @classmethod
    def generate(cls) -> PrivateKey:
        """Make a new key from the random generator of the operating system."""
        return cls(1 + secrets.randbelow(N - 2))

    @classmethod
    def from_int(cls, scalar: int) -> PrivateKey:
        """Take the scalar itself; raise `InputError` if it is out of range."""
        return cls(scalar)

    @classmethod
    def from_pkcs8(cls, encoded: bytes) -> PrivateKey:
        """Read an unencrypted PKCS#8 PrivateKeyInfo in DER; raise `InputError` for anything else."""
        info = der.whole_sequence(encoded)
        version = info.integer()
        if version != 0 or der.sequence(info.value(der.SEQUENCE)) != ALGORITHM_IDENTIFIER:
            raise InputError("the private key is not one of SM2")
        key = info.octets()
        if info.next_is(der.EXPLICIT_0):
            info.value(der.EXPLICIT_0)  # attributes, which say nothing of the key
        info.end()
        return cls._from_sec1(key, curve_known=True)

    @classmethod
    def from_sec1(cls, encoded: bytes) -> PrivateKey:
        """Read a SEC 1 ECPrivateKey in DER that names the curve; raise `InputError` for anything else."""
        return cls._from_sec1(encoded, curve_known=False)

    @classmethod
    def _from_sec1(cls, encoded: bytes, *, curve_known: bool) -> PrivateKey:
        fields = der.whole_sequence(encoded)
        version, scalar = fields.integer(), fields.octets()
        if version != 1 or len(scalar) != FIELD_BYTES:
            raise InputError("the SM2 private key is malformed")
        if fields.next_is(der.EXPLICIT_0):
            curve = fields.nested(der.EXPLICIT_0)
            curve_known = curve.object_identifier() == CURVE_IDENTIFIER
            curve.end()
        if not curve_known:
            raise InputError("the private key is not one of SM2")
        key = cls(int.from_bytes(scalar, "big"))
        if fields.next_is(der.EXPLICIT_1):
            public = fields.nested(der.EXPLICIT_1)
            if PublicKey.from_bytes(_with_prefix(public.bits())) != key.public_key:
                raise InputError("the SM2 private key and the public key beside it do not belong together")
            public.end()
        fields.end()
        return key

    def to_pkcs8(self) -> bytes:
        """Return the unencrypted PKCS#8 PrivateKeyInfo in DER with the public key in it, 138 bytes, as OpenSSL does."""
        public = der.value(der.EXPLICIT_1, der.bits(self.public_key.to_bytes()))
        key = der.sequence(der.integer(1), der.octets(self.scalar.to_bytes(FIELD_BYTES, "big")), public)
        return der.sequence(der.integer(0), ALGORITHM_IDENTIFIER, der.octets(key))

    @cached_property
    def public_key(self) -> PublicKey:
        """The point that belongs to the scalar; computed when first asked for."""
        return PublicKey(*curve.multiply_generator(self.scalar))


def _with_prefix(point: bytes) -> bytes:
    """Return an encoded point that has a prefix, as SEC 1 demands; raise `InputError` for x ‖ y alone."""
    if len(point) % FIELD_BYTES != 1:
        raise InputError("the SM2 public key is not encoded as a point")
    return point
