"""Actions of a key's life: enable, disable, archive, rotate, delete, bind to cloud resources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kmstool import words
from kmstool.server import due, identifiers
from kmstool.server.actions.parameters import key_ids
from kmstool.server.actions.states import set_states
from kmstool.server.call import Call, refuse
from kmstool.server.tables import cmks
from kmstool.server.tables.cmks import Cmk

_BEIJING = 8 * 3600


def _one(call: Call) -> list[Cmk]:
    return [cmks.usable(call, call.params["KeyId"])]


def _several(call: Call) -> list[Cmk]:
    return [cmks.usable(call, key_id) for key_id in key_ids(call)]


def _with_material(chosen: Callable[[Call], list[Cmk]]) -> Callable[[Call], list[Cmk]]:
    # Where a key that awaits its import may be disabled, it goes on awaiting it.
    return lambda call: [cmk for cmk in chosen(call) if cmk.state != words.PENDING_IMPORT]


enable = set_states(cmks.TABLE, _one, words.ENABLED)
disable = set_states(cmks.TABLE, _with_material(_one), words.DISABLED)
enable_several = set_states(cmks.TABLE, _several, words.ENABLED)
disable_several = set_states(cmks.TABLE, _with_material(_several), words.DISABLED)
archive = set_states(cmks.TABLE, _one, words.ARCHIVED)
cancel_archive = set_states(cmks.TABLE, _one, words.ENABLED)


def schedule_deletion(call: Call) -> dict[str, Any]:
    """Let a key be destroyed after 7 to 30 days."""
    cmk = cmks.usable(call, call.params["KeyId"])
    date = call.now + window_seconds(call)
    if "U12" not in call.assumed:
        date = end_of_day(date)
    cmks.update(call, replace(cmk, state=words.PENDING_DELETE, deletion_date=date))
    return {"DeletionDate": date, "KeyId": cmk.key_id}


def cancel_deletion(call: Call) -> dict[str, Any]:
    """Keep a key after all; it is disabled afterwards, or waits for its import as before."""
    cmk = cmks.usable(call, call.params["KeyId"])
    state = words.DISABLED if cmks.has_material(call, cmk) else words.PENDING_IMPORT
    cmks.update(call, replace(cmk, state=state, deletion_date=0))
    return {"KeyId": cmk.key_id}


def enable_rotation(call: Call) -> dict[str, Any]:
    """Rotate a key every 7 to 365 days from now on."""
    cmk = cmks.usable(call, call.params["KeyId"])
    days: int = call.params.get("RotateDays", words.DEFAULT_ROTATION_DAYS)
    if days not in words.ROTATION_DAYS:
        raise refuse("InvalidParameterValue", f"RotateDays is {days}, 7 to 365 are possible")
    cmks.update(call, replace(cmk, rotate_days=days, next_rotation=call.now + days * cmks.DAY))
    return {}


def disable_rotation(call: Call) -> dict[str, Any]:
    """Rotate a key no longer."""
    cmks.update(call, replace(cmks.usable(call, call.params["KeyId"]), rotate_days=0, next_rotation=0))
    return {}


def get_rotation_status(call: Call) -> dict[str, Any]:
    """Return whether a key is rotated."""
    return {"KeyRotationEnabled": cmks.usable(call, call.params["KeyId"]).rotate_days > 0}


def rotate_key(call: Call) -> dict[str, Any]:
    """Rotate a key now; at most once in 24 hours, and only while rotation is on."""
    cmk = cmks.usable(call, call.params["KeyId"])
    if not cmk.rotate_days:
        raise refuse("UnsupportedOperation.RotateNotSupported", f"rotation of the key {cmk.key_id} is off")
    if 0 <= call.now - cmk.last_rotation < cmks.DAY:
        raise refuse("RequestLimitExceeded.RotateRateLimited", f"the key {cmk.key_id} was rotated within 24 hours")
    due.rotate(call, cmk, call.now)
    return {"TaskId": identifiers.new(call.now)}


def bind(call: Call) -> dict[str, Any]:
    """Record that a cloud resource uses a key; this also ends the expiry of imported material."""
    cmk = cmks.usable(call, call.params["KeyId"])
    users = cmks.bindings(call, cmk)
    more = [] if _resource(call) in users else [_resource(call)]
    cmks.bind(call, replace(cmk, valid_to=0), users + more)
    return {}


def unbind(call: Call) -> dict[str, Any]:
    """Record that a cloud resource no longer uses a key."""
    cmk = cmks.usable(call, call.params["KeyId"])
    users = cmks.bindings(call, cmk)
    if _resource(call) not in users:
        raise refuse("ResourceUnavailable.CloudResourceBindingNotFound", "the key is not bound to this resource")
    cmks.bind(call, cmk, [user for user in users if user != _resource(call)])
    return {}


def window_seconds(call: Call) -> int:
    """Return how long a key awaits its deletion: 7 to 30 days."""
    days: int = call.params["PendingWindowInDays"]
    if days not in words.DELETION_DAYS:
        raise refuse("InvalidParameter.InvalidPendingWindowInDays", f"the window is {days} days, 7 to 30 are possible")
    return days * cmks.DAY


def end_of_day(unix: int) -> int:
    """Return the last second of that day in Beijing time, where the cloud's deletion dates lie."""
    return unix - (unix + _BEIJING) % cmks.DAY + cmks.DAY - 1


def _resource(call: Call) -> tuple[str, str]:
    return call.params["ProductId"], call.params["ResourceId"]
