"""The ciphertext blobs of the embedded KMS: `b64(reference)-k-b64(service)-k-b64(sealed data)`.

The shape of the cloud's blobs, so that wrong assumptions of a client show up here: the
whole text is not base64. The reference is 64 bytes, the same for all blobs of one
version of a key: key id, version and a checksum. It is not secret and proves nothing;
the sealed data is authenticated together with it and the text of the encryption context.
Nothing in a blob names a store, so a key that was seeded elsewhere opens its blobs there.
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
_REFERENCE_BYTES = 64


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob taken apart: which key and version it is under, and what is sealed."""

    key_id: str
    version: int
    sealed: bytes


@dataclass(frozen=True, slots=True)
class BlobKey:
    """One version of a key, ready for use."""

    key_id: str
    version: int
    algorithm: words.Cipher
    material: bytes = field(repr=False)


def parse(text: str) -> Blob:
    """Take a blob apart; refuse with `InvalidCiphertext` what `seal` does not write."""
    try:
        reference, service, sealed = (protocol.decode(part) for part in text.split(_SEPARATOR))
    except ValueError as error:
        raise _invalid("the ciphertext blob is malformed") from error
    key_id = str(uuid.UUID(bytes=reference[:16].ljust(16)))
    version = int.from_bytes(reference[16:20], "big")
    if service != _SERVICE or reference != _reference(key_id, version):
        raise _invalid("the ciphertext blob was altered or comes from another KMS")
    return Blob(key_id, version, sealed)


def seal(blob_key: BlobKey, plaintext: bytes, context: str) -> str:
    """Encrypt under one version of a key and return the blob's text."""
    sealed = aead.seal(blob_key.algorithm, blob_key.material, plaintext, _associated(blob_key, context))
    parts = (_reference(blob_key.key_id, blob_key.version), _SERVICE, sealed)
    return _SEPARATOR.join(protocol.encode(part) for part in parts)


def unseal(blob_key: BlobKey, sealed: bytes, context: str) -> bytes:
    """Return the plaintext; refuse an altered blob or another context with `InvalidCiphertext`."""
    try:
        return aead.unseal(blob_key.algorithm, blob_key.material, sealed, _associated(blob_key, context))
    except IntegrityError as error:
        raise _invalid("the ciphertext blob was altered, or the encryption context differs") from error


def _reference(key_id: str, version: int) -> bytes:
    name = uuid.UUID(key_id).bytes + version.to_bytes(4, "big")
    return (name + hashlib.sha512(_SERVICE + name).digest())[:_REFERENCE_BYTES]


def _associated(blob_key: BlobKey, context: str) -> bytes:
    return aead.encode_parts(_reference(blob_key.key_id, blob_key.version), _SERVICE, context.encode())


def _invalid(message: str) -> Exception:
    return refuse("InvalidParameterValue.InvalidCiphertext", message)
