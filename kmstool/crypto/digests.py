"""Digests of data of any length, read once and in pieces: SHA-256, SHA-384 (FIPS 180-4) and SM3 (GB/T 32905)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal, Protocol, Self

if TYPE_CHECKING:
    from cryptography.hazmat.primitives import hashes

Name = Literal["SHA-256", "SHA-384", "SM3"]

DIGEST_BYTES: dict[Name, int] = {"SHA-256": 32, "SHA-384": 48, "SM3": 32}

_HASHLIB_NAMES: dict[Name, str] = {"SHA-256": "sha256", "SHA-384": "sha384", "SM3": "sm3"}


class Digest(Protocol):
    """A digest under way, with the methods of hashlib's objects."""

    def update(self, data: bytes, /) -> None:
        """Append data."""
        ...

    def digest(self) -> bytes:
        """Return the digest of all data so far; more may follow."""
        ...

    def copy(self) -> Self:
        """Return another object that goes on from here."""
        ...


def new(name: Name) -> Digest:
    """Return a digest of no data yet."""
    try:
        return hashlib.new(_HASHLIB_NAMES[name])
    except ValueError:
        # The OpenSSL of some distributions has no SM3; that of `cryptography` does.
        return _ForeignSm3()


def of_chunks(name: Name, chunks: Iterable[bytes]) -> bytes:
    """Return the digest of byte strings put end to end."""
    digest = new(name)
    for chunk in chunks:
        digest.update(chunk)
    return digest.digest()


class _ForeignSm3:
    """SM3 of `cryptography` as a `Digest`."""

    def __init__(self, state: hashes.Hash | None = None) -> None:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415 - 20 ms that hashlib saves

        self._state = state or hashes.Hash(hashes.SM3())

    def update(self, data: bytes, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        return self._state.copy().finalize()

    def copy(self) -> Self:
        return type(self)(self._state.copy())
