"""The API keys with which clients sign requests to the served KMS: lasting ones, and temporary ones with a token.

Kept in the store, wrapped like key material. Their expiry goes by the real clock, as
signatures do.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
import string
import time
from dataclasses import dataclass, field

from kmstool.server.vault import Vault

_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class ServedCredential:
    """A SecretId with its key; `token` is empty and `expires_unix` 0 for a lasting one."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False, default="")
    expires_unix: int = 0

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return 0 < self.expires_unix <= time.time()


def create(db: sqlite3.Connection, vault: Vault, lifetime_seconds: int = 0) -> ServedCredential:
    """Make an API key inside a writing transaction, temporary and with a token if a lifetime is given."""
    now = int(time.time())
    credential = ServedCredential(
        secret_id="AKID" + _random(32),
        secret_key=_random(32),
        token=_random(120) if lifetime_seconds else "",
        expires_unix=now + lifetime_seconds if lifetime_seconds else 0,
    )
    secret = json.dumps([credential.secret_key, credential.token]).encode()
    db.execute(
        "INSERT INTO credential VALUES (?, ?, ?, ?)",
        (credential.secret_id, vault.wrap(_identity(credential.secret_id), secret), now, credential.expires_unix),
    )
    return credential


def find(db: sqlite3.Connection, vault: Vault, secret_id: str) -> ServedCredential | None:
    """Return the API key of that id, expired or not, None if there is none."""
    row = db.execute("SELECT wrapped, expires FROM credential WHERE secret_id = ?", (secret_id,)).fetchone()
    if row is None:
        return None
    secret_key, token = json.loads(vault.unwrap(_identity(secret_id), row[0]))
    return ServedCredential(secret_id, secret_key, token, row[1])


def secret_ids(db: sqlite3.Connection) -> frozenset[str]:
    """Return the ids of all API keys, expired or not."""
    return frozenset(secret_id for (secret_id,) in db.execute("SELECT secret_id FROM credential"))


def all_lasting(db: sqlite3.Connection, vault: Vault) -> list[ServedCredential]:
    """Return the lasting API keys, oldest first."""
    rows = db.execute("SELECT secret_id FROM credential WHERE expires = 0 ORDER BY created, secret_id").fetchall()
    return [found for (secret_id,) in rows if (found := find(db, vault, secret_id))]


def remove(db: sqlite3.Connection, secret_id: str) -> bool:
    """Delete an API key; tell whether it was there."""
    return db.execute("DELETE FROM credential WHERE secret_id = ?", (secret_id,)).rowcount > 0


def remove_expired(db: sqlite3.Connection) -> None:
    """Delete temporary API keys that are over by more than a day; until then clients learn that theirs expired."""
    db.execute("DELETE FROM credential WHERE expires > 0 AND expires < ?", (int(time.time()) - 86400,))


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _identity(secret_id: str) -> tuple[str, ...]:
    return "credential", secret_id
