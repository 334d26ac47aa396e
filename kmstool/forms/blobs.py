"""Ciphertext blobs of KMS in whatever form mail, shells and other programs left them.

A blob is three parts in base64 with `-k-` between them (`docs/local-kms.md`), so that no blank belongs to it and what
holds nothing but its characters is one, however it was broken into lines.
"""

from __future__ import annotations

import base64
import re

from kmstool.errors import IntegrityError, Reason
from kmstool.forms import encodings, recognition, texts

MAX_BYTES = 65536
"""More than any blob has, with line ends or in UTF-16."""

_BETWEEN = "-k-"
_CHARACTERS = re.compile(r"[A-Za-z0-9+/=-]+")
_PARTS = 3


def read(data: bytes, name: str) -> str:
    """Return the text of a blob.

    Raises `InputError` for what is none, saying what the file `name` is instead, and `IntegrityError` for one with
    characters that no blob has.
    """
    text = texts.decode(data)
    answer = None if text is None else texts.answer(text)
    if answer is not None and isinstance(answer.get("CiphertextBlob"), str):
        text = answer["CiphertextBlob"]
    blob = "" if text is None else "".join(texts.bare(text).split())
    if _BETWEEN in blob and _CHARACTERS.fullmatch(blob):
        return blob
    if standard := _from_url_safe(blob):
        return standard
    recognised = recognition.recognise(data)
    if (recognised is None or recognised.form is recognition.Form.TEXT) and data.count(_BETWEEN.encode()) >= _PARTS - 1:
        raise IntegrityError("the ciphertext blob was altered: it holds bytes that no blob has")
    raise recognition.unexpected(data, name, "a ciphertext blob", Reason.NO_BLOB)


def _from_url_safe(blob: str) -> str:
    """Return a blob whose base64 was made safe for URLs, nothing for any other text."""
    parts = blob.split(_BETWEEN)
    values = [encodings.from_base64(part) for part in parts]
    if len(parts) != _PARTS or None in values:
        return ""
    return _BETWEEN.join(base64.b64encode(value or b"").decode("ascii") for value in values)
