"""Where data lies: a local path, or the URL of an object in a store. Values only; no store is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from kmstool.errors import ArgumentError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,31})://", re.ASCII)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}", re.ASCII)
_EXTRAS = {"s3": "s3", "cos": "cos", "cosn": "cos", "memory": "remote"}
"""The schemes of object stores, and the extra that each needs."""


@dataclass(frozen=True, slots=True, order=True)
class ObjectUrl:
    """An object, or all objects below a prefix; `path` is the bucket and the key, such as `bucket/folder/big.tar`.

    It has what a `Path` has for names, and can be sent to other processes: credentials are not in it.
    """

    scheme: str
    path: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}"

    def __truediv__(self, name: str) -> ObjectUrl:
        return ObjectUrl(self.scheme, f"{self.path}/{name}")

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def parent(self) -> ObjectUrl:
        """The URL without the last part of its path."""
        return ObjectUrl(self.scheme, self.path.rpartition("/")[0])

    def with_name(self, name: str) -> ObjectUrl:
        """Return the URL of another object beside this one."""
        return self.parent / name

    def is_relative_to(self, other: object) -> bool:
        """Return whether it is the other URL or lies below it."""
        return isinstance(other, ObjectUrl) and f"{self}/".startswith(f"{other}/")


Place: TypeAlias = Path | ObjectUrl


def is_url(word: str) -> bool:
    """Return whether a word is a URL: `scheme://`. A local path that looks like one is written `./scheme://`."""
    return _SCHEME.match(word) is not None


def parse_place(word: str) -> Place:
    """Read a path or a URL; raise `ArgumentError` for an unknown scheme and for a URL that is not plain."""
    scheme = _SCHEME.match(word)
    if not scheme:
        return Path(word)
    name, rest = scheme[1].lower(), word[scheme.end() :]
    if name == "file":
        if not rest.startswith("/"):
            raise ArgumentError(f"{word} does not name a local file", hint="file:///path has three slashes")
        return Path(rest)
    if name not in _EXTRAS:
        known = ", ".join(f"{one}://" for one in (*_EXTRAS, "file"))
        raise ArgumentError(
            f"unknown scheme {name}://", hint=f"known are {known}; a local path of this name is ./{word}"
        )
    bucket, *parts = rest.removesuffix("/").split("/")
    if "@" in bucket or (":" in bucket and name != "memory"):
        # Whoever lists processes sees it.
        raise ArgumentError(f"a {name}:// URL holds no credentials", hint="the store's own settings hold them")
    if not _BUCKET.fullmatch(bucket):
        raise ArgumentError(f"{word!r} names no bucket", hint=f"for example {name}://bucket/folder/file")
    if any(part in ("", ".", "..") for part in parts) or not rest.isprintable():
        raise ArgumentError(f"{word!r} has a part without a name", hint="for example without // and without ..")
    return ObjectUrl(name, "/".join((bucket, *parts)))


def absolute(path: Place) -> Place:
    """Return a path from the root; a URL is one."""
    return path.absolute() if isinstance(path, Path) else path


def extra_of(scheme: str) -> str:
    """Return the extra of kmstool that has what a scheme needs."""
    return _EXTRAS[scheme]
