r"""Text in files of other programs and systems: which characters it has, and what they put around it.

Editors and shells on Windows write UTF-16, marks of the byte order and other line ends; JSON, Python and YAML put quotes
around a text and `\n` into it. All of that is taken off where it cannot be meant; what is no text stays bytes.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Mapping
from typing import Any

from kmstool.errors import InputError

MAX_BYTES = 64 * 1024
"""More than any key, signature, blob or answer with one of them has; larger data is not looked at."""

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_SHORTEST_UTF16 = 4
# All below a blank but tabulator, line feed, form feed and carriage return, and what a terminal obeys.
_CONTROL = re.compile(r"[\0-\x08\x0b\x0e-\x1f\x7f-\x9f]")
_QUOTED = re.compile(r"""[bBrRuU]?(["'`])(.*)\1[,;]?""", re.DOTALL)
_ESCAPED_END = re.compile(r"(?:\\r)?\\n|\\r")


def decode(data: bytes) -> str | None:
    """Return bytes as text without a mark in front, see `characters`; None for control characters too."""
    text = characters(data)
    return None if text is None or _CONTROL.search(text) else text


def whole(data: bytes, name: str) -> str:
    """Return all of a file as text; raise `InputError` for one that is neither UTF-8 nor UTF-16."""
    text = characters(data)
    if text is None:
        raise InputError(f"{name} is not text in UTF-8 or UTF-16")
    return text


def characters(data: bytes) -> str | None:
    """Return bytes as UTF-8, or UTF-16 with a mark or of ASCII, without a mark in front; None if they are neither."""
    for mark, name in _MARKS:
        if data.startswith(mark):
            encoding, data = name, data[len(mark) :]
            break
    else:
        encoding = _unmarked(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def is_utf16(data: bytes) -> bool:
    """Return whether bytes are text in UTF-16, as PowerShell and Windows write it."""
    return data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or _unmarked(data) != "utf-8"


def bare(text: str) -> str:
    r"""Return a text without blanks and quotes around it, and with line ends where `\n` is written out."""
    text = text.strip()
    if quoted := _QUOTED.fullmatch(text):
        text = _unescaped(quoted[2]).strip()
    return _ESCAPED_END.sub("\n", text)


def answer(text: str) -> Mapping[str, Any] | None:
    """Return the fields of a JSON object, None for any other text; those within `Response`, as the API answers."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    within = fields.get("Response")
    return within if isinstance(within, dict) else fields


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    try:
        value = json.loads(f'"{text}"')
    except ValueError:
        return text
    return str(value)


def _unmarked(data: bytes) -> str:
    """Return the encoding of text without a mark: UTF-16 where every second byte is zero, which no ASCII text has."""
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = data[first::2], data[1 - first :: 2]
        if len(data) >= _SHORTEST_UTF16 and len(data) % 2 == 0 and not any(zeros) and all(others):
            return name
    return "utf-8"
