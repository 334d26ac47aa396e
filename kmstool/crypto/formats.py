"""How signatures and SM2 ciphertexts are written: as DER (GM/T 0009, RFC 3279) and as bare bytes; and base64 of either.

Reading is strict: a format has one encoding of a value, and nothing may follow it. Only
base64, which people and mail programs break into lines, may have white space in it.
"""

from __future__ import annotations

import base64
import binascii
from typing import Literal

from kmstool.crypto import der
from kmstool.crypto.sm2 import curve
from kmstool.crypto.sm2.curve import FIELD_BYTES
from kmstool.crypto.sm2.encryption import C3_BYTES, Ciphertext
from kmstool.errors import InputError, Reason

WrittenSignatureFormat = Literal["der", "raw"]
SignatureFormat = Literal["auto"] | WrittenSignatureFormat
WrittenCiphertextFormat = Literal["der", "c1c3c2", "c1c2c3"]
CiphertextFormat = Literal["auto"] | WrittenCiphertextFormat

_POINT_BYTES = 2 * FIELD_BYTES
_POINT_PREFIX = b"\x04"
_COMPRESSED_PREFIXES = (b"\x02", b"\x03")


def read_base64(data: bytes, name: str, hint: str | None = None, *, reason: Reason | None = None) -> bytes:
    """Decode base64 (RFC 4648 section 4); raise `InputError`, which says that `name` is not base64, for anything else."""
    try:
        return base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error as error:
        raise InputError(f"{name} is not base64", hint=hint, reason=reason) from error


def read_signature(
    data: bytes, written_as: SignatureFormat = "auto", *, number_bytes: int = FIELD_BYTES
) -> tuple[int, int]:
    """Return r and s from DER `SEQUENCE { INTEGER r, INTEGER s }` or from r ‖ s; raise `InputError`.

    `number_bytes` is the size of the numbers of the curve: 32, and 48 for P-384. `auto` takes
    twice as many bytes that are no DER for r ‖ s.
    """
    if written_as == "auto":
        written_as = "raw" if len(data) == 2 * number_bytes and not is_der_signature(data) else "der"
    if written_as == "raw":
        if len(data) != 2 * number_bytes:
            raise InputError(f"the raw signature has {len(data)} bytes, not {2 * number_bytes}")
        return int.from_bytes(data[:number_bytes], "big"), int.from_bytes(data[number_bytes:], "big")
    r, s = _read_der_signature(data)
    if max(r, s) >> 8 * number_bytes:
        raise InputError(f"the signature has a number of more than {number_bytes} bytes")
    return r, s


def write_signature(
    r: int, s: int, write_as: WrittenSignatureFormat = "der", *, number_bytes: int = FIELD_BYTES
) -> bytes:
    """Undo `read_signature`."""
    if write_as == "raw":
        return r.to_bytes(number_bytes, "big") + s.to_bytes(number_bytes, "big")
    return der.sequence(der.integer(r), der.integer(s))


def read_ciphertext(data: bytes, written_as: CiphertextFormat = "auto") -> Ciphertext:
    """Read an SM2 ciphertext; raise `InputError`.

    `auto` is DER or, for what is no DER, C1 ‖ C3 ‖ C2; `ciphertext_readings` knows more.
    """
    return ciphertext_readings(data, written_as)[0]


def ciphertext_readings(data: bytes, written_as: CiphertextFormat = "auto") -> tuple[Ciphertext, ...]:
    """Return everything that the bytes may mean, the likeliest first, for `sm2_encryption.decrypt_any`.

    `der` is `SEQUENCE { INTEGER x, INTEGER y, OCTET STRING C3, OCTET STRING C2 }`, the others are
    the parts end to end, C1 with or without a leading 04, or compressed. `auto` is DER, also of the
    drafts, which had C2 before C3, else one of the others, which look alike. Raises `InputError` if
    nothing fits.
    """
    if written_as == "auto":
        try:
            x, y, *parts = _read_der_parts(data)
        except InputError:
            return (_read_raw_ciphertext(data, digest_first=True), _read_raw_ciphertext(data, digest_first=False))
        orders = [order for order in (parts, parts[::-1]) if len(order[0]) == C3_BYTES] or [parts]
        return tuple(Ciphertext(x, y, *order) for order in orders)
    if written_as == "der":
        return (Ciphertext(*_read_der_parts(data)),)
    return (_read_raw_ciphertext(data, digest_first=written_as == "c1c3c2"),)


def write_ciphertext(
    ciphertext: Ciphertext, write_as: WrittenCiphertextFormat = "der", *, prefix: bool = True
) -> bytes:
    """Undo `read_ciphertext`; `prefix` puts the 04 of GB/T 32918 in front of a C1 that is not in DER."""
    if write_as == "der":
        coordinates = der.integer(ciphertext.x), der.integer(ciphertext.y)
        return der.sequence(*coordinates, der.octets(ciphertext.c3), der.octets(ciphertext.c2))
    point = ciphertext.x.to_bytes(FIELD_BYTES, "big") + ciphertext.y.to_bytes(FIELD_BYTES, "big")
    parts = (ciphertext.c3, ciphertext.c2) if write_as == "c1c3c2" else (ciphertext.c2, ciphertext.c3)
    return b"".join((_POINT_PREFIX if prefix else b"", point, *parts))


def is_der_signature(data: bytes) -> bool:
    """Return whether it is `SEQUENCE { INTEGER r, INTEGER s }` and nothing more."""
    try:
        _read_der_signature(data)
    except InputError:
        return False
    return True


def _read_der_signature(data: bytes) -> tuple[int, int]:
    fields = der.whole_sequence(data)
    numbers = fields.integer(), fields.integer()
    fields.end()
    return numbers


def _read_der_parts(data: bytes) -> tuple[int, int, bytes, bytes]:
    fields = der.whole_sequence(data)
    parts = fields.integer(), fields.integer(), fields.octets(), fields.octets()
    fields.end()
    return parts


def _read_raw_ciphertext(data: bytes, *, digest_first: bool) -> Ciphertext:
    # x itself may begin with 04, as in the example of GB/T 32918.5: the first byte proves nothing.
    if data.startswith(_POINT_PREFIX) and curve.contains(*_coordinates(data[1:])):
        data = data[1:]
    elif data[:1] in _COMPRESSED_PREFIXES and not curve.contains(*_coordinates(data)):
        data = _uncompressed(data)
    rest = data[_POINT_BYTES:]
    if len(rest) <= C3_BYTES:
        raise InputError(f"{len(data)} bytes are too few for an SM2 ciphertext")
    c3, c2 = (rest[:C3_BYTES], rest[C3_BYTES:]) if digest_first else (rest[-C3_BYTES:], rest[:-C3_BYTES])
    return Ciphertext(*_coordinates(data), c3, c2)


def _uncompressed(data: bytes) -> bytes:
    """Return a ciphertext with both coordinates of C1 where it begins with one, else as it is."""
    x = int.from_bytes(data[1 : 1 + FIELD_BYTES], "big")
    point = curve.lift(x, _COMPRESSED_PREFIXES.index(data[:1]))
    if point is None:
        return data
    return b"".join(coordinate.to_bytes(FIELD_BYTES, "big") for coordinate in point) + data[1 + FIELD_BYTES :]


def _coordinates(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data[:FIELD_BYTES], "big"), int.from_bytes(data[FIELD_BYTES:_POINT_BYTES], "big")
