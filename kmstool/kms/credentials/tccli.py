"""A profile of tccli as a whole: its login, the role that it names, and where it reaches KMS and STS. Read, never written.

Which identity it stands for is what tccli makes of it: the role of the CVM, else the role that is named, else the pod's,
else the login itself (tccli's `action_caller.py`). A login is never used by itself where a role is named.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmstool.errors import AccessError, InputError
from kmstool.kms.credentials import roles, tool_files
from kmstool.kms.credentials.roles import Sts
from kmstool.kms.provider import Credential, FixedProvider, Provider, checked

_USUAL_HOSTS = {"kms": "kms.tencentcloudapi.com", "sts": roles.STS_HOST}
_CVM_ROLE = "cvm-role"
# By the type of the login; what is of none was typed in.
_RENEWALS = {"oauth": "tccli auth login", "sso": "tccli sso login"}
_TYPES = {"", "default", _CVM_ROLE, *_RENEWALS}


@dataclass(frozen=True, slots=True)
class TccliProfile:
    """What the files of a profile say; an empty field says nothing."""

    name: str
    kind: str
    """`default`, `oauth`, `sso` or `cvm-role`."""
    login: Credential | None
    """None where the role of the CVM or of the pod is all."""
    role_arn: str
    role_session: str
    region: str
    endpoint: str
    """Of KMS, empty for the usual one."""
    sts_endpoint: str

    @property
    def source(self) -> str:
        """What people are told of where a credential comes from."""
        return f"tccli's profile {self.name}"

    @property
    def of_cvm(self) -> bool:
        """Whether it stands for the role of the CVM; tccli then passes over what else the file holds."""
        return self.kind == _CVM_ROLE

    def base(self) -> Provider:
        """Return the login; raise `AccessError` if there is none, or once it has expired and only tccli can renew it."""
        if self.login is None:
            raise AccessError(f"{self.source} holds no credential")
        provider = FixedProvider(self.login, self.source)
        if self.kind in _RENEWALS:
            try:
                provider.get()
            except AccessError as error:
                raise AccessError(error.message, hint=f"renew it: {_RENEWALS[self.kind]}") from error
        return provider

    def provider(self, environ: Mapping[str, str], sts: Sts, of_cvm: Callable[[], Provider]) -> Provider:
        """Return the identity that it stands for; `environ` may hold that of a pod. Raises as `base` does."""
        if self.of_cvm:
            return of_cvm()
        if self.role_arn:
            return roles.assume_role(self.base(), self.role_arn, self.role_session, sts)
        return roles.from_tke(environ, sts) or self.base()


def exists(home: Path, name: str, environ: Mapping[str, str]) -> bool:
    """Return whether tccli has a login under this name, or its settings in a pod that has an identity."""
    folder = home / ".tccli"
    return os.path.exists(folder / f"{name}.credential") or (
        os.path.exists(folder / f"{name}.configure") and roles.is_pod(environ)
    )


def read(home: Path, name: str, environ: Mapping[str, str] | None = None) -> TccliProfile | None:
    """Return a profile of tccli, None if it is not there.

    `environ` is given where no profile was named: as in tccli, its variables then name the role and the region.
    Raises `InputError` for malformed files and `AccessError` for those that others can read or write.
    """
    environ = environ or {}
    if not exists(home, name, environ):
        return None
    path = home / ".tccli" / f"{name}.credential"
    fields = _fields(path)
    kind = _text(path, fields, "type")
    if kind not in _TYPES:
        raise InputError(
            f"{path} holds a login of the type {kind!r}, which is not known", hint="install a newer kmstool"
        )
    role = _text(path, fields, "role-arn"), _text(path, fields, "role-session-name")
    named = environ.get("TENCENTCLOUD_ROLE_ARN", ""), environ.get("TENCENTCLOUD_ROLE_SESSION_NAME", "")
    if all(named):
        role, kind = named, kind.replace(_CVM_ROLE, "")
    settings = home / ".tccli" / f"{name}.configure"
    places = _fields(settings)
    return TccliProfile(
        name, kind or "default", _login(path, fields, kind, environ), *role,
        environ.get("TENCENTCLOUD_REGION") or _text(settings, _part(settings, places, "_sys_param"), "region"),
        _host(settings, places, "kms"), _host(settings, places, "sts"),
    )  # fmt: skip


def _login(path: Path, fields: Mapping[str, Any], kind: str, environ: Mapping[str, str]) -> Credential | None:
    if "secretId" not in fields and "secretKey" not in fields and (kind == _CVM_ROLE or roles.is_pod(environ)):
        return None
    try:
        secret_id, secret_key = fields["secretId"], fields["secretKey"]
        token, expires = fields.get("token") or "", int(fields.get("expiresAt") or 0)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise _malformed(path) from error
    if not all(isinstance(value, str) for value in (secret_id, secret_key, token)):
        raise _malformed(path)
    return checked(secret_id, secret_key, token, expires, source=f"tccli's profile {path.stem}")


def _fields(path: Path) -> dict[str, Any]:
    """Return the object in a file, an empty one if it is not there."""
    text = tool_files.read_text(path, secret=path.suffix == ".credential")
    if text is None:
        return {}
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _malformed(path) from error
    if not isinstance(fields, dict):
        raise _malformed(path)
    return fields


def _part(path: Path, fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = fields.get(name, {})
    if not isinstance(part, dict):
        raise _malformed(path)
    return part


def _text(path: Path, fields: Mapping[str, Any], name: str) -> str:
    text = fields.get(name)
    if not isinstance(text, str | None):
        raise _malformed(path)
    return text or ""


def _host(path: Path, fields: Mapping[str, Any], service: str) -> str:
    host = _text(path, _part(path, fields, service), "endpoint")
    # tccli writes the usual one for every service that it knows.
    return "" if host == _USUAL_HOSTS[service] else host


def _malformed(path: Path) -> InputError:
    return InputError(f"{path} is not a file of tccli", hint="make it anew: tccli configure")
