"""The text of a seed file: TOML, read in a time and with memory that grow with its size and no faster.

`tomllib` keeps every beginning of a dotted key: 80 kB of one took 4 GB. So the dots outside of
strings are counted before it reads anything.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

from kmstool.errors import InputError

# A key of a seed file has two parts at most.
_MAX_DOTS_A_LINE = 100
_OPENING = re.compile(r"\"\"\"|'''|[\"'#]")
# What ends each, and what hides such an end. The last two quotes before three may belong to the string.
_CLOSING = {
    '"""': re.compile(r'\\.|"{3,5}', re.DOTALL),
    "'''": re.compile(r"'{3,5}"),
    '"': re.compile(r'\\.|["\n]', re.DOTALL),
    "'": re.compile(r"['\n]"),
    "#": re.compile(r"\n"),
}


def parse(text: str, name: str = "the seed file") -> Mapping[str, Any]:
    """Return the tables of a file that errors call by `name`; raise `InputError` for what is no TOML, or has keys of very many parts."""
    if any(line.count(".") > _MAX_DOTS_A_LINE for line in _outside_strings(text).split("\n")):
        raise InputError(f"{name} has a key of too many parts")
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not TOML: {error}") from error


def _outside_strings(text: str) -> str:
    """Return the text without strings and comments; one without an end takes all that follows."""
    parts, position = [], 0
    while string := _OPENING.search(text, position):
        parts.append(text[position : string.start()])
        # The line goes on after a string, and ends after a comment.
        position = _end(text, string)
        parts.append("\n" if text[position - 1] == "\n" else "")
    return "".join([*parts, text[position:]])


def _end(text: str, opening: re.Match[str]) -> int:
    for closing in _CLOSING[opening[0]].finditer(text, opening.end()):
        if not closing[0].startswith("\\"):
            return closing.end()
    return len(text)
