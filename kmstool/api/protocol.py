"""Tencent's wire words: the 69 actions of API version 2019-01-18, error codes, base64.

`actions.json` beside this file is the API's own model (fields, types, required marks,
error codes and rates per action), taken from Tencent's published SDKs. Client and
server meet only here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from kmstool import errors

VERSION = "2019-01-18"

# The longest matching prefix decides; every other code is a plain refusal (`ServiceError`).
_CLASSES: dict[str, type[errors.KmsToolError]] = {
    "AuthFailure": errors.AccessError,
    "UnauthorizedOperation": errors.AccessError,
    "InvalidParameterValue.InvalidCiphertext": errors.IntegrityError,
    "FailedOperation.DecryptError": errors.IntegrityError,
    "ResourceNotFound": errors.NotFoundError,
    "ResourceUnavailable": errors.KeyStateError,
    "ResourceUnavailable.CmkNotFound": errors.NotFoundError,
    "ResourceUnavailable.DataKeyNotFound": errors.NotFoundError,
    "ResourceUnavailable.CloudResourceBindingNotFound": errors.NotFoundError,
    "InvalidParameterValue.InvalidKeyUsage": errors.KeyStateError,
    "FailedOperation.CmkUsedByCloudProduct": errors.KeyStateError,
    "UnsupportedOperation.ExternalCmkCanNotRotate": errors.KeyStateError,
    "UnsupportedOperation.NotExternalCmk": errors.KeyStateError,
    "UnsupportedOperation.RotateNotSupported": errors.KeyStateError,
    "LimitExceeded": errors.LimitError,
    "RequestLimitExceeded": errors.LimitError,
}

# Actions that leave the service as it was begin with one of these words.
_READING = (
    "Describe", "List", "GetKey", "GetPublic", "GetRegions", "GetService", "GetDataKey", "GenerateRandom",
    "Encrypt", "Decrypt", "ReEncrypt", "Sign", "Verify", "Asymmetric", "PostQuantum",
)  # fmt: skip


# Changing actions that lead to the same state when they are repeated. A second GetParametersForImport
# voids the token of the first, which nobody has seen.
_STATES = ("Enable", "Disable", "Bind", "Update", "Overwrite", "GetParametersForImport", "ImportKeyMaterial")


# Parameters that hold a secret, or may.
_SECRETS = ("Plaintext", "PlainText", "ImportKeyMaterial")
_HIDDEN = "(not shown)"


@dataclass(frozen=True, slots=True)
class Action:
    """What the API says of one action; field types are written as in `actions.json`, `!` = always there."""

    request: Mapping[str, str]
    response: Mapping[str, str]
    errors: tuple[str, ...]
    qps: int


@cache
def _model() -> dict[str, Any]:
    model: dict[str, Any] = json.loads(Path(__file__).with_name("actions.json").read_bytes())
    return model


@cache
def actions() -> Mapping[str, Action]:
    """Return all actions of the API by name."""
    return {
        name: Action(fields["request"], fields["response"], tuple(fields["errors"]), fields["qps"])
        for name, fields in _model()["actions"].items()
    }


def object_fields(name: str) -> Mapping[str, str] | None:
    """Return the fields of a shared object such as `KeyMetadata`, None for a type that is no object."""
    fields: Mapping[str, str] | None = _model()["objects"].get(name)
    return fields


def changes(action: str, params: Mapping[str, Any]) -> bool:
    """Return whether a request changes anything in the service; of unknown actions this is assumed."""
    if action == "GenerateDataKey":
        return str(params.get("IsHostedByKms") or 0) != "0"
    return not action.startswith(_READING)


def secrets_of(params: Mapping[str, Any]) -> list[str]:
    """Return the names of those parameters of a request that hold a secret, or may."""
    return [name for name in params if name in _SECRETS]


def without_secrets(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as it may be shown: what it holds in plaintext that is secret is left out."""
    return {name: _HIDDEN if name in _SECRETS else value for name, value in params.items()}


def is_repeatable(action: str, params: Mapping[str, Any]) -> bool:
    """Return whether a request may be sent again while it is not known if the first one took effect.

    What changes nothing may, and what brings about a state rather than a new thing.
    """
    return not changes(action, params) or action.startswith(_STATES)


def error(
    code: str, message: str, request_id: str | None = None, facts: Mapping[str, str] | None = None
) -> errors.KmsToolError:
    """Make the exception for an error code of KMS, known or new; `facts` are for its hint."""
    prefix = code
    while prefix not in _CLASSES and "." in prefix:
        prefix = prefix.rpartition(".")[0]
    kind = _CLASSES.get(prefix, errors.ServiceError)
    return kind(message, kms_code=code, request_id=request_id, facts=facts)


def encode(data: bytes) -> str:
    """Return standard base64 with padding and no line breaks, as all binary fields are written."""
    return base64.b64encode(data).decode("ascii")


def decode(text: str) -> bytes:
    """Undo `encode`; raise `ValueError` for any text that `encode` does not write."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as fault:
        raise ValueError(str(fault)) from fault
    if encode(data) != text:
        raise ValueError("not canonical base64")
    return data
