"""Ciphertext blobs in files that a user names, for every command that takes one."""

from __future__ import annotations

from kmstool.cli.io import inputs


def read(name: str | None) -> tuple[inputs.Input, str]:
    """Read a ciphertext blob from FILE or stdin and return it in one line, with where it came from.

    Raises `InputError` for what is no blob, `IntegrityError` for one with bytes that no blob has.
    """
    from kmstool.forms import blobs

    hint = "give the text that kmstool encrypt printed"
    source = inputs.read(name, blobs.MAX_BYTES, "{size} bytes are no ciphertext blob", hint)
    return source, blobs.read(source.data, inputs.shown(name))
