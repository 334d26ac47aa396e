"""The services of API 3.0 that share the port's root: the KMS, the stub of STS, and the tag service.

A request names one by its version, of which STS and the tag service have the same.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from kmstool.api import protocol
from kmstool.server import tag_service
from kmstool.server.app import EmbeddedKms, writes
from kmstool.server.call import refuse
from kmstool.server.web import sts
from kmstool.server.web.claims import SignedCall


class CurrentServices:
    """The KMS of 2019, STS and the tag service, as `desk.Service`."""

    def reads(self, call: SignedCall) -> bool:
        """Return whether a call only reads."""
        if _is_for_tags(call):
            return not tag_service.writes(call.action)
        if call.version == sts.VERSION:
            return call.action == sts.IDENTITY
        return call.version == protocol.VERSION and not writes(call.action, call.params)

    def perform(self, kms: EmbeddedKms, call: SignedCall) -> Mapping[str, Any]:
        """Perform an action of the service whose version is asked for."""
        if _is_for_tags(call):
            return {"Response": tag_service.call(kms, call.action, call.params)}
        if call.version == sts.VERSION:
            return {"Response": sts.call(kms, call.action, call.params, call.secret_id)}
        if call.version == protocol.VERSION:
            return {"Response": kms.call(call.action, call.params, call.region, as_text=call.is_form)}
        raise refuse("NoSuchVersion", f"there is no version {call.version!r}")

    def refusal(self, code: str, message: str, request_id: str | None) -> Mapping[str, Any]:
        """Return the object that refuses a call."""
        fields = {"Error": {"Code": code, "Message": message}, "RequestId": request_id or str(uuid.uuid4())}
        return {"Response": fields}


def _is_for_tags(call: SignedCall) -> bool:
    return call.version == tag_service.VERSION and call.action in tag_service.ACTIONS
