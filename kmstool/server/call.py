"""One request on its way through the embedded KMS, and how an action says no."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kmstool import protocol
from kmstool.server.regions import Region
from kmstool.server.vault import Vault

refuse = protocol.error


@dataclass(frozen=True, slots=True)
class Call:
    """A checked request inside its transaction.

    `vault` unlocks the keys when first asked for; `now` is the embedded KMS's time in Unix seconds.
    """

    action: str
    params: Mapping[str, Any]
    region: Region
    db: sqlite3.Connection
    vault: Callable[[], Vault]
    now: int


@dataclass(frozen=True, slots=True)
class Handler:
    """What serves an action, and whether it may write to the store."""

    run: Callable[[Call], dict[str, Any]]
    writes: bool = False
