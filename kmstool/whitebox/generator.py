"""Makes the tables of a white-box key: the boxes and sums of its cipher between secret encodings.

Every wire between input and output carries an encoding of its own, so that no table shows a
byte of the key. That hides the key from a search, not from an analysis (docs/whitebox.md).
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence

from kmstool import words
from kmstool.errors import InputError
from kmstool.whitebox import block_ciphers
from kmstool.whitebox.affine import PLAIN, UNITS, Encoding, random_encoding
from kmstool.whitebox.block_ciphers import Direction
from kmstool.whitebox.circuits import Box, Sum
from kmstool.words import BLOCK_BYTES

SEED_BYTES = 32

_STREAM_BYTES = 4096


def generate(algorithm: words.Cipher, direction: Direction, key: bytes, seed: bytes) -> bytes:
    """Return the tables of a key: 64,208 bytes for AES_256, 41,216 for SM4.

    The same seed gives the same tables again: 32 random bytes, fresh for each key and as
    secret as it. Raises `InputError` for a key or a seed of another size.
    """
    if len(seed) != SEED_BYTES:
        raise InputError(f"a seed has {SEED_BYTES} bytes, not {len(seed)}")
    circuit, permutations = (
        block_ciphers.circuit(algorithm, direction),
        iter(block_ciphers.boxes(algorithm, direction, key)),
    )
    stream = _stream(b"kmstool whitebox v1 " + f"{algorithm} {direction}\0".encode() + seed)
    encodings = [PLAIN] * BLOCK_BYTES
    tables = []
    for wire, step in enumerate(circuit.steps, BLOCK_BYTES):
        encoding = PLAIN if wire in circuit.outputs else random_encoding(stream)
        if isinstance(step, Box):
            tables.append(encodings[step.source].decode.translate(next(permutations)).translate(encoding.encode))
        else:
            tables.append(_encoded(step, encodings, encoding))
        encodings.append(encoding)
    return b"".join(tables)


def _encoded(step: Sum, encodings: Sequence[Encoding], encoding: Encoding) -> bytes:
    """Return the constant and the columns of a sum of encoded wires, itself encoded."""
    constant, columns = 0, b""
    for wire, linear in step.terms:
        source = encodings[wire]
        constant ^= linear[source.decode[0]]
        columns += UNITS.translate(source.decode_linear).translate(linear).translate(encoding.encode_linear)
    return encoding.encode[constant : constant + 1] + columns


def _stream(seed: bytes) -> Iterator[int]:
    """Yield the bytes of SHAKE-256 (FIPS 202) over the seed and a counter, as many as are taken."""
    for number in itertools.count():
        yield from hashlib.shake_256(seed + number.to_bytes(4)).digest(_STREAM_BYTES)
