"""Recipients by their public key alone: no KMS is needed to encrypt, and nothing proves who did.

RSA with OAEP SHA-256, or SM2 in ASN.1. The private key is in KMS, or for a break-glass
key in a file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from kmstool import words
from kmstool.crypto import formats, rsa
from kmstool.crypto.keys import PublicKey, RsaPrivateKey, RsaPublicKey, Sm2PublicKey
from kmstool.crypto.sm2 import encryption
from kmstool.envelope.stanzas import (
    ALGORITHM,
    KEY_DIGEST,
    KEY_ID,
    OAEP,
    REGION,
    RSA_OFFLINE,
    SITE,
    TENCENT_KMS_RSA,
    TENCENT_KMS_SM2,
    WRAPPED,
    Stanza,
)
from kmstool.errors import ArgumentError, Reason


@dataclass(frozen=True, slots=True)
class PublicKeyRecipient:
    """The holder of a private key; with a region and key id it is a CMK, else someone with a file."""

    key: PublicKey
    region: str = ""
    key_id: str = ""
    site: str = "cn"

    def wrap(self, dek: bytes, context: str) -> Stanza:
        """Encrypt a DEK under the public key; the context is bound to the payload only, not to this."""
        fields: dict[int, bytes] = {KEY_DIGEST: key_digest(self.key)}
        if self.key_id:
            texts = {SITE: self.site, REGION: self.region, KEY_ID: self.key_id}
            fields |= {number: text.encode() for number, text in texts.items()}
        if isinstance(self.key, RsaPublicKey):
            fields |= {WRAPPED: rsa.encrypt(self.key.key, words.OAEP_SHA_256, dek), ALGORITHM: OAEP.encode()}
            return Stanza(TENCENT_KMS_RSA if self.key_id else RSA_OFFLINE, fields)
        if isinstance(self.key, Sm2PublicKey) and self.key_id:
            ciphertext = encryption.encrypt(self.key.key, dek)
            return Stanza(TENCENT_KMS_SM2, fields | {WRAPPED: formats.write_ciphertext(ciphertext, "der")})
        raise ArgumentError(
            f"a public key of the kind {self.key.kind} alone cannot be a recipient",
            reason=Reason.SM2_KEY_UNNAMED,
        )


@dataclass(frozen=True, slots=True)
class PrivateKeyIdentity:
    """The holder of an RSA private key in a file."""

    key: RsaPrivateKey = field(repr=False)

    def unwrap(self, stanza: Stanza, context: str) -> bytes | None:
        """Decrypt the stanza that is for this key, None for any other."""
        if stanza.kind != RSA_OFFLINE or stanza.fields.get(KEY_DIGEST) != key_digest(self.key.public_key):
            return None
        return rsa.decrypt(self.key.key, words.OAEP_SHA_256, stanza.wrapped)


def key_digest(key: PublicKey) -> bytes:
    """Return the SHA-256 of a public key's SubjectPublicKeyInfo."""
    return hashlib.sha256(key.to_spki()).digest()
