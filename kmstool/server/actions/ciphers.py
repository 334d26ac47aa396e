"""Actions of symmetric cryptography: Encrypt, Decrypt, ReEncrypt, new data keys, random bytes."""

from __future__ import annotations

import json
import secrets
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import KmsToolError
from kmstool.server import blobs, wrapping
from kmstool.server.actions import data_keys
from kmstool.server.actions.parameters import choice, description
from kmstool.server.call import Call, binary, refuse
from kmstool.server.tables import cmks


def encrypt(call: Call) -> dict[str, Any]:
    """Encrypt 1 to 4,096 bytes."""
    cmk = cmks.usable(call, call.params["KeyId"])
    text = _context(call, "EncryptionContext")
    return {"KeyId": cmk.key_id, "CiphertextBlob": cmks.seal(call, cmk, _plaintext(call), text)}


def decrypt(call: Call) -> dict[str, Any]:
    """Open a blob; the key is named in it."""
    blob = blobs.parse(call.params["CiphertextBlob"])
    cmk = cmks.usable(call, blob.key_id)
    plaintext = _opened(call, cmk, blob, "EncryptionContext")
    return {"KeyId": cmk.key_id, "Plaintext": wrapping.plaintext_field(call, plaintext)}


def re_encrypt(call: Call) -> dict[str, Any]:
    """Move a blob to another key, context or newer version, or say that it is there already."""
    text = call.params["CiphertextBlob"]
    blob = blobs.parse(text)
    source = cmks.usable(call, blob.key_id, "Decrypt")
    destination = cmks.usable(call, call.params.get("DestinationKeyId") or source.key_id, "Encrypt")
    before, after = _context(call, "SourceEncryptionContext"), _context(call, "DestinationEncryptionContext")
    plaintext = _opened(call, source, blob, "SourceEncryptionContext")
    current = blob.key_id == destination.key_id and blob.version == destination.version
    unchanged = current and before == after
    return {
        "CiphertextBlob": text if unchanged else cmks.seal(call, destination, plaintext, after),
        "KeyId": destination.key_id,
        "SourceKeyId": source.key_id,
        "ReEncrypted": not unchanged,
    }


def generate_data_key(call: Call) -> dict[str, Any]:
    """Make a data key and return it both in plaintext and encrypted; keep it if that is asked for."""
    cmk = cmks.usable(call, call.params["KeyId"])
    hosted = choice(call, "IsHostedByKms")
    text = _context(call, "EncryptionContext")
    plaintext = secrets.token_bytes(_data_key_bytes(call))
    blob = cmks.seal(call, cmk, plaintext, text)
    # Its page limits the description, whether anything keeps it or not.
    description(call, words.MAX_DATA_KEY_DESCRIPTION_BYTES)
    kept = {}
    if hosted:
        kept = data_keys.host(call, cmk, blob, origin=words.GENERATED, byte_count=len(plaintext), context=text)
    return {
        "KeyId": cmk.key_id,
        "Plaintext": wrapping.plaintext_field(call, plaintext),
        "CiphertextBlob": blob,
        **kept,
    }


def generate_random(call: Call) -> dict[str, Any]:
    """Make 1 to 1,024 random bytes."""
    return {"Plaintext": protocol.encode(secrets.token_bytes(_random_bytes(call)))}


def _plaintext(call: Call) -> bytes:
    plaintext = binary(call, "Plaintext", "InvalidParameterValue.InvalidPlaintext")
    least = 0 if "U6" in call.assumed else 1
    if not least <= len(plaintext) <= words.MAX_PLAINTEXT_BYTES:
        raise refuse(
            "InvalidParameterValue.InvalidPlaintext",
            f"the plaintext is {len(plaintext)} bytes, {least} to {words.MAX_PLAINTEXT_BYTES} are possible",
        )
    return plaintext


def _opened(call: Call, cmk: cmks.Cmk, blob: blobs.Blob, field: str) -> bytes:
    context = _context(call, field)
    try:
        return cmks.unseal(call, cmk, blob, context)
    except KmsToolError:
        text = call.params.get(field, "")
        if context == text:
            raise
        # The store may have other blobs, of before this was assumed.
        return cmks.unseal(call, cmk, blob, text)


def _context(call: Call, field: str) -> str:
    """Return the text of a context, compared byte for byte later; it must be an object, and its values texts."""
    text: str = call.params.get(field, "")
    if not text:
        return ""
    if len(text) > words.MAX_CONTEXT_CHARACTERS:
        raise refuse("InvalidParameter", f"{field} is over {words.MAX_CONTEXT_CHARACTERS} characters")
    try:
        text.encode()
        pairs = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise refuse("InvalidParameter", f"{field} is not JSON") from error
    of_texts = "U7" in call.assumed or (isinstance(pairs, dict) and all(isinstance(v, str) for v in pairs.values()))
    if not isinstance(pairs, dict) or not of_texts:
        raise refuse("InvalidParameter", f"{field} is not an object of strings")
    if "U5" in call.assumed:
        return json.dumps(pairs, sort_keys=True, separators=(",", ":")) if pairs else ""
    return text


def _data_key_bytes(call: Call) -> int:
    if "NumberOfBytes" in call.params:
        return _random_bytes(call)
    spec = call.params.get("KeySpec", "")
    if spec not in words.KEY_SPECS:
        raise refuse("InvalidParameter", f"KeySpec {spec!r} is not AES_128 or AES_256, and NumberOfBytes is not given")
    return words.KEY_SPECS[spec]


def _random_bytes(call: Call) -> int:
    count: int = call.params["NumberOfBytes"]
    if not 1 <= count <= words.MAX_RANDOM_BYTES:
        raise refuse("InvalidParameter", f"NumberOfBytes is {count}, 1 to {words.MAX_RANDOM_BYTES} are possible")
    return count
