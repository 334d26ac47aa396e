"""HKDF-Expand (RFC 5869 section 2.3) for outputs of at most one hash length, which is one HMAC."""

from __future__ import annotations

import hmac
from typing import Literal

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC

Hash = Literal["SHA-384", "SM3"]

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
