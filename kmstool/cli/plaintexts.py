"""Plaintexts that a user hands in: the newline at their end."""

from __future__ import annotations

from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session


def without_newline(session: Session, source: inputs.Input, trim: bool) -> bytes:
    """Return what was read, with `trim` without one newline; tell who piped a line that its newline is data."""
    data = source.data
    if trim:
        return data.removesuffix(b"\n")
    if source.piped and data.endswith(b"\n") and data.count(b"\n") == 1 and len(data) > 1:
        session.note("the input ends in a newline, which was kept; --trim-newline drops it")
    return data
