"""AES-256 (FIPS 197) as a circuit: 13 rounds of boxes and sums, and a last one of boxes.

A box is the addition of a key byte and the S-box; decryption is the equivalent inverse
cipher (section 5.3.5), which has the same form. Bytes are numbered by columns, as in a block.
"""

from __future__ import annotations

from functools import cache

from kmstool.whitebox.affine import IDENTITY, UNITS, XOR, expand
from kmstool.whitebox.circuits import Box, Circuit, Sum
from kmstool.words import BLOCK_BYTES

ROUNDS = 14

S_BOX = bytes.fromhex(
    "637c777bf26b6fc53001672bfed7ab76ca82c97dfa5947f0add4a2af9ca472c0"
    "b7fd9326363ff7cc34a5e5f171d8311504c723c31896059a071280e2eb27b275"
    "09832c1a1b6e5aa0523bd6b329e32f8453d100ed20fcb15b6acbbe394a4c58cf"
    "d0efaafb434d338545f9027f503c9fa851a3408f929d38f5bcb6da2110fff3d2"
    "cd0c13ec5f974417c4a77e3d645d197360814fdc222a908846eeb814de5e0bdb"
    "e0323a0a4906245cc2d3ac629195e479e7c8376d8dd54ea96c56f4ea657aae08"
    "ba78252e1ca6b4c6e8dd741f4bbd8b8a703eb5664803f60e613557b986c11d9e"
    "e1f8981169d98e949b1e87e9ce5528df8ca1890dbfe6426841992d0fb054bb16"
)
INVERSE_S_BOX = bytes.maketrans(S_BOX, IDENTITY)

_KEY_WORDS = 8
_MIX, _INVERSE_MIX = (2, 3, 1, 1), (14, 11, 13, 9)


@cache
def circuit(*, decrypts: bool) -> Circuit:
    """Return the circuit of either direction: 64,208 bytes of tables."""
    steps: list[Box | Sum] = []
    state = list(range(BLOCK_BYTES))
    maps = [_times(factor) for factor in (_INVERSE_MIX if decrypts else _MIX)]
    for _ in range(ROUNDS - 1):
        first = BLOCK_BYTES + len(steps)
        steps += [Box(wire) for wire in state]
        for index in range(BLOCK_BYTES):
            column, row = divmod(index, 4)
            steps.append(
                Sum(tuple((first + _before_shift(j, column, decrypts=decrypts), maps[(j - row) % 4]) for j in range(4)))
            )
        state = [first + BLOCK_BYTES + index for index in range(BLOCK_BYTES)]
    first = BLOCK_BYTES + len(steps)
    steps += [Box(state[index]) for index in _last_sources(decrypts=decrypts)]
    return Circuit(tuple(steps), tuple(range(first, first + BLOCK_BYTES)))


def boxes(key: bytes, *, decrypts: bool) -> list[bytes]:
    """Return the permutations of the circuit's boxes in order, under a key of 32 bytes."""
    keys, s_box = (_inverse_round_keys(key), INVERSE_S_BOX) if decrypts else (round_keys(key), S_BOX)
    tables = [XOR[byte].translate(s_box) for round_key in keys[: ROUNDS - 1] for byte in round_key]
    for source, last in zip(_last_sources(decrypts=decrypts), keys[ROUNDS], strict=True):
        tables.append(XOR[keys[ROUNDS - 1][source]].translate(s_box).translate(XOR[last]))
    return tables


def round_keys(key: bytes) -> list[bytes]:
    """Return the 15 round keys of 16 bytes (section 5.2)."""
    words = [key[start : start + 4] for start in range(0, len(key), 4)]
    constant = 1
    while len(words) < 4 * (ROUNDS + 1):
        last = words[-1]
        if len(words) % _KEY_WORDS == 0:
            last = (last[1:] + last[:1]).translate(S_BOX)
            last = bytes((last[0] ^ constant,)) + last[1:]
            constant <<= 1
        elif len(words) % 4 == 0:
            last = last.translate(S_BOX)
        words.append(bytes(a ^ b for a, b in zip(words[-_KEY_WORDS], last, strict=True)))
    return [b"".join(words[start : start + 4]) for start in range(0, len(words), 4)]


def _inverse_round_keys(key: bytes) -> list[bytes]:
    last, *between, first = reversed(round_keys(key))
    return [last, *map(_inverse_mix_columns, between), first]


def _inverse_mix_columns(block: bytes) -> bytes:
    maps = [_times(factor) for factor in _INVERSE_MIX]
    mixed = bytearray(BLOCK_BYTES)
    for index in range(BLOCK_BYTES):
        column, row = divmod(index, 4)
        for j in range(4):
            mixed[index] ^= maps[(j - row) % 4][block[4 * column + j]]
    return bytes(mixed)


def _before_shift(row: int, column: int, *, decrypts: bool) -> int:
    """Return where the byte was that (Inv)ShiftRows moves to a row and column."""
    return row + 4 * ((column - row if decrypts else column + row) % 4)


def _last_sources(*, decrypts: bool) -> list[int]:
    """Return for each byte of the output from which byte of the last state it comes."""
    return [_before_shift(index % 4, index // 4, decrypts=decrypts) for index in range(BLOCK_BYTES)]


@cache
def _times(factor: int) -> bytes:
    """Return the table of the multiplication by a factor in the field of AES (section 4.2)."""
    columns = [factor]
    while len(columns) < len(UNITS):
        doubled = columns[-1] << 1
        columns.append(doubled ^ 0x11B if doubled & 0x100 else doubled)
    return expand(bytes(columns))
