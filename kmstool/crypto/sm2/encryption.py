"""SM2 public-key encryption (GB/T 32918.4): C1 is a point, C2 the masked plaintext, C3 its digest.

`encodings` writes and reads ciphertexts, of which there are several forms.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass

from kmstool.crypto import digests
from kmstool.crypto.sm2 import curve
from kmstool.crypto.sm2.curve import FIELD_BYTES, N
from kmstool.crypto.sm2.keys import PrivateKey, PublicKey
from kmstool.errors import InputError, IntegrityError

C3_BYTES = 32
_REFUSAL = "the SM2 ciphertext was altered, or is for another key"


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """C1 = (x, y), C3 of 32 bytes, C2 of at least one; raises `InputError` for parts of other sizes.

    Whether C1 is on the curve is for `decrypt` to find out.
    """

    x: int
    y: int
    c3: bytes
    c2: bytes

    def __post_init__(self) -> None:
        if not all(0 <= coordinate < 1 << 8 * FIELD_BYTES for coordinate in (self.x, self.y)):
            raise InputError("the SM2 ciphertext has a coordinate of more than 32 bytes")
        if len(self.c3) != C3_BYTES:
            raise InputError(f"the SM2 ciphertext has a digest of {len(self.c3)} bytes, not {C3_BYTES}")
        if not self.c2:
            raise InputError("the SM2 ciphertext holds no data")


def encrypt(public_key: PublicKey, plaintext: bytes) -> Ciphertext:
    """Encrypt one byte or more (GB/T 32918.4, 6.1); raise `InputError` for an empty plaintext."""
    if not plaintext:
        raise InputError("SM2 cannot encrypt an empty plaintext")
    while True:
        ciphertext = _encrypt_with(1 + secrets.randbelow(N - 1), public_key, plaintext)
        if ciphertext is not None:
            return ciphertext


def decrypt(private_key: PrivateKey, ciphertext: Ciphertext) -> bytes:
    """Return the plaintext (GB/T 32918.4, 7.1). Raises `IntegrityError`, always of the same text, if there is none."""
    # A point of another curve would give away the key, a few bits at a time.
    if not curve.contains(ciphertext.x, ciphertext.y):
        raise IntegrityError(_REFUSAL)
    shared = _shared_secret(curve.multiply(private_key.scalar, (ciphertext.x, ciphertext.y)))
    mask = _mask(shared, len(ciphertext.c2))
    plaintext = _xor(ciphertext.c2, mask)
    same = secrets.compare_digest(_c3(shared, plaintext), ciphertext.c3)
    if not (same and any(mask)):
        raise IntegrityError(_REFUSAL)
    return plaintext


def decrypt_any(private_key: PrivateKey, readings: Iterable[Ciphertext]) -> bytes:
    """Decrypt bytes that can be read in several ways; C3 decides which is meant. Raises as `decrypt` does."""
    for ciphertext in readings:
        try:
            return decrypt(private_key, ciphertext)
        except IntegrityError:
            continue
    raise IntegrityError(_REFUSAL)


def _encrypt_with(k: int, public_key: PublicKey, plaintext: bytes) -> Ciphertext | None:
    """Encrypt with a given k, which must be secret, random and never used again; None if it masks nothing."""
    shared = _shared_secret(curve.multiply(k, (public_key.x, public_key.y)))
    mask = _mask(shared, len(plaintext))
    if not any(mask):
        return None
    return Ciphertext(*curve.multiply_generator(k), c3=_c3(shared, plaintext), c2=_xor(plaintext, mask))


def _shared_secret(point: curve.Point) -> bytes:
    return b"".join(coordinate.to_bytes(FIELD_BYTES, "big") for coordinate in point)


def _mask(shared: bytes, size: int) -> bytes:
    """Return the first `size` bytes of SM3(shared ‖ 1) ‖ SM3(shared ‖ 2) … (the KDF of GB/T 32918.4, 5.4.3)."""
    start = digests.new("SM3")
    start.update(shared)
    blocks = []
    for counter in range(1, -(-size // digests.DIGEST_BYTES["SM3"]) + 1):
        block = start.copy()
        block.update(counter.to_bytes(4, "big"))
        blocks.append(block.digest())
    return b"".join(blocks)[:size]


def _c3(shared: bytes, plaintext: bytes) -> bytes:
    return digests.of_chunks("SM3", (shared[:FIELD_BYTES], plaintext, shared[FIELD_BYTES:]))


def _xor(data: bytes, mask: bytes) -> bytes:
    return (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(len(data), "big")
