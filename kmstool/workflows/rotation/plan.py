"""The plan of a rotation: what stands where, and what will be done with it. It holds no ciphertext."""

from __future__ import annotations

import enum
import fnmatch
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

OldForm: TypeAlias = Literal["", "file", "any"]
"""Which blobs of 2017 are looked for: none but today's, files that are one, or every base64 that may be one."""


class Kind(enum.Enum):
    """How the items of a file stand in it."""

    TEXT = "text"
    """Blobs in text; a file that is one blob is one of these."""
    ENVELOPE = "envelope"
    """An envelope or a detached header: its items are recipients, counted from 0."""
    ARMOR = "armor"
    """An envelope in armor, whose items are recipients too."""
    MANIFEST = "manifest"
    """JSON Lines with blobs and contexts, which are written to a file of their own."""
    ASYMMETRIC = "asymmetric"
    """A ciphertext under an RSA or SM2 key."""


@dataclass(frozen=True, slots=True)
class Item:
    """One ciphertext: the bytes `start` to `end` (not included), or the number of a recipient.

    The contexts are the exact texts that KMS gets, empty for none. `key_id` is the key that it was found under,
    empty where KMS was not asked.
    """

    start: int
    end: int
    context: str = ""
    to_context: str = ""
    key_id: str = ""
    encoded: bool = False


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file with items; `digest` is the SHA-256 of its content, of an envelope that of its header."""

    path: str
    kind: Kind
    digest: str
    items: tuple[Item, ...]
    target: str = ""
    """Where the new content goes, empty for the same file."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not touched, and why."""

    path: str
    reason: str
    failed: bool = False
    """Whether somebody has to look at it: it could not be read, or does not open."""


@dataclass(frozen=True, slots=True)
class ContextRule:
    """The context of all blobs in files whose path matches a glob."""

    glob: str
    context: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What is looked for and where.

    `contexts` are tried in order; the first glob that matches the path below its root says the context. `encoded`
    finds blobs in base64 once more; `asymmetric` are globs of files that hold a ciphertext under a public key.
    With an `old_form` blobs of the KMS of 2017 are looked for in place of today's.
    """

    encoded: bool = False
    contexts: tuple[ContextRule, ...] = ()
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    asymmetric: tuple[str, ...] = ()
    hard_links: bool = False
    old_form: OldForm = ""

    def context_of(self, path: str) -> str:
        """Return the context of blobs in a file, empty for none."""
        return next((rule.context for rule in self.contexts if fnmatch.fnmatch(path, rule.glob)), "")

    def wants(self, path: str) -> bool:
        """Return whether a file is looked into."""
        wanted = not self.include or any(fnmatch.fnmatch(path, glob) for glob in self.include)
        return wanted and not any(fnmatch.fnmatch(path, glob) for glob in self.exclude)


@dataclass(frozen=True, slots=True)
class Plan:
    """What moves from which key to which; `job` is `rotation` or `migration`."""

    plan_id: str
    job: str
    created_unix: int
    region: str
    from_key: str
    to_key: str
    roots: tuple[str, ...]
    scan: ScanOptions
    files: tuple[PlannedFile, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def items(self) -> int:
        """How many ciphertexts move."""
        return sum(len(file.items) for file in self.files)

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Return the number of items by the key that they are under and the kind of their file."""
        return Counter((item.key_id or "?", file.kind.value) for file in self.files for item in file.items)


def new_plan_id(seed: bytes) -> str:
    """Return an id of 32 hexadecimal digits from random bytes."""
    return hashlib.sha256(seed).hexdigest()[:32]
