"""INI files, kmstool's own and those of other tools, read in a time that grows with their size and no faster.

`configparser` looks for the end of a name once for every blank in a row, and writes one more
message for every line that is wrong: what has too many of either is refused before.
"""

from __future__ import annotations

import configparser
import re

# No setting has as many blanks in a row; ends of lines are no part of one.
_LONG_GAP = re.compile(r"[^\S\n]{100}")
_MAX_LINES = 10_000


def read(text: str, delimiters: tuple[str, ...], comment_prefixes: tuple[str, ...]) -> configparser.RawConfigParser:
    """Return what an INI file holds; raise `configparser.Error` for what is none."""
    if text.count("\n") > _MAX_LINES or _LONG_GAP.search(text):
        raise configparser.Error("it is no INI file, or has too many lines or blanks")
    parser = configparser.RawConfigParser(delimiters=delimiters, comment_prefixes=comment_prefixes)
    parser.read_string(text)
    return parser
