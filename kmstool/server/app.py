"""The embedded KMS as an object: one action in, one answer out, every change on disk before the answer.

It is a `Transport` by itself, so a program can use it without a socket.
"""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.server import assumptions, clock, due, protection, requests, root_key, store_row
from kmstool.server.assumptions import NONE, Assumptions
from kmstool.server.call import Call, Transaction, refuse
from kmstool.server.handlers import ACTIONS
from kmstool.server.protection import Passphrase
from kmstool.server.regions import Region, region
from kmstool.server.store_row import StoreRow
from kmstool.server.tables import schema
from kmstool.server.tables.store import Refuse, Store
from kmstool.server.vault import Vault


def writes(action: str, params: Mapping[str, Any]) -> bool:
    """Return whether a request may write to the store: a data key that KMS does not keep does not, for one."""
    return action in ACTIONS and protocol.changes(action, params)


class EmbeddedKms:
    """The service in one region over the store in `folder`, which is made on first use.

    `passphrase` is asked for the passphrase of a store that has one, once. With
    `refuse` the store is only read, and the first change is refused by it. `assume` names answers
    to unknowns, as `assumptions.parse` reads them, over those that the store is set to.
    """

    def __init__(
        self,
        folder: Path,
        region_name: str = words.REGION,
        passphrase: Passphrase = protection.no_passphrase,
        *,
        refuse: Refuse | None = None,
        assume: str = "",
    ) -> None:
        assumptions.parse(assume)
        self._assume, self._assumed, self._seen_version = assume, NONE, -1
        self._region = region(region_name)
        self._passphrase = passphrase
        self._vault: Vault | None = None
        self._row: StoreRow | None = None
        self.store = Store(folder, partial(_fresh, folder), refuse=refuse)
        try:
            if self.store.version < schema.VERSION:
                self._upgrade()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def call(
        self, action: str, params: Mapping[str, Any], region_name: str | None = None, *, as_text: bool = False
    ) -> dict[str, Any]:
        """Serve one action, in another region if one is named, and return its answer's fields with a RequestId.

        `as_text` tells that the parameters come from a form, where all of them are texts.
        Raises what `protocol.error` makes of the API's error codes, and for faults of
        the store itself the error that says so.
        """
        request_id = str(uuid.uuid4())
        assumed = NONE
        try:
            assumed = self.assumed()
            checked = requests.check(action, params, assumed, as_text=as_text)
            handler = ACTIONS.get(action)
            if handler is None:
                raise refuse(
                    "UnsupportedOperation",
                    f"{action} is not served here: nobody outside the cloud can tell what it does",
                )
            # Before the transaction: its code may have to be imported first.
            run = handler.run
            with self.transaction(region_name, write=writes(action, checked)) as opened:
                answer = run(Call.inside(opened, action, checked))
        except KmsToolError as error:
            error.request_id = error.request_id or request_id
            if error.kms_code and "U23" in assumed:
                raise error.retold(error.kms_code) from error
            raise
        return {**answer, "RequestId": request_id}

    def assumed(self) -> Assumptions:
        """Return the unknowns whose other answer is assumed now."""
        if self._row is None or self.store.data_version() != self._seen_version:
            with self.unlocked():
                pass
        return self._assumed

    @contextmanager
    def transaction(self, region_name: str | None = None, *, write: bool) -> Iterator[Transaction]:
        """Run the block in one transaction; what time has made due is done before it begins.

        Refuses an unknown region with `UnsupportedRegion`; one that writes is refused where the store is only read.
        """
        chosen = region(region_name) if region_name else self._region
        with self.unlocked() as (db, vault, row):
            reading = self._transaction(chosen, db, vault, row)
            unsettled = not self.store.is_only_read and due.is_due(reading)
            if not unsettled and not write:
                yield reading
                return
        if unsettled:
            with self.unlocked(write=True) as (db, vault, row):
                due.settle(self._transaction(chosen, db, vault, row))
        with self.unlocked(write=write) as (db, vault, row):
            yield self._transaction(chosen, db, vault, row)

    def _transaction(self, chosen: Region, db: sqlite3.Connection, vault: Vault, row: StoreRow) -> Transaction:
        return Transaction(chosen, db, vault, clock.now(row.clock_offset), self._assumed)

    def unlock(self) -> Vault:
        """Return the keys of the store, for which a passphrase may be asked; no lock is held meanwhile."""
        if self._vault is None:
            self._vault = root_key.unlock(self.store, self._passphrase)
        return self._vault

    def _upgrade(self) -> None:
        self.store.check_changeable(f"bring the store in {self.store.folder} to the newest format")
        from kmstool.server import renewal  # noqa: PLC0415 - imports the code of all kinds of keys, once in a store's life

        self._vault = renewal.upgrade(self.store, self._passphrase)

    def adopt(self, vault: Vault) -> None:
        """Go on with the keys that the store has now."""
        self._vault, self._row = vault, None

    @contextmanager
    def unlocked(self, *, write: bool = False) -> Iterator[tuple[sqlite3.Connection, Vault, StoreRow]]:
        """Run the block in one transaction on the unlocked store, as `Store.transaction` does."""
        while True:
            vault = self.unlock()
            with self.store.transaction(write=write) as db:
                row = store_row.read(db, self._row)
                # Another process may have restored a copy or renewed the keys: nothing must be wrapped under those
                # that are gone. The keys that there are now need their own root key.
                if row is self._row or vault.owns(row):
                    if row is not self._row:
                        self._row = row
                        self._assumed = assumptions.parse(self._assume, assumptions.loads(row.assumptions))
                    self._seen_version = self.store.data_version()
                    yield db, vault, row
                    return
            self._vault = self._row = None


def _fresh(folder: Path) -> bytes:
    from kmstool.server import founding  # noqa: PLC0415 - once in a store's life

    return founding.database(folder)
