"""Temporary credentials: roles assumed through STS, the role of a CVM, the identity of a TKE pod.

Each is fetched when it is first needed and renewed before it expires.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from kmstool.errors import AccessError, NetworkError, ServiceError
from kmstool.kms.provider import MACHINE, POD, ROLE, Credential, Provider, RenewedProvider, checked
from kmstool.kms.transport.connection import Connection
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.system import ownership

STS_HOST = "sts.tencentcloudapi.com"
STS_VERSION = "2018-08-13"
METADATA = "http://metadata.tencentyun.com"
METADATA_TIMEOUT_SECONDS = 2

_ROLE_PATH = "/latest/meta-data/cam/security-credentials/"
_TKE = ("TKE_REGION", "TKE_PROVIDER_ID", "TKE_WEB_IDENTITY_TOKEN_FILE", "TKE_ROLE_ARN")
_SESSION = "kmstool"
_MAX_TOKEN_BYTES = 2**16

Sts = Callable[[str, Mapping[str, Any], Provider | None], Mapping[str, Any]]
"""Calls an action of STS, signed by a provider or, where that is None, not at all."""


def assume_role(base: Provider, role_arn: str, session_name: str, sts: Sts) -> Provider:
    """Return a provider of the role's credentials; `base` signs the requests for them."""
    params = {"RoleArn": role_arn, "RoleSessionName": session_name or _SESSION}
    source = f"the role {role_arn}, by {base.source}"
    return RenewedProvider(lambda: _credential(sts("AssumeRole", params, base), source), source, ROLE)


def from_tke(environ: Mapping[str, str], sts: Sts) -> Provider | None:
    """Return a provider of a pod's identity on TKE, None where its variables are not set."""
    if not is_pod(environ):
        return None
    _, provider_id, token_file, role_arn = (environ[name] for name in _TKE)
    source = f"the pod's role {role_arn}"

    def fetch() -> Credential:
        # The file is read each time: Kubernetes renews its content.
        try:
            # Kubernetes closes it for other pods and leaves it open to read in this one.
            token = ownership.read(Path(token_file), _MAX_TOKEN_BYTES, secret=False).decode().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise AccessError(f"cannot read the pod's identity {token_file}") from error
        params = {
            "ProviderId": provider_id,
            "WebIdentityToken": token,
            "RoleArn": role_arn,
            "RoleSessionName": _SESSION,
        }
        return _credential(sts("AssumeRoleWithWebIdentity", params, None), source)

    return RenewedProvider(fetch, source, POD)


def is_pod(environ: Mapping[str, str]) -> bool:
    """Return whether the variables of a pod on TKE that has an identity are all set."""
    return all(environ.get(name) for name in _TKE)


def from_cvm_role(metadata: str = METADATA, deadline: Deadline | None = None) -> Provider:
    """Return a provider of the role of this CVM; asking takes at most two seconds where there is none."""

    def fetch() -> Credential:
        role = _get(metadata, _ROLE_PATH, deadline).decode("utf-8", "replace").strip()
        try:
            fields = json.loads(_get(metadata, _ROLE_PATH + quote(role), deadline))
            if fields["Code"] != "Success":
                raise AccessError(f"the metadata service refuses credentials for the role {role}")
            return checked(
                fields["TmpSecretId"], fields["TmpSecretKey"], fields["Token"], int(fields["ExpiredTime"]),
                source="the CVM's role",
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise AccessError("the metadata service gave an answer that holds no credential") from error

    return RenewedProvider(fetch, "the CVM's role", MACHINE)


def _get(metadata: str, path: str, deadline: Deadline | None) -> bytes:
    """Ask the metadata service; no redirection is followed: credentials come from where they are asked for."""
    try:
        parts = urlsplit(metadata)
        # Link-local by nature, which like loopback no proxy is the way to.
        server = Endpoint("http", parts.netloc, parts.hostname or "", parts.port or 80, is_loopback=True)
        with contextlib.closing(Connection(server, METADATA_TIMEOUT_SECONDS, deadline=deadline)) as connection:
            answer = connection.exchange("GET", {}, target=parts.path.rstrip("/") + path)
    except (ValueError, NetworkError) as error:
        raise NetworkError(
            "the metadata service does not answer: this is no CVM, or it is closed", hint="use other credentials"
        ) from error
    if answer.status != HTTPStatus.OK:
        raise AccessError(
            f"the metadata service answered {answer.status}: this machine has no role",
            hint="bind a CAM role to the CVM",
        )
    return answer.body


def _credential(answer: Mapping[str, Any], source: str) -> Credential:
    try:
        fields = answer["Credentials"]
        return checked(
            fields["TmpSecretId"], fields["TmpSecretKey"], fields["Token"], int(answer["ExpiredTime"]), source=source
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ServiceError("STS answered without a credential") from error
