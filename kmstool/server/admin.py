"""What the owner of an embedded KMS does to it, and no client can: look, protect, move the clock, save, restore."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any

from kmstool import words
from kmstool.errors import InputError, KmsToolError, OutputError
from kmstool.server import assumptions, clock, protection, renewal, root_key, store_row
from kmstool.server.app import EmbeddedKms
from kmstool.server.assumptions import Assumptions
from kmstool.server.copies import backup, restore, snapshot
from kmstool.server.protection import Passphrase
from kmstool.server.tables import cmks, credentials, faults, store
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.tables.faults import FaultRule

__all__ = [
    "add_fault",
    "assume",
    "assumed",
    "backup",
    "bindings",
    "clear_faults",
    "create_credential",
    "delete_credential",
    "derive_credential",
    "describe",
    "lasting_credential",
    "list_credentials",
    "list_faults",
    "move_clock",
    "protect",
    "reset",
    "restore",
    "snapshot",
]

EARLIEST_UNIX, LATEST_UNIX = 946_684_800, 32_503_680_000
"""2000-01-01 and 3000-01-01: far from where times, ids and their sums end."""


def describe(kms: EmbeddedKms) -> dict[str, Any]:
    """Tell what the store is: folder, protection, creation time, clock, what it assumes, and keys per region.

    Needs no passphrase, and so takes the rows as they stand.
    """
    with kms.store.transaction() as db:
        row = store_row.read(db)
        counts = dict(db.execute("SELECT region, count(*) FROM cmk GROUP BY region"))
    return {
        "Folder": str(kms.store.folder),
        "Protection": row.protection,
        "Created": row.created,
        "ClockOffset": row.clock_offset,
        "Now": clock.now(row.clock_offset),
        "Assumptions": [f"{name}=b" for name in assumptions.UNKNOWNS if name in assumptions.loads(row.assumptions)],
        "Keys": counts,
    }


def move_clock(kms: EmbeddedKms, offset: int) -> int:
    """Put the clock `offset` seconds ahead of the machine's, do what is due by then, and return the new time."""
    if not EARLIEST_UNIX <= time.time() + offset <= LATEST_UNIX:
        raise InputError("the clock can be set to the years 2000 to 2999", hint="give a time in them")
    with kms.unlocked(write=True) as (db, vault, row):
        store_row.write(db, vault.sealed(row._replace(clock_offset=offset)))
    with kms.transaction(write=False) as opened:
        return opened.now


def assumed(kms: EmbeddedKms) -> Assumptions:
    """Return the unknowns whose other answer the store is set to."""
    with kms.unlocked() as (_, _, row):
        return assumptions.loads(row.assumptions)


def assume(kms: EmbeddedKms, answers: str) -> None:
    """Set the store to other answers to unknowns, such as `U11=b,U5=a`; see `assumptions.parse`."""
    with kms.unlocked(write=True) as (db, vault, row):
        turned = assumptions.parse(answers, assumptions.loads(row.assumptions))
        store_row.write(db, vault.sealed(row._replace(assumptions=assumptions.dumps(turned))))
    kms.adopt(vault)


def protect(kms: EmbeddedKms, mode: str, passphrase: Passphrase) -> None:
    """Make new keys for the store and keep their root key in this way; `passphrase` gives the new one if it is that.

    All that was wrapped under the former keys is under the new ones then, so that an old copy of
    the folder opens nothing that is made later. Copies of former formats go, since former
    root keys still open them. A kill leaves the former state or the new one.
    """
    kms.store.check_changeable(f"protect the store in {kms.store.folder} by {mode}")
    old = kms.unlock()
    root = protection.make(mode, passphrase)
    folder = kms.store.folder
    with root_key.exclusive(folder):
        root_key.stage(folder, root_key.current(kms.store), root)
        with kms.store.transaction(write=True) as db:
            row = store_row.read(db)
            if not old.owns(row):
                raise OutputError("the keys of the store were changed meanwhile", hint="run the command again")
            vault = renewal.renew(db, old)
            left = root_key.former_of(row, root.key)
            changed = row._replace(protection=mode, parameters=root.parameters, former=left)
            store_row.write(db, vault.put(changed, root.key))
        root_key.publish(folder, row.protection, staged=mode == words.FILE)
        store.remove_copies(folder)
    kms.adopt(vault)


def lasting_credential(kms: EmbeddedKms) -> ServedCredential:
    """Return the first API key of the store that does not expire, made now if there is none."""
    with kms.transaction(write=False) as opened:
        if lasting := credentials.all_lasting(opened.db, opened.vault):
            return lasting[0]
    with kms.transaction(write=True) as opened:
        # Another process may have made one meanwhile.
        lasting = credentials.all_lasting(opened.db, opened.vault)
        return lasting[0] if lasting else credentials.create(opened.db, opened.vault)


def list_credentials(kms: EmbeddedKms) -> list[ServedCredential]:
    """Return all API keys and tokens that can be used now, the lasting ones first."""
    with kms.transaction(write=False) as opened:
        return credentials.all_live(opened.db, opened.vault)


def create_credential(kms: EmbeddedKms) -> ServedCredential:
    """Make one more lasting API key."""
    with kms.transaction(write=True) as opened:
        return credentials.create(opened.db, opened.vault)


def derive_credential(kms: EmbeddedKms, kind: str, lifetime_seconds: int) -> ServedCredential:
    """Make a temporary API key or a token, which comes from the oldest lasting key and ends with it."""
    parent = lasting_credential(kms)
    with kms.transaction(write=True) as opened:
        credentials.remove_expired(opened.db)
        return credentials.derive(opened.db, opened.vault, kind, parent.secret_id, lifetime_seconds)


def delete_credential(kms: EmbeddedKms, secret_id: str) -> int:
    """Delete an API key or token with all that come from it; return how many that were, 0 if there is none."""
    with kms.transaction(write=True) as opened:
        return credentials.remove(opened.db, secret_id)


def add_fault(kms: EmbeddedKms, rule: FaultRule) -> int:
    """Add a fault rule, which holds from the next request on, and return its number."""
    with kms.transaction(write=True) as opened:
        return faults.add(opened.db, rule)


def list_faults(kms: EmbeddedKms) -> list[FaultRule]:
    """Return all fault rules, oldest first; raise `IntegrityError` for a damaged one."""
    with kms.transaction(write=False) as opened:
        return faults.load(opened.db)


def clear_faults(kms: EmbeddedKms) -> None:
    """Remove all fault rules, damaged ones too."""
    with kms.transaction(write=True) as opened:
        faults.clear(opened.db)


def bindings(kms: EmbeddedKms, region: str, key_id: str) -> list[tuple[str, str]]:
    """Return (product, resource) of every cloud resource that uses a key, which no action of the API tells."""
    with kms.transaction(region, write=False) as opened:
        cmk = cmks.TABLE.find_here(opened, key_id)
        return [] if cmk is None else cmks.bindings(opened, cmk)


def reset(folder: Path) -> None:
    """Destroy the store in `folder` and all its keys, whether it can still be opened or not.

    A root key in a keyring that does not answer stays there.
    """
    if not folder.is_dir():
        return
    from kmstool.server import tls_files  # noqa: PLC0415 - imports ssl, once in a store's life

    with root_key.exclusive(folder), ExitStack() as stack:
        row = None
        if (folder / store.DATABASE).exists():
            # What another process writes just now is done before or refused; what is damaged cannot be locked.
            with suppress(KmsToolError):
                opened = stack.enter_context(closing(store.Store(folder)))
                row = store_row.read(stack.enter_context(opened.transaction(write=True)))
        root_key.destroy(folder, row)
        store.remove(folder)
        tls_files.remove(folder)
