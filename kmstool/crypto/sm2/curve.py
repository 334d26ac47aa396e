"""The curve of SM2: which points lie on it, and their multiples by secret and by public scalars.

The recommended curve of GB/T 32918.5: y² = x³ − 3x + B over the integers modulo P, of prime
order N, so that every point but infinity generates it. The time of Python's integers depends
on their values. Secret scalars are therefore blinded afresh for every use, and take the same
sequence of doublings and additions whatever they are.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import cache
from itertools import zip_longest
from typing import TypeAlias

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
GENERATOR = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
FIELD_BYTES = 32

Point: TypeAlias = tuple[int, int]
# (X, Y, Z) is the point (X/Z², Y/Z³); Z = 0 is infinity.
_Jacobian: TypeAlias = tuple[int, int, int]
# The odd multiples of a point up to the 31st: that for the digit ±d is at d // 2.
_Table: TypeAlias = Sequence[Point]

_INFINITY: _Jacobian = (1, 1, 0)
_WINDOW_BITS = 5
_TABLE_POINTS = 16
# A random multiple of N hides every digit only if it is long: N = 2^256 − 2^224 − c with c below 2^128, so that ρ·N
# alters the bits below 128 + the bits of ρ and those from 224, and what is between them not at all.
_BLINDING_BITS = 144
# A blinded scalar is below N · 2^144 and so below 32^80; of the generator, 5 tables share its digits evenly.
_DIGITS = 80
_DIGITS_PER_TABLE = 16


def contains(x: int, y: int) -> bool:
    """Return whether (x, y) is a point of the curve, both coordinates reduced."""
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x + A) * x - B) % P == 0


def lift(x: int, parity: int) -> Point | None:
    """Return the point at `x` whose y has `parity` as its lowest bit; None if there is none."""
    # P mod 4 = 3, so that this power is a square root of whatever has one.
    root = pow((x * x + A) * x + B, (P + 1) // 4, P)
    y = root if root & 1 == parity else P - root
    return (x, y) if contains(x, y) else None


def multiply_generator(scalar: int) -> Point:
    """Return the generator times a secret scalar from 1 to N − 1."""
    digits = _blinded_digits(scalar)
    parts = [digits[start : start + _DIGITS_PER_TABLE] for start in range(0, _DIGITS, _DIGITS_PER_TABLE)]
    terms = [(part, _generator_table(index)) for index, part in enumerate(parts)]
    return _to_affine([_sum(terms, _WINDOW_BITS)])[0]


def multiply(scalar: int, point: Point) -> Point:
    """Return a point of the curve times a secret scalar from 1 to N − 1."""
    return _to_affine([_sum([(_blinded_digits(scalar), _odd_multiples(point))], _WINDOW_BITS)])[0]


def multiply_public(generator_scalar: int, scalar: int, point: Point) -> Point | None:
    """Return the generator times one scalar plus `point` times another, both public; None is infinity."""
    terms = [(_sparse_digits(generator_scalar), _generator_table(0)), (_sparse_digits(scalar), _odd_multiples(point))]
    total = _sum(terms, doublings=1)
    return _to_affine([total])[0] if total[2] else None


def _blinded_digits(scalar: int) -> list[int]:
    """Write scalar + ρ·N, ρ random, with 80 digits to the base 32, all odd, −31 to 31, the lowest first.

    As no digit is zero, each costs one addition (Joye and Tunstall 2009, fixed window). The last
    digit is positive. Every digit takes each of its values equally often, whatever the scalar is.
    """
    # N is odd, and only an odd number can be written with odd digits: the scalar decides the lowest bit of ρ.
    rest = scalar + (2 * secrets.randbits(_BLINDING_BITS - 1) + (~scalar & 1)) * N
    digits = []
    for _ in range(_DIGITS - 1):
        digit = rest % (2 << _WINDOW_BITS) - (1 << _WINDOW_BITS)
        digits.append(digit)
        rest = (rest - digit) >> _WINDOW_BITS
    return [*digits, rest]


def _sparse_digits(scalar: int) -> list[int]:
    """Write a public scalar with binary digits 0 and odd −31 to 31, one in seven not 0, the lowest first (wNAF)."""
    digits = []
    while scalar:
        digit = 0
        if scalar & 1:
            digit = scalar % (2 << _WINDOW_BITS)
            if digit > 1 << _WINDOW_BITS:
                digit -= 2 << _WINDOW_BITS
        digits.append(digit)
        scalar = (scalar - digit) >> 1
    return digits


def _sum(terms: Sequence[tuple[Sequence[int], _Table]], doublings: int) -> _Jacobian:
    """Return Σ dᵢ · 2^(i·doublings) · point over the digits dᵢ of every term and the point of its table (Strauss)."""
    tables = [table for _, table in terms]
    columns = list(zip_longest(*(digits for digits, _ in terms), fillvalue=0))
    total = _INFINITY
    for column in reversed(columns):
        for _ in range(doublings):
            total = _double(total)
        for digit, table in zip(column, tables, strict=True):
            if digit:
                x, y = table[abs(digit) // 2]
                total = _add(total, (x, y if digit > 0 else P - y))
    return total


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    z_squared = z * z % P
    y_squared = y * y % P
    product = 4 * x * y_squared % P
    slope = 3 * (x - z_squared) * (x + z_squared) % P
    doubled_x = (slope * slope - 2 * product) % P
    return doubled_x, (slope * (product - doubled_x) - 8 * y_squared * y_squared) % P, 2 * y * z % P


def _add(point: _Jacobian, other: Point) -> _Jacobian:
    x, y, z = point
    if not z:
        return (*other, 1)
    z_squared = z * z % P
    run = (other[0] * z_squared - x) % P
    rise = (other[1] * z_squared * z - y) % P
    if not run:
        return _INFINITY if rise else _double(point)
    run_squared = run * run % P
    run_cubed = run * run_squared % P
    product = x * run_squared % P
    sum_x = (rise * rise - run_cubed - 2 * product) % P
    return sum_x, (rise * (product - sum_x) - y * run_cubed) % P, z * run % P


def _to_affine(points: Sequence[_Jacobian]) -> list[Point]:
    """Return points other than infinity as (x, y), for the price of one inversion (Montgomery's trick)."""
    products = [1]
    for _, _, z in points:
        products.append(products[-1] * z % P)
    inverse = pow(products.pop(), -1, P)
    affine = []
    for (x, y, z), product in zip(reversed(points), reversed(products), strict=True):
        z_inverse = inverse * product % P
        inverse = inverse * z % P
        squared = z_inverse * z_inverse % P
        affine.append((x * squared % P, y * squared * z_inverse % P))
    return affine[::-1]


def _odd_multiples(point: Point) -> _Table:
    (twice,) = _to_affine([_double((*point, 1))])
    multiples: list[_Jacobian] = [(*point, 1)]
    while len(multiples) < _TABLE_POINTS:
        multiples.append(_add(multiples[-1], twice))
    return _to_affine(multiples)


@cache
def _generator_table(index: int) -> _Table:
    """Return the odd multiples of 32^(13 · `index`) times the generator: made when first needed, and kept."""
    if index == 0:
        return _odd_multiples(GENERATOR)
    point: _Jacobian = (*_generator_table(index - 1)[0], 1)
    for _ in range(_DIGITS_PER_TABLE * _WINDOW_BITS):
        point = _double(point)
    return _odd_multiples(_to_affine([point])[0])
