"""For how long API keys and tokens are good that end with the one they come from."""

from __future__ import annotations

from kmstool.cli.io import times
from kmstool.cli.params import Parsed
from kmstool.errors import UsageError


def _lifetime(word: str) -> int:
    seconds = times.parse_duration(word)
    if not seconds:
        raise UsageError(f"--lifetime {word} is no time at all", hint="for example 90s, 30m, 12h, 1d")
    return seconds


LIFETIME = Parsed("duration", _lifetime)
"""`int`: seconds, one at least."""
