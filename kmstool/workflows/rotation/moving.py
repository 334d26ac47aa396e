"""How one ciphertext gets to another key, and how it is known that it is the same secret: the calls to KMS."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass
from typing import Protocol

from kmstool.crypto import formats, rsa
from kmstool.crypto.keys import PublicKey, RsaPublicKey, Sm2PublicKey
from kmstool.crypto.sm2 import encryption
from kmstool.errors import InputError, IntegrityError
from kmstool.kms.client import KmsClient
from kmstool.words import EncryptionAlgorithm
from kmstool.workflows.rotation.plan import Item


@dataclass(frozen=True, slots=True)
class Standing:
    """Which key a ciphertext is under, and whether there is something to do for it."""

    key_id: str
    due: bool


class Mover(Protocol):
    """A way from one key to another; threads may share it."""

    def stands(self, blob: str, item: Item) -> Standing:
        """Ask KMS where a blob stands; nothing is changed and no plaintext leaves KMS."""
        ...

    def move(self, blob: str, item: Item) -> str:
        """Return the blob under the new key; raise `IntegrityError` if it was under another one than the plan says."""
        ...

    def check(self, old: str, new: str, item: Item) -> None:
        """Raise `IntegrityError` unless both blobs hold the same, under the contexts of the item."""
        ...


@dataclass(frozen=True, slots=True)
class KeyMover:
    """From one CMK to another of the same region, or to the newest version of the same one, inside KMS."""

    client: KmsClient
    from_key: str
    to_key: str

    @property
    def _target(self) -> str | None:
        return None if self.from_key == self.to_key else self.to_key

    def stands(self, blob: str, item: Item) -> Standing:
        """Let KMS re-encrypt under the key that the blob is under, and look at what it says of it."""
        answer = self.client.re_encrypt(
            blob, to_key_id=None, source_context=item.context, destination_context=item.context
        )
        return Standing(answer.source_key_id, answer.changed or self.from_key != self.to_key)

    def move(self, blob: str, item: Item) -> str:
        """Let KMS re-encrypt."""
        answer = self.client.re_encrypt(
            blob, to_key_id=self._target, source_context=item.context, destination_context=item.to_context
        )
        if answer.source_key_id != self.from_key:
            raise IntegrityError(f"it is under the key {answer.source_key_id}, not under that of the plan")
        return answer.ciphertext_blob

    def check(self, old: str, new: str, item: Item) -> None:
        """Let KMS decrypt both, and compare them by digest."""
        before = self.client.decrypt(old, item.context)
        after = self.client.decrypt(new, item.to_context)
        if after.key_id != self.to_key:
            raise IntegrityError(f"the new blob is under the key {after.key_id}, not under that of the plan")
        check_same(before.plaintext, after.plaintext, "blob")


@dataclass(frozen=True, slots=True)
class AsymmetricMover:
    """From one RSA or SM2 key to another: KMS decrypts, and this machine encrypts under the new public key.

    Here a blob is base64 of the ciphertext, as the API has it.
    """

    client: KmsClient
    from_key: str
    to_key: str
    public_key: PublicKey
    algorithm: EncryptionAlgorithm

    def stands(self, blob: str, item: Item) -> Standing:
        """Return the key of the plan: nothing but opening it says under which key such a ciphertext is."""
        del blob, item
        return Standing(self.from_key, due=True)

    def move(self, blob: str, item: Item) -> str:
        """Decrypt in KMS and encrypt here."""
        plaintext = self._opened(self.from_key, blob)
        if isinstance(self.public_key, RsaPublicKey):
            ciphertext = rsa.encrypt(self.public_key.key, self.algorithm, plaintext)
        elif isinstance(self.public_key, Sm2PublicKey):
            ciphertext = formats.write_ciphertext(encryption.encrypt(self.public_key.key, plaintext), "der")
        else:
            raise InputError(f"nothing is encrypted under a key of the kind {self.public_key.kind}")
        return base64.b64encode(ciphertext).decode()

    def check(self, old: str, new: str, item: Item) -> None:
        """Let KMS decrypt both, and compare them by digest."""
        before, after = self._opened(self.from_key, old), self._opened(self.to_key, new)
        check_same(before, after, "ciphertext")

    def _opened(self, key_id: str, blob: str) -> bytes:
        ciphertext = base64.b64decode(blob)
        if isinstance(self.public_key, RsaPublicKey):
            return self.client.rsa_decrypt(key_id, self.algorithm, ciphertext).plaintext
        return self.client.sm2_decrypt(key_id, ciphertext).plaintext


def check_same(before: bytes, after: bytes, noun: str) -> None:
    """Raise `IntegrityError` unless two plaintexts are the same, by digest and in constant time."""
    if not hmac.compare_digest(hashlib.sha256(before).digest(), hashlib.sha256(after).digest()):
        raise IntegrityError(f"the new {noun} holds something else than the old one")
