"""The transport to the KMS of 2017: one signed form a call to `/v2/index.php`, and every failure translated."""

from __future__ import annotations

import secrets
import time
import weakref
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from kmstool import __version__
from kmstool.api import beta, tc3
from kmstool.errors import AccessError, InputError, NetworkError, ServiceError
from kmstool.kms.port import check_texts
from kmstool.kms.provider import Provider
from kmstool.kms.transport import json_answers
from kmstool.kms.transport.cloud import credential_of
from kmstool.kms.transport.connection import Answer, Connection
from kmstool.kms.transport.deadline import TIMEOUT_SECONDS, Deadline
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.kms.transport.failures import GATEWAY

_NONCES = 2**62
_TOKEN_REFUSED = str(beta.Code.TOKEN.value)
_MAX_DIGITS = 6


def host_of(region: str) -> str:
    """Return the host of the API in a region, such as `ap-guangzhou`; raise `InputError` where there was none."""
    short = next((name for name, region_name in beta.REGIONS.items() if region_name == region), None)
    if short is None:
        raise InputError(
            f"the KMS of 2017 was not in {region}", hint="it was in " + ", ".join(sorted(beta.REGIONS.values()))
        )
    return f"kms-{short}.api.qcloud.com"


class BetaTransport:
    """The KMS of 2017 in one region; `endpoint` is a host, host:port or URL, None for the usual one.

    A `Transport`, but for its actions, parameters and answers, which are those of that API.
    """

    def __init__(
        self,
        provider: Provider,
        region: str,
        *,
        endpoint: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        ca_bundle: str | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        usual = host_of(region)
        server = Endpoint.parse(endpoint or usual)
        self._provider = provider
        # Its hosts say for which region they are; any other one has to be told.
        self._region = "" if beta.region_of_host(server.host) else region
        self._authority = server.authority
        self._signer = ""
        self._connection = Connection(server, timeout, ca_bundle, deadline)
        # The connection is kept for the next request, and closed with this object.
        weakref.finalize(self, self._connection.close)

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request and return the fields of its answer; a temporary credential that was refused is renewed, once.

        Raises what `beta.error` makes of the API's codes, else as a `Transport` does.
        """
        try:
            return self._send(action, params)
        except AccessError as error:
            if error.kms_code != _TOKEN_REFUSED or not self._provider.renew():
                raise
            return self._send(action, params)

    def _send(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        body = urlencode(self._signed(action, params)).encode("ascii")
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self._connection.exchange("POST", headers, body, beta.PATH)
        if answer.status != HTTPStatus.OK:
            raise NetworkError(f"{self._authority} answered with {answer.origin}", hint=GATEWAY)
        try:
            return _fields(action, answer)
        except AccessError as error:
            error.facts["credential"] = self._signer
            raise

    def _signed(self, action: str, params: Mapping[str, Any]) -> dict[str, str]:
        check_texts(params)
        credential = credential_of(self._provider)
        self._signer = f"{credential.masked_id} from {self._provider.source}"
        fields = {name: str(value) for name, value in params.items()}
        for name, value in fields.items():
            if value.startswith("@"):
                # Tencent's own clients leave such values out of the signature.
                raise InputError(f"the value of {name} begins with @, which the signature of 2017 does not cover")
        fields |= {
            "Action": action,
            "Nonce": str(1 + secrets.randbelow(_NONCES)),
            "RequestClient": f"kmstool_{__version__}",
            "SecretId": credential.secret_id,
            "SignatureMethod": "HmacSHA256",
            "Timestamp": str(int(time.time())),
        }
        if credential.token:
            fields["Token"] = credential.token
        if self._region:
            fields["Region"] = self._region
        fields["Signature"] = tc3.sign_v1("POST", self._authority, beta.PATH, fields, credential.secret_key)
        return fields


def _fields(action: str, received: Answer) -> dict[str, Any]:
    """Return the answer's object, whatever content type a gateway gave it, if its code is 0."""
    answer = json_answers.read(received)
    code = answer.get("code") if isinstance(answer, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) <= _MAX_DIGITS:
        # Some services of that API wrote it as text.
        code = int(code)
    if not isinstance(answer, dict) or not isinstance(code, int) or isinstance(code, bool):
        raise ServiceError(f"the KMS of 2017 answered without a code ({received.origin})", hint=GATEWAY)
    if code == 0:
        return answer
    message, request_id = answer.get("message"), answer.get("requestId")
    raise beta.error(
        action,
        code,
        message if isinstance(message, str) and message else f"the KMS of 2017 refused {action}",
        request_id if isinstance(request_id, str) else None,
    )
