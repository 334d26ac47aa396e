"""Decryption of ECB, for data that old sample code has made.

It hides nothing of equal blocks and authenticates nothing; there is no encryption here
and must not be.
"""

from __future__ import annotations

from typing import Literal

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kmstool import words
from kmstool.errors import InputError

_KEY_BYTES = {"aes": (16, 24, 32), "sm4": (16,)}


def decrypt(cipher: Literal["aes", "sm4"], key: bytes, data: bytes) -> bytes:
    """Return the plaintext with its padding; raise `InputError` for a key or data of an impossible size."""
    if len(key) not in _KEY_BYTES[cipher]:
        raise InputError(f"a key of {len(key)} bytes is none of {cipher.upper()}")
    if not data or len(data) % words.BLOCK_BYTES:
        raise InputError(f"the data has {len(data):,} bytes, which are not whole blocks of {words.BLOCK_BYTES}")
    algorithm = algorithms.AES(key) if cipher == "aes" else algorithms.SM4(key)
    decryptor = Cipher(algorithm, modes.ECB()).decryptor()  # noqa: S305 - old data, read only
    return decryptor.update(data) + decryptor.finalize()
