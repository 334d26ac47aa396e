"""Bytes as people and programs write them in text: hexadecimal and base64, in every dialect that is in use.

What text is meant to be decides its use: a reader takes the first of its `readings` that has the shape it looks for.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator, Sequence

from kmstool.forms import texts

_BETWEEN = re.compile(r"[\s:,]+")
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})+")
# Bouncy Castle pads what is safe for URLs with dots.
_BASE64 = re.compile(r"([A-Za-z0-9+/_-]+)(?:={0,2}|\.{0,2})")
_URL_SAFE = str.maketrans("-_", "+/")
# `openssl dgst`, `sha256sum --tag` and `botan hash` put the name before a value, `sha256sum` and `openssl dgst -r` after it.
_BEFORE = re.compile(r"[^=\n]{1,4200}= ?([0-9A-Fa-f:]+)")
_AFTER = re.compile(r"\\?([0-9A-Fa-f]{32,}) [ *]?.{1,4200}", re.DOTALL)
_PREFIX = "0x"
# Of fewer bytes words are digits too often: `a secret` is base64.
_DIGITS_OF_MANY_BYTES = 24


def from_hexadecimal(text: str) -> bytes | None:
    """Return the bytes of hexadecimal digits, None for other text; `0x`, colons, commas, blanks and line ends may be there."""
    parts = [part[2:] if part[:2].lower() == _PREFIX else part for part in _BETWEEN.split(text) if part]
    digits = "".join(parts)
    # A line end may be anywhere; what stands between other signs is a number of its own.
    separate = any(sign in text for sign in ":,xX") and any(len(part) % 2 for part in parts)
    return None if separate or not _HEXADECIMAL.fullmatch(digits) else bytes.fromhex(digits)


def from_base64(text: str) -> bytes | None:
    """Return the bytes of base64 (RFC 4648, 4 and 5), None for other text: with or without padding and line ends.

    Blanks may be there in place of line ends, so that what they part is of one length; else it is a few words.
    """
    parts = text.split()
    joined = _BASE64.fullmatch("".join(parts))
    if " " in text.strip() and len({len(part) for part in parts[:-1]}) > 1:
        return None
    if joined is None or (set("-_") & set(joined[1]) and set("+/") & set(joined[1])):
        return None
    standard = joined[1].translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(standard + "=" * (-len(standard) % 4))
    except binascii.Error:
        # One character more than a whole number of bytes.
        return None


def of_text(text: str) -> Iterator[bytes]:
    """Yield the bytes that a text may stand for: of hexadecimal digits before those of base64, which few digits also are."""
    text = texts.bare(text)
    for value in (from_hexadecimal(text), from_base64(text)):
        if value is not None:
            yield value
    if (value := from_hexadecimal(_unlabelled(text))) is not None:
        yield value


def readings(data: bytes, *fields: str, limit: int = texts.MAX_BYTES) -> Iterator[bytes]:
    """Yield the bytes that a file may stand for: those of its text, of text in that again, and at last its own.

    Of a JSON answer that has one of the `fields`, they are those of that field. More than `limit` bytes are no text.
    """
    text = texts.decode(data) if len(data) <= limit else None
    if text is not None:
        answer = texts.answer(text) or {}
        text = next((answer[name] for name in fields if isinstance(answer.get(name), str)), text)
        for value in of_text(text):
            # The vendor's samples have base64 of base64.
            again = texts.decode(value)
            yield from of_text(again) if again is not None else ()
            yield value
    yield data


def are_digits(values: Sequence[bytes], least: int = _DIGITS_OF_MANY_BYTES) -> bool:
    """Tell from all readings of a text whether it stands for bytes, and not only may, as a short word may."""
    return len(values) > 1 and len(values[0]) >= least


def _unlabelled(text: str) -> str:
    """Return a value without the name that a program prints before or after it, or nothing."""
    match = _BEFORE.fullmatch(text) or _AFTER.fullmatch(text)
    return match[1] if match else ""
