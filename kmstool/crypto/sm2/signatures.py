"""SM2 signatures (GB/T 32918.2) of e = SM3(Z_A ‖ M), where Z_A binds the signer's name and public key.

A signature is the pair of integers (r, s); `encodings` writes and reads it.
"""

from __future__ import annotations

import secrets

from kmstool.crypto import digests
from kmstool.crypto.sm2 import curve
from kmstool.crypto.sm2.curve import FIELD_BYTES, N
from kmstool.crypto.sm2.keys import PrivateKey, PublicKey
from kmstool.errors import InputError, IntegrityError

DEFAULT_ID = b"1234567812345678"
"""The user id of GM/T 0009, which KMS and nearly every tool take when none is named."""

DIGEST_BYTES = 32
# The length of the user id in bits is written with 16 bits (GB/T 32918.2, 5.5).
MAX_ID_BYTES = 8191


class MessageDigest:
    """Computes e of a message that comes in pieces. Raises `InputError` for a user id of more than 8191 bytes."""

    def __init__(self, public_key: PublicKey, user_id: bytes = DEFAULT_ID) -> None:
        self._digest = digests.new("SM3")
        self._digest.update(_identity_digest(public_key, user_id))

    def update(self, data: bytes) -> None:
        """Append a piece of the message."""
        self._digest.update(data)

    def digest(self) -> bytes:
        """Return e of the message so far, 32 bytes."""
        return self._digest.digest()


def digest(public_key: PublicKey, message: bytes, user_id: bytes = DEFAULT_ID) -> bytes:
    """Return e = SM3(Z_A ‖ message), 32 bytes; raise `InputError` for a user id of more than 8191 bytes."""
    whole = MessageDigest(public_key, user_id)
    whole.update(message)
    return whole.digest()


def sign(private_key: PrivateKey, e: bytes) -> tuple[int, int]:
    """Sign the 32 bytes e (GB/T 32918.2, 6.1) and return r and s; raise `InputError` for another length."""
    _check_length(e)
    while True:
        signature = _sign_with(1 + secrets.randbelow(N - 1), private_key, e)
        if signature is not None:
            return signature


def verify(public_key: PublicKey, e: bytes, r: int, s: int) -> None:
    """Return if (r, s) is a signature of the 32 bytes e (GB/T 32918.2, 7.1), else raise `IntegrityError`.

    Raises `InputError` if e is of another length.
    """
    _check_length(e)
    if not (1 <= r < N and 1 <= s < N and _is_signature(public_key, e, r, s)):
        raise IntegrityError("the signature is not one of this data by this key")


def _sign_with(k: int, private_key: PrivateKey, e: bytes) -> tuple[int, int] | None:
    """Sign with a given k, which must be secret, random and never used again; None if the standard forbids this k."""
    x, _ = curve.multiply_generator(k)
    r = (int.from_bytes(e, "big") + x) % N
    # An inversion takes a time that depends on its argument: the same secret 1 + d must never be it.
    factor = 1 + secrets.randbelow(N - 1)
    inverse = pow((1 + private_key.scalar) * factor, -1, N) * factor
    # (k − r·d) / (1 + d), written so that d takes part once.
    s = (inverse * (k + r) - r) % N
    return (r, s) if r and r + k != N and s else None


def _is_signature(public_key: PublicKey, e: bytes, r: int, s: int) -> bool:
    t = (r + s) % N
    if t == 0:
        return False
    point = curve.multiply_public(s, t, (public_key.x, public_key.y))
    return point is not None and (int.from_bytes(e, "big") + point[0]) % N == r


def _identity_digest(public_key: PublicKey, user_id: bytes) -> bytes:
    """Return Z_A (GB/T 32918.2, 5.5), 32 bytes."""
    if len(user_id) > MAX_ID_BYTES:
        raise InputError(f"the user id has {len(user_id)} bytes, more than {MAX_ID_BYTES}")
    numbers = (curve.A, curve.B, *curve.GENERATOR, public_key.x, public_key.y)
    encoded = [number.to_bytes(FIELD_BYTES, "big") for number in numbers]
    return digests.of_chunks("SM3", [(8 * len(user_id)).to_bytes(2, "big"), user_id, *encoded])


def _check_length(e: bytes) -> None:
    if len(e) != DIGEST_BYTES:
        raise InputError(f"the digest to sign has {len(e)} bytes, not {DIGEST_BYTES}")
