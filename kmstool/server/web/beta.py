"""The KMS of 2017 on its own path of the port: signed forms in, answers with a number for a code out."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from kmstool.api import beta
from kmstool.api.beta import Code
from kmstool.server.app import EmbeddedKms
from kmstool.server.beta import requests, service, signing
from kmstool.server.web import claims, older_signatures
from kmstool.server.web.claims import Lookup, SignedCall
from kmstool.server.web.http import HttpRequest

VERSION = "2017"
"""What stands in a call in place of a version, which that API does not know."""

# What was refused before the API was known, and what fault rules ask for; the longest prefix decides.
_CODES = {
    "AuthFailure": Code.SIGNATURE,
    "AuthFailure.SecretIdNotFound": Code.SECRET_ID,
    "AuthFailure.TokenFailure": Code.TOKEN,
    "InvalidParameter": Code.PARAMETER,
    "MissingParameter": Code.PARAMETER,
    "RequestSizeLimitExceeded": Code.PARAMETER,
    "UnsupportedProtocol": Code.PROTOCOL,
    "RequestLimitExceeded": Code.OVER_QUOTA,
    "InternalError": Code.INTERNAL,
    "ServiceUnavailable": Code.CLOSED,
}


class BetaService:
    """The API of 2017, as `desk.Service`."""

    def __init__(self) -> None:
        self._nonces = signing.Nonces()

    def authenticate(self, request: HttpRequest, lookup: Lookup) -> SignedCall:
        """Return the call if its signature is good; raise the error for each way in which it is not."""
        host = request.headers.get("host", "")
        fields = older_signatures.form(request, lookup)
        action = fields.get("Action", "")
        if "?" in host:
            raise beta.refuse(action, Code.PARAMETER, "the header host is malformed")
        hosts = list(claims.hosts(host))
        secret_id = signing.check(request.method, hosts, fields, lookup, self._nonces)
        region = next((named for named in map(beta.region_of_host, hosts) if named), None)
        own = {name: value for name, value in fields.items() if name not in beta.COMMON}
        return SignedCall(action, VERSION, region or requests.region_of(fields), own, secret_id)

    def reads(self, call: SignedCall) -> bool:
        """Return whether a call only reads."""
        return not service.writes(call.action)

    def perform(self, kms: EmbeddedKms, call: SignedCall) -> Mapping[str, Any]:
        """Perform an action."""
        return service.call(kms, call.action, call.params, call.region)

    def refusal(self, code: str, message: str, request_id: str | None) -> Mapping[str, Any]:
        """Return the object that refuses a call."""
        number = _number(code)
        return {
            "code": number,
            "message": message,
            "codeDesc": beta.code_name(number),
            "requestId": request_id or str(uuid.uuid4()),
        }


def _number(code: str) -> int:
    if code.isascii() and code.isdigit():
        return int(code)
    while code not in _CODES and "." in code:
        code = code.rpartition(".")[0]
    return _CODES.get(code, Code.FAILED)
