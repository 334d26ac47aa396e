"""Data of Tencent's published envelope sample: AES-ECB, padded with zeros, not authenticated. Read, never written.

(API documentation 1030/32793.) The padding is ambiguous, so nothing is guessed.
"""

from __future__ import annotations

import struct
from typing import Literal

from kmstool import words
from kmstool.crypto import ecb, formats
from kmstool.errors import InputError, Reason

MAX_BYTES = 2**30
"""Of a file, in base64 or not: its data and its plaintext are all held in memory."""

Cipher = Literal["aes", "sm4"]
TrailingZeros = Literal["keep", "strip-block", "refuse"]


def decode(data: bytes) -> bytes:
    """Return the bytes of the sample's base64; white space is passed over, all else refused with `InputError`."""
    return formats.read_base64(data, "the legacy data", reason=Reason.NOT_BASE64)


def decrypt(cipher: Cipher, dek: bytes, data: bytes, trailing_zeros: TrailingZeros) -> bytes:
    """Return the plaintext. Whether it was altered cannot be told.

    Raises `InputError` for data that cannot be the sample's, and for zeros at the end unless
    the caller has said what they are.
    """
    plaintext = ecb.decrypt(cipher, dek, data)
    last = plaintext[-words.BLOCK_BYTES :]
    # The sample adds none to whole blocks, so at most 15 of the last block can be its own.
    zeros = min(len(last) - len(last.rstrip(b"\0")), words.BLOCK_BYTES - 1)
    if zeros and trailing_zeros == "refuse":
        raise InputError(
            f"the data ends in {zeros} zero bytes: padding, or data",
            reason=Reason.LEGACY_ZEROS,
        )
    return plaintext[:-zeros] if zeros and trailing_zeros == "strip-block" else plaintext


def repeated_blocks(data: bytes) -> int:
    """Return how many ciphertext blocks are equal to an earlier one, which is what ECB shows to everybody.

    It takes as much memory again as the data; bytes after the last whole block do not count.
    """
    block = struct.Struct(f"{words.BLOCK_BYTES}s")
    # A set of all blocks would take ten times the data. Equal ones have equal first bytes, so it is one for each of these.
    parts = [bytearray() for _ in range(256)]
    for (text,) in block.iter_unpack(memoryview(data)[: len(data) - len(data) % block.size]):
        parts[text[0]] += text
    return sum(len(part) // block.size - len(set(block.iter_unpack(part))) for part in parts)
