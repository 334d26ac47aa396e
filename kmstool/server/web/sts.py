"""Stubs of STS (version 2018-08-13) and of a machine's metadata service, so that temporary credentials work offline.

Any role may be assumed: there is one account here. Web identities and the metadata service
are served only where the owner asked for it, to who knows a secret.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Mapping
from typing import Any

from kmstool.server.app import EmbeddedKms
from kmstool.server.call import refuse
from kmstool.server.tables import credentials
from kmstool.server.tables.cmks import UIN
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.vault import Vault

VERSION = "2018-08-13"
WEB_IDENTITY = "AssumeRoleWithWebIdentity"
IDENTITY = "GetCallerIdentity"
METADATA_PATH = "/latest/meta-data/cam/security-credentials/"
ROLE = "kmstool-local"
PARAMETERS = {
    "AssumeRole": (
        "RoleArn", "RoleSessionName", "DurationSeconds", "Policy", "ExternalId", "Tags", "SourceIdentity",
        "SerialNumber", "TokenCode",
    ),
    WEB_IDENTITY: ("ProviderId", "WebIdentityToken", "RoleArn", "RoleSessionName", "DurationSeconds"),
    IDENTITY: (),
}  # fmt: skip
"""The parameters of each action, of which some mean nothing here."""

_ROLE_ID = "4611686018427387904"
_DEFAULT_SECONDS = 7200
_MAX_SECONDS = 43200
_REQUIRED = {
    "AssumeRole": ("RoleArn", "RoleSessionName"),
    WEB_IDENTITY: ("ProviderId", "WebIdentityToken", "RoleArn", "RoleSessionName"),
}
_KINDS = {"AssumeRole": credentials.ROLE, WEB_IDENTITY: credentials.WEB_IDENTITY}


def call(kms: EmbeddedKms, action: str, params: Mapping[str, Any], signer: str) -> dict[str, Any]:
    """Serve an action; the answer holds Credentials and ExpiredTime, or says who signed.

    `signer` is the id of the API key that signed, or of the web identity token: the new key
    comes from that, and ends with it.
    """
    if action not in PARAMETERS:
        raise refuse("InvalidAction", f"the STS stub has no action {action!r}")
    if action == IDENTITY:
        return {**_caller(kms, signer), "RequestId": str(uuid.uuid4())}
    for name in _REQUIRED[action]:
        if not params.get(name):
            raise refuse("MissingParameter", f"the parameter {name} is missing")
    try:
        seconds = int(params.get("DurationSeconds") or _DEFAULT_SECONDS)
    except (TypeError, ValueError) as error:
        raise refuse("InvalidParameter", "DurationSeconds is not a number") from error
    if not 0 < seconds <= _MAX_SECONDS:
        raise refuse("InvalidParameter", f"DurationSeconds is {seconds}, 1 to {_MAX_SECONDS} are possible")
    with kms.transaction(write=True) as opened:
        credentials.remove_expired(opened.db)
        credential = credentials.derive(opened.db, opened.vault, _KINDS[action], signer, seconds)
    return {
        "Credentials": {
            "Token": credential.token,
            "TmpSecretId": credential.secret_id,
            "TmpSecretKey": credential.secret_key,
        },
        "ExpiredTime": credential.expires_unix,
        "Expiration": _expiration(credential),
        "RequestId": str(uuid.uuid4()),
    }


def _caller(kms: EmbeddedKms, signer: str) -> dict[str, str]:
    """Say who signed: the owner of the one account here, or a role of it (page 1312/66098)."""
    with kms.transaction(write=False) as opened:
        signing = credentials.find(opened.db, opened.vault, signer)
    account = str(UIN)
    known = {"AccountId": account, "PrincipalId": account}
    if signing is None or signing.kind == credentials.LASTING:
        return {**known, "Type": "CAMUser", "UserId": account, "Arn": f"qcs::cam:{account}:uin/{account}"}
    arn = f"qcs::sts:{account}:assumed-role/{_ROLE_ID}"
    return {**known, "Type": "CAMRole", "UserId": f"{_ROLE_ID}:{ROLE}", "Arn": arn}


def identity(kms: EmbeddedKms, params: Mapping[str, Any]) -> str:
    """Return the id of the web identity token of a request; raise the API's error unless this server issued it."""
    if not params.get("WebIdentityToken"):
        raise refuse("MissingParameter", "the parameter WebIdentityToken is missing")
    with kms.transaction(write=False) as opened:
        token = credentials.find_bearer(opened.db, opened.vault, params["WebIdentityToken"])
    if token is None:
        raise refuse("InvalidParameter.WebIdentityTokenError", "the token was not issued here, or has expired")
    return token.secret_id


def metadata(kms: EmbeddedKms, path: str) -> bytes | None:
    """Answer a path of the metadata service: the role's name, or its credentials as JSON; None for others.

    As in the cloud, the same credentials are given until half of their time is over.
    """
    if path == METADATA_PATH:
        return ROLE.encode()
    if path != METADATA_PATH + ROLE:
        return None
    with kms.transaction(write=True) as opened:
        lasting = credentials.all_lasting(opened.db, opened.vault)
        if not lasting:
            return None
        credential = _of_the_machine(opened.db, opened.vault, lasting[0].secret_id)
    return json.dumps(
        {
            "TmpSecretId": credential.secret_id,
            "TmpSecretKey": credential.secret_key,
            "Token": credential.token,
            "ExpiredTime": credential.expires_unix,
            "Expiration": _expiration(credential),
            "Code": "Success",
        }
    ).encode()


def _of_the_machine(db: sqlite3.Connection, vault: Vault, parent_id: str) -> ServedCredential:
    credentials.remove_expired(db)
    kept = credentials.latest(db, vault, credentials.METADATA, parent_id, _DEFAULT_SECONDS // 2)
    return kept or credentials.derive(db, vault, credentials.METADATA, parent_id, _DEFAULT_SECONDS)


def _expiration(credential: ServedCredential) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(credential.expires_unix))
