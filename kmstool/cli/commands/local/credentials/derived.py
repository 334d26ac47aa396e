"""API keys and tokens that end with the one they come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kmstool.cli.io import times
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.server.tables.credentials import ServedCredential


def derive(session: Session, kind: str, lifetime: str) -> ServedCredential:
    """Make a credential of that kind under the oldest lasting one, good for a duration of more than nothing."""
    from kmstool.server import admin

    seconds = times.duration(lifetime)
    if not seconds:
        raise UsageError(f"--lifetime {lifetime} is no time at all", hint="for example 90s, 30m, 12h, 1d")
    return admin.derive_credential(session.local_kms(), kind, seconds)
