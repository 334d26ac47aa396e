"""Signatures in whatever form other programs print them, and digests that are to be signed."""

from __future__ import annotations

from kmstool.crypto import formats, pem
from kmstool.crypto.keys import PublicKey, RsaPublicKey
from kmstool.errors import IntegrityError, Reason
from kmstool.forms import encodings, recognition, texts
from kmstool.forms.recognition import Form

NUMBER_BYTES = {"SM2": 32, "EC_P256": 32, "EC_P384": 48}
"""The size of each of the two numbers of a signature, by the kind of the key's curve."""

_WANTED = "a signature"
_NO_TEXT = "neither hexadecimal nor base64"


def read(data: bytes, name: str, key: PublicKey) -> bytes:
    """Return the bytes of a signature that may be by the key: DER or r ‖ s for curves, as many as the modulus for RSA.

    What has no such form but may have had it is returned for verification to refuse. Raises `InputError` for anything
    else, saying what the file `name` is instead, and `IntegrityError` for an empty file.
    """
    if not data.strip():
        raise IntegrityError(f"{name} is empty, where a signature must be")
    values = list(_values(data))
    for value in values:
        if _fits(value, key):
            return value
    recognised = recognition.recognise(data)
    if recognised is None or recognised.form is Form.SIGNATURE:
        return values[0]
    if recognised.form is Form.TEXT and encodings.are_digits(values):
        # Digits, and of nothing that is known: one of them may be altered.
        return values[0]
    raise recognition.unexpected(data, name, _WANTED, Reason.NO_SIGNATURE, text=_NO_TEXT)


def read_digest(data: bytes, name: str, size: int) -> bytes:
    """Return a digest of `size` bytes, or of any other size if nothing has that; raise `InputError` for no digest."""
    if len(data) == size:
        return data
    values = list(encodings.readings(data, "Digest"))
    for value in values:
        if len(value) == size:
            return value
    recognised = recognition.recognise(data)
    if recognised is not None and (recognised.form is not Form.TEXT or not encodings.are_digits(values, 1)):
        raise recognition.unexpected(data, name, "a digest", Reason.NO_DIGEST, text=_NO_TEXT)
    return values[0]


def _values(data: bytes) -> list[bytes]:
    text = texts.decode(data) if len(data) <= texts.MAX_BYTES else None
    blocks = pem.blocks(texts.bare(text).encode()) if text is not None else []
    bodies = [body for label, body in blocks if label.endswith(b"SIGNATURE") and not label.startswith((b"PGP", b"SSH"))]
    return list(encodings.readings(bodies[0] if len(bodies) == 1 else data, "Signature"))


def _fits(value: bytes, key: PublicKey) -> bool:
    if isinstance(key, RsaPublicKey):
        return len(value) == (key.key.key_size + 7) // 8
    return len(value) == 2 * NUMBER_BYTES[key.kind] or formats.is_der_signature(value)
