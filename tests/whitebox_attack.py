"""Recovers the key of an unbound white-box key file, as anybody can: what docs/whitebox.md says must stay true.

Nothing but the file and the standards is used. Input bytes carry no encoding; a sum of wires
whose encodings are known shows its own; and behind a box whose input is known, only the right
key byte leaves an affine map when the S-box is undone. So the encodings fall round by round.
"""

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kmstool import words
from kmstool.whitebox import aes, block_ciphers, sm4
from kmstool.whitebox.affine import IDENTITY, UNITS, XOR, expand
from kmstool.whitebox.circuits import Box, Sum

HEADER_BYTES = 24
BOXES_NEEDED = {"AES_256": 32, "SM4": 16}
SM4_FK = 0xA3B1BAC656AA3350677D9197B27022DC


def recover_key(file: bytes) -> bytes:
    """Return the key of an unbound decrypt key in the format of kmstool."""
    algorithm: words.Cipher = "SM4" if file[5] else "AES_256"
    tables = AESGCM(bytes(32)).decrypt(bytes(12), file[HEADER_BYTES:], file[:HEADER_BYTES])
    found = first_key_bytes(algorithm, tables, BOXES_NEEDED[algorithm])
    return aes_key(found) if algorithm == "AES_256" else sm4_key(found)


def first_key_bytes(algorithm: words.Cipher, tables: bytes, count: int) -> bytes:
    """Return the key bytes of the first boxes in order."""
    s_box = aes.INVERSE_S_BOX if algorithm == "AES_256" else sm4.S_BOX
    encodings = [IDENTITY] * words.BLOCK_BYTES
    found = bytearray()
    place = 0
    for step in block_ciphers.circuit(algorithm, "decrypt").steps:
        table = tables[place : place + step.table_bytes]
        place += step.table_bytes
        if isinstance(step, Sum):
            encodings.append(encoding_of_sum(step, table, encodings))
            continue
        assert isinstance(step, Box)
        key_byte, encoding = open_box(encodings[step.source].translate(table), s_box)
        found.append(key_byte)
        encodings.append(encoding)
        if len(found) == count:
            return bytes(found)
    raise AssertionError("there are fewer boxes")


def encoding_of_sum(step: Sum, table: bytes, encodings: list[bytes]) -> bytes:
    """Return the encoding of a sum's output: what comes out when all inputs but the first are zero."""
    maps = [expand(table[start : start + 8]) for start in range(1, len(table), 8)]
    constant = table[0]
    for (wire, _), encoded_map in list(zip(step.terms, maps, strict=True))[1:]:
        constant ^= encoded_map[encodings[wire][0]]
    wire, linear = step.terms[0]
    outputs = encodings[wire].translate(maps[0]).translate(XOR[constant])
    return bytes.maketrans(linear, outputs)


def open_box(table: bytes, s_box: bytes) -> tuple[int, bytes]:
    """Return the key byte and the output encoding of a box whose input is no longer encoded."""
    inverse = bytes.maketrans(s_box, IDENTITY)
    for key_byte in range(256):
        candidate = inverse.translate(XOR[key_byte]).translate(table)
        columns = UNITS.translate(candidate).translate(XOR[candidate[0]])
        if candidate[3] == candidate[0] ^ columns[0] ^ columns[1] and expand(columns, candidate[0]) == candidate:
            return key_byte, candidate
    raise AssertionError("no key byte explains the box")


def aes_key(found: bytes) -> bytes:
    """Run the key schedule of FIPS 197 backwards from its last two round keys."""
    last, before = found[:16], mix_columns(found[16:])
    words = [int.from_bytes((before + last)[start : start + 4]) for start in range(0, 32, 4)]
    for number in range(59, 7, -1):
        previous = words[6]
        if number % 8 == 0:
            previous = substituted((previous << 8 | previous >> 24) & 0xFFFFFFFF, aes.S_BOX) ^ 1 << number // 8 + 23
        elif number % 8 == 4:
            previous = substituted(previous, aes.S_BOX)
        words = [words[7] ^ previous, *words[:7]]
    return b"".join(word.to_bytes(4) for word in words)


def mix_columns(block: bytes) -> bytes:
    """Undo what the equivalent inverse cipher does to a round key."""

    def doubled(byte: int) -> int:
        return (byte << 1) ^ (0x11B if byte > 127 else 0)

    mixed = bytearray()
    for start in range(0, words.BLOCK_BYTES, 4):
        column = block[start : start + 4]
        for row in range(4):
            a, b, c, d = column[row:] + column[:row]
            mixed.append(doubled(a) ^ doubled(b) ^ b ^ c ^ d)
    return bytes(mixed)


def sm4_key(found: bytes) -> bytes:
    """Run the key schedule of GB/T 32907 backwards from its last four round keys."""
    words = [int.from_bytes(found[start : start + 4]) for start in range(0, 16, 4)][::-1]
    for number in range(31, -1, -1):
        constant = int.from_bytes(bytes((4 * number + byte) * 7 % 256 for byte in range(4)))
        mixed = substituted(words[0] ^ words[1] ^ words[2] ^ constant, sm4.S_BOX)
        turned = ((mixed << bits | mixed >> 32 - bits) & 0xFFFFFFFF for bits in (13, 23))
        first = words[3] ^ mixed
        for word in turned:
            first ^= word
        words = [first, *words[:3]]
    return (int.from_bytes(b"".join(word.to_bytes(4) for word in words)) ^ SM4_FK).to_bytes(16)


def substituted(word: int, s_box: bytes) -> int:
    return int.from_bytes(word.to_bytes(4).translate(s_box))
