"""The actions of the KMS of 2017 (API pages 573/8889 to 8898, and the SDKs for what these lack)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from kmstool import words
from kmstool.api import beta, protocol
from kmstool.api.beta import Code
from kmstool.server.beta import blobs, requests
from kmstool.server.call import Action, Call
from kmstool.server.tables import beta_keys
from kmstool.server.tables.beta_keys import BetaKey

_DAY = 86400


def encrypt(call: Call) -> dict[str, Any]:
    """Encrypt 1 to 4,096 bytes."""
    key, text = _usable(call, call.params["keyId"]), requests.context_text(call.action, call.params)
    try:
        plaintext = protocol.decode(call.params["plaintext"])
    except ValueError as error:
        raise _refuse(call, Code.PLAINTEXT, "the plaintext is not base64") from error
    if len(plaintext) > words.MAX_PLAINTEXT_BYTES:
        raise _refuse(
            call,
            Code.PARAMETER,
            f"the plaintext is {len(plaintext)} bytes, at most {words.MAX_PLAINTEXT_BYTES} are possible",
        )
    return {"keyId": key.key_id, "ciphertextBlob": _sealed(call, key, plaintext, text)}


def decrypt(call: Call) -> dict[str, Any]:
    """Open a blob; the key is named in it."""
    blob = blobs.parse(call.params["ciphertextBlob"])
    key, text = _usable(call, blob.key_id), requests.context_text(call.action, call.params)
    plaintext = blobs.unseal(blob, beta_keys.material(call, key), text)
    return {"keyId": key.key_id, "plaintext": protocol.encode(plaintext)}


def generate_data_key(call: Call) -> dict[str, Any]:
    """Make a data key and return it both in plaintext and encrypted."""
    key, text = _usable(call, call.params["keyId"]), requests.context_text(call.action, call.params)
    plaintext = secrets.token_bytes(_data_key_bytes(call))
    return {
        "keyId": key.key_id,
        "plaintext": protocol.encode(plaintext),
        "ciphertextBlob": _sealed(call, key, plaintext, text),
    }


def create_key(call: Call) -> dict[str, Any]:
    """Make a key, which is enabled at once."""
    alias, description = _free_alias(call, None), call.params.get("description", "")
    kind = call.params.get("type", 1)
    if call.params.get("keyUsage", beta.USAGE) != beta.USAGE:
        raise _refuse(call, Code.USAGE, f"the keyUsage must be {beta.USAGE}")
    if kind not in beta_keys.TYPES or len(description.encode()) > words.MAX_DESCRIPTION_BYTES:
        raise _refuse(
            call, Code.PARAMETER, f"the type must be 1 or 2, the description {words.MAX_DESCRIPTION_BYTES} bytes"
        )
    if beta_keys.TABLE.count(call) >= beta_keys.LIMIT:
        raise _refuse(call, Code.TOO_MANY_KEYS, f"there are {beta_keys.LIMIT} keys already")
    region, key_id = call.region.name, beta_keys.new_id()
    wrapped = beta_keys.wrap(call, region, key_id, beta_keys.new_material())
    key = BetaKey(region, key_id, alias, description, words.ENABLED, kind, call.now, 0, wrapped)
    beta_keys.insert(call, key)
    return {"keyMetadata": beta_keys.metadata(key)}


def get_key_attributes(call: Call) -> dict[str, Any]:
    """Tell all of a key."""
    return {"keyMetadata": beta_keys.metadata(_usable(call, call.params["keyId"]))}


def set_key_attributes(call: Call) -> dict[str, Any]:
    """Give a key another alias; with an empty one it has none, and without one nothing changes."""
    key = _usable(call, call.params["keyId"])
    if "alias" in call.params:
        beta_keys.update(call, replace(key, alias=_free_alias(call, key.key_id) if call.params["alias"] else ""))
    return {}


def list_key(call: Call) -> dict[str, Any]:
    """List the ids of all keys, the oldest first, page by page (default 10, at most 200)."""
    offset, limit = call.params.get("offset", 0), call.params.get("limit", 10)
    if limit > words.MAX_PAGE:
        raise _refuse(call, Code.PARAMETER, f"the limit is {limit}, at most {words.MAX_PAGE} is possible")
    keys = beta_keys.TABLE.newest_first(call)[::-1]
    return {"keys": [{"keyId": key.key_id} for key in keys[offset : offset + limit]], "totalCount": len(keys)}


def enable_key(call: Call) -> dict[str, Any]:
    """Bring a key into use."""
    return _in_state(call, words.ENABLED)


def disable_key(call: Call) -> dict[str, Any]:
    """Take a key out of use."""
    return _in_state(call, words.DISABLED)


def schedule_key_deletion(call: Call) -> dict[str, Any]:
    """Let a key be destroyed after 7 to 30 days; until then it cannot be used."""
    key, days = _usable(call, call.params["keyId"]), call.params["pendingWindowInDays"]
    if days not in words.DELETION_DAYS:
        raise _refuse(call, Code.PARAMETER, f"the window is {days} days, 7 to 30 are possible")
    beta_keys.update(call, replace(key, state=words.PENDING_DELETE, deletion_date=call.now + days * _DAY))
    return {}


def cancel_key_deletion(call: Call) -> dict[str, Any]:
    """Keep a key after all; it is disabled afterwards, as in the KMS of today."""
    key = _usable(call, call.params["keyId"])
    beta_keys.update(call, replace(key, state=words.DISABLED, deletion_date=0))
    return {}


ACTIONS: Mapping[str, Action] = {
    "Encrypt": encrypt,
    "Decrypt": decrypt,
    "GenerateDataKey": generate_data_key,
    "CreateKey": create_key,
    "GetKeyAttributes": get_key_attributes,
    "SetKeyAttributes": set_key_attributes,
    "ListKey": list_key,
    "EnableKey": enable_key,
    "DisableKey": disable_key,
    "ScheduleKeyDeletion": schedule_key_deletion,
    "CancelKeyDeletion": cancel_key_deletion,
}


def _in_state(call: Call, state: str) -> dict[str, Any]:
    beta_keys.update(call, replace(_usable(call, call.params["keyId"]), state=state))
    return {}


def _usable(call: Call, key_id: str) -> BetaKey:
    """Return the key if the action is allowed on it."""
    states = beta.ACTIONS[call.action].states
    # The pages have one code for all that is wrong with a key where it is used.
    absent = Code.KEY if Code.KEY in states else Code.NOT_FOUND
    key = beta_keys.find(call, key_id) if beta.is_key_id(key_id) else None
    if key is None:
        raise _refuse(call, absent, f"there is no key {key_id[:80]!r} in {call.region.name}")
    code = states[beta.STATES.index(key.state)]
    if code is not None:
        raise _refuse(call, code, f"{call.action} is not possible with the key {key_id}: its state is {key.state}")
    return key


def _sealed(call: Call, key: BetaKey, plaintext: bytes, context: str) -> str:
    return blobs.seal(key.key_id, beta_keys.material(call, key), plaintext, context)


def _free_alias(call: Call, owner: str | None) -> str:
    alias: str = call.params["alias"]
    if not beta.is_alias(alias):
        raise _refuse(call, Code.PARAMETER, f"an alias has 1 to {beta.MAX_ALIAS_CHARACTERS} characters that show")
    if beta_keys.TABLE.holder(call, alias) not in (None, owner):
        # The one code that CreateKey has for this; of SetKeyAttributes none is published.
        code = Code.REPLAY_OR_ALIAS if call.action == "CreateKey" else Code.FAILED
        raise _refuse(call, code, f"the alias {alias!r} is taken")
    return alias


def _data_key_bytes(call: Call) -> int:
    count: int | None = call.params.get("numberOfBytes")
    if count is not None:
        if not 1 <= count <= words.MAX_DATA_KEY_BYTES:
            raise _refuse(
                call, Code.PARAMETER, f"numberOfBytes is {count}, 1 to {words.MAX_DATA_KEY_BYTES} are possible"
            )
        return count
    spec = call.params.get("keySpec", "")
    if spec not in words.KEY_SPECS:
        raise _refuse(call, Code.KEY_SPEC, "the keySpec must be AES_128 or AES_256, unless numberOfBytes is given")
    return words.KEY_SPECS[spec]


def _refuse(call: Call, code: Code, message: str) -> Exception:
    return beta.refuse(call.action, code, message)
