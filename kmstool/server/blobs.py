"""The ciphertext blobs of the embedded KMS: `b64(reference)-k-b64(nonce)-k-b64(sealed data)`.

The shape and the length of the cloud's blobs, so that wrong assumptions of a client and columns
that are too short show up here: the whole text is not base64, and the last part has 20 bytes
more than the plaintext padded to whole blocks (measured on all published samples). The reference
is 64 bytes, the same for all blobs of one version of a key: key id, version and a checksum. It is
not secret and proves nothing; the sealed data is authenticated together with it and the text of
the encryption context. Nothing in a blob names a store, so a key that was seeded elsewhere opens
its blobs there. Blobs of former versions, whose second part is always the same, open too.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass, field

from kmstool import words
from kmstool.api import protocol
from kmstool.crypto import aead
from kmstool.errors import IntegrityError
from kmstool.server.call import refuse

_SEPARATOR = "-k-"
_SERVICE = b"kmstool/embedded"
"""What the second part of a former blob is, and what references are checked by."""
_PADDED = b"pad1"
"""The end of the second part, after the nonce; it says how the plaintext is padded."""
_REFERENCE_BYTES = 64
_HEAD_BYTES = 20
"""How much longer the last part is than the padded plaintext."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob taken apart: which key and version it is under, and what is sealed, with the nonce before it."""

    key_id: str
    version: int
    sealed: bytes
    padded: bool = True


@dataclass(frozen=True, slots=True)
class BlobKey:
    """One version of a key, ready for use."""

    key_id: str
    version: int
    algorithm: words.Cipher
    material: bytes = field(repr=False)


def parse(text: str) -> Blob:
    """Take a blob apart; refuse with `InvalidCiphertext` what `seal` does not write, nor did in former versions."""
    try:
        reference, middle, sealed = (protocol.decode(part) for part in text.split(_SEPARATOR))
    except ValueError as error:
        raise _invalid("the ciphertext blob is malformed") from error
    key_id = str(uuid.UUID(bytes=reference[:16].ljust(16)))
    version = int.from_bytes(reference[16:20], "big")
    nonce, padded = middle[: aead.NONCE_BYTES], middle[aead.NONCE_BYTES :] == _PADDED
    if reference != _reference(key_id, version) or (not padded and middle != _SERVICE):
        raise _invalid("the ciphertext blob was altered or comes from another KMS")
    return Blob(key_id, version, nonce + sealed if padded else sealed, padded)


def seal(blob_key: BlobKey, plaintext: bytes, context: str, *, padded: bool = True) -> str:
    """Encrypt under one version of a key and return the blob's text, in the former form where it is not `padded`."""
    reference = _reference(blob_key.key_id, blob_key.version)
    if not padded:
        associated = _associated(blob_key, context, _SERVICE)
        sealed = aead.seal(blob_key.algorithm, blob_key.material, plaintext, associated)
        return _written(reference, _SERVICE, sealed)
    associated = _associated(blob_key, context, _PADDED)
    sealed = aead.seal(blob_key.algorithm, blob_key.material, plaintext + _padding(len(plaintext)), associated)
    nonce, rest = sealed[: aead.NONCE_BYTES], sealed[aead.NONCE_BYTES :]
    return _written(reference, nonce + _PADDED, rest)


def unseal(blob_key: BlobKey, blob: Blob, context: str) -> bytes:
    """Return the plaintext; refuse an altered blob or another context with `InvalidCiphertext`."""
    associated = _associated(blob_key, context, _PADDED if blob.padded else _SERVICE)
    try:
        opened = aead.unseal(blob_key.algorithm, blob_key.material, blob.sealed, associated)
    except IntegrityError as error:
        raise _invalid("the ciphertext blob was altered, or the encryption context differs") from error
    return _unpadded(opened) if blob.padded else opened


def _written(*parts: bytes) -> str:
    return _SEPARATOR.join(protocol.encode(part) for part in parts)


def _padding(size: int) -> bytes:
    """Return what makes the last part as long as the cloud's: 5 to 20 bytes, each their number."""
    count = words.BLOCK_BYTES - size % words.BLOCK_BYTES + _HEAD_BYTES - aead.TAG_BYTES
    return bytes((count,)) * count


def _unpadded(opened: bytes) -> bytes:
    plaintext = opened[: -opened[-1]] if opened else b""
    if plaintext + _padding(len(plaintext)) != opened:
        # Whoever knows the material, for it was seeded, can seal what he likes.
        raise _invalid("the ciphertext blob is malformed inside")
    return plaintext


def _reference(key_id: str, version: int) -> bytes:
    name = uuid.UUID(key_id).bytes + version.to_bytes(4, "big")
    return (name + hashlib.sha512(_SERVICE + name).digest())[:_REFERENCE_BYTES]


def _associated(blob_key: BlobKey, context: str, kind: bytes) -> bytes:
    return aead.encode_parts(_reference(blob_key.key_id, blob_key.version), kind, context.encode())


def _invalid(message: str) -> Exception:
    return refuse("InvalidParameterValue.InvalidCiphertext", message)
