"""The encryption context: string pairs that are bound to a ciphertext and are not secret.

KMS compares the text of a context byte for byte, so there is exactly one text for
one set of pairs here (API page of Encrypt: a JSON object of at most 1,024 characters).
Other programs write other ones, with blanks or in another order: such a text is given as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeAlias

from kmstool import words
from kmstool.errors import InputError

Context: TypeAlias = Mapping[str, str] | str
"""An encryption context as pairs, or the exact text that KMS got before."""


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


def exact(text: str) -> str:
    """Return a text as it is; raise `InputError` for one that KMS takes as no context: no JSON object, or too long."""
    if as_object(text) is None:
        raise InputError("the text of the context is not a JSON object", hint='for example {"app": "billing"}')
    if len(text) > words.MAX_CONTEXT_CHARACTERS:
        raise InputError(
            f"the context has {len(text):,} characters; KMS takes at most {words.MAX_CONTEXT_CHARACTERS:,}"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError("the text of the context holds bytes that are not UTF-8") from error
    return text


def text_of(context: Context) -> str:
    """Return the text that KMS gets, empty for no context; raise `InputError` as `exact` and `canonical` do."""
    if isinstance(context, str):
        return exact(context) if context else ""
    return canonical(context)


def pairs_of(context: Context) -> dict[str, str]:
    """Return the pairs of a context; raise `InputError` for a text that holds something else."""
    if not isinstance(context, str):
        return dict(context)
    pairs = as_object(context) if context else {}
    if pairs is None or not all(isinstance(value, str) for value in pairs.values()):
        raise InputError("the text of the context is not a JSON object of texts")
    return pairs


def as_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text is, None for any other text."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
