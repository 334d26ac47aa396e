"""Key material at rest: root key → store key → key material, each wrapped by the one before with AES-256-GCM.

The root key lies in a file of mode 0600 beside the database. That protects copies of
the database, not against someone who reads the whole folder. Because it wraps one row
only, it can be replaced without touching the keys. The identity of a row is its
associated data, so rows cannot be swapped; a canary tells a wrong root key from damage.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
import uuid
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kmstool import atomic, protocol
from kmstool.crypto import aead
from kmstool.errors import AccessError, IntegrityError

ROOT_KEY_FILE = "root.key"
_PREFIX = "kmstool-root-key-1 "
_KEY_BYTES = 32
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
        path = folder / ROOT_KEY_FILE
        if not path.exists():
            line = _PREFIX + protocol.encode(secrets.token_bytes(_KEY_BYTES)) + "\n"
            atomic.write(path, line.encode())
        root_key = _read_root_key(path)
        store_id = uuid.UUID(bytes=secrets.token_bytes(16), version=4).bytes
        db.execute(
            "INSERT INTO store VALUES (?, 'file', ?, ?, ?)",
            (
                store_id,
                aead.seal("AES_256", root_key, _CANARY, aead.encode_parts(b"canary", store_id)),
                aead.seal("AES_256", root_key, secrets.token_bytes(_KEY_BYTES), _store_key_identity(store_id)),
                now,
            ),
        )

    @classmethod
    def unlock(cls, db: sqlite3.Connection, folder: Path) -> Vault:
        """Open the store's keys.

        Raises `AccessError` for a root key that is missing, readable by others or of another
        store, `IntegrityError` for a damaged key file or row.
        """
        row = db.execute("SELECT store_id, canary, store_key FROM store").fetchone()
        if row is None:
            raise IntegrityError(f"{folder} holds a store without keys", hint="begin anew: kmstool local reset")
        store_id, canary, wrapped = row
        path = folder / ROOT_KEY_FILE
        root_key = _read_root_key(path)
        try:
            aead.unseal("AES_256", root_key, canary, aead.encode_parts(b"canary", store_id))
        except IntegrityError as error:
            raise AccessError(
                f"{path} is not the root key of this store", hint="put back the key file that belongs to the database"
            ) from error
        try:
            store_key = aead.unseal("AES_256", root_key, wrapped, _store_key_identity(store_id))
        except IntegrityError as error:
            raise _damaged("the store key") from error
        return cls(store_id, store_key)

    def wrap(self, identity: tuple[str, ...], material: bytes) -> bytes:
        """Encrypt key material for the row that `identity` names."""
        return aead.seal("AES_256", self._store_key, material, self._identity(identity))

    def unwrap(self, identity: tuple[str, ...], wrapped: bytes) -> bytes:
        """Undo `wrap`. Raises `IntegrityError` for a row that is damaged or stood elsewhere."""
        try:
            return aead.unseal("AES_256", self._store_key, wrapped, self._identity(identity))
        except IntegrityError as error:
            raise _damaged("the key material of " + " ".join(identity)) from error

    def derive(self, purpose: str, size: int) -> bytes:
        """Return `size` bytes that depend on the store key and the purpose (HKDF-SHA256, RFC 5869)."""
        return HKDF(hashes.SHA256(), size, self.store_id, purpose.encode()).derive(self._store_key)

    def _identity(self, identity: tuple[str, ...]) -> bytes:
        return aead.encode_parts(b"material", self.store_id, *(part.encode() for part in identity))


def _store_key_identity(store_id: bytes) -> bytes:
    return aead.encode_parts(b"store key", store_id)


def _damaged(what: str) -> IntegrityError:
    return IntegrityError(
        f"{what} is damaged in the store of the local KMS", hint="restore a copy, or begin anew: kmstool local reset"
    )


def _read_root_key(path: Path) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError as error:
        raise AccessError(
            f"the root key {path} is missing",
            hint="put it back from a copy; without it the keys are lost, and kmstool local reset begins anew",
        ) from error
    except OSError as error:
        raise AccessError(f"cannot read the root key {path}: {(error.strerror or '').lower()}") from error
    with os.fdopen(descriptor, "rb") as file:
        if stat.S_IMODE(os.fstat(descriptor).st_mode) & 0o077:
            raise AccessError(f"others may read the root key {path}", hint=f"close it: chmod 600 {path}")
        text = file.read(200).decode("ascii", "replace")
    try:
        key = protocol.decode(text.removeprefix(_PREFIX).removesuffix("\n"))
    except ValueError:
        key = b""
    if not text.startswith(_PREFIX) or len(key) != _KEY_BYTES:
        raise IntegrityError(f"the root key {path} is damaged", hint="put it back from a copy")
    return key
