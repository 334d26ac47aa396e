"""Key material at rest: root key → store key → key material, each wrapped by the one before with AES-256-GCM.

The identity of a row is its associated data, so rows cannot be swapped; a canary tells a
wrong root key from damage. What decides over a key is bound to the store key by seals.
"""

from __future__ import annotations

import hmac
import secrets
import uuid

from kmstool import words
from kmstool.crypto import aead, kdf
from kmstool.errors import AccessError, IntegrityError
from kmstool.server.seals import Seals, damaged
from kmstool.server.store_row import StoreRow

KEY_BYTES = words.KEY_BYTES[words.AES_256]

_CANARY = b"kmstool canary"
# A store key of before the seals opens as one only: else rows could be altered and sealed anew as if they were old.
_STORE_KEY, _UNSEALED_STORE_KEY = b"store key of sealed rows", b"store key"


class Vault:
    """The unlocked keys of one store; its `repr` shows nothing of them.

    The fingerprint key outlives the store key, because fingerprints of material that is gone
    cannot be made again.
    """

    def __init__(self, store_id: bytes, store_key: bytes, fingerprint_key: bytes = b"", wrapped: bytes = b"") -> None:
        self.store_id = store_id
        self.seals = Seals(_derived(store_id, store_key, b"seals"))
        self._store_key = store_key
        self._fingerprint_key = fingerprint_key or _derived(store_id, store_key, b"fingerprint")
        self._wrapped = wrapped

    @classmethod
    def create(cls) -> Vault:
        """Make the keys of a new store."""
        return cls(uuid.UUID(bytes=secrets.token_bytes(16), version=4).bytes, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def open(cls, row: StoreRow, root_key: bytes) -> Vault:
        """Open the store's keys with the root key that fits.

        Raises `AccessError` for one of another store, `IntegrityError` for a damaged row.
        """
        if not fits(row, root_key):
            raise wrong_root_key(row.protection)
        name = _STORE_KEY if row.seal else _UNSEALED_STORE_KEY
        try:
            store_key = aead.unseal(words.AES_256, root_key, row.store_key, aead.encode_parts(name, row.store_id))
        except IntegrityError as error:
            raise damaged("the store key") from error
        vault = cls(row.store_id, store_key)
        if not row.seal:
            return vault
        vault.seals.check("store", (*row.values, row.seal))
        key = vault.unwrap(("fingerprint key",), row.fingerprint_key)
        return cls(row.store_id, store_key, key, row.store_key)

    def renewed(self) -> Vault:
        """Return other keys for the same store: a new store key, and the fingerprint key that it has."""
        return Vault(self.store_id, secrets.token_bytes(KEY_BYTES), self._fingerprint_key)

    def owns(self, row: StoreRow) -> bool:
        """Return whether a store's row holds these keys; raise `IntegrityError` if it does and was altered."""
        if row.store_key != self._wrapped:
            return False
        self.seals.check("store", (*row.values, row.seal))
        return True

    def put(self, row: StoreRow, root_key: bytes) -> StoreRow:
        """Return the store's row with these keys under a root key; from now on they are known by that row."""
        sealed = aead.seal(words.AES_256, root_key, self._store_key, aead.encode_parts(_STORE_KEY, self.store_id))
        self._wrapped = sealed
        return self.sealed(
            row._replace(
                store_id=self.store_id,
                canary=aead.seal(words.AES_256, root_key, _CANARY, aead.encode_parts(b"canary", self.store_id)),
                store_key=sealed,
                fingerprint_key=self.wrap(("fingerprint key",), self._fingerprint_key),
            )
        )

    def sealed(self, row: StoreRow) -> StoreRow:
        """Return the store's row with the seal of its other values."""
        return row._replace(seal=self.seals.make("store", row.values))

    def wrap(self, identity: tuple[str, ...], material: bytes) -> bytes:
        """Encrypt key material for the row that `identity` names."""
        return aead.seal(words.AES_256, self._store_key, material, self._identity(identity))

    def unwrap(self, identity: tuple[str, ...], wrapped: object) -> bytes:
        """Undo `wrap`. Raises `IntegrityError` for a row that is damaged or stood elsewhere."""
        subject = "the key material of " + " ".join(identity)
        if not isinstance(wrapped, bytes):
            raise damaged(subject)
        try:
            return aead.unseal(words.AES_256, self._store_key, wrapped, self._identity(identity))
        except IntegrityError as error:
            raise damaged(subject) from error

    def fingerprint(self, identity: tuple[str, ...], material: bytes) -> bytes:
        """Return 32 bytes by which material is known again, and from which nobody without the keys can guess it."""
        message = aead.encode_parts(self._identity(identity), material)
        return hmac.digest(self._fingerprint_key, message, "sha256")

    def _identity(self, identity: tuple[str, ...]) -> bytes:
        return aead.encode_parts(b"material", self.store_id, *(part.encode() for part in identity))


def fits(row: StoreRow, root_key: bytes) -> bool:
    """Return whether a root key is the one of a store's row, by its canary."""
    try:
        aead.unseal(words.AES_256, root_key, row.canary, aead.encode_parts(b"canary", row.store_id))
    except IntegrityError:
        return False
    return True


def wrong_root_key(mode: str) -> AccessError:
    """Make the error for a root key of another store, or another passphrase."""
    if mode == words.PASSPHRASE:
        return AccessError("the passphrase of the local KMS's store is wrong", hint="try again")
    return AccessError(
        "the root key is not the one of this store", hint="put back the root key that belongs to the database"
    )


def _derived(store_id: bytes, store_key: bytes, purpose: bytes) -> bytes:
    return kdf.expand("SHA-384", store_key, aead.encode_parts(purpose, store_id), KEY_BYTES)
