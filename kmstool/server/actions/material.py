"""Actions of imported key material: parameters to wrap it with, the import itself, deletion."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kmstool import byok, words
from kmstool.api import protocol
from kmstool.errors import InputError
from kmstool.server import due, materials
from kmstool.server.call import Call, binary, refuse
from kmstool.server.tables import cmks, imports


def get_parameters(call: Call) -> dict[str, Any]:
    """Give out a wrapping key and a token for 24 hours; those given out before are void from now on."""
    cmk = cmks.usable(call, call.params["KeyId"])
    if call.params["WrappingKeySpec"] != words.RSA_2048:
        raise refuse("InvalidParameter", f"WrappingKeySpec can only be {words.RSA_2048}")
    for algorithm in words.RSA_ALGORITHMS:
        if algorithm == call.params["WrappingAlgorithm"]:
            issued = imports.issue(call, cmk, algorithm)
            return {
                "KeyId": cmk.key_id,
                "ImportToken": protocol.encode(issued.token),
                "PublicKey": protocol.encode(issued.public_key),
                "ParametersValidTo": issued.valid_to,
            }
    raise refuse("InvalidParameter", f"the algorithm {call.params['WrappingAlgorithm']!r} is not known")


def import_material(call: Call) -> dict[str, Any]:
    """Take wrapped material: a key's first, or the same again, perhaps with another end of its validity."""
    cmk = cmks.usable(call, call.params["KeyId"])
    valid_to = _valid_to(call)
    brought = imports.unwrap(call, cmk, binary(call, "ImportToken"), binary(call, "EncryptedKeyMaterial"))
    algorithm = materials.algorithm_of(cmk.usage, call.region)
    if not materials.is_material(algorithm, brought):
        raise refuse(
            "InvalidParameter" if "U13" in call.assumed else "InvalidParameter.DecryptMaterialError",
            f"what was unwrapped is no material for {algorithm}, the cipher of {call.region.name}",
        )
    cmk = imports.put_material(call, cmk, brought)
    state = words.DISABLED if cmk.state == words.DISABLED else words.ENABLED
    cmks.update(call, replace(cmk, state=state, version=1, valid_to=valid_to))
    return {}


def delete_material(call: Call) -> dict[str, Any]:
    """Destroy the imported material of a key, which waits for its import again."""
    due.lose_material(call, cmks.usable(call, call.params["KeyId"]))
    return {}


def _valid_to(call: Call) -> int:
    valid_to: int = call.params.get("ValidTo", 0)
    if valid_to:
        try:
            byok.check_valid_to(valid_to, call.now)
        except InputError as error:
            raise refuse("InvalidParameter", error.message) from error
    return valid_to
