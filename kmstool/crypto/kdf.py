"""Keys from keys and from passphrases.

HKDF-Expand (RFC 5869 section 2.3) for outputs of at most one hash length, which is one
HMAC, and HKDF for keys of 32 bytes; scrypt (RFC 7914) with one set of parameters for all files.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

from kmstool.crypto import interruptible

Hash = Literal["SHA-384", "SM3"]

SCRYPT = {"n": 2**16, "r": 8, "p": 1}
SALT_BYTES = 16

_STRETCHED_BYTES = 32
_HASH_BYTES: dict[Hash, int] = {"SHA-384": 48, "SM3": 32}


def expand(hash_name: Hash, key: bytes, info: bytes, size: int) -> bytes:
    """Return `size` bytes, at most 48 (SHA-384) or 32 (SM3)."""
    if size > _HASH_BYTES[hash_name]:
        raise ValueError("more than one hash length")
    data = info + b"\x01"
    if hash_name == "SHA-384":
        return hmac.digest(key, data, "sha384")[:size]
    # Not hashlib: the OpenSSL of some distributions has no SM3.
    mac = HMAC(key, hashes.SM3())
    mac.update(data)
    return mac.finalize()[:size]


def derive(secret: bytes, info: bytes) -> bytes:
    """Return a key of 32 bytes: HKDF (RFC 5869) with SHA-256 and no salt."""
    pseudorandom_key = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(pseudorandom_key, info + b"\x01", "sha256")


def stretch(passphrase: bytes, salt: bytes) -> bytes:
    """Return a key of 32 bytes from a passphrase and 16 random bytes, slowly and with 64 MiB of memory."""
    return scrypt(passphrase, salt, **SCRYPT, size=_STRETCHED_BYTES)


def scrypt(passphrase: bytes, salt: bytes, *, n: int, r: int, p: int, size: int) -> bytes:
    """Return `size` bytes (RFC 7914); takes memory of 128 · n · r bytes, and raises `MemoryError` if it is not to be had.

    The caller has checked the numbers: n is a power of two from 2 to below 2^(16 · r), r and p are not zero.
    """
    # Twice the memory that RFC 7914 section 2 names, which is what OpenSSL asks to be allowed.
    memory = 256 * (n + p + 2) * r
    try:
        return interruptible.run(
            lambda: hashlib.scrypt(passphrase, salt=salt, n=n, r=r, p=p, maxmem=memory, dklen=size)
        )
    except ValueError as error:
        raise MemoryError("scrypt") from error
