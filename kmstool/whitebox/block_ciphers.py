"""The block ciphers of white-box keys by their API names, each as a circuit and the boxes that a key makes of it."""

from __future__ import annotations

from typing import Literal

from kmstool import words
from kmstool.errors import InputError
from kmstool.whitebox import aes, sm4
from kmstool.whitebox.circuits import Circuit

Direction = Literal["encrypt", "decrypt"]


def circuit(algorithm: words.Cipher, direction: Direction) -> Circuit:
    """Return what the tables of every key of an algorithm look like."""
    return aes.circuit(decrypts=direction == "decrypt") if algorithm == words.AES_256 else sm4.circuit()


def boxes(algorithm: words.Cipher, direction: Direction, key: bytes) -> list[bytes]:
    """Return the permutations of the circuit's boxes in order, 256 bytes each.

    Raises `InputError` for a key that is not of the algorithm's size: 32 bytes for AES_256, 16 for SM4.
    """
    if len(key) != words.KEY_BYTES[algorithm]:
        raise InputError(f"a key of {algorithm} has {words.KEY_BYTES[algorithm]} bytes, not {len(key)}")
    decrypts = direction == "decrypt"
    return aes.boxes(key, decrypts=decrypts) if algorithm == words.AES_256 else sm4.boxes(key, decrypts=decrypts)
