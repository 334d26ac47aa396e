"""The files of a rotation: their content, what it becomes, and in which of the two states one is."""

from __future__ import annotations

import base64
import hashlib
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from kmstool.envelope import stanzas as records
from kmstool.envelope.stanzas import Stanza
from kmstool.errors import InputError, KmsToolError, NetworkError
from kmstool.storage.places import parse_place
from kmstool.workflows.rotation import headers
from kmstool.workflows.rotation.contents import Replaceable, content_at
from kmstool.workflows.rotation.journal import Entry, State
from kmstool.workflows.rotation.plan import Item, Kind, PlannedFile
from kmstool.workflows.rotation.tokens import (
    MAX_TEXT_BYTES,
    Replacement,
    Token,
    find_old_tokens,
    find_tokens,
    replace_tokens,
    reverse,
    written,
)

_ENVELOPES = (Kind.ENVELOPE, Kind.ARMOR)


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds: all of it, or of an envelope its header (taken out of its armor)."""

    kind: Kind
    data: bytes = field(repr=False)
    digest: str
    head: bytes = field(repr=False, default=b"")

    def blob_of(self, item: Item) -> str:
        """Return the ciphertext of an item; raise `InputError` if there is none in its place."""
        if self.kind in _ENVELOPES:
            return self._stanza(item).wrapped.decode("ascii", "replace")
        if self.kind is Kind.ASYMMETRIC:
            return base64.b64encode(_ciphertext(self.data)[0]).decode()
        return self._token(item).blob

    def replacement(self, item: Item, blob: str) -> Replacement:
        """Return what an item's bytes become with another blob; of an envelope those are the fields of a record."""
        if self.kind in _ENVELOPES:
            stanza = self._stanza(item)
            return Replacement(item.start, stanza.wrapped, blob.encode())
        if self.kind is Kind.ASYMMETRIC:
            ciphertext, is_text = _ciphertext(self.data)
            new = base64.b64decode(blob)
            old_text, tail = self.data.rstrip(b"\r\n"), self.data[len(self.data.rstrip(b"\r\n")) :]
            if not is_text:
                return Replacement(0, ciphertext, new)
            del old_text
            return Replacement(0, self.data, base64.b64encode(new) + tail)
        token = self._token(item)
        return Replacement(token.start, self.data[token.start : token.end], written(token, blob))

    def _token(self, item: Item) -> Token:
        data = self.data[item.start : item.end]
        tokens = find_tokens(data, encoded=item.encoded) or find_old_tokens(data, encoded=item.encoded)
        whole = [token for token in tokens if (token.start, token.end) == (0, item.end - item.start)]
        if not whole:
            raise InputError(f"there is no blob at the bytes {item.start} to {item.end}")
        token = whole[0]
        return Token(item.start, item.end, token.blob, token.encoded, token.tail)

    def _stanza(self, item: Item) -> Stanza:
        stanzas = headers.recipients_of(self.head).stanzas
        if item.start >= len(stanzas):
            raise InputError(f"the envelope has no recipient {item.start}")
        return stanzas[item.start]


def read_content(file: PlannedFile) -> Content:
    """Read what a file holds now; raise `InputError` for one that is gone or is none any more."""
    source = content_at(file.path)
    try:
        if file.kind is Kind.ENVELOPE:
            head = source.header()
            return Content(file.kind, b"", _digest(head), head)
        data = _read(source)
    except OSError as error:
        raise InputError(f"it cannot be read: {(error.strerror or '').lower()}") from error
    head = headers.unarmored_header(data) if file.kind is Kind.ARMOR else b""
    return Content(file.kind, data, _digest(data), head)


def changed_content(file: PlannedFile, content: Content, replacements: Sequence[Replacement], to_key: str) -> Entry:
    """Return the entry of a file with all its new blobs: what stands there, and what takes its place."""
    if file.kind in _ENVELOPES:
        old_head = content.head
        parsed = headers.recipients_of(old_head)
        changed = {one.start: _moved_record(parsed.stanzas[one.start], one.new, to_key) for one in replacements}
        new_head = headers.with_stanzas(old_head, changed)
        if file.kind is Kind.ARMOR:
            whole = Replacement(0, content.data, headers.rearmored(content.data, new_head))
        else:
            whole = Replacement(0, old_head, new_head)
        return Entry(file.path, State.READY, content.digest, _digest(whole.new), (whole,), len(file.items))
    data = replace_tokens(content.data, replacements)
    return Entry(file.path, State.READY, content.digest, _digest(data), tuple(replacements), len(file.items))


def find_state(file: PlannedFile, entry: Entry) -> State | None:
    """Return whether a file has its old content (READY) or its new one (DONE), None for anything else."""
    target = content_at(file.target or file.path)
    if file.kind is Kind.ENVELOPE:
        return _header_state(target, entry)
    if file.target and not target.exists():
        return State.READY if read_content(file).digest == entry.old_digest else None
    try:
        digest = _digest(_read(target))
    except OSError:
        return None
    return {entry.new_digest: State.DONE, entry.old_digest: State.READY}.get(digest)


def write_content(file: PlannedFile, entry: Entry) -> None:
    """Put the new content in the place of the old one, at once; nothing happens where it stands there already.

    Raises `InputError` if somebody changed the file meanwhile, `OutputError` for a fault of the file system.
    """
    _put(file, entry, entry.replacements, entry.old_digest, entry.new_digest)


def put_back(file: PlannedFile, entry: Entry) -> bool:
    """Put the old content back where the new one still stands; tell whether there was anything to do."""
    state = find_state(file, entry)
    if state is None:
        raise InputError("somebody changed it since it was moved; it is left as it is")
    if state is State.READY and file.kind is not Kind.ENVELOPE:
        return False
    if file.target:
        content_at(file.target).remove()
        return True
    back = reverse(entry.replacements)
    _put(file, entry, back, entry.new_digest, entry.old_digest)
    return True


def _put(
    file: PlannedFile, entry: Entry, replacements: Sequence[Replacement], from_digest: str, to_digest: str
) -> None:
    source = content_at(file.path)
    if file.kind is Kind.ENVELOPE:
        (whole,) = replacements
        state = _header_state(source, entry)
        if state is None:
            raise InputError("somebody changed it meanwhile; it is left as it is")
        here = source.header()
        if here != whole.new:
            source.replace_header(whole.old if len(whole.old) == len(here) else here, whole.new)
        return
    try:
        data = _read(source)
    except OSError as error:
        raise InputError(f"it cannot be read: {(error.strerror or '').lower()}") from error
    if _digest(data) == to_digest:
        return
    if _digest(data) != from_digest:
        raise InputError("somebody changed it meanwhile; it is left as it is")
    new = replace_tokens(data, replacements)
    if _digest(new) != to_digest:
        raise InputError("the journal does not fit the file")
    source.replace(new, parse_place(file.target or file.path))


def _header_state(target: Replaceable, entry: Entry) -> State | None:
    (whole,) = entry.replacements
    try:
        here = target.header()
    except NetworkError:
        raise
    except (OSError, KmsToolError):
        return None
    if here == whole.new:
        return State.DONE
    return State.READY if here == whole.old or headers.is_between(here, whole.old, whole.new) else None


def _moved_record(stanza: Stanza, blob: bytes, to_key: str) -> Stanza:
    """Return the record of another key: its id, its blob, and when that was made."""
    fields = {
        **stanza.fields,
        records.KEY_ID: to_key.encode(),
        records.WRAPPED: blob,
        records.WRAPPED_AT: struct.pack(">Q", int(time.time())),
    }
    return Stanza(stanza.kind, dict(sorted(fields.items())))


def _ciphertext(data: bytes) -> tuple[bytes, bool]:
    """Return the ciphertext of a file, and whether it is there as base64."""
    text = data.strip()
    try:
        return base64.b64decode(text, validate=True), True
    except ValueError:
        return data, False


def _read(source: Replaceable) -> bytes:
    data = source.whole()
    if len(data) > MAX_TEXT_BYTES:
        raise InputError(f"it has more than {MAX_TEXT_BYTES:,} bytes")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
