"""The ciphertext blobs of the embedded KMS: `b64(reference)-k-b64(store id)-k-b64(sealed data)`.

The shape of the cloud's blobs, so that wrong assumptions of a client show up here: the
whole text is not base64. The reference is 64 bytes, the same for all blobs of one
version of a key: AES-SIV (RFC 5297) of key id and version. The sealed data is
authenticated together with the reference and the text of the encryption context.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from kmstool import protocol
from kmstool.crypto import aead
from kmstool.errors import IntegrityError
from kmstool.server.call import refuse
from kmstool.server.vault import Vault

_SEPARATOR = "-k-"
_REFERENCE_BYTES = 48


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob taken apart: which key and version it is under, and what is sealed."""

    key_id: str
    version: int
    reference: bytes
    sealed: bytes


def parse(vault: Vault, text: str) -> Blob:
    """Take a blob apart and check its reference; refuse all else with `InvalidCiphertext`."""
    try:
        reference, store_id, sealed = (protocol.decode(part) for part in text.split(_SEPARATOR))
    except ValueError as error:
        raise _invalid("the ciphertext blob is malformed") from error
    if store_id != vault.store_id:
        raise _invalid("the ciphertext blob was altered or comes from another KMS")
    try:
        opened = _siv(vault).decrypt(reference, [vault.store_id])
    except (InvalidTag, ValueError) as error:
        raise _invalid("the ciphertext blob was altered") from error
    if len(opened) != _REFERENCE_BYTES:
        raise _invalid("the ciphertext blob was altered")
    return Blob(str(uuid.UUID(bytes=opened[:16])), int.from_bytes(opened[16:20], "big"), reference, sealed)


def seal(
    vault: Vault, key_id: str, version: int, algorithm: aead.Algorithm, material: bytes, plaintext: bytes, context: str
) -> str:
    """Encrypt under one version of a key and return the blob's text."""
    plain = uuid.UUID(key_id).bytes + version.to_bytes(4, "big")
    reference = _siv(vault).encrypt(plain.ljust(_REFERENCE_BYTES, b"\0"), [vault.store_id])
    sealed = aead.seal(algorithm, material, plaintext, _associated(vault, reference, context))
    return _SEPARATOR.join(protocol.encode(part) for part in (reference, vault.store_id, sealed))


def unseal(vault: Vault, blob: Blob, algorithm: aead.Algorithm, material: bytes, context: str) -> bytes:
    """Return the plaintext; refuse an altered blob or another context with `InvalidCiphertext`."""
    try:
        return aead.unseal(algorithm, material, blob.sealed, _associated(vault, blob.reference, context))
    except IntegrityError as error:
        raise _invalid("the ciphertext blob was altered, or the encryption context differs") from error


def _associated(vault: Vault, reference: bytes, context: str) -> bytes:
    return aead.encode_parts(reference, vault.store_id, context.encode())


def _siv(vault: Vault) -> AESSIV:
    return AESSIV(vault.derive("blob reference", 64))


def _invalid(message: str) -> Exception:
    return refuse("InvalidParameterValue.InvalidCiphertext", message)
