"""Stubs of STS (version 2018-08-13) and of a machine's metadata service, so that temporary credentials work offline.

Any role may be assumed and any web identity is believed: there is one account here.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from kmstool.server import credentials
from kmstool.server.app import EmbeddedKms
from kmstool.server.call import refuse

VERSION = "2018-08-13"
ACTIONS = ("AssumeRole", "AssumeRoleWithWebIdentity")
METADATA_PATH = "/latest/meta-data/cam/security-credentials/"
ROLE = "kmstool-local"

_DEFAULT_SECONDS = 7200
_MAX_SECONDS = 43200
_REQUIRED = {
    "AssumeRole": ("RoleArn", "RoleSessionName"),
    "AssumeRoleWithWebIdentity": ("ProviderId", "WebIdentityToken", "RoleArn", "RoleSessionName"),
}


def call(kms: EmbeddedKms, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Serve one of ACTIONS; the answer holds Credentials and ExpiredTime."""
    if action not in ACTIONS:
        raise refuse("InvalidAction", f"the STS stub has no action {action!r}")
    for name in _REQUIRED[action]:
        if not params.get(name):
            raise refuse("MissingParameter", f"the parameter {name} is missing")
    try:
        seconds = int(params.get("DurationSeconds") or _DEFAULT_SECONDS)
    except (TypeError, ValueError) as error:
        raise refuse("InvalidParameter", "DurationSeconds is not a number") from error
    if not 0 < seconds <= _MAX_SECONDS:
        raise refuse("InvalidParameter", f"DurationSeconds is {seconds}, 1 to {_MAX_SECONDS} are possible")
    made = _temporary(kms, seconds)
    return {
        "Credentials": {"Token": made.token, "TmpSecretId": made.secret_id, "TmpSecretKey": made.secret_key},
        "ExpiredTime": made.expires_unix,
        "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made.expires_unix)),
        "RequestId": str(uuid.uuid4()),
    }


def metadata(kms: EmbeddedKms, path: str) -> bytes | None:
    """Answer a path of the metadata service: the role's name, or its credentials as JSON; None for others."""
    if path == METADATA_PATH:
        return ROLE.encode()
    if path != METADATA_PATH + ROLE:
        return None
    made = _temporary(kms, _DEFAULT_SECONDS)
    return json.dumps(
        {
            "TmpSecretId": made.secret_id,
            "TmpSecretKey": made.secret_key,
            "Token": made.token,
            "ExpiredTime": made.expires_unix,
            "Expiration": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made.expires_unix)),
            "Code": "Success",
        }
    ).encode()


def _temporary(kms: EmbeddedKms, seconds: int) -> credentials.ServedCredential:
    with kms.request("DescribeKey", {}, write=True) as request:
        credentials.remove_expired(request.db)
        return credentials.create(request.db, request.vault(), seconds)
