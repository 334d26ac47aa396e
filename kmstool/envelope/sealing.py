"""Whole envelopes: seal, open, verify, read a range, and give one other recipients. Descriptors in, descriptors out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from kmstool.envelope import engine, header
from kmstool.envelope.floe import HEADER_BYTES, OVERHEAD_BYTES, Floe
from kmstool.envelope.header import Header, Slot
from kmstool.envelope.stanzas import Stanza
from kmstool.envelope.workers import Progress, Read, Write
from kmstool.errors import ArgumentError, InputError, IntegrityError, Reason
from kmstool.system import copying, descriptors, mounts

_BOTH_SLOTS = 2


@dataclass(frozen=True, slots=True)
class Source:
    """Where bytes come from; `size` is that of a file which can be read at any place, else None.

    That is a regular file, with its `descriptor`, or an object in a store: `read_at` fills a buffer from a place of
    it, and `again` returns the source from its beginning.
    """

    read: Read
    descriptor: int | None = None
    size: int | None = None
    read_at: Callable[[memoryview, int], int] | None = None
    again: Callable[[], Source] | None = None

    @classmethod
    def of(cls, descriptor: int) -> Source:
        """Return the source that a descriptor is, from its beginning."""
        status = os.fstat(descriptor)
        regular = stat.S_ISREG(status.st_mode) and os.lseek(descriptor, 0, os.SEEK_CUR) == 0
        # Files of /proc and the like say 0 and hold something.
        return cls(engine.reader(descriptor), descriptor, (status.st_size or None) if regular else None)


@dataclass(frozen=True, slots=True)
class OpenedEnvelope:
    """An envelope whose header was read.

    `source` holds the payload: the rest of the same file, or a file of its own for a detached
    header. `offset` is where its segments begin.
    """

    header: Header
    source: Source
    floe_header: bytes
    offset: int

    @property
    def sealed_bytes(self) -> int | None:
        """The length of all sealed segments, None for a pipe."""
        return None if self.source.size is None else self.source.size - self.offset

    @property
    def plaintext_bytes(self) -> int | None:
        """The plaintext's length as the sizes tell, None for a pipe; not authenticated by itself."""
        if self.sealed_bytes is None or len(self.floe_header) < HEADER_BYTES:
            return None
        segment = int.from_bytes(self.floe_header[2:6], "big") or 1
        return self.sealed_bytes - -(-self.sealed_bytes // segment) * OVERHEAD_BYTES

    @property
    def is_consistent(self) -> bool | None:
        """Whether the payload can be whole ones of segments and as long as stated; None where that is not known."""
        if self.sealed_bytes is None:
            return None
        segment = int.from_bytes(self.floe_header[2:6], "big") or 1
        rest = self.sealed_bytes % segment
        whole = self.sealed_bytes >= OVERHEAD_BYTES and (rest == 0 or rest >= OVERHEAD_BYTES)
        return whole and self.header.prologue.plaintext_bytes in (None, self.plaintext_bytes)


def seal(dek: bytes, head: Header, source: Source, target: int, progress: Progress) -> bytes:
    """Write an envelope of all that the source holds into a regular file that is empty; return its FLOE header.

    The payload of a detached header is written alone.
    """
    floe = Floe.start(head.suite, dek, head.aad)
    start = (b"" if head.detached else head.encode()) + floe.header
    engine.writer(target)(memoryview(start))
    if source.size is not None and source.descriptor is not None:
        engine.seal_file(floe, source.descriptor, source.size, target, len(start), progress)
    else:
        engine.seal_stream(floe, source.read, engine.writer(target), progress)
    return floe.header


def seal_stream(dek: bytes, head: Header, source: Source, write: Write, progress: Progress) -> bytes:
    """Write an envelope in order, as through a pipe; return its FLOE header."""
    floe = Floe.start(head.suite, dek, head.aad)
    write(memoryview((b"" if head.detached else head.encode()) + floe.header))
    engine.seal_stream(floe, _exactly_stated(source), write, progress)
    return floe.header


def open_envelope(source: Source, payload: Source | None = None) -> OpenedEnvelope:
    """Read the header of an envelope, and the first 74 bytes of its payload, which a detached one has elsewhere.

    Raises `InputError` for what is no envelope, `ArgumentError` if the payload is missing or one too many.
    """
    head = _read_header(source.read)
    if head.detached != (payload is not None):
        raise ArgumentError(
            "the header is detached: name the payload's file too" if head.detached else "the header is not detached",
            reason=Reason.HEADER_AND_PAYLOAD,
        )
    if payload is not None and source.read(memoryview(bytearray(1))):
        raise InputError("trailing data after the detached header")
    sealed = payload or source
    offset = (head.payload_offset if payload is None else 0) + HEADER_BYTES
    return OpenedEnvelope(head, sealed, _exactly(sealed.read, HEADER_BYTES), offset)


def open_header(source: Source) -> OpenedEnvelope:
    """Read a header and what lies behind it; for a detached one, that is nothing."""
    head = _read_header(source.read)
    floe_header = b"" if head.detached else _exactly(source.read, HEADER_BYTES)
    return OpenedEnvelope(head, source, floe_header, head.payload_offset + HEADER_BYTES)


def unseal(opened: OpenedEnvelope, floe: Floe, target: int, progress: Progress) -> None:
    """Open the payload into a regular file that is empty; none of it may be used after an `IntegrityError`."""
    source, size = opened.source, opened.sealed_bytes
    _check_length(opened)
    if source.descriptor is not None and size is not None:
        engine.unseal_file(floe, source.descriptor, opened.offset, size, target, progress)
    else:
        _unseal_counted(opened, floe, engine.writer(target), progress)


def unseal_stream(opened: OpenedEnvelope, floe: Floe, write: Write, progress: Progress) -> None:
    """Open the payload in order; only verified segments are written."""
    _unseal_counted(opened, floe, write, progress)


def verify(opened: OpenedEnvelope, floe: Floe, progress: Progress) -> None:
    """Authenticate the whole payload and write nothing; raise `IntegrityError` for anything altered."""
    source, size = opened.source, opened.sealed_bytes
    _check_length(opened)
    if source.descriptor is not None and size is not None:
        engine.unseal_file(floe, source.descriptor, opened.offset, size, None, progress)
    else:
        _unseal_counted(opened, floe, lambda _: None, progress)


def unseal_range(opened: OpenedEnvelope, floe: Floe, first: int, last: int, write: Write) -> None:
    """Write the plaintext bytes `first` to `last`, both included, after checking where the payload ends.

    Raises `InputError` for a pipe and for a range beyond the end, `IntegrityError` for altered segments.
    """
    size = opened.sealed_bytes
    if size is None:
        raise InputError("a range can be read from a regular file only")
    _check_length(opened)
    count = engine.segments_of(floe, size)
    plain, sealed = memoryview(bytearray(floe.plain_bytes)), memoryview(bytearray(floe.segment_bytes))

    def open_segment(number: int) -> memoryview:
        begin = number * floe.segment_bytes
        piece = sealed[: min(floe.segment_bytes, size - begin)]
        _read_at(opened.source, piece, opened.offset + begin)
        return plain[: floe.unseal_into(number, piece, plain, final=number == count - 1)]

    # The last segment first: it alone proves how long the whole is.
    total = (count - 1) * floe.plain_bytes + len(open_segment(count - 1))
    if not first <= last < total:
        raise InputError(f"the range {first}-{last} is not within the {total:,} bytes of the plaintext")
    for number in range(first // floe.plain_bytes, last // floe.plain_bytes + 1):
        begin = number * floe.plain_bytes
        write(open_segment(number)[max(0, first - begin) : last + 1 - begin])


def rewrap_in_place(descriptor: int, head: Header, recipients: Iterable[Stanza]) -> bool:
    """Give an envelope other recipients inside its header; return False if there is no room for them.

    The new list is on disk before the old one is erased, so that a crash at any moment
    leaves one of them whole. The payload is not touched.
    """
    old_number, old = head.newest
    if len(head.slots) != _BOTH_SLOTS or old.generation >= header.MAX_GENERATION:
        return False
    new = Slot(old.generation + 1, tuple(recipients))
    try:
        data = header.encode_slot(new, head.prologue.file_id, head.slot_bytes)
    except InputError:
        return False
    _write_synced(descriptor, data, head.slot_offset + (1 - old_number) * head.slot_bytes)
    _write_synced(descriptor, bytes(head.slot_bytes), head.slot_offset + old_number * head.slot_bytes)
    return True


def rewrap_copy(source: Source, head: Header, target: int, recipients: Iterable[Stanza]) -> None:
    """Write a copy of an envelope with other recipients; the payload is copied as it is."""
    reserve = len(head.slots) == _BOTH_SLOTS
    fresh = header.build(head.suite, head.prologue, recipients, reserve=reserve, detached=head.detached)
    if fresh.raw_prologue != head.raw_prologue:
        # Fields of a newer kmstool would be lost, and the payload is bound to them.
        raise InputError("the header has fields that this kmstool does not know", hint="install the newer one")
    engine.writer(target)(memoryview(fresh.encode()))
    if not head.detached and source.descriptor is not None:
        copying.copy(source.descriptor, head.payload_offset, target)


def _exactly_stated(source: Source) -> Read:
    """Return the source's reader, which refuses to give more or less than the header says there is."""
    left = source.size
    if left is None:
        return source.read

    def read(buffer: memoryview) -> int:
        nonlocal left
        done = source.read(buffer)
        left -= done
        if left < 0 or (done < len(buffer) and left > 0):
            raise InputError("the input changed while it was read")
        return done

    return read


def _unseal_counted(opened: OpenedEnvelope, floe: Floe, write: Write, progress: Progress) -> None:
    """Open the payload in order; at its end its length must be the one that the header states."""
    total = 0

    def counted(data: memoryview) -> None:
        nonlocal total
        total += len(data)
        write(data)

    engine.unseal_stream(floe, opened.source.read, counted, progress)
    if opened.header.prologue.plaintext_bytes not in (None, total):
        raise IntegrityError("the payload has another length than its header states")


def _read_header(read: Read) -> Header:
    preamble = _exactly(read, header.PREAMBLE_BYTES)
    return header.parse(preamble + _exactly(read, header.needed_bytes(preamble) - len(preamble)))


def _check_length(opened: OpenedEnvelope) -> None:
    stated = opened.header.prologue.plaintext_bytes
    if None not in (stated, opened.plaintext_bytes) and stated != opened.plaintext_bytes:
        raise IntegrityError("the payload is truncated, or there is trailing data after it")


def _write_synced(descriptor: int, data: bytes, offset: int) -> None:
    descriptors.write_all_at(descriptor, data, offset)
    mounts.sync(descriptor)


def _read_at(source: Source, buffer: memoryview, offset: int) -> None:
    if source.descriptor is not None:
        engine.read_at(source.descriptor, buffer, offset)
    elif source.read_at is None or source.read_at(buffer, offset) < len(buffer):
        raise InputError("the input became shorter while it was read")


def _exactly(read: Read, size: int) -> bytes:
    """Return up to `size` bytes; fewer at the end of the input, which the callers' checks refuse."""
    buffer = bytearray(size)
    return bytes(buffer[: read(memoryview(buffer))])
