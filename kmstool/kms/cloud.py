"""The transport to Tencent Cloud over its official SDK: one signed request a call, and every failure translated.

The SDK's retry class is never used (once a request has failed it reports failure even
after a success), and its logger, which writes plaintexts and signatures, is shut off.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Mapping
from typing import Any

from tencentcloud.common.common_client import CommonClient
from tencentcloud.common.exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

from kmstool import protocol
from kmstool.errors import AccessError, KmsToolError, NetworkError, ServiceError
from kmstool.kms.credentials import Provider
from kmstool.kms.endpoint import Endpoint, certificates

TIMEOUT_SECONDS = 30

_LOGGER = "tencentcloud_sdk_common"


class CloudTransport:
    """A service of Tencent Cloud in one region; `endpoint` is a host, host:port or URL, None for the usual one."""

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
    ) -> None:
        self._provider = provider
        self._timeout = timeout
        self._client = client = self._make_client(
            region, endpoint or f"{service}.tencentcloudapi.com", service, version, ca_bundle
        )
        # Connections are kept for the next request, and closed with this object.
        weakref.finalize(self, client.request.conn._session.close)  # noqa: SLF001 - there is no public way

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request; see `Transport`. A temporary credential that was refused is renewed, once."""
        try:
            return self._send(action, params)
        except AccessError as error:
            if error.kms_code != "AuthFailure.TokenFailure" or self._provider is None or not self._provider.renew():
                raise
            return self._send(action, params)

    def _send(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        try:
            answer = self._client.call_json(action, dict(params), options={"SkipSign": self._provider is None})
        except TencentCloudSDKException as error:
            raise self._translated(error) from error
        except KmsToolError:
            raise
        except Exception as error:
            # A body that ends early or is no JSON surfaces as whatever the lower library raises.
            raise NetworkError(
                "the answer of KMS was cut short or is not JSON", hint="is there a gateway or proxy on the way?"
            ) from error
        return _inner(answer)

    def _translated(self, error: Any) -> KmsToolError:
        if error.code == "ClientNetworkError":
            return NetworkError(
                f"cannot reach {self._endpoint}: {_reason(str(error.message))}",
                hint="check the network, proxy and endpoint: kmstool doctor",
            )
        if error.code == "ServerNetworkError":
            return NetworkError(
                f"{self._endpoint} answered with an HTTP error", hint="is there a gateway or proxy on the way?"
            )
        return protocol.error(str(error.code), str(error.message), error.requestId)

    def _make_client(self, region: str, endpoint: str, service: str, version: str, ca_bundle: str | None) -> Any:
        _silence()
        place = Endpoint.parse(endpoint)
        self._endpoint = place.authority
        http = HttpProfile(protocol=place.scheme, endpoint=place.authority, reqTimeout=self._timeout, keepAlive=True)
        http.certification = ca_bundle or certificates()
        client = CommonClient(service, version, _SdkCredential(self._provider), region, ClientProfile(httpProfile=http))
        client.profile.language = "en-US"
        connection = client.request.conn
        connection.proxy = dict(place.proxies) or None
        # Neither ~/.netrc nor the environment adds to a request, and none is sent on to another place.
        connection._session.trust_env = False  # noqa: SLF001 - there is no public way
        connection._session.max_redirects = 0  # noqa: SLF001 - as above
        return client


class _SdkCredential:
    """What the SDK asks for the parts of a credential, once a request."""

    def __init__(self, provider: Provider | None) -> None:
        self._provider = provider

    def get_credential_info(self) -> tuple[str, str, str]:
        if self._provider is None:
            return "", "", ""
        credential = self._provider.get()
        return credential.secret_id, credential.secret_key, credential.token


def _inner(answer: Any) -> dict[str, Any]:
    """Return the inner object. The SDK looks for an error only under two content types, so look again."""
    response = answer.get("Response") if isinstance(answer, dict) else None
    if not isinstance(response, dict):
        raise ServiceError(
            "KMS answered without a Response", hint="is there a gateway that rewrites answers on the way?"
        )
    error = response.get("Error")
    if isinstance(error, dict):
        raise protocol.error(str(error.get("Code")), str(error.get("Message")), response.get("RequestId"))
    return response


def _silence() -> None:
    logger = logging.getLogger(_LOGGER)
    logger.disabled = True
    logger.propagate = False


def _reason(text: str) -> str:
    """Say what requests says in a few words; its own may hold the address of a proxy with a password."""
    for sign, reason in (
        ("Name or service not known", "the name is not known"),
        ("name resolution", "the name cannot be resolved now"),
        ("CERTIFICATE_VERIFY_FAILED", "its certificate is not trusted"),
        ("doesn't match", "its certificate is for another name"),
        ("Connection refused", "connection refused"),
        ("timed out", "no answer in time"),
        ("ProxyError", "the proxy refuses or does not answer"),
        ("Connection reset", "connection reset"),
        ("closed connection without response", "the connection was closed without an answer"),
        ("Connection aborted", "the connection was closed without an answer"),
    ):
        if sign in text:
            return reason
    return "the connection failed"
