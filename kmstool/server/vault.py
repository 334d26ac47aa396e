"""Key material at rest: root key → store key → key material, each wrapped by the one before with AES-256-GCM.

Because the root key wraps one row only, it can be replaced without touching the keys.
The identity of a row is its associated data, so rows cannot be swapped; a canary tells
a wrong root key from damage.
"""

from __future__ import annotations

import hmac
import secrets
import sqlite3
import uuid
from pathlib import Path

from kmstool.crypto import aead, kdf
from kmstool.errors import AccessError, IntegrityError
from kmstool.server import protection
from kmstool.server.protection import KEY_BYTES, Passphrase

_CANARY = b"kmstool canary"


class Vault:
    """The unlocked keys of one store; its `repr` shows nothing of them."""

    def __init__(self, store_id: bytes, store_key: bytes) -> None:
        self.store_id = store_id
        self._store_key = store_key

    @classmethod
    def create(cls, db: sqlite3.Connection, folder: Path, now: int) -> None:
        """Write a new store's keys inside a writing transaction, unless it has them already."""
        if db.execute("SELECT 1 FROM store").fetchone():
            return
        store_id = uuid.UUID(bytes=secrets.token_bytes(16), version=4).bytes
        root_key, parameters = protection.create("file", folder, store_id, protection.no_passphrase)
        vault = cls(store_id, secrets.token_bytes(KEY_BYTES))
        db.execute(
            "INSERT INTO store (store_id, protection, canary, store_key, created, parameters) VALUES (?, ?, ?, ?, ?, ?)",
            (store_id, "file", *vault._wrapped(root_key), now, parameters),
        )

    @classmethod
    def unlock(cls, db: sqlite3.Connection, folder: Path, passphrase: Passphrase) -> Vault:
        """Open the store's keys.

        Raises `AccessError` for a root key that is missing, locked, readable by others or of
        another store, `IntegrityError` for a damaged key or row.
        """
        row = db.execute("SELECT store_id, protection, parameters, canary, store_key FROM store").fetchone()
        if row is None:
            raise IntegrityError(f"{folder} holds a store without keys", hint="begin anew: kmstool local reset")
        store_id, mode, parameters, canary, wrapped = row
        if [type(value) for value in row] != [bytes, str, str, bytes, bytes]:
            raise _damaged("the store's own row")
        root_key = protection.load(mode, parameters, folder, store_id, passphrase)
        try:
            aead.unseal("AES_256", root_key, canary, aead.encode_parts(b"canary", store_id))
        except IntegrityError as error:
            raise _wrong_root_key(mode) from error
        try:
            store_key = aead.unseal("AES_256", root_key, wrapped, aead.encode_parts(b"store key", store_id))
        except IntegrityError as error:
            raise _damaged("the store key") from error
        return cls(store_id, store_key)

    def protect(self, db: sqlite3.Connection, folder: Path, mode: str, passphrase: Passphrase) -> None:
        """Put the store key under a new root key, inside a writing transaction; the former root key stays."""
        root_key, parameters = protection.create(mode, folder, self.store_id, passphrase)
        db.execute(
            "UPDATE store SET protection = ?, parameters = ?, canary = ?, store_key = ?",
            (mode, parameters, *self._wrapped(root_key)),
        )

    def wrap(self, identity: tuple[str, ...], material: bytes) -> bytes:
        """Encrypt key material for the row that `identity` names."""
        return aead.seal("AES_256", self._store_key, material, self._identity(identity))

    def unwrap(self, identity: tuple[str, ...], wrapped: object) -> bytes:
        """Undo `wrap`. Raises `IntegrityError` for a row that is damaged or stood elsewhere."""
        what = "the key material of " + " ".join(identity)
        if not isinstance(wrapped, bytes):
            raise _damaged(what)
        try:
            return aead.unseal("AES_256", self._store_key, wrapped, self._identity(identity))
        except IntegrityError as error:
            raise _damaged(what) from error

    def fingerprint(self, identity: tuple[str, ...], material: bytes) -> bytes:
        """Return 32 bytes by which material is known again, and from which nobody without the keys can guess it."""
        key = kdf.expand("SHA-384", self._store_key, aead.encode_parts(b"fingerprint", self.store_id), KEY_BYTES)
        return hmac.digest(key, aead.encode_parts(self._identity(identity), material), "sha256")

    def _wrapped(self, root_key: bytes) -> tuple[bytes, bytes]:
        """Return canary and store key under a root key."""
        return (
            aead.seal("AES_256", root_key, _CANARY, aead.encode_parts(b"canary", self.store_id)),
            aead.seal("AES_256", root_key, self._store_key, aead.encode_parts(b"store key", self.store_id)),
        )

    def _identity(self, identity: tuple[str, ...]) -> bytes:
        return aead.encode_parts(b"material", self.store_id, *(part.encode() for part in identity))


def _wrong_root_key(mode: str) -> AccessError:
    if mode == "passphrase":
        return AccessError("the passphrase of the local KMS's store is wrong", hint="try again")
    return AccessError(
        "the root key is not the one of this store", hint="put back the root key that belongs to the database"
    )


def _damaged(what: str) -> IntegrityError:
    return IntegrityError(
        f"{what} is damaged in the store of the local KMS",
        hint="restore a copy (kmstool local restore FILE), or begin anew: kmstool local reset",
    )
