"""Maps of bytes as tables of 256 bytes, for `bytes.translate`: linear and affine over GF(2)^8, and random encodings.

`a.translate(b)` of two tables is the table of first a, then b. A linear map is stored as the
images of 1, 2, 4 … 128, its columns: 8 bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

IDENTITY = bytes(range(256))
UNITS = bytes(1 << bit for bit in range(8))
"""What a linear map is known by: `UNITS.translate(table)` are its columns."""

_ONES = int.from_bytes(b"\x01" * 256)
XOR = tuple((int.from_bytes(IDENTITY) ^ value * _ONES).to_bytes(256) for value in range(256))
"""For each value the table that adds it."""


@dataclass(frozen=True, slots=True, repr=False)
class Encoding:
    """An affine bijection of bytes, as it is and undone, each also without its constant."""

    encode: bytes
    decode: bytes
    encode_linear: bytes
    decode_linear: bytes


PLAIN = Encoding(IDENTITY, IDENTITY, IDENTITY, IDENTITY)


def expand(columns: bytes, constant: int = 0) -> bytes:
    """Return the table of the map with these columns, plus a constant."""
    table = bytes((constant,))
    for column in columns:
        table += table.translate(XOR[column])
    return table


def random_encoding(stream: Iterator[int]) -> Encoding:
    """Return one of all affine bijections, each as likely as any other if the bytes of the stream are random."""
    linear = b"\0"
    while len(linear) < len(IDENTITY):
        column = next(stream)
        # A column that is a sum of the earlier ones would make two inputs equal.
        if column not in linear:
            linear += linear.translate(XOR[column])
    encode = linear.translate(XOR[next(stream)])
    return Encoding(encode, _inverse(encode), linear, _inverse(linear))


def _inverse(table: bytes) -> bytes:
    return bytes.maketrans(table, IDENTITY)
