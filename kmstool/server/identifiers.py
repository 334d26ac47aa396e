"""Ids in the form that the cloud gives to keys, data keys and tasks."""

from __future__ import annotations

import secrets
import uuid

_GREGORIAN_EPOCH = 0x01B21DD213814000
_TICKS = 10_000_000


def new(now: int) -> str:
    """Return a version-1 UUID of the given second, with a random clock sequence and node (RFC 9562 section 5.1).

    The node part begins with 5254, the prefix of a virtual network card, as in the cloud.
    """
    ticks = _GREGORIAN_EPOCH + now * _TICKS + secrets.randbelow(_TICKS)
    sequence = secrets.randbits(14)
    node = 0x525400000000 | secrets.randbits(32)
    fields = (ticks & 0xFFFFFFFF, ticks >> 32 & 0xFFFF, ticks >> 48, sequence >> 8, sequence & 0xFF, node)
    return str(uuid.UUID(fields=fields, version=1))
