"""The first content of a store: its tables, and its keys under a root key that is on disk before them."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from kmstool.server import root_key, store_row
from kmstool.server.store_row import StoreRow
from kmstool.server.tables import store
from kmstool.server.vault import Vault


def database(folder: Path) -> bytes:
    """Return a new database whose keys are under the root key in `folder`, which is made if there is none.

    A kill before the database is there leaves a root key alone, which the next call takes.
    """
    root = root_key.first(folder)
    row = StoreRow(b"", root.mode, b"", b"", int(time.time()), root.parameters)
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        store.bring_up(memory)
        store_row.write(memory, Vault.create().put(row, root.key))
        # What the steps left over of tables that they wrote anew.
        memory.execute("VACUUM")
        return memory.serialize()
