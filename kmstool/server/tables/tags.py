"""The tags of keys of every kind, and what may be one; the row of a key holds their digest.

The rules are those of the tag service (page 651/13354), which CreateKey and its like ask too.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import NamedTuple

from kmstool.server import seals

MAX_TAGS = 50
"""How many a key can have."""
MAX_NAME_CHARACTERS, MAX_VALUE_CHARACTERS = 127, 255

# The page names the first and the last two, the codes of the API the others.
_RESERVED = ("qcs:", "qcloud", "tencent", "project", "项目")
_SIGNS = frozenset("+-=._:/@()[],;>< （）【】：")


class Fault(NamedTuple):
    """Why tags are none: the tag service's code and what it says."""

    code: str
    message: str


def fault(tags: Mapping[str, str]) -> Fault | None:
    """Return what is wrong with tags that a key is to have, None for good ones."""
    if len(tags) > MAX_TAGS:
        return Fault("LimitExceeded.ResourceAttachedTags", f"a resource has at most {MAX_TAGS} tags")
    return next((failed for tag in tags.items() if (failed := _fault(*tag))), None)


def digest(tags: Mapping[str, str]) -> bytes:
    """Return what stands for tags in the row of their key."""
    return seals.digest(tags.items())


def insert(db: sqlite3.Connection, key_id: str, tags: Mapping[str, str]) -> None:
    """Add the tags of a new key."""
    db.executemany("INSERT INTO tag VALUES (?, ?, ?)", [(key_id, *tag) for tag in tags.items()])


def load(db: sqlite3.Connection, key_id: str, expected: bytes) -> dict[str, str]:
    """Return the tags of a key; raise `IntegrityError` unless they are those of its row's digest."""
    tags = dict(db.execute("SELECT name, value FROM tag WHERE key_id = ?", (key_id,)))
    if digest(tags) != expected:
        raise seals.damaged(f"the set of tags of the key {key_id!r}")
    return tags


def remove(db: sqlite3.Connection, key_id: str) -> None:
    """Remove the tags of a key."""
    db.execute("DELETE FROM tag WHERE key_id = ?", (key_id,))


def _fault(name: str, value: str) -> Fault | None:
    rules: tuple[tuple[bool, str, str], ...] = (
        (bool(name), "InvalidParameterValue.TagKeyEmpty", "a tag key is empty"),
        (
            len(name) <= MAX_NAME_CHARACTERS,
            "InvalidParameterValue.TagKeyLengthExceeded",
            f"a tag key has at most {MAX_NAME_CHARACTERS} characters",
        ),
        (
            not name.startswith(_RESERVED),
            "InvalidParameter.ReservedTagKey",
            f"the tag key {name!r} begins with a word that is kept for the cloud: one of {', '.join(_RESERVED)}",
        ),
        (
            _is_text(name),
            "InvalidParameterValue.TagKeyCharacterIllegal",
            f"the tag key {name!r} has a character that is not possible there",
        ),
        (bool(value), "InvalidParameterValue.TagValueEmpty", f"the value of the tag {name!r} is empty"),
        (
            len(value) <= MAX_VALUE_CHARACTERS,
            "InvalidParameterValue.TagValueLengthExceeded",
            f"a tag value has at most {MAX_VALUE_CHARACTERS} characters",
        ),
        (
            _is_text(value),
            "InvalidParameterValue.TagValueCharacterIllegal",
            f"the value of the tag {name!r} has a character that is not possible there",
        ),
    )
    return next((Fault(code, message) for good, code, message in rules if not good), None)


def _is_text(text: str) -> bool:
    return text == text.strip(" ") and all(sign.isalnum() or sign in _SIGNS for sign in text)
