"""What is to be encrypted under a white-box key."""

from __future__ import annotations

from kmstool import words
from kmstool.cli import plaintexts
from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session


def read_plaintext(session: Session, file: str | None, trim_newline: bool) -> bytes:
    """Return what is to be encrypted, from FILE or stdin."""
    source = inputs.read(
        file,
        words.MAX_PLAINTEXT_BYTES,
        "the plaintext is {size} bytes; white-box keys encrypt at most 4,096",
        "encrypt larger data with kmstool envelope encrypt",
    )
    return plaintexts.without_newline(session, source, trim_newline)
