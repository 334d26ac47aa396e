"""Other recipients for an envelope in a store: the header beside it is replaced, and the data stays where it is.

Only what was read is replaced, by its etag. An envelope that holds its header, as a copy of a local file does, is
read and written as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from kmstool.envelope import header
from kmstool.envelope.floe import HEADER_BYTES
from kmstool.envelope.header import MAGIC, PREAMBLE_BYTES, Header
from kmstool.envelope.stanzas import Stanza
from kmstool.errors import InputError
from kmstool.storage import objects
from kmstool.storage.places import ObjectUrl
from kmstool.storage.stores import PIECE_BYTES, Stat
from kmstool.workflows.sources import HEADER_SUFFIX, SUFFIX, header_beside

_BOTH_SLOTS = 2


@dataclass(frozen=True, slots=True)
class ObjectHeader:
    """A header and the object that holds it, alone or before the payload."""

    url: ObjectUrl
    facts: Stat
    data: bytes = field(repr=False)

    @property
    def header(self) -> Header:
        """The header."""
        return header.parse(self.data)

    def payload_start(self) -> bytes:
        """Return the first 74 bytes of the payload; none for a header that is not beside one."""
        reader, offset = objects.opened(self.url, self.facts), len(self.data)
        if self.header.detached:
            payload = payload_beside(self.url)
            facts = None if payload is None else objects.stat(payload)
            if payload is None or facts is None:
                return b""
            reader, offset = objects.opened(payload, facts), 0
        start = memoryview(bytearray(HEADER_BYTES))
        return bytes(start[: reader.fill_at(start, offset)])

    def replace(self, new: bytes) -> None:
        """Put another header in its place; raise `OutputError` if the object is another one by now."""
        with objects.created(self.url, etag=self.facts.etag) as out:
            out.write(new)
            reader, buffer = objects.opened(self.url, self.facts), memoryview(bytearray(PIECE_BYTES))
            for offset in range(len(self.data), self.facts.size, PIECE_BYTES):
                out.write(buffer[: reader.fill_at(buffer, offset)])


def read_header(url: ObjectUrl) -> ObjectHeader:
    """Return the header of an envelope, a payload or a header beside one; raise `InputError` for what is none."""
    reader = objects.opened(url)
    preamble = memoryview(bytearray(PREAMBLE_BYTES))
    if bytes(preamble[: reader.fill(preamble)])[: len(MAGIC)] != MAGIC and url.name.endswith(SUFFIX):
        beside = header_beside(url)
        if isinstance(beside, ObjectUrl) and (facts := objects.stat(beside)):
            return read_header_of(beside, facts)
    return read_header_of(url, reader.stat)


def read_header_of(url: ObjectUrl, facts: Stat) -> ObjectHeader:
    """Return the header that an object begins with; raise `InputError` for what is none."""
    reader = objects.opened(url, facts)
    preamble = bytearray(PREAMBLE_BYTES)
    count = reader.fill(memoryview(preamble))
    rest = bytearray(header.needed_bytes(bytes(preamble[:count])) - count)
    data = bytes(preamble) + bytes(rest[: reader.fill(memoryview(rest))])
    header.parse(data)
    return ObjectHeader(url, facts, data)


def with_recipients(head: Header, stanzas: Sequence[Stanza]) -> bytes:
    """Return the header with other recipients; raise `InputError` where fields would be lost."""
    reserve = len(head.slots) == _BOTH_SLOTS
    fresh = header.build(head.suite, head.prologue, stanzas, reserve=reserve, detached=head.detached)
    if fresh.raw_prologue != head.raw_prologue:
        raise InputError("the header has fields that this kmstool does not know", hint="install the newer one")
    return fresh.encode()


def payload_beside(url: ObjectUrl) -> ObjectUrl | None:
    """Return the payload beside a header, None for a header of another name."""
    if not url.name.endswith(HEADER_SUFFIX):
        return None
    return url.with_name(url.name.removesuffix(HEADER_SUFFIX) + SUFFIX)
