"""The transport over Tencent's own SDK, for those who must go through the vendor's client.

The SDK signs and sends; all else is ours: no retries, breaker, proxies, credentials of netrc or
redirections of its own, nothing logged, every failure translated. What it cannot be taught is
that an answer has one reading only, and that a deadline is for all of an answer and not for
each part of it.
"""

from __future__ import annotations

import base64
import importlib
import logging
import re
import ssl
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from typing import Any
from urllib.parse import quote

from kmstool.api import protocol
from kmstool.errors import (
    AccessError,
    InputError,
    KmsToolError,
    NetworkError,
    NobodyThereError,
    Reason,
    ServiceError,
    UnreachableError,
)
from kmstool.kms.provider import Provider
from kmstool.kms.transport import failures, sockets, trust
from kmstool.kms.transport.cloud import credential_of, response_of
from kmstool.kms.transport.deadline import TIMEOUT_SECONDS, Deadline
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.kms.transport.failures import GATEWAY
from kmstool.kms.transport.proxies import Proxy
from kmstool.system import hosts

_HOST = "kms.tencentcloudapi.com"
_LOGGER = "tencentcloud_sdk_common"
_REFUSED = re.compile(r"Tunnel connection failed: ([1-5][0-9]{2})\b")
# Of requests and urllib3: nothing has been sent before there was a connection.
_UNSENT = {"ConnectTimeout", "ConnectTimeoutError", "NewConnectionError", "NameResolutionError", "ProxyError"}


class SdkTransport:
    """KMS in one region by `CommonClient.call_json`; takes what `CloudTransport` takes.

    Raises `InputError` where the SDK is not installed, and for a Unix socket, which it does not know.
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
        server = Endpoint.parse(endpoint or _HOST)
        if server.socket_path:
            raise InputError("Tencent's SDK knows no Unix sockets", hint="name the endpoint by its host and port")
        self._server, self._shown, self._origin = server, server.shown, ""
        self._provider = provider
        self._timeout, self._deadline = timeout, deadline
        self._signer = _Signer(provider)
        self._client, self._fault = _client(self._signer, region, server, ca_bundle)
        self._client.request.conn._session.hooks["response"].append(self._note)  # noqa: SLF001 - it has no other name
        weakref.finalize(self, self._client.request.conn._session.close)  # noqa: SLF001 - it has no other name

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send one request; see `Transport`. A temporary credential that was refused is renewed, once."""
        try:
            return self._send(action, params)
        except AccessError as error:
            if error.kms_code != "AuthFailure.TokenFailure" or not self._provider.renew():
                raise
            return self._send(action, params)

    def _send(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        self._client.request.conn.timeout = self._seconds()
        try:
            with self._deadline.running() if self._deadline else nullcontext():
                answer = self._client.call_json(action, dict(params))
        except KmsToolError:
            # Of the credential, which the SDK asks for.
            raise
        except self._fault as error:
            raise self._translated(error) from error
        except OSError as error:
            # Of requests, while it reads an answer that has begun.
            raise NetworkError(f"the answer of {self._shown} was cut short", hint=GATEWAY) from error
        except ValueError as error:
            message = f"the answer of KMS was cut short or is not JSON ({self._origin})"
            raise NetworkError(message, hint=GATEWAY) from error
        except (KeyError, TypeError) as error:
            raise ServiceError(f"KMS answered without a Response ({self._origin})", hint=GATEWAY) from error
        return response_of(answer, self._origin)

    def _note(self, response: Any, **_: Any) -> None:
        told = [response.headers.get(name) for name in ("Server", "Content-Type")]
        self._origin = failures.status(response.status_code, *told)

    def _seconds(self) -> float:
        left = self._deadline.end(self._timeout) - time.monotonic() if self._deadline else self._timeout
        if left <= 0:
            message = f"cannot reach {self._shown}: the time for this command is used up"
            raise UnreachableError(message, reason=Reason.DEADLINE_PASSED)
        return left

    def _translated(self, error: Any) -> KmsToolError:
        code, message = str(error.get_code()), str(error.get_message())
        if code == "ServerNetworkError":
            return NetworkError(f"{self._shown} answered with {self._origin}", hint=GATEWAY)
        if code == "ClientNetworkError":
            return _unreached(self._server, error)
        if code.startswith("Client"):
            return KmsToolError(f"Tencent's SDK failed: {code}")
        refusal = protocol.error(code, message, error.get_request_id())
        if isinstance(refusal, AccessError):
            refusal.facts["credential"] = self._signer.told
        return refusal


class _Signer:
    """What the SDK takes for a credential: it asks anew for each request."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self.told = ""
        """Whose credential was used last, and where it is from."""

    def get_credential_info(self) -> tuple[str, str, str | None]:
        credential = credential_of(self._provider)
        self.told = f"{credential.masked_id} from {self._provider.source}"
        return credential.secret_id, credential.secret_key, credential.token or None


def _client(signer: _Signer, region: str, server: Endpoint, ca_bundle: str | None) -> tuple[Any, type[Exception]]:
    """Return a `CommonClient` that does nothing but to sign and send, once and to one place; and what it raises."""
    try:
        # It takes longer to import than most commands to run.
        from tencentcloud.common.common_client import CommonClient  # noqa: PLC0415
        from tencentcloud.common.exception import TencentCloudSDKException  # noqa: PLC0415
        from tencentcloud.common.profile.client_profile import ClientProfile  # noqa: PLC0415
        from tencentcloud.common.profile.http_profile import HttpProfile  # noqa: PLC0415
    except ImportError as error:
        raise InputError("Tencent's SDK is not installed", hint="pip install 'kmstool[sdk]'") from error
    trusted = trust.certificates(ca_bundle)
    http = HttpProfile(
        protocol=server.scheme,
        endpoint=server.authority,
        keepAlive=True,
        # One place, of those that a variable may name; the context below has them all.
        certification=trusted.paths[0] if server.scheme == "https" else None,
    )
    client = CommonClient("kms", protocol.VERSION, signer, region, ClientProfile(httpProfile=http, language="en-US"))
    # It writes whole requests, with plaintexts, to whoever listens.
    logging.getLogger(_LOGGER).disabled = True
    way, session = client.request.conn, client.request.conn._session  # noqa: SLF001 - as above
    proxy = server.proxy
    way.proxy = dict.fromkeys(("http", "https"), _url(proxy)) if proxy else None
    # No proxies of variables, which are read by other rules, and no Authorization of netrc in place of the signature.
    session.trust_env = False
    session.max_redirects = 0
    if server.scheme == "https":
        session.mount("https://", _adapter(trust.context(trusted)))
    return client, TencentCloudSDKException


def _url(proxy: Proxy) -> str:
    user = ""
    if proxy.authorization:
        pair = base64.b64decode(proxy.authorization.partition(" ")[2]).partition(b":")
        user = f"{quote(pair[0], safe='')}:{quote(pair[2], safe='')}@"
    return f"{proxy.scheme}://{user}{hosts.with_port(proxy.host, proxy.port)}"


def _adapter(context: ssl.SSLContext) -> Any:
    """Return what connects for requests with our settings of TLS: of its own it is strict since Python 3.13."""
    adapters: Any = importlib.import_module("requests.adapters")

    class Adapter(adapters.HTTPAdapter):  # type: ignore[misc]
        def init_poolmanager(self, *arguments: Any, **settings: Any) -> Any:
            return super().init_poolmanager(*arguments, ssl_context=context, **settings)

        def proxy_manager_for(self, proxy: str, **settings: Any) -> Any:
            return super().proxy_manager_for(proxy, ssl_context=context, proxy_ssl_context=context, **settings)

    return Adapter()


def _unreached(server: Endpoint, error: BaseException) -> KmsToolError:
    causes, shown, proxy = list(_causes(error)), server.shown, server.proxy
    refused = next((match for cause in causes if (match := _REFUSED.match(str(cause)))), None)
    if proxy and refused:
        return failures.of_proxy(shown, proxy, sockets.Refused(int(refused[1]), None))
    untrusted = any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes)
    if untrusted or any(type(cause).__name__ in _UNSENT for cause in causes):
        reason = "its certificate is not trusted" if untrusted else "there is no connection"
        nobody = any(isinstance(cause, ConnectionRefusedError) for cause in causes)
        kind = NobodyThereError if nobody else UnreachableError
        return kind(f"cannot reach {shown}: {reason}", reason=Reason.UNREACHABLE)
    return NetworkError(f"{shown} gave no answer, or not in time", hint=GATEWAY)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what an error comes from; requests and urllib3 keep theirs in several places."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop()
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            further = (cause.__cause__, cause.__context__, getattr(cause, "reason", None), *cause.args)
            waiting += [one for one in further if isinstance(one, BaseException)]
