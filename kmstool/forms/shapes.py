"""What DER holds, told by the tags of its outer values alone: nothing here checks what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

from kmstool.crypto import der
from kmstool.errors import InputError

_MOST_VALUES = 16
_MOST_NUMBER_BYTES = 67
"""Of a number of a signature: P-521's, with a byte for the sign."""
_SET = 0x31

_S, _I, _O, _B, _OID = der.SEQUENCE, der.INTEGER, der.OCTET_STRING, der.BIT_STRING, der.OBJECT_IDENTIFIER


class Shape(Enum):
    """What a value of DER is, as people are told."""

    SIGNATURE = "a signature in DER"
    SM2_CIPHERTEXT = "an SM2 ciphertext in DER"
    PUBLIC_KEY = "a public key in DER"
    RSA_PUBLIC_KEY = "an RSA public key in DER (PKCS#1)"
    PRIVATE_KEY = "a private key in DER"
    EC_PRIVATE_KEY = "an elliptic curve private key in DER (SEC 1)"
    RSA_PRIVATE_KEY = "an RSA private key in DER (PKCS#1)"
    ENCRYPTED_PRIVATE_KEY = "an encrypted private key in DER"
    CERTIFICATE = "a certificate in DER"
    CERTIFICATE_REQUEST = "a certificate request in DER"
    CMS = "a CMS (PKCS#7) message in DER"
    PKCS12 = "a PKCS#12 file"


Tagged = Sequence[tuple[int, bytes]]

_BY_TAGS: dict[tuple[int, ...], Callable[[Tagged], Shape | None]] = {
    (_I, _I): lambda parts: Shape.SIGNATURE if len(parts[0][1]) <= _MOST_NUMBER_BYTES else Shape.RSA_PUBLIC_KEY,
    (_I, _I, _O, _O): lambda _: Shape.SM2_CIPHERTEXT,
    (_S, _B): lambda _: Shape.PUBLIC_KEY,
    (_S, _O): lambda _: Shape.ENCRYPTED_PRIVATE_KEY,
    (_S, _S, _B): lambda parts: (
        Shape.CERTIFICATE_REQUEST if _tags(parts[0][1])[:3] == (_I, _S, _S) and _is_request(parts[0][1]) else Shape.CERTIFICATE
    ),
    (_OID, der.EXPLICIT_0): lambda _: Shape.CMS,
}  # fmt: skip
_BY_FIRST_TAGS: dict[tuple[int, ...], Shape] = {
    (_I, _S, _O): Shape.PRIVATE_KEY,
    (_I, _O): Shape.EC_PRIVATE_KEY,
    (_I,) * 9: Shape.RSA_PRIVATE_KEY,
}
_PKCS12_VERSION = b"\x03"


def shape_of(data: bytes) -> Shape | None:
    """Return what one value of DER is, None for anything else, also where something follows it."""
    try:
        parts = _parts(der.whole_sequence(data))
    except InputError:
        return None
    tags = tuple(tag for tag, _ in parts)
    if tell := _BY_TAGS.get(tags):
        return tell(parts)
    if tags[:2] == (_I, _S) and parts[0][1] == _PKCS12_VERSION:
        return Shape.PKCS12
    return next((shape for first, shape in _BY_FIRST_TAGS.items() if tags[: len(first)] == first), None)


def _parts(fields: der.Reader) -> list[tuple[int, bytes]]:
    """Return the values one after the other; raise `InputError` for more than anything known has."""
    parts: list[tuple[int, bytes]] = []
    while (tag := fields.next_tag()) is not None:
        if len(parts) == _MOST_VALUES:
            raise InputError("the DER has more values than are known here")
        parts.append((tag, fields.value(tag)))
    return parts


def _tags(content: bytes) -> tuple[int, ...]:
    try:
        return tuple(tag for tag, _ in _parts(der.Reader(content)))
    except InputError:
        return ()


def _is_request(content: bytes) -> bool:
    """Tell a request, whose second value is a name made of sets, from a certificate of version 1, whose is an algorithm."""
    (_, (_, second), *_) = _parts(der.Reader(content))
    return all(tag == _SET for tag in _tags(second))
