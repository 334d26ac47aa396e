"""The life of a store's root key: found, put in place, and retired when no row needs it any more.

What changes which root key the store needs, or takes one away, does so inside `exclusive`,
alone in its folder, after it has asked for every passphrase. In a change the new key is put
beside the one in use, the row is written, and the former is set aside; it goes when the
new one has opened the store. So at every moment one of the files fits the row, and
`found` tries them all.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from kmstool import words
from kmstool.errors import AccessError, IntegrityError, KmsToolError, OutputError
from kmstool.server import protection, store_row
from kmstool.server.protection import FORMER_FILE, NEXT_FILE, ROOT_KEY_FILE, SPARE_FILES, Passphrase, RootKey
from kmstool.server.store_row import StoreRow
from kmstool.server.tables.store import Store
from kmstool.server.vault import Vault, fits, wrong_root_key
from kmstool.system import atomic

exclusive = atomic.locked
"""The section of the one owner of a folder's root keys."""


def first(folder: Path) -> RootKey:
    """Return the root key for a database that is to be made, inside `exclusive`.

    One that is there already may be the only key to a copy of a former database: it is kept.
    """
    path = folder / ROOT_KEY_FILE
    if not os.path.lexists(path):
        atomic.write(path, protection.make(words.FILE, protection.no_passphrase).line.encode())
    return RootKey(words.FILE, "", protection.from_file(path))


def current(store: Store) -> StoreRow:
    """Return the store's own row as it is now, unchecked but for its types."""
    with store.transaction() as db:
        return store_row.read(db)


def found(row: StoreRow, folder: Path, passphrase: Passphrase) -> bytes:
    """Return the root key that fits a store's row.

    Raises `AccessError` for one that is missing, locked, readable by others or of another
    store, `IntegrityError` for a damaged one.
    """
    refused: KmsToolError | None = None
    for load in protection.candidates(row, folder, passphrase):
        try:
            key = load()
        except (AccessError, IntegrityError) as error:
            refused = refused or error
            continue
        if fits(row, key):
            return key
        refused = refused or wrong_root_key(row.protection)
    raise refused or wrong_root_key(row.protection)


def unlock(store: Store, passphrase: Passphrase) -> Vault:
    """Open the keys of a store; raise as `found` and `Vault.open` do. No lock is held while a passphrase is asked for."""
    while True:
        row = current(store)
        try:
            key = found(row, store.folder, passphrase)
        except AccessError:
            # Between the row and the key another process may have changed both.
            if current(store).canary == row.canary:
                raise
            continue
        vault = Vault.open(row, key)
        if not store.is_only_read and _is_left_over(row, store.folder):
            with suppress(KmsToolError):
                _retire(store, vault, key)
        return vault


def stage(folder: Path, row: StoreRow, root: RootKey) -> None:
    """Put a root key beside the one that fits `row`, before the row is changed; inside `exclusive`.

    Raises `OutputError` for a key file that would be replaced and is not of this store.
    """
    if root.mode == words.KEYRING:
        names = protection.keyring_names(row.store_id)
        protection.into_keyring(names[1] if _keeps(row, names[0]) else names[0], root)
    if root.mode == words.FILE:
        path = folder / ROOT_KEY_FILE
        if row.protection == words.FILE:
            _settle_file(folder, row)
        elif os.path.lexists(path):
            raise OutputError(f"{path} is there already", hint="it is no key of this store: move it away first")
        atomic.write(folder / NEXT_FILE, root.line.encode(), replace=True)


def publish(folder: Path, former: str, *, staged: bool) -> None:
    """Set the key file of a former protection aside and give the one that was staged its name.

    Inside `exclusive`; the row is under the new root key by now.
    """
    if former == words.FILE:
        atomic.rename(folder / ROOT_KEY_FILE, FORMER_FILE)
    if staged:
        atomic.rename(folder / NEXT_FILE, ROOT_KEY_FILE)


def is_in_place(folder: Path, key: bytes) -> bool:
    """Return whether the key file has its usual name already."""
    try:
        return protection.from_file(folder / ROOT_KEY_FILE) == key
    except (AccessError, IntegrityError):
        return False


def destroy(folder: Path, row: StoreRow | None) -> None:
    """Destroy all root keys of a store, those in a keyring that answers too; inside `exclusive`."""
    for name in protection.keyring_names(row.store_id) if row and words.KEYRING in (row.protection, row.former) else ():
        with suppress(KmsToolError):
            protection.out_of_keyring(name)
    for name in (ROOT_KEY_FILE, *SPARE_FILES):
        atomic.remove(folder / name)


def former_of(row: StoreRow, root_key: bytes) -> str:
    """Return the protection whose root key is no longer needed when the row is under another one."""
    return "" if row.protection == words.PASSPHRASE or fits(row, root_key) else row.protection


def _retire(store: Store, vault: Vault, key: bytes) -> None:
    """Leave the root key that has opened the store as the only one."""
    with exclusive(store.folder):
        row = current(store)
        if not fits(row, key):
            return
        if row.protection == words.FILE:
            _settle_file(store.folder, row)
        elif row.former == words.FILE and not os.path.lexists(store.folder / FORMER_FILE):
            # A kill came before it was set aside.
            atomic.remove(store.folder / ROOT_KEY_FILE)
        for name in SPARE_FILES:
            if os.path.lexists(store.folder / name):
                atomic.remove(store.folder / name)
        if words.KEYRING in (row.protection, row.former):
            _settle_keyring(row)
        if row.former:
            with store.transaction(write=True) as db:
                row = store_row.read(db)
                if vault.owns(row):
                    store_row.write(db, vault.sealed(row._replace(former="")))


def _settle_file(folder: Path, row: StoreRow) -> None:
    """Give the file with the root key that fits a row its usual name: a kill can have been between the two."""
    for name in (ROOT_KEY_FILE, *SPARE_FILES):
        with suppress(AccessError, IntegrityError):
            if fits(row, protection.from_file(folder / name)):
                if name != ROOT_KEY_FILE:
                    atomic.rename(folder / name, ROOT_KEY_FILE)
                return


def _settle_keyring(row: StoreRow) -> None:
    for name in protection.keyring_names(row.store_id):
        # One that does not answer keeps a key that opens nothing any more.
        with suppress(KmsToolError):
            if row.protection != words.KEYRING or not _keeps(row, name):
                protection.out_of_keyring(name)


def _keeps(row: StoreRow, name: str) -> bool:
    """Return whether the keyring has the root key of a row under this name."""
    if row.protection != words.KEYRING:
        return False
    try:
        return fits(row, protection.from_keyring(name))
    except (AccessError, IntegrityError):
        return False


def _is_left_over(row: StoreRow, folder: Path) -> bool:
    return bool(row.former) or any(os.path.lexists(folder / name) for name in SPARE_FILES)
