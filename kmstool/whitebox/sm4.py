"""SM4 (GB/T 32907) as a circuit: 32 rounds of the sum of three words, boxes, and the sum with L of the fourth.

A box is the addition of a key byte and the S-box. Decryption is encryption with the round
keys in reverse order. Words are four bytes, the highest first.
"""

from __future__ import annotations

from functools import cache

from kmstool.whitebox.affine import IDENTITY, UNITS, XOR, expand
from kmstool.whitebox.circuits import Box, Circuit, Sum
from kmstool.words import BLOCK_BYTES

ROUNDS = 32

S_BOX = bytes.fromhex(
    "d690e9fecce13db716b614c228fb2c052b679a762abe04c3aa44132649860699"
    "9c4250f491ef987a33540b43edcfac62e4b31ca9c908e89580df94fa758f3fa6"
    "4707a7fcf37317ba83593c19e6854fa8686b81b27164da8bf8eb0f4b70569d35"
    "1e240e5e6358d1a225227c3b01217887d40046579fd327524c3602e7a0c4c89e"
    "eabf8ad240c738b5a3f7f2cef96115a1e0ae5da49b341a55ad933230f58cb1e3"
    "1df6e22e8266ca60c02923ab0d534e6fd5db3745defd8e2f03ff6a726d6c5b51"
    "8d1baf92bbddbc7f11d95c411f105ad80ac13188a5cd7bbd2d74d012b8e5b4b0"
    "8969974a0c96777e65b9f109c56ec68418f07dec3adc4d2079ee5f3ed7cb3948"
)

_FK = (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC)
_CK = tuple(int.from_bytes(bytes((4 * i + j) * 7 % 256 for j in range(4))) for i in range(ROUNDS))


@cache
def circuit() -> Circuit:
    """Return the circuit of both directions: 41,216 bytes of tables."""
    steps: list[Box | Sum] = []
    words = [tuple(range(start, start + 4)) for start in range(0, BLOCK_BYTES, 4)]
    # Byte `row` of L(B) takes from byte j of B what depends on the distance of the two only: L consists of rotations.
    maps = [expand(bytes(_linear(unit << 24) >> 8 * (3 - row) & 0xFF for unit in UNITS)) for row in range(4)]
    for _ in range(ROUNDS):
        first = BLOCK_BYTES + len(steps)
        oldest, *others = words[-4:]
        steps += [Sum(tuple((word[j], IDENTITY) for word in others)) for j in range(4)]
        steps += [Box(first + j) for j in range(4)]
        substituted = range(first + 4, first + 8)
        for row in range(4):
            mixed = ((substituted[j], maps[(row - j) % 4]) for j in range(4))
            steps.append(Sum(((oldest[row], IDENTITY), *mixed)))
        words.append(tuple(range(first + 8, first + 12)))
    return Circuit(tuple(steps), tuple(wire for word in reversed(words[-4:]) for wire in word))


def boxes(key: bytes, *, decrypts: bool) -> list[bytes]:
    """Return the permutations of the circuit's boxes in order, under a key of 16 bytes."""
    keys = round_keys(key)
    ordered = reversed(keys) if decrypts else keys
    return [XOR[byte].translate(S_BOX) for round_key in ordered for byte in round_key]


def round_keys(key: bytes) -> list[bytes]:
    """Return the 32 round keys of 4 bytes (section 7.3)."""
    words = [int.from_bytes(key[4 * i : 4 * i + 4]) ^ _FK[i] for i in range(4)]
    for constant in _CK:
        mixed = words[-3] ^ words[-2] ^ words[-1] ^ constant
        substituted = int.from_bytes(mixed.to_bytes(4).translate(S_BOX))
        words.append(words[-4] ^ substituted ^ _rotate(substituted, 13) ^ _rotate(substituted, 23))
    return [word.to_bytes(4) for word in words[4:]]


def _linear(word: int) -> int:
    """Return L of a word (section 6.2)."""
    return word ^ _rotate(word, 2) ^ _rotate(word, 10) ^ _rotate(word, 18) ^ _rotate(word, 24)


def _rotate(word: int, bits: int) -> int:
    return (word << bits | word >> 32 - bits) & 0xFFFFFFFF
