"""Elliptic curves by the textbook, and SM2 keys that careless parsers mangle."""

import itertools
from functools import cache

from kmstool.crypto.sm2 import keys
from kmstool.crypto.sm2.curve import P, Point

FIRST_BYTES = (0x00, 0x04, 0x40, 0x44)


def affine_add(one: Point | None, other: Point | None, p: int = P, a: int = -3) -> Point | None:
    """Add points of any curve; None is infinity."""
    if one is None or other is None:
        return other if one is None else one
    if one[0] == other[0]:
        if (one[1] + other[1]) % p == 0:
            return None
        slope = (3 * one[0] ** 2 + a) * pow(2 * one[1], -1, p)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, p)
    x = (slope**2 - one[0] - other[0]) % p
    return x, (slope * (one[0] - x) - one[1]) % p


def affine_multiply(scalar: int, point: Point | None, p: int = P, a: int = -3) -> Point | None:
    """Multiply by doubling and adding, one bit after the other."""
    total = None
    for bit in f"{scalar:b}":
        total = affine_add(total, total, p, a)
        if bit == "1":
            total = affine_add(total, point, p, a)
    return total


@cache
def keys_by_first_byte() -> dict[int, keys.PrivateKey]:
    """Find keys whose x begins with the bytes that are taken for a prefix, or cut off with one."""
    found: dict[int, keys.PrivateKey] = {}
    for scalar in itertools.count(1):
        key = keys.PrivateKey(scalar)
        first = key.public_key.x >> 248
        if first in FIRST_BYTES:
            found.setdefault(first, key)
        if len(found) == len(FIRST_BYTES):
            break
    return found
