"""Times and durations as users write and read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from kmstool.errors import UsageError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)
_MILLISECONDS = re.compile(r"([0-9]{1,6})ms", re.ASCII)
_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)
_LATEST = 253402300799


def format_time(unix: int) -> str:
    """Return Unix seconds as UTC in ISO 8601, a dash for 0 (not set)."""
    if not 0 < unix <= _LATEST:
        return "-" if unix == 0 else f"{unix} s"
    return datetime.fromtimestamp(unix, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def format_day(unix: int) -> str:
    """Return the day of Unix seconds, in UTC, a dash for 0 (not set)."""
    return format_time(unix).partition("T")[0]


def parse_duration(text: str) -> int:
    """Return the seconds of `90s`, `30m`, `12h`, `8d` or `2w`; raise `UsageError`."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise UsageError(f"{text!r} is no duration", hint="a number and a unit: 90s, 30m, 12h, 8d, 2w")
    return int(match[1]) * _UNITS[match[2]]


def parse_delay(text: str) -> float:
    """Return the seconds of `40ms`, or of what `parse_duration` takes; raise `UsageError`."""
    short = _MILLISECONDS.fullmatch(text)
    return int(short[1]) / 1000 if short else parse_duration(text)


def parse_time(text: str) -> int:
    """Return Unix seconds for ISO 8601 (UTC unless an offset is given) or for Unix seconds; raise `UsageError`."""
    if _SECONDS.fullmatch(text) and int(text) <= _LATEST:
        return int(text)
    try:
        parsed = datetime.fromisoformat(text)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text!r} is no time", hint="for example 2027-01-31, 2027-01-31T08:00:00Z or Unix seconds"
        ) from error


def parse_deadline(text: str, now_unix: int) -> int:
    """Return Unix seconds for a duration from now, or for what `parse_time` takes; raise `UsageError`."""
    return End.parse(text).unix(now_unix)


@dataclass(frozen=True, slots=True)
class End:
    """When something ends: a moment in Unix seconds, or so many seconds from a now that the reader does not know."""

    seconds: int
    from_now: bool = False

    @classmethod
    def parse(cls, text: str) -> End:
        """Read what `parse_duration` or `parse_time` takes; raise `UsageError`."""
        from_now = _DURATION.fullmatch(text) is not None
        return cls(parse_duration(text) if from_now else parse_time(text), from_now)

    def unix(self, now_unix: int) -> int:
        """Return the end in Unix seconds."""
        return now_unix + self.seconds if self.from_now else self.seconds
