"""What kmstool says on stderr: one line each, and never the reason for a failure of its own.

Names and texts from outside are shown with their control characters written out, so
that nobody can move a terminal's cursor through a message.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

_QUOTED_CHARACTERS = 200
_BYTES_OF_NAMES = 0xDC00


def say(message: str) -> None:
    """Print a line on stderr; a full or closed stderr changes nothing about what is being done."""
    with contextlib.suppress(OSError):
        print(f"kmstool: {printable(message)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return text with every control character written as an escape sequence."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    if "\udc80" <= char <= "\udcff":
        # A byte that is not UTF-8, in the name of a file.
        return f"\\x{ord(char) - _BYTES_OF_NAMES:02x}"
    return char.encode("unicode_escape").decode()


def quoted(text: str) -> str:
    """Return what was typed, in quotes, as far as a message can show it."""
    return repr(text if len(text) <= _QUOTED_CHARACTERS else text[:_QUOTED_CHARACTERS] + "…")


def is_utf8(encoding: str) -> bool:
    """Tell whether JSON may have all characters as they are: in a locale of another encoding it is ASCII with escapes."""
    return encoding.lower().replace("-", "") == "utf8"


def print_json(value: Any) -> None:
    """Print one JSON value."""
    import json

    text = json.dumps(value, indent=2, ensure_ascii=not is_utf8(sys.stdout.encoding))
    # JSON itself escapes only part of what can move a terminal's cursor or turn its text round.
    print("".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text))
