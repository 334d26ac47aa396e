"""The KMS of 2017 over the store of the embedded KMS: one action in, one answer out, every change on disk before it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from kmstool.api import beta
from kmstool.errors import KmsToolError
from kmstool.server.app import EmbeddedKms
from kmstool.server.beta import actions, requests
from kmstool.server.call import Call


class EmbeddedBeta:
    """The KMS of 2017 in one region over the store of an embedded KMS: a transport to it by itself."""

    def __init__(self, kms: EmbeddedKms, region_name: str) -> None:
        self._kms = kms
        self._region = region_name

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Serve an action and return the fields of its answer; raises as `call` does."""
        return call(self._kms, action, params, self._region)


def writes(action: str) -> bool:
    """Return whether an action may write to the store."""
    return action in beta.ACTIONS and beta.ACTIONS[action].writes


def call(kms: EmbeddedKms, action: str, params: Mapping[str, Any], region_name: str) -> dict[str, Any]:
    """Serve an action in a region and return the fields of its answer, with code 0 and a requestId.

    Raises what `beta.refuse` makes of the codes, and for faults of the store itself the error that says so.
    """
    request_id = str(uuid.uuid4())
    try:
        checked = requests.check(action, params)
        with kms.transaction(region_name, write=writes(action)) as opened:
            answer = actions.ACTIONS[action](Call.inside(opened, action, checked))
    except KmsToolError as error:
        error.request_id = error.request_id or request_id
        if error.kms_code and "U24" in kms.assumed():
            raise error.retold(beta.without_module_code(error.message)) from error
        raise
    return {"code": 0, "message": "", "codeDesc": beta.code_name(0), "requestId": request_id, **answer}
