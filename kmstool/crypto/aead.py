"""Authenticated encryption with a fresh random nonce in front: nonce ‖ ciphertext ‖ tag.

AES-GCM (NIST SP 800-38D) and SM4-GCM (RFC 8998 section 2). Random 96-bit nonces bound
one key to 2^32 messages; callers that could come near that must derive keys.
"""

from __future__ import annotations

import secrets
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import ciphers
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kmstool import words
from kmstool.errors import IntegrityError

NONCE_BYTES = 12
TAG_BYTES = 16

Buffer = bytes | bytearray | memoryview


class Cipher(Protocol):
    """One key, for buffers that the caller owns; several threads may use it at once."""

    def encrypt_into(self, nonce: bytes, plaintext: Buffer, associated: bytes, out: memoryview) -> None:
        """Write ciphertext and tag to `out`, which is 16 bytes longer than the plaintext."""
        ...

    def decrypt_into(self, nonce: bytes, sealed: Buffer, associated: bytes, out: memoryview) -> None:
        """Write the plaintext to `out`, which is 16 bytes shorter; raise `IntegrityError`, and `out` is void then."""
        ...


def cipher(algorithm: words.Cipher, key: bytes) -> Cipher:
    """Return AES-GCM or SM4-GCM under a key."""
    return _AesGcm(key) if algorithm == words.AES_256 else _Sm4Gcm(key)


def seal(algorithm: words.Cipher, key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Encrypt and authenticate; the result is 28 bytes longer than the plaintext."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    if algorithm == words.AES_256:
        return nonce + AESGCM(key).encrypt(nonce, plaintext, associated)
    encryptor = ciphers.Cipher(algorithms.SM4(key), modes.GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(associated)
    ciphertext = encryptor.update(plaintext) + encryptor.finalize()
    return nonce + ciphertext + encryptor.tag


def unseal(algorithm: words.Cipher, key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Return the plaintext of `seal`. Raises `IntegrityError` for anything that is not its exact output."""
    if len(sealed) < NONCE_BYTES + TAG_BYTES:
        raise IntegrityError("the ciphertext is cut short")
    nonce, body = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    try:
        if algorithm == words.AES_256:
            return AESGCM(key).decrypt(nonce, body, associated)
        decryptor = ciphers.Cipher(algorithms.SM4(key), modes.GCM(nonce, body[-TAG_BYTES:])).decryptor()
        decryptor.authenticate_additional_data(associated)
        return decryptor.update(body[:-TAG_BYTES]) + decryptor.finalize()
    except InvalidTag as error:
        raise IntegrityError("the ciphertext was altered, or is under another key or context") from error


def encode_parts(*parts: bytes) -> bytes:
    """Join byte strings so that no two different lists give the same result (each after its u32 length)."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class _AesGcm:
    def __init__(self, key: bytes) -> None:
        self._aead = AESGCM(key)

    def encrypt_into(self, nonce: bytes, plaintext: Buffer, associated: bytes, out: memoryview) -> None:
        self._aead.encrypt_into(nonce, plaintext, associated, out)

    def decrypt_into(self, nonce: bytes, sealed: Buffer, associated: bytes, out: memoryview) -> None:
        try:
            self._aead.decrypt_into(nonce, sealed, associated, out)
        except InvalidTag as error:
            raise IntegrityError("the ciphertext was altered") from error


class _Sm4Gcm:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def encrypt_into(self, nonce: bytes, plaintext: Buffer, associated: bytes, out: memoryview) -> None:
        encryptor = ciphers.Cipher(algorithms.SM4(self._key), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(associated)
        # GCM writes as much as it reads; the room for the tag behind is what the library asks for.
        encryptor.update_into(plaintext, out)
        encryptor.finalize()
        out[len(plaintext) :] = encryptor.tag

    def decrypt_into(self, nonce: bytes, sealed: Buffer, associated: bytes, out: memoryview) -> None:
        tag = bytes(sealed[-TAG_BYTES:])
        decryptor = ciphers.Cipher(algorithms.SM4(self._key), modes.GCM(nonce, tag)).decryptor()
        decryptor.authenticate_additional_data(associated)
        try:
            plaintext = decryptor.update(sealed[:-TAG_BYTES])
            decryptor.finalize()
        except InvalidTag as error:
            raise IntegrityError("the ciphertext was altered") from error
        out[:] = plaintext
