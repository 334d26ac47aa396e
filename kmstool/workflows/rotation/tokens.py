"""Ciphertext blobs inside bytes of any kind of text: where they stand, and others put in their places.

No parser of JSON, YAML or dotenv: comments, order, quotes and line ends stay as they are, byte for byte.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass

from kmstool.api import beta
from kmstool.errors import InputError

MAX_TEXT_BYTES = 16 * 2**20
"""Files that are larger are no text in which somebody keeps secrets."""

_CHARACTER = rb"[0-9A-Za-z+/]"
# What begins inside of a run is never tried, so that a long run without a blob is read once. An equals sign may
# stand in front, as in NAME=BLOB.
_BLOB = re.compile(rb"(?<!%b)%b++={0,2}+(?:-k-%b++={0,2}+){2}(?!-k-)" % (_CHARACTER, _CHARACTER, _CHARACTER))
_BASE64 = re.compile(rb"(?<!%b)%b{40,}+={0,2}+(?!%b)" % (_CHARACTER, _CHARACTER, _CHARACTER))
# A run of base64 that is no part of a blob of today.
_OLD = re.compile(rb"(?<!%b)(?<!-k-)%b{40,}+={0,2}+(?!%b|-k-)" % (_CHARACTER, _CHARACTER, _CHARACTER))


@dataclass(frozen=True, slots=True)
class Token:
    """A blob at the bytes `start` to `end` (not included); `encoded` is whether it stands there in base64 once more."""

    start: int
    end: int
    blob: str
    encoded: bool = False
    tail: str = ""
    """Line ends behind the blob inside of the base64."""


@dataclass(frozen=True, slots=True)
class Replacement:
    """Bytes that stand at `start`, and those that take their place."""

    start: int
    old: bytes
    new: bytes


def find_tokens(data: bytes, *, encoded: bool = False) -> list[Token]:
    """Return all blobs in their order, with `encoded` those too that are in base64 once more, as in a Kubernetes Secret."""
    tokens = [Token(run.start(), run.end(), run[0].decode()) for run in _BLOB.finditer(data)]
    if encoded:
        for run in _BASE64.finditer(data):
            text = _decoded(run[0])
            if text is not None:
                blob = text.rstrip("\r\n")
                tokens.append(Token(run.start(), run.end(), blob, encoded=True, tail=text[len(blob) :]))
        tokens.sort(key=lambda token: token.start)
    return tokens


def find_old_tokens(data: bytes, *, encoded: bool = False, anywhere: bool = True) -> list[Token]:
    """Return what may be blobs of the KMS of 2017, which are base64 and no more; only that KMS can tell.

    Where they are not looked for `anywhere`, a file is one blob or has none; line ends may follow it.
    """
    candidates = (_old_token(run, encoded=encoded) for run in _OLD.finditer(data))
    tokens = [token for token in candidates if token]
    if not anywhere and [(token.start, token.end) for token in tokens] != [(0, len(data.rstrip(b"\r\n")))]:
        return []
    return tokens


def is_text(data: bytes) -> bool:
    """Return whether blobs are looked for in a file of this content."""
    return len(data) <= MAX_TEXT_BYTES and b"\0" not in data


def written(token: Token, blob: str) -> bytes:
    """Return the bytes of another blob in the form in which a token stands."""
    return base64.b64encode((blob + token.tail).encode()) if token.encoded else blob.encode()


def replace_tokens(data: bytes, replacements: Sequence[Replacement]) -> bytes:
    """Return the bytes with all replacements made. Raises `InputError` if something else stands in one of the places."""
    parts, position = [], 0
    for one in replacements:
        end = one.start + len(one.old)
        if one.start < position or data[one.start : end] != one.old:
            raise InputError("what stands there is not what was planned")
        parts += [data[position : one.start], one.new]
        position = end
    return b"".join([*parts, data[position:]])


def reverse(replacements: Sequence[Replacement]) -> list[Replacement]:
    """Return the replacements that undo others."""
    shift, back = 0, []
    for one in replacements:
        back.append(Replacement(one.start + shift, one.new, one.old))
        shift += len(one.new) - len(one.old)
    return back


def _old_token(run: re.Match[bytes], *, encoded: bool) -> Token | None:
    if not beta.is_blob(text := run[0].decode()):
        return None
    inner = base64.b64decode(text).decode("ascii", "replace") if encoded else ""
    if beta.is_blob(blob := inner.rstrip("\r\n")):
        return Token(run.start(), run.end(), blob, encoded=True, tail=inner[len(blob) :])
    return Token(run.start(), run.end(), text)


def _decoded(run: bytes) -> str | None:
    try:
        text = base64.b64decode(run, validate=True)
    except ValueError:
        return None
    stripped = text.rstrip(b"\r\n")
    return text.decode() if _BLOB.fullmatch(stripped) else None
