"""The embedded KMS as an object: one action in, one answer out, every change on disk before the answer.

It is a `Transport` by itself, so a program can use it without a socket.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kmstool.errors import KmsToolError
from kmstool.server import requests, store
from kmstool.server.actions import ciphers, keys, service
from kmstool.server.call import Call, Handler, refuse
from kmstool.server.regions import DEFAULT, region
from kmstool.server.vault import ROOT_KEY_FILE, Vault

ACTIONS: Mapping[str, Handler] = {**keys.ACTIONS, **ciphers.ACTIONS, **service.ACTIONS}


class EmbeddedKms:
    """The service in one region over the store in `folder`, which is made on first use."""

    def __init__(self, folder: Path, region_name: str = DEFAULT) -> None:
        self._region = region(region_name)
        self._store = store.Store(folder)
        self._vault: Vault | None = None
        if self._store.new:
            with self._store.transaction(write=True) as db:
                self._store.create_schema(db)
                Vault.create(db, folder, int(time.time()))

    def close(self) -> None:
        """Release the store."""
        self._store.close()

    def describe(self) -> dict[str, Any]:
        """Tell what the store is: its folder, protection, creation time and keys per region."""
        with self._store.transaction() as db:
            protection, created = db.execute("SELECT protection, created FROM store").fetchone()
            counts = dict(db.execute("SELECT region, count(*) FROM cmk GROUP BY region"))
        return {"Folder": str(self._store.folder), "Protection": protection, "Created": created, "Keys": counts}

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Serve one action and return the fields of its answer with a RequestId.

        Raises what `protocol.error` makes of the API's error codes, and for faults of
        the store itself the error that says so.
        """
        request_id = str(uuid.uuid4())
        try:
            checked = requests.check(action, params)
            handler = ACTIONS.get(action)
            if handler is None:
                raise refuse("UnsupportedOperation", f"the embedded KMS does not serve {action} yet")
            answer = self._run(action, handler, checked)
        except KmsToolError as error:
            error.request_id = error.request_id or request_id
            raise
        return {**answer, "RequestId": request_id}

    def _run(self, action: str, handler: Handler, params: Mapping[str, Any]) -> dict[str, Any]:
        with self._store.transaction(write=handler.writes) as db:

            def vault() -> Vault:
                if self._vault is None:
                    self._vault = Vault.unlock(db, self._store.folder)
                return self._vault

            return handler.run(Call(action, params, self._region, db, vault, int(time.time())))


def reset(folder: Path) -> None:
    """Destroy the store in `folder` and all its keys, whether it can still be opened or not."""
    store.remove(folder, first=ROOT_KEY_FILE)
