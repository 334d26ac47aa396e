"""Credentials in the files of other tools: tccli's profiles and the INI file of Tencent's SDKs. Read, never written."""

from __future__ import annotations

import configparser
import json
import stat
from pathlib import Path
from typing import Any

from kmstool.errors import AccessError, InputError
from kmstool.kms import ini
from kmstool.kms.provider import Fixed, Provider, checked
from kmstool.system import ownership

_MAX_BYTES = 2**16

INI_FILES = (Path(".tencentcloud/credentials"), Path("/etc/tencentcloud/credentials"))


def from_tccli(home: Path, name: str) -> Provider | None:
    """Return the credential of a profile of tccli, None if there is no such file.

    Raises `InputError` for a malformed file and `AccessError` for one that others can read or write
    and for kinds of login that only tccli can renew, once they have expired.
    """
    path = home / ".tccli" / f"{name}.credential"
    text = _read(path)
    if text is None:
        return None
    malformed = InputError(f"{path} is not a credential file of tccli", hint="make it anew: tccli configure")
    try:
        fields: Any = json.loads(text)
        secret_id, secret_key = fields["secretId"], fields["secretKey"]
        token, expires = fields.get("token") or "", int(fields.get("expiresAt") or 0)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise malformed from error
    if not all(isinstance(value, str) for value in (secret_id, secret_key, token)):
        raise malformed
    source = f"tccli's profile {name}"
    credential = checked(secret_id, secret_key, token, expires, source=source)
    provider = Fixed(credential, source)
    if fields.get("type") in ("oauth", "sso"):
        try:
            provider.get()
        except AccessError as error:
            raise AccessError(error.message, hint="renew it: tccli auth login") from error
    return provider


def tccli_region(home: Path, name: str) -> str | None:
    """Return the region of a profile of tccli, None if it names none."""
    try:
        fields: Any = json.loads(ownership.read(home / ".tccli" / f"{name}.configure", _MAX_BYTES, secret=False))
        region = fields["_sys_param"]["region"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return region if isinstance(region, str) and region else None


def from_ini(home: Path) -> Provider | None:
    """Return the credential of the section `default` of the SDKs' INI file, None if there is no such file."""
    for place in INI_FILES:
        path = home / place
        text = _read(path)
        if text is None:
            continue
        try:
            section = ini.read(text, ("=", ":"), ("#", ";"))["default"]
            return Fixed(
                checked(section["secret_id"].strip(), section["secret_key"].strip(), source=str(path)), str(path)
            )
        except (configparser.Error, KeyError) as error:
            raise InputError(
                f"{path} has no section [default] with secret_id and secret_key", hint="mend or remove it"
            ) from error
    return None


def _read(path: Path) -> str | None:
    try:
        # tccli closes its folder and not its files; nobody else comes to them then.
        enterable = path.parent.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH)
        return ownership.read(path, _MAX_BYTES, secret=enterable != 0).decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
