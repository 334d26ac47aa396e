"""The MAC of a bundle: it ties IV and ciphertext to each other and to the key file, which CBC does not.

HMAC-SHA-256 under a key that HKDF derives from the bytes of the key file. So it tells what was
altered by whoever has not read the key file; who has read it can make another MAC.
"""

from __future__ import annotations

import hmac

from kmstool import words
from kmstool.crypto import aead, kdf
from kmstool.errors import IntegrityError, Reason
from kmstool.whitebox import key_file

TAG_BYTES = 32

_KEY_INFO = b"kmstool whitebox bundle v1 mac key"


def make(decrypt_key: bytes, iv: bytes, ciphertext: bytes, algorithm: words.Cipher, key_id: str) -> bytes:
    """Return the MAC: 32 bytes, the algorithm, a newline, and the id of the white-box key, which may be empty.

    `decrypt_key` is the key file as it lies in the bundle. One of the embedded KMS names algorithm and id itself.
    """
    if key_file.is_ours(decrypt_key):
        key = key_file.read(decrypt_key)
        algorithm, key_id = key.algorithm, key.key_id
    return _tag(decrypt_key, iv, ciphertext, algorithm, key_id) + f"{algorithm}\n{key_id}".encode()


def check(mac: bytes, decrypt_key: bytes, iv: bytes, ciphertext: bytes) -> words.Cipher:
    """Return the algorithm that a MAC names; raise `IntegrityError` if anything is not as it was when that was made."""
    name, _, key_id = mac[TAG_BYTES:].decode("ascii", "replace").partition("\n")
    for algorithm in words.KEY_BYTES:
        if algorithm == name:
            wanted = make(decrypt_key, iv, ciphertext, algorithm, key_id)
            if hmac.compare_digest(mac, wanted):
                return algorithm
    raise IntegrityError(
        "the MAC of the bundle is wrong: IV, ciphertext or key file was altered or exchanged",
        reason=Reason.BUNDLE_ALTERED,
    )


def key_id(mac: bytes) -> str:
    """Return the id of the white-box key that a MAC names, which may be empty; `check` tells whether it is true."""
    return mac[TAG_BYTES:].decode("ascii", "replace").partition("\n")[2]


def _tag(decrypt_key: bytes, iv: bytes, ciphertext: bytes, algorithm: words.Cipher, key_id: str) -> bytes:
    message = aead.encode_parts(iv, ciphertext, algorithm.encode(), key_id.encode())
    return hmac.digest(kdf.derive(decrypt_key, _KEY_INFO), message, "sha256")
