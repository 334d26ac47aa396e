"""X25519 (RFC 7748): public keys, and a key that two parties share and nobody else can compute."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kmstool.errors import InputError

KEY_BYTES = 32
"""The size of a private key, which may be any bytes, and of a public key."""


def public_key(private_key: bytes) -> bytes:
    """Return the public key that belongs to 32 random or derived bytes."""
    return X25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()


def shared_key(private_key: bytes, other_public_key: bytes, *, salt: bytes, info: bytes) -> bytes:
    """Return 32 bytes: HKDF with SHA-256 (RFC 5869) of the shared secret.

    Raises `InputError` for a point of small order, with which everybody would share the same
    secret (RFC 7748 section 6.1).
    """
    private, public = (
        X25519PrivateKey.from_private_bytes(private_key),
        X25519PublicKey.from_public_bytes(other_public_key),
    )
    try:
        secret = private.exchange(public)
    except ValueError as error:
        raise InputError("the X25519 public key is a point of small order") from error
    return HKDF(hashes.SHA256(), KEY_BYTES, salt=salt, info=info).derive(secret)
