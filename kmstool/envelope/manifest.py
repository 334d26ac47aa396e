"""What belongs to a folder of envelopes: the path that each one states, and the list of all of them.

The list is kept in an envelope of its own, so that nobody can change it without a key. It
holds what a rewrap leaves as it is (docs/envelope-format.md).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from kmstool import documents
from kmstool.envelope import sealing
from kmstool.envelope.header import Header
from kmstool.envelope.recipients import Identity, unlock
from kmstool.envelope.sealing import OpenedEnvelope
from kmstool.envelope.stanzas import parse_context
from kmstool.errors import InputError, IntegrityError

NAME = ".kmstool-manifest"
"""The path that the manifest states, in the place of a file's."""
PATH, BELONGS = "path", "manifest"
"""The facts of each file of a folder: its path below it, and that there is a manifest, which thus cannot get lost unseen."""
MAX_BYTES = 64 * 2**20

# With this begins a path whose bytes are not UTF-8 and written as %XX; no path below a folder does.
_ESCAPED = "/"
_AS_THEY_ARE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~/")
_FORMAT = "kmstool-manifest-1"
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a folder by their paths, each with the digest of its envelope, or None for one that was not sealed."""

    files: Mapping[str, str | None]

    def encode(self) -> bytes:
        """Write it as JSON in ASCII. Raises `InputError` if it is too long to be read again."""
        data = json.dumps(
            {"format": _FORMAT, "files": {stated(path): digest for path, digest in sorted(self.files.items())}},
            separators=(",", ":"),
        ).encode()
        if len(data) > MAX_BYTES:
            raise InputError(f"a manifest of {len(self.files):,} files is over {MAX_BYTES:,} bytes")
        return data

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read what `encode` writes; raise `InputError` for anything else."""
        try:
            parsed = json.loads(data.decode("ascii"), object_pairs_hook=documents.read_members)
        except (ValueError, RecursionError) as error:
            raise _malformed() from error
        if not isinstance(parsed, dict) or parsed.keys() != {"format", "files"} or parsed["format"] != _FORMAT:
            raise _malformed()
        files = parsed["files"]
        if not isinstance(files, dict) or not all(_is_digest(value) for value in files.values()):
            raise _malformed()
        paths = {_path_of(text): digest for text, digest in files.items()}
        if len(paths) < len(files):
            raise _malformed()
        return cls(paths)

    def check(self, path: str, digest: str) -> None:
        """Raise `IntegrityError` unless the envelope at a path is the listed one."""
        if path not in self.files:
            raise IntegrityError("the manifest does not list it")
        if self.files[path] != digest:
            raise IntegrityError("it is another envelope than the one that the manifest lists")

    def check_anywhere(self, digest: str) -> None:
        """Raise `IntegrityError` unless an envelope is listed, under whatever path."""
        if digest not in self.files.values():
            raise IntegrityError("the manifest does not list it")

    def missing(self, paths: Collection[str]) -> list[str]:
        """Return the listed paths that are not among those of the files that are there."""
        return sorted(set(self.files) - set(paths))

    def missing_anywhere(self, digests: Collection[str]) -> list[str]:
        """Return the listed paths of which no envelope is there, under whatever path."""
        present = set(digests)
        return sorted(path for path, digest in self.files.items() if digest not in present)


def open_manifest(envelope: OpenedEnvelope, identities: Sequence[Identity]) -> Manifest:
    """Open the envelope of a manifest. Raises as `unlock` and `file.unseal` do, and `InputError` for what is none."""
    if (envelope.plaintext_bytes or 0) > MAX_BYTES:
        raise _malformed()
    floe = unlock(envelope.header, envelope.floe_header, identities)[0]
    check_path(envelope.header, NAME)
    data = bytearray()
    sealing.unseal_stream(envelope, floe, data.extend, lambda _: None)
    return Manifest.decode(bytes(data))


def digest_of(header: Header, payload_header: bytes) -> str:
    """Return the SHA-256 of what no rewrap changes: facts and suite, and the 74 bytes that commit to the data key."""
    return hashlib.sha256(header.aad + payload_header).hexdigest()


def facts_of(header: Header) -> dict[str, str]:
    """Return the facts that an envelope states; they hold once its payload is unlocked."""
    return parse_context(header.prologue.aad)


def check_path(header: Header, path: str) -> None:
    """Raise `IntegrityError` unless an envelope states that this is its path."""
    text = facts_of(header).get(PATH)
    if text is None:
        raise IntegrityError("it states no path: it was not made as a file of a folder")
    if text != stated(path):
        raise IntegrityError(f"it states the path {text!r}: it was renamed, moved or swapped")


def stated(path: str) -> str:
    """Return the text that states a path below a folder: its bytes as UTF-8 or, where they are not, as /%XX."""
    raw = os.fsencode(path)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _ESCAPED + "".join(chr(byte) if byte in _AS_THEY_ARE else f"%{byte:02X}" for byte in raw)


def _path_of(text: str) -> str:
    """Return the path that a text states; manifests of before had a lone surrogate for each byte that is not UTF-8."""
    try:
        if not text.startswith(_ESCAPED):
            return os.fsdecode(text.encode("utf-8", "surrogateescape"))
        first, *others = text.removeprefix(_ESCAPED).encode().split(b"%")
        path = os.fsdecode(first + b"".join(bytes.fromhex(other[:2].decode()) + other[2:] for other in others))
    except ValueError as error:
        raise _malformed() from error
    if stated(path) != text:
        raise _malformed()
    return path


def _is_digest(value: object) -> bool:
    return value is None or (isinstance(value, str) and _DIGEST.fullmatch(value) is not None)


def _malformed() -> InputError:
    return InputError("the manifest is malformed, or a newer kmstool made it")
