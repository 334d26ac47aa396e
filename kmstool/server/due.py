"""What happens to keys by the mere passing of time: deletion, rotation, expiry of imported material.

Looked at before every action; nothing runs in the background.
"""

from __future__ import annotations

from dataclasses import replace

from kmstool import words
from kmstool.server.call import Transaction
from kmstool.server.tables import beta_keys, cmks, data_keys
from kmstool.server.tables.cmks import Cmk

# Written out as the indices of these columns are, or SQLite would not use them.
_DELETION = "WHERE deletion_date > 0 AND deletion_date <= ?"
_ROTATION = "WHERE next_rotation > 0 AND next_rotation <= ?"
# A cloud product that uses a key suspends the expiry of its material.
_EXPIRY = (
    "WHERE valid_to > 0 AND valid_to <= ? AND NOT EXISTS (SELECT 1 FROM binding WHERE binding.key_id = cmk.key_id)"
)
# One statement: each costs more than what it finds.
_ANY = "SELECT " + " OR ".join(  # noqa: S608 - our own
    f"EXISTS (SELECT 1 FROM {table} {due.replace('?', ':now')})"  # noqa: S608 - our own
    for table, due in (
        ("cmk", _DELETION),
        ("cmk", _ROTATION),
        ("cmk", _EXPIRY),
        ("data_key", _DELETION),
        ("beta_key", _DELETION),
    )
)


def is_due(transaction: Transaction) -> bool:
    """Tell whether anything is due, in any region."""
    return bool(transaction.db.execute(_ANY, {"now": transaction.now}).fetchone()[0])


def settle(transaction: Transaction) -> None:
    """Do all that is due, inside a writing transaction."""
    now = (transaction.now,)
    for data_key in data_keys.TABLE.select(transaction, _DELETION, now):
        data_keys.destroy(transaction, data_key.data_key_id)
    for beta_key in beta_keys.TABLE.select(transaction, _DELETION, now):
        beta_keys.destroy(transaction, beta_key.key_id)
    for cmk in cmks.TABLE.select(transaction, _DELETION, now):
        # No data key can be opened without its CMK.
        for data_key_id in data_keys.of_cmk(transaction, cmk.key_id):
            data_keys.destroy(transaction, data_key_id)
        cmks.destroy(transaction, cmk.key_id)
    for cmk in cmks.TABLE.select(transaction, _EXPIRY, now):
        lose_material(transaction, cmk)
    for cmk in cmks.TABLE.select(transaction, _ROTATION, now):
        _rotate_by_time(transaction, cmk)


def rotate(transaction: Transaction, cmk: Cmk, now: int) -> Cmk:
    """Give a key a new version and count its cycle from `now`; old blobs stay readable."""
    cycle = replace(cmk, last_rotation=now, next_rotation=now + cmk.rotate_days * cmks.DAY)
    return cmks.add_version(transaction, cycle)


def lose_material(transaction: Transaction, cmk: Cmk) -> None:
    """Take the imported material from a key; a key that awaits its deletion goes on awaiting it."""
    cmks.forget_material(transaction, cmk.key_id)
    state = cmk.state if cmk.state == words.PENDING_DELETE else words.PENDING_IMPORT
    cmks.update(transaction, replace(cmk, state=state, valid_to=0))


def _rotate_by_time(transaction: Transaction, cmk: Cmk) -> None:
    while cmk.next_rotation <= transaction.now:
        if cmk.state == words.ENABLED:
            cmk = rotate(transaction, cmk, cmk.next_rotation)
        else:
            # The cloud skips keys that are not in use; the cycle goes on.
            cmk = replace(cmk, next_rotation=cmk.next_rotation + cmk.rotate_days * cmks.DAY)
    cmks.update(transaction, cmk)
