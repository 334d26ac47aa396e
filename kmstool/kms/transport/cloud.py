"""The transport to Tencent Cloud: one signed request a call, and every failure translated.

Not over Tencent's SDK (`sdk.py` is, for who asks for it): it takes longer to start, logs plaintexts,
sees errors under two content types only, and its retries repeat what succeeded.
"""

from __future__ import annotations

import json
import time
import weakref
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from kmstool.api import protocol, tc3
from kmstool.errors import AccessError, KmsToolError, NetworkError, ServiceError, UnreachableError
from kmstool.kms.answers import missing
from kmstool.kms.provider import Credential, Provider
from kmstool.kms.transport import json_answers
from kmstool.kms.transport.connection import Answer, Connection
from kmstool.kms.transport.deadline import TIMEOUT_SECONDS, Deadline
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.kms.transport.failures import GATEWAY

_CONTENT_TYPE = "application/json"


class CloudTransport:
    """A service of Tencent Cloud in one region; `endpoint` is a host, host:port or URL, None for the usual one.

    Without a provider requests are not signed, as STS wants it of who has only a token yet.
    """

    def __init__(
        self,
        provider: Provider | None,
        region: str,
        *,
        endpoint: str | None = None,
        timeout: float = TIMEOUT_SECONDS,
        service: str = "kms",
        version: str = protocol.VERSION,
        ca_bundle: str | None = None,
        deadline: Deadline | None = None,
    ) -> None:
        server = Endpoint.parse(endpoint or f"{service}.tencentcloudapi.com")
        self._provider = provider
        self._region = region
        self._authority = server.authority
        self._signer = ""
        self._service = service
        self._version = version
        self._connection = Connection(server, timeout, ca_bundle, deadline)
        # The connection is kept for the next request, and closed with this object.
        weakref.finalize(self, self._connection.close)

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request; see `Transport`. A temporary credential that was refused is renewed, once."""
        try:
            return self._send(action, params)
        except AccessError as error:
            if error.kms_code != "AuthFailure.TokenFailure" or self._provider is None or not self._provider.renew():
                raise
            return self._send(action, params)

    def _send(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(dict(params)).encode()
        answer = self._connection.exchange("POST", self._headers(action, body), body)
        if answer.status != HTTPStatus.OK:
            raise NetworkError(f"{self._authority} answered with {answer.origin}", hint=GATEWAY)
        try:
            return _inner(answer)
        except AccessError as error:
            error.facts["credential"] = self._signer
            raise

    def _headers(self, action: str, body: bytes) -> dict[str, str]:
        timestamp = int(time.time())
        headers = {
            "Content-Type": _CONTENT_TYPE,
            "X-TC-Action": action[:1].upper() + action[1:],
            "X-TC-Version": self._version,
            "X-TC-Timestamp": str(timestamp),
            "X-TC-Language": "en-US",
        }
        if self._region:
            headers["X-TC-Region"] = self._region
        if self._provider is None:
            return {**headers, "Authorization": "SKIP"}
        credential = credential_of(self._provider)
        self._signer = f"{credential.masked_id} from {self._provider.source}"
        if credential.token:
            headers["X-TC-Token"] = credential.token
        request = tc3.Request("POST", "", {"content-type": _CONTENT_TYPE, "host": self._authority}, body)
        signed = tc3.sign(request, credential.secret_id, credential.secret_key, timestamp, self._service)
        return {**headers, "Authorization": signed}


def credential_of(provider: Provider) -> Credential:
    """Return the credential to sign with; raise `UnreachableError` if where it comes from was not reached."""
    try:
        return provider.get()
    except NetworkError as error:
        # Where the credential comes from was not reached; to KMS nothing was sent.
        raise UnreachableError(error.message, hint=error.hint, reason=error.reason, facts=error.facts) from error


def _inner(received: Answer) -> dict[str, Any]:
    """Return the inner object, whatever content type a gateway gave it."""
    return response_of(json_answers.read(received), received.origin)


def response_of(answer: Any, origin: str) -> dict[str, Any]:
    """Return the inner object of an answer; raise what it refuses with, or `ServiceError` for what is no answer."""
    response = answer.get("Response") if isinstance(answer, dict) else None
    if not isinstance(response, dict):
        raise ServiceError(
            f"KMS answered without a Response ({origin})",
            hint="is there a gateway that rewrites answers on the way?",
        )
    if response.get("Error") is not None:
        raise _refused(response["Error"], response.get("RequestId"))
    if "Error" in answer:
        raise ServiceError(f"KMS answered with an Error beside its Response ({origin})", hint=GATEWAY)
    if not isinstance(response.get("RequestId"), str) or not response["RequestId"]:
        # Every answer has one; without it this is no answer of KMS, whatever else it holds.
        raise missing("RequestId")
    return response


def _refused(error: Any, request_id: Any) -> KmsToolError:
    fields = error if isinstance(error, dict) else {}
    code, message = fields.get("Code"), fields.get("Message")
    if not isinstance(code, str) or not code or not isinstance(message, str):
        # A refusal all the same: who reads on would take it for a success.
        return ServiceError("KMS answered with an Error that is malformed", hint=GATEWAY)
    return protocol.error(code, message, request_id)
