"""The encryption context: string pairs that are bound to a ciphertext and are not secret.

KMS compares the text of a context byte for byte, so there is exactly one text for
one set of pairs here (API page of Encrypt: a JSON object of at most 1,024 characters).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from kmstool import words
from kmstool.errors import ArgumentError, InputError


def from_options(pairs: Iterable[str]) -> dict[str, str]:
    """Parse `K=V` words; the value may hold further equals signs.

    Raises `ArgumentError` for a word without `=`, an empty name or a name given twice.
    """
    context: dict[str, str] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise ArgumentError(f"context {pair!r} is not of the form NAME=VALUE", hint="for example app=billing")
        if name in context:
            raise ArgumentError(f"context name {name!r} is given twice", hint="give each name once")
        context[name] = value
    return context


def as_json(pairs: Mapping[str, str]) -> str:
    """Return the one JSON text of some pairs: names sorted, no blanks; empty for none. Raises `InputError`."""
    if not pairs:
        return ""
    text = json.dumps(dict(pairs), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("a name or value holds bytes that are not UTF-8") from error
    return text


def canonical(context: Mapping[str, str]) -> str:
    """Return the one text of a context: JSON, names sorted, no blanks; empty for no pairs.

    Raises `InputError` over 1,024 characters, and for text that is not Unicode.
    """
    text = as_json(context)
    if len(text) > words.MAX_CONTEXT_CHARACTERS:
        raise InputError(
            f"the context is {len(text):,} characters as JSON; KMS takes at most {words.MAX_CONTEXT_CHARACTERS:,}",
            hint="use shorter names and values",
        )
    return text
