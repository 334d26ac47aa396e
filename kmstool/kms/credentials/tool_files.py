"""Files of other tools that hold credentials, and the one of them that Tencent's SDKs read. Read, never written."""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

from kmstool.errors import InputError
from kmstool.kms import ini
from kmstool.kms.provider import FixedProvider, Provider, checked
from kmstool.system import ownership

_MAX_BYTES = 2**16

INI_FILES = (Path(".tencentcloud/credentials"), Path("/etc/tencentcloud/credentials"))


def from_ini(home: Path) -> Provider | None:
    """Return the credential of the section `default` of the SDKs' INI file, None if there is no such file."""
    for file in INI_FILES:
        path = home / file
        text = read_text(path)
        if text is None:
            continue
        try:
            section = ini.read(text, ("=", ":"), ("#", ";"))["default"]
            return FixedProvider(
                checked(section["secret_id"].strip(), section["secret_key"].strip(), source=str(path)), str(path)
            )
        except (configparser.Error, KeyError) as error:
            raise InputError(
                f"{path} has no section [default] with secret_id and secret_key", hint="mend or remove it"
            ) from error
    return None


def read_text(path: Path, *, secret: bool = True) -> str | None:
    """Return the text of a file, None if it is not there.

    Raises `AccessError` for one that others may write and, where it is secret, read; `InputError` for what cannot be
    read.
    """
    try:
        # tccli closes its folder and not its files; nobody else comes to them then.
        enterable = path.parent.stat().st_mode & (stat.S_IXGRP | stat.S_IXOTH)
        # What a person edits on Windows begins with a mark.
        return ownership.read(path, _MAX_BYTES, secret=secret and enterable != 0).decode("utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}") from error
