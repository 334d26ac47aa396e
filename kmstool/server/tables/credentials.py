"""The API keys with which clients sign requests to the served KMS: lasting ones, and temporary ones with a token.

Kept in the store, wrapped like key material together with kind, maker and expiry, so that
none of these can be altered. A temporary key lives no longer than what it was made with,
and goes with it. Expiry goes by the real clock, as signatures do.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sqlite3
import string
import time
from dataclasses import dataclass, field
from typing import Any

from kmstool.errors import IntegrityError, Reason
from kmstool.server.call import refuse
from kmstool.server.vault import Vault

LASTING, TEMPORARY, ROLE, WEB_IDENTITY, METADATA = "lasting", "temporary", "role", "web-identity", "metadata"
TOKEN = "token"  # noqa: S105 - a kind, no secret
"""A web identity token: its holder gets an API key for it, and signs nothing with it."""

MAX_LIVE = 1000
"""How many temporary keys and tokens may live at once that come from one lasting key."""

_ALPHABET = string.ascii_letters + string.digits
_KEPT_SECONDS = 86400
# What an API key comes from ends with a lasting one, unless that or one between is gone.
_ROOT = """
    WITH RECURSIVE up (id, parent) AS (
        SELECT secret_id, parent FROM credential WHERE secret_id = ?
        UNION SELECT secret_id, credential.parent FROM credential JOIN up ON secret_id = up.parent
    )
    SELECT id FROM up WHERE parent = ''
"""
_FAMILY = """
    WITH RECURSIVE down (id) AS (VALUES (?) UNION SELECT secret_id FROM credential JOIN down ON parent = down.id)
    SELECT count(*) - 1 FROM down
"""
_REMOVE = """
    DELETE FROM credential WHERE secret_id IN (
        WITH RECURSIVE down (id) AS (VALUES (?) UNION SELECT secret_id FROM credential JOIN down ON parent = down.id)
        SELECT id FROM down
    )
"""


@dataclass(frozen=True, slots=True)
class ServedCredential:
    """A SecretId with its key; `token` and `parent` are empty and `expires_unix` 0 for a lasting one."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False, default="")
    expires_unix: int = 0
    kind: str = LASTING
    parent: str = ""

    @property
    def expired(self) -> bool:
        """Whether its time is over."""
        return 0 < self.expires_unix <= time.time()

    @property
    def bearer(self) -> str:
        """The text of a web identity token."""
        return f"{self.secret_id}.{self.token}"


def create(db: sqlite3.Connection, vault: Vault) -> ServedCredential:
    """Make a lasting API key inside a writing transaction."""
    return _keep(db, vault, ServedCredential("AKID" + _random(32), _random(32)))


def derive(db: sqlite3.Connection, vault: Vault, kind: str, parent_id: str, lifetime_seconds: int) -> ServedCredential:
    """Make a temporary one inside a writing transaction, which lives no longer than its parent.

    Raises the API's error if the parent is gone or expired, or has too many already.
    """
    parent = find(db, vault, parent_id)
    if parent is None or parent.expired:
        raise refuse("AuthFailure.TokenFailure", "the key that this one would come from is gone or expired")
    _make_room(db, parent_id)
    expires = int(time.time()) + lifetime_seconds
    if parent.expires_unix:
        expires = min(expires, parent.expires_unix)
    return _keep(db, vault, ServedCredential("AKID" + _random(32), _random(32), _random(120), expires, kind, parent_id))


def find(db: sqlite3.Connection, vault: Vault, secret_id: str) -> ServedCredential | None:
    """Return what has that id, expired or not; None if there is none, or what it comes from is gone.

    Raises `IntegrityError` for a row that was altered.
    """
    row = db.execute(
        "SELECT wrapped, expires, kind, parent FROM credential WHERE secret_id = ?", (secret_id,)
    ).fetchone()
    if row is None or _root(db, secret_id) is None:
        return None
    credential = _opened(secret_id, json.loads(vault.unwrap(identity(secret_id), row[0])))
    if credential is None or (credential.expires_unix, credential.kind, credential.parent) != row[1:]:
        raise IntegrityError(
            f"the API key {secret_id} was altered in the store of the local KMS",
            reason=Reason.API_KEY_ALTERED,
            facts={"secret_id": secret_id},
        )
    return credential


def find_bearer(db: sqlite3.Connection, vault: Vault, text: object) -> ServedCredential | None:
    """Return the web identity token of that text, None unless it was issued here and is valid now."""
    if not isinstance(text, str) or not text.isascii():
        return None
    token = find(db, vault, text.partition(".")[0])
    if token is None or token.kind != TOKEN or token.expired:
        return None
    return token if hmac.compare_digest(token.bearer.encode(), text.encode()) else None


def secret_ids(db: sqlite3.Connection) -> frozenset[str]:
    """Return the ids of all API keys, expired or not."""
    return frozenset(secret_id for (secret_id,) in db.execute("SELECT secret_id FROM credential"))


def all_lasting(db: sqlite3.Connection, vault: Vault) -> list[ServedCredential]:
    """Return the lasting API keys, oldest first."""
    rows = db.execute(
        "SELECT secret_id FROM credential WHERE kind = ? ORDER BY created, secret_id", (LASTING,)
    ).fetchall()
    return [credential for (secret_id,) in rows if (credential := find(db, vault, secret_id))]


def all_live(db: sqlite3.Connection, vault: Vault) -> list[ServedCredential]:
    """Return all that can be used now, the lasting ones first, then by age and kind."""
    rows = db.execute(
        "SELECT secret_id FROM credential ORDER BY kind <> ?, created, kind, secret_id", (LASTING,)
    ).fetchall()
    stored = [find(db, vault, secret_id) for (secret_id,) in rows]
    return [item for item in stored if item and not item.expired]


def latest(db: sqlite3.Connection, vault: Vault, kind: str, parent_id: str, seconds: int) -> ServedCredential | None:
    """Return the temporary key of a kind that lives longest, None if none lives for that long yet."""
    row = db.execute(
        "SELECT secret_id FROM credential WHERE parent = ? AND kind = ? AND expires > ? ORDER BY expires DESC LIMIT 1",
        (parent_id, kind, int(time.time()) + seconds),
    ).fetchone()
    return find(db, vault, row[0]) if row else None


def remove(db: sqlite3.Connection, secret_id: str) -> int:
    """Delete an API key or token with all that come from it; return how many that were."""
    return db.execute(_REMOVE, (secret_id,)).rowcount


def remove_expired(db: sqlite3.Connection) -> None:
    """Delete temporary API keys that are over by more than a day; until then clients learn that theirs expired."""
    db.execute("DELETE FROM credential WHERE expires > 0 AND expires < ?", (int(time.time()) - _KEPT_SECONDS,))


def _make_room(db: sqlite3.Connection, parent_id: str) -> None:
    """Refuse one more of a family that is complete; what has expired goes before that."""
    if _family(db, parent_id) < MAX_LIVE:
        return
    db.execute("DELETE FROM credential WHERE expires > 0 AND expires <= ?", (int(time.time()),))
    if _family(db, parent_id) >= MAX_LIVE:
        raise refuse("LimitExceeded", f"one lasting API key has at most {MAX_LIVE} temporary ones at a time")


def _family(db: sqlite3.Connection, secret_id: str) -> int:
    """Count what comes from the same lasting key, at any remove."""
    return int(db.execute(_FAMILY, (_root(db, secret_id),)).fetchone()[0])


def _root(db: sqlite3.Connection, secret_id: str) -> str | None:
    """Return the id of the lasting key that something comes from, None if that or one between is gone."""
    row = db.execute(_ROOT, (secret_id,)).fetchone()
    return row[0] if row else None


def _keep(db: sqlite3.Connection, vault: Vault, credential: ServedCredential) -> ServedCredential:
    sealed = {
        "key": credential.secret_key,
        "token": credential.token,
        "kind": credential.kind,
        "parent": credential.parent,
        "expires": credential.expires_unix,
    }
    wrapped = vault.wrap(identity(credential.secret_id), json.dumps(sealed).encode())
    db.execute(
        "INSERT INTO credential (secret_id, wrapped, created, expires, kind, parent) VALUES (?, ?, ?, ?, ?, ?)",
        (credential.secret_id, wrapped, int(time.time()), credential.expires_unix, credential.kind, credential.parent),
    )
    return credential


def _opened(secret_id: str, sealed: Any) -> ServedCredential | None:
    """Return what was sealed; None for what no version made, or a former one that bound nothing but a lasting key."""
    match sealed:
        case {"key": key, "token": token, "kind": kind, "parent": parent, "expires": expires}:
            return ServedCredential(secret_id, key, token, expires, kind, parent)
        case [key, ""]:
            return ServedCredential(secret_id, key)
        case _:
            return None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def identity(secret_id: str) -> tuple[str, ...]:
    """Return what the vault binds a secret to."""
    return "credential", secret_id
