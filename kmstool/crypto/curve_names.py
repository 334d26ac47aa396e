"""Which curve an elliptic curve key is on, however it says so: by name, by all its numbers, or by its algorithm alone.

Java, .NET and old tools spell out the parameters (SEC 1, C.2; RFC 3279, 2.3.5). They count only if they are all those of
a curve that is known here: a point or order of somebody's own choice would forge signatures (CVE-2020-0601).
"""

from __future__ import annotations

from collections.abc import Mapping

from kmstool.crypto import der
from kmstool.crypto.sm2 import curve
from kmstool.errors import InputError

ELLIPTIC_CURVE = der.object_identifier("1.2.840.10045.2.1")
SM2_CURVE = der.object_identifier("1.2.156.10197.1.301")
P256_CURVE = der.object_identifier("1.2.840.10045.3.1.7")
P384_CURVE = der.object_identifier("1.3.132.0.34")

# GM/T 0006 names the curve, and below it what is done with it; OpenSSL and Botan write these in place of the algorithm.
_SM2_ALGORITHMS = (SM2_CURVE, *(der.object_identifier(f"1.2.156.10197.1.301.{use}") for use in (1, 2, 3)))
_PRIME_FIELD = der.object_identifier("1.2.840.10045.1.1")
_UNCOMPRESSED, _EVEN, _ODD = 4, 2, 3

_Numbers = tuple[int, int, int, int, int, int]
_CURVES: Mapping[bytes, _Numbers] = {
    SM2_CURVE: (curve.P, curve.A, curve.B, *curve.GENERATOR, curve.N),
    # FIPS 186-4, D.1.2.3 and D.1.2.4.
    P256_CURVE: (
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
        0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
        0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
        0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ),
    P384_CURVE: (
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFC,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        0xAA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7,
        0x3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F,
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
}


def of_algorithm(algorithm: bytes) -> bytes | None:
    """Return the name of the curve (its object identifier in DER) of an AlgorithmIdentifier's content.

    None where the algorithm is not one of elliptic curves. Raises `InputError` for malformed parameters, and for
    those of a curve that is not known here.
    """
    fields = der.Reader(algorithm)
    name = fields.object_identifier()
    if name in _SM2_ALGORITHMS:
        if fields.next_tag() not in (None, der.NULL) and of_parameters(fields) != SM2_CURVE:
            raise InputError("the key is one of SM2 by its algorithm, and on another curve")
        return SM2_CURVE
    if name != ELLIPTIC_CURVE:
        return None
    curve = of_parameters(fields)
    fields.end()
    return curve


def of_parameters(fields: der.Reader) -> bytes:
    """Take ECParameters and return the name of the curve; raise `InputError` for numbers of an unknown one."""
    if not fields.next_is(der.SEQUENCE):
        return fields.object_identifier()
    numbers = _numbers(fields.nested())
    for name, known in _CURVES.items():
        if numbers == known:
            return name
    raise InputError("the key spells out the parameters of a curve, and they are not those of P-256, P-384 or SM2")


def _numbers(fields: der.Reader) -> _Numbers:
    """Return p, a, b, the base point and its order of SpecifiedECDomain; raise `InputError` for what is none."""
    fields.integer()
    field = fields.nested()
    if field.object_identifier() != _PRIME_FIELD:
        raise InputError("the key is on a curve that is not over a prime field")
    p = field.integer()
    field.end()
    equation = fields.nested()
    a, b = (int.from_bytes(equation.octets(), "big") for _ in range(2))
    if equation.next_is(der.BIT_STRING):
        equation.bits()  # how the numbers were chosen
    equation.end()
    base, order = fields.octets(), fields.integer()
    if fields.next_is(der.INTEGER) and fields.integer() != 1:
        raise InputError("the key spells out the parameters of a curve with a cofactor")
    fields.end()
    return (p, a, b, *_point(base, p, a, b), order)


def _point(base: bytes, p: int, a: int, b: int) -> tuple[int, int]:
    """Return the coordinates of an encoded point; one that is compressed is looked up, not computed."""
    size = (p.bit_length() + 7) // 8
    prefix, x = base[:1], int.from_bytes(base[1 : 1 + size], "big")
    if prefix == bytes([_UNCOMPRESSED]) and len(base) == 1 + 2 * size:
        return x, int.from_bytes(base[1 + size :], "big")
    for known_p, known_a, known_b, known_x, known_y, _ in _CURVES.values():
        if (p, a, b, x) == (known_p, known_a, known_b, known_x) and len(base) == 1 + size:
            odd = {bytes([_EVEN]): 0, bytes([_ODD]): 1}.get(prefix)
            if odd == known_y % 2:
                return known_x, known_y
    raise InputError("the key spells out the parameters of a curve with a base point that is not known")
