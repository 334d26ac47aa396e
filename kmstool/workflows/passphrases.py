"""Passphrases for programs that have nobody to ask."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from kmstool.errors import AccessError, InputError
from kmstool.system import ownership

_MAX_BYTES = 1024


def from_file(environ: Mapping[str, str], thing: str) -> bytes:
    """Return the passphrase of something from the file that KMSTOOL_PASSPHRASE_FILE names.

    Raises `AccessError` where none is named, and `InputError` for one that cannot be read.
    """
    name = environ.get("KMSTOOL_PASSPHRASE_FILE")
    if not name:
        hint = "put it into a file on the machine that runs this, and set KMSTOOL_PASSPHRASE_FILE there"
        raise AccessError(f"{thing} is locked with a passphrase", hint=hint)
    try:
        text = ownership.read(Path(name), _MAX_BYTES, secret=True)
    except OSError as error:
        raise InputError(f"cannot read {name}: {(error.strerror or '').lower()}") from error
    return text.removesuffix(b"\n").removesuffix(b"\r")
