"""Ciphertext blobs in files that a user names, for every command that takes one."""

from __future__ import annotations

from kmstool.cli.io import inputs
from kmstool.errors import InputError, IntegrityError

MAX_BYTES = 65536


def read(name: str | None) -> tuple[inputs.Input, str]:
    """Read a ciphertext blob from FILE or stdin and return it without white space around it, with where it came from.

    Raises `InputError` for what is no blob, `IntegrityError` for one with bytes that no blob has.
    """
    hint = "give the text that kmstool encrypt printed"
    source = inputs.read(name, MAX_BYTES, "{size} bytes are no ciphertext blob", hint)
    data = source.data.strip(b" \t\r\n")
    if b"-k-" not in data:
        raise InputError("the input is no ciphertext blob", hint=hint)
    try:
        return source, data.decode("ascii")
    except UnicodeDecodeError as error:
        raise IntegrityError("the ciphertext blob was altered: it holds bytes that no blob has") from error
