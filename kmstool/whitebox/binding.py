"""Which devices may open a white-box key file: fingerprints, and the key of the file wrapped for each device.

A device is an X25519 key that is derived from what only the device knows, its origin. The
fingerprint is the public key and opens nothing, so it may be sent and published.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence

from kmstool import words
from kmstool.crypto import aead, digests, x25519
from kmstool.errors import InputError, IntegrityError, Reason

BODY_KEY_BYTES = words.KEY_BYTES[words.AES_256]
STANZA_BYTES = BODY_KEY_BYTES + aead.TAG_BYTES

_FINGERPRINT = re.compile(r"[0-9a-f]{8}-[0-9a-f]{14}-[0-9a-f]{14}-[0-9a-f]{14}-[0-9a-f]{16}")
_GROUPS = (8, 14, 14, 14, 16)
_PREFIX = b"\xa1"
_DEVICE = b"kmstool device v1\0"
_INFO = b"kmstool whitebox v1 device"
# Every key here encrypts one message only.
_NONCE = bytes(aead.NONCE_BYTES)


def fingerprint(origin: bytes) -> str:
    """Return the fingerprint of a device, 70 characters in Tencent's form: hex digits in groups of 8-14-14-14-16."""
    digits = (_PREFIX + x25519.public_key(_private_key(origin))).hex()
    starts = [sum(_GROUPS[:number]) for number in range(len(_GROUPS))]
    return "-".join(digits[start : start + size] for start, size in zip(starts, _GROUPS, strict=True))


def check_fingerprint(text: str) -> None:
    """Raise `InputError` for what has not the form of a device fingerprint; one that is no device's is fine."""
    if not _FINGERPRINT.fullmatch(text):
        raise InputError(
            f"{text!r} is no device fingerprint: five groups of 8, 14, 14, 14 and 16 digits 0-9a-f",
            reason=Reason.FINGERPRINT_MALFORMED,
        )


def wrapped_bytes(devices: int) -> int:
    """Return how long `wrap` makes the key for so many devices."""
    return x25519.KEY_BYTES + devices * STANZA_BYTES if devices else 0


def wrap(body_key: bytes, fingerprints: Sequence[str]) -> bytes:
    """Wrap a key of 32 bytes for 1 to 200 devices: an ephemeral X25519 key, and a stanza of 48 bytes for each.

    A fingerprint that is well-formed but no device's gets a stanza that opens nowhere. Raises
    `InputError` for a malformed one and for too many.
    """
    if len(fingerprints) > words.MAX_DEVICES:
        raise InputError(f"a white-box key can be bound to {words.MAX_DEVICES} devices, not to {len(fingerprints)}")
    ephemeral = secrets.token_bytes(x25519.KEY_BYTES)
    return x25519.public_key(ephemeral) + b"".join(_stanza(body_key, ephemeral, text) for text in fingerprints)


def unwrap(wrapped: bytes, origin: bytes | None) -> bytes:
    """Return the key that `wrap` took; raise `IntegrityError` with Tencent's error code if this device is not bound.

    Without an origin there is no device, and none is bound.
    """
    public, stanzas = wrapped[: x25519.KEY_BYTES], wrapped[x25519.KEY_BYTES :]
    if origin is not None:
        private = _private_key(origin)
        try:
            key = _wrapping_key(private, public, ephemeral=public, device=x25519.public_key(private))
        except InputError as error:
            raise _not_bound() from error
        cipher, body_key = aead.cipher(words.AES_256, key), bytearray(BODY_KEY_BYTES)
        for start in range(0, len(stanzas), STANZA_BYTES):
            try:
                cipher.decrypt_into(_NONCE, stanzas[start : start + STANZA_BYTES], b"", memoryview(body_key))
            except IntegrityError:
                continue
            return bytes(body_key)
    raise _not_bound()


def _stanza(body_key: bytes, ephemeral: bytes, text: str) -> bytes:
    check_fingerprint(text)
    identity = bytes.fromhex(text.replace("-", ""))
    stanza = bytearray(secrets.token_bytes(STANZA_BYTES))
    prefix, device = identity[:1], identity[1:]
    if prefix != _PREFIX:
        return bytes(stanza)
    try:
        key = _wrapping_key(ephemeral, device, ephemeral=x25519.public_key(ephemeral), device=device)
    except InputError:
        # With a point of small order everybody would share the key: the random bytes stay.
        return bytes(stanza)
    aead.cipher(words.AES_256, key).encrypt_into(_NONCE, body_key, b"", memoryview(stanza))
    return bytes(stanza)


def _private_key(origin: bytes) -> bytes:
    # A fast hash is enough: a machine's id has more than 120 random bits, and short secrets are refused.
    return digests.of_chunks("SHA-256", [_DEVICE, origin])


def _wrapping_key(private: bytes, public: bytes, *, ephemeral: bytes, device: bytes) -> bytes:
    return x25519.shared_key(private, public, salt=ephemeral + device, info=_INFO)


def _not_bound() -> IntegrityError:
    return IntegrityError(
        "WRP_KEY_import error: 01000016",
        reason=Reason.DEVICE_NOT_BOUND,
    )
