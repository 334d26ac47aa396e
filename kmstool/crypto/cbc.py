"""Encryption in CBC with PKCS#7 padding, for the ciphertexts of white-box keys, which KMS makes in this mode.

It authenticates nothing, so that there is no decryption here: those who hold a decrypt key have it
in `kmstool.whitebox`.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from kmstool import words


def encrypt(algorithm: words.Cipher, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    """Return the ciphertext, 1 to 16 bytes longer than the plaintext (NIST SP 800-38A section 6.2, RFC 5652 section 6.3).

    The IV has 16 bytes and must be random: with one that can be foreseen, guesses of a plaintext can be tried.
    """
    cipher = algorithms.AES(key) if algorithm == words.AES_256 else algorithms.SM4(key)
    padder, encryptor = PKCS7(8 * words.BLOCK_BYTES).padder(), Cipher(cipher, modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()
