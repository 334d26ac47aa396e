"""Which part of a job is whose, where processes that know nothing of each other share one."""

from __future__ import annotations

import hashlib
from pathlib import Path

Shard = tuple[int, int]
"""The I-th of N parts, from 1 on."""


def in_shard(path: str, shard: Shard | None) -> bool:
    """Tell whether a name falls on a part, which is for all machines the same; all do where there are no parts."""
    if shard is None:
        return True
    number = int.from_bytes(
        hashlib.sha256(Path(path).as_posix().encode("utf-8", "surrogateescape")).digest()[:8], "big"
    )
    return number % shard[1] == shard[0] - 1
