"""The ciphertext blobs of the keys of 2017: base64 of a mark, the key's id and the sealed data; no `-k-` in them.

What is inside the cloud's blobs of that time is not published, only that they are text. Here the id is
authenticated with the text of the encryption context, and the key has one version for ever.
"""

from __future__ import annotations

from dataclasses import dataclass

from kmstool import words
from kmstool.api import beta, protocol
from kmstool.crypto import aead
from kmstool.errors import IntegrityError

_MARK = b"kmstool/beta2017"
_ALGORITHM: words.Cipher = words.AES_256


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob taken apart: the key that it is under, and what is sealed."""

    key_id: str
    sealed: bytes


def parse(text: str) -> Blob:
    """Take a blob apart; refuse with the code of a wrong blob what `seal` does not write."""
    try:
        data = protocol.decode(text)
    except ValueError as error:
        raise _invalid("the ciphertextBlob is not base64") from error
    if not data.startswith(_MARK):
        raise _invalid("the ciphertextBlob was altered or comes from another KMS")
    start, length = len(_MARK) + 1, int.from_bytes(data[len(_MARK) : len(_MARK) + 1], "big")
    key_id = data[start : start + length].decode("latin-1")
    if not beta.is_key_id(key_id):
        raise _invalid("the ciphertextBlob was altered or comes from another KMS")
    return Blob(key_id, data[start + length :])


def seal(key_id: str, material: bytes, plaintext: bytes, context: str) -> str:
    """Encrypt under a key and return the blob's text."""
    sealed = aead.seal(_ALGORITHM, material, plaintext, _associated(key_id, context))
    return protocol.encode(_MARK + len(key_id).to_bytes(1, "big") + key_id.encode() + sealed)


def unseal(blob: Blob, material: bytes, context: str) -> bytes:
    """Return the plaintext; refuse an altered blob or another context with the code of a wrong blob."""
    try:
        return aead.unseal(_ALGORITHM, material, blob.sealed, _associated(blob.key_id, context))
    except IntegrityError as error:
        raise _invalid("the ciphertextBlob was altered, or the encryptionContext differs") from error


def _associated(key_id: str, context: str) -> bytes:
    return aead.encode_parts(_MARK, key_id.encode(), context.encode())


def _invalid(message: str) -> Exception:
    return beta.refuse("Decrypt", beta.Code.BLOB, message)
