"""Plaintexts that a user hands in, or gets in a variable: the newline at their end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import click

from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session

_WAY = "which was kept; --trim-newline drops it"

trim_newline_option = click.option("--trim-newline", is_flag=True, help="Drop exactly one newline at the end.")


def without_newline(session: Session, source: inputs.Input, trim: bool) -> bytes:
    """Return what was read, with `trim` without one newline; tell whoever hands in a line that its newline is data."""
    data = source.data
    if trim:
        return data.removesuffix(b"\n")
    if _is_line(data):
        session.note(f"{'the input' if source.piped else source.shown} ends in a newline, {_WAY}")
    return data


def trimmed(session: Session, source: inputs.Input, trim: bool) -> inputs.Input:
    """Return what was read as `without_newline` does, with where it came from."""
    return replace(source, data=without_newline(session, source, trim))


def variables(session: Session, secrets: Mapping[str, bytes], trim: bool) -> Mapping[str, bytes]:
    """Return what variables are to hold, as `without_newline` does."""
    if trim:
        return {name: secret.removesuffix(b"\n") for name, secret in secrets.items()}
    for name in (name for name, secret in secrets.items() if _is_line(secret)):
        # No end of this program would say it later.
        if not session.settings.quiet and not session.settings.dry_run:
            session.warn(f"the secret for {name} ends in a newline, {_WAY}")
    return secrets


def _is_line(data: bytes) -> bool:
    """Return whether it is a line of text with its end: the newline is seldom meant."""
    return len(data) > 1 and data.endswith(b"\n") and data.count(b"\n") == 1 and inputs.is_text(data)
