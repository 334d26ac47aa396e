"""The clock of the local KMS, in words."""

from __future__ import annotations

from kmstool.cli.io import times


def clock_text(now: int, offset: int) -> str:
    """Return a time in Unix seconds in words, with the seconds by which the clock was moved."""
    return f"{times.format_time(now)}, {f'moved by {offset:+,} s' if offset else 'the time of this machine'}"
