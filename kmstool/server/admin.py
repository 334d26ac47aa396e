"""What the owner of an embedded KMS does to it, and no client can: look, protect, move the clock, save, restore."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from kmstool import atomic
from kmstool.errors import InputError, IntegrityError, KmsToolError, UsageError
from kmstool.server import clock, credentials, protection, store
from kmstool.server.app import EmbeddedKms
from kmstool.server.credentials import ServedCredential
from kmstool.server.protection import Passphrase
from kmstool.server.vault import Vault

EARLIEST_UNIX, LATEST_UNIX = 946_684_800, 32_503_680_000
"""2000-01-01 and 3000-01-01: far from where times, ids and their sums end."""


def describe(kms: EmbeddedKms) -> dict[str, Any]:
    """Tell what the store is: folder, protection, creation time, clock and keys per region."""
    with kms.request("DescribeKey", {}, write=False) as call:
        mode, created = call.db.execute("SELECT protection, created FROM store").fetchone()
        counts = dict(call.db.execute("SELECT region, count(*) FROM cmk GROUP BY region"))
        return {
            "Folder": str(kms.store.folder),
            "Protection": mode,
            "Created": created,
            "ClockOffset": clock.offset(call.db),
            "Now": call.now,
            "Keys": counts,
        }


def move_clock(kms: EmbeddedKms, offset: int) -> int:
    """Put the clock `offset` seconds ahead of the machine's, do what is due by then, and return the new time."""
    if not EARLIEST_UNIX <= time.time() + offset <= LATEST_UNIX:
        raise InputError("the clock can be set to the years 2000 to 2999", hint="see kmstool local clock --help")
    with kms.store.transaction(write=True) as db:
        clock.move(db, offset)
    with kms.request("DescribeKey", {}, write=False) as call:
        return call.now


def protect(kms: EmbeddedKms, mode: str, passphrase: Passphrase) -> None:
    """Keep the root key in another way; `passphrase` gives the new one where the mode wants it.

    The new root key is in place before the store changes and the old one goes after, so
    that a kill in between loses nothing.
    """
    with kms.request("DescribeKey", {}, write=True) as call:
        former: str = call.db.execute("SELECT protection FROM store").fetchone()[0]
        if former == mode != "passphrase":
            raise UsageError(f"the store is protected by {mode} already")
        vault = call.vault()
        vault.protect(call.db, kms.store.folder, mode, passphrase)
    if former != mode:
        protection.discard(former, kms.store.folder, vault.store_id)


def lasting_credential(kms: EmbeddedKms) -> ServedCredential:
    """Return the first API key of the store that does not expire, made now if there is none."""
    with kms.request("DescribeKey", {}, write=False) as call:
        if found := credentials.all_lasting(call.db, call.vault()):
            return found[0]
    with kms.request("DescribeKey", {}, write=True) as call:
        # Another process may have made one meanwhile.
        found = credentials.all_lasting(call.db, call.vault())
        return found[0] if found else credentials.create(call.db, call.vault())


def backup(kms: EmbeddedKms, path: Path, *, replace: bool = False) -> None:
    """Write a copy of the database (0600), consistent while others use it; keys stay wrapped in it."""
    atomic.write(path, kms.store.save(), replace=replace)


def restore(kms: EmbeddedKms, path: Path, passphrase: Passphrase) -> None:
    """Replace all content of the store by that of a backup, all or nothing.

    Raises `InputError` for a file that is no backup, `IntegrityError` for a damaged one and
    `AccessError` if the root key at hand does not open it.
    """
    if path.exists() and path.samefile(kms.store.path):
        raise UsageError(f"{path} is the store itself, not a copy of it")
    copy = None
    try:
        copy = _read_copy(path)
        Vault.unlock(copy, kms.store.folder, passphrase)
        kms.store.replace(copy)
    except sqlite3.DatabaseError as error:
        if (error.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            raise _damaged(path) from error
        raise InputError(f"{path} is not a backup of the local KMS: {error}") from error
    finally:
        if copy is not None:
            copy.close()


def reset(folder: Path) -> None:
    """Destroy the store in `folder` and all its keys, whether it can still be opened or not.

    A root key in a keyring that does not answer stays there.
    """
    if (folder / store.DATABASE).exists():
        with suppress(KmsToolError), closing(store.Store(folder)) as opened, opened.transaction() as db:
            for mode, store_id in db.execute("SELECT protection, store_id FROM store WHERE protection = 'keyring'"):
                protection.discard(mode, folder, store_id)
    store.remove(folder, first=protection.ROOT_KEY_FILE)


def _read_copy(path: Path) -> sqlite3.Connection:
    """Return a backup's content in memory, in the newest format; raise for one that is none or damaged."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    source = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True)
    try:
        _check_copy(source, path)
        source.backup(memory)
        store.bring_up(memory)
    except BaseException:
        memory.close()
        raise
    finally:
        source.close()
    return memory


def _check_copy(source: sqlite3.Connection, path: Path) -> None:
    if store.check_version(source, path) == 0:
        raise InputError(f"{path} is empty, not a backup")
    if source.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
        raise _damaged(path)


def _damaged(path: Path) -> IntegrityError:
    return IntegrityError(f"{path} is damaged", hint="use another backup")


def _quoted(path: Path) -> str:
    return quote(str(path.absolute()))
