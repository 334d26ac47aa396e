"""Actions of white-box keys: create, describe, encrypt, enable, delete, bind to devices."""

from __future__ import annotations

import secrets
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import InputError
from kmstool.server import identifiers
from kmstool.server.actions.parameters import description, free_alias, key_ids, page, tagged, tags
from kmstool.server.actions.states import set_states
from kmstool.server.call import Action, Call, binary, invalid, refuse
from kmstool.server.regions import WHITE_BOX
from kmstool.server.tables import tags as tag_rows
from kmstool.server.tables import white_box_keys
from kmstool.server.tables.white_box_keys import Device, WhiteBoxKey
from kmstool.whitebox import binding

_STATUS_FILTER = {None: words.WHITE_BOX_STATES, 0: (words.DISABLED,), 1: (words.ENABLED,)}


def _offered(run: Action) -> Action:
    """Make of an action one that other regions refuse, as the cloud does where the service is not bought."""

    def checked(call: Call) -> dict[str, Any]:
        if call.region.name not in WHITE_BOX:
            raise refuse("ResourceUnavailable.NotPurchased", f"there are no white-box keys in {call.region.name}")
        return run(call)

    return checked


@_offered
def create_key(call: Call) -> dict[str, Any]:
    """Make a white-box key; its decrypt key is bound to no device yet."""
    algorithm = next((name for name in words.KEY_BYTES if name == call.params["Algorithm"]), None)
    if algorithm is None:
        raise invalid(call, f"the algorithm {call.params['Algorithm']!r} is not one of {', '.join(words.KEY_BYTES)}")
    alias, text = free_alias(call, white_box_keys.TABLE), description(call, words.MAX_DESCRIPTION_BYTES)
    new_tags = tags(call)
    count = white_box_keys.TABLE.count(call)
    if count >= words.MAX_WHITE_BOX_KEYS:
        raise refuse("LimitExceeded.KeyLimitExceeded", f"the region has {count} white-box keys, the most there are")
    region, key_id = call.region.name, identifiers.new(call.now)
    wrapped = white_box_keys.wrap(call, region, key_id, algorithm, white_box_keys.new_secret(algorithm))
    digest = tag_rows.digest(new_tags.kept)
    key = WhiteBoxKey(region, key_id, alias, text, words.ENABLED, algorithm, call.now, wrapped, digest)
    white_box_keys.insert(call, key)
    tag_rows.insert(call.db, key_id, new_tags.kept)
    return {
        "EncryptKey": protocol.encode(white_box_keys.encrypt_key(call, key)),
        "DecryptKey": protocol.encode(white_box_keys.decrypt_key(call, key)),
        "KeyId": key_id,
        **new_tags.fields,
    }


@_offered
def describe_key(call: Call) -> dict[str, Any]:
    """Tell all about one white-box key."""
    return {"KeyInfo": white_box_keys.info(call, white_box_keys.usable(call, call.params["KeyId"]))}


@_offered
def describe_details(call: Call) -> dict[str, Any]:
    """List white-box keys with all about them, filtered, newest first; without a Limit all of them."""
    params = call.params
    status = params.get("KeyStatus")
    if status not in _STATUS_FILTER:
        raise invalid(call, f"KeyStatus is {status}, 0 (disabled) and 1 (enabled) are possible")
    states = _STATUS_FILTER[status]
    keys = [
        key
        for key in white_box_keys.newest_first(call)
        if key.state in states and tagged(call, key.key_id, key.tags_digest)
    ]
    shown = page(call, keys) if params.get("Limit") else keys[params.get("Offset", 0) :]
    return {"KeyInfos": [white_box_keys.info(call, key) for key in shown], "TotalCount": len(keys)}


@_offered
def describe_decrypt_key(call: Call) -> dict[str, Any]:
    """Give away the decrypt key, sealed for the devices that the key is bound to now."""
    key = white_box_keys.usable(call, call.params["KeyId"])
    return {"DecryptKey": protocol.encode(white_box_keys.decrypt_key(call, key))}


def _one(call: Call) -> list[WhiteBoxKey]:
    return [white_box_keys.usable(call, call.params["KeyId"])]


def _several(call: Call) -> list[WhiteBoxKey]:
    return [white_box_keys.usable(call, key_id) for key_id in key_ids(call, words.MAX_WHITE_BOX_KEY_IDS)]


enable = _offered(set_states(white_box_keys.TABLE, _one, words.ENABLED))
disable = _offered(set_states(white_box_keys.TABLE, _one, words.DISABLED))
enable_several = _offered(set_states(white_box_keys.TABLE, _several, words.ENABLED))
disable_several = _offered(set_states(white_box_keys.TABLE, _several, words.DISABLED))


@_offered
def delete_key(call: Call) -> dict[str, Any]:
    """Destroy a disabled white-box key at once; there is no window."""
    white_box_keys.destroy(call, white_box_keys.usable(call, call.params["KeyId"]))
    return {}


@_offered
def encrypt(call: Call) -> dict[str, Any]:
    """Encrypt 1 to 4,096 bytes in CBC, under the IV of the request or a random one."""
    key = white_box_keys.usable(call, call.params["KeyId"])
    plaintext = binary(call, "PlainText")
    if not 1 <= len(plaintext) <= words.MAX_PLAINTEXT_BYTES:
        raise invalid(call, f"the plaintext is {len(plaintext)} bytes, 1 to {words.MAX_PLAINTEXT_BYTES} are possible")
    # An empty text is the same as none, as for every optional text of the API.
    iv_text = call.params.get("InitializationVector")
    iv = binary(call, "InitializationVector") if iv_text else secrets.token_bytes(words.BLOCK_BYTES)
    if len(iv) != words.BLOCK_BYTES:
        raise invalid(call, f"the IV has {len(iv)} bytes, not {words.BLOCK_BYTES}")
    ciphertext = white_box_keys.encrypt(call, key, iv, plaintext)
    return {"InitializationVector": protocol.encode(iv), "CipherText": protocol.encode(ciphertext)}


@_offered
def overwrite_devices(call: Call) -> dict[str, Any]:
    """Bind a white-box key to up to 200 devices and no others; decrypt keys that were taken before stay as they are."""
    key = white_box_keys.usable(call, call.params["KeyId"])
    fingerprints = call.params.get("DeviceFingerprints", [])
    if len(fingerprints) > words.MAX_DEVICES:
        raise refuse(
            "LimitExceeded.FingerprintsLimitExceeded",
            f"{len(fingerprints)} device fingerprints are given, at most {words.MAX_DEVICES} are possible",
        )
    devices = [_device(call, item) for item in fingerprints]
    if len({device.fingerprint for device in devices}) != len(devices):
        raise invalid(call, "a device fingerprint is given twice")
    white_box_keys.bind(call, key, devices)
    return {}


@_offered
def describe_devices(call: Call) -> dict[str, Any]:
    """List the devices that a white-box key is bound to."""
    devices = white_box_keys.devices(call, white_box_keys.usable(call, call.params["KeyId"]))
    return {
        "DeviceFingerprints": [
            {"Identity": device.fingerprint, "Description": device.description} for device in devices
        ]
    }


def describe_service(call: Call) -> dict[str, Any]:
    """Return whether this region has white-box keys."""
    return {"ServiceEnabled": call.region.name in WHITE_BOX}


def _device(call: Call, fields: dict[str, str]) -> Device:
    device = Device(fields["Identity"], fields.get("Description", ""))
    try:
        binding.check_fingerprint(device.fingerprint)
    except InputError as error:
        raise invalid(call, error.message) from error
    size = len(device.description.encode())
    if size > words.MAX_DESCRIPTION_BYTES:
        raise invalid(
            call, f"a device's description is {size} bytes, at most {words.MAX_DESCRIPTION_BYTES} are possible"
        )
    return device
