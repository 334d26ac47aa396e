"""Where an envelope is read from: paths and sources, armor taken off, and read a second time where that is possible."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kmstool.envelope import sealing
from kmstool.envelope.armor import BEGIN, ArmorReader
from kmstool.envelope.header import MAGIC
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.errors import InputError, Reason
from kmstool.forms import recognition, texts
from kmstool.forms.recognition import Form
from kmstool.storage import objects
from kmstool.storage.objects import ObjectReader
from kmstool.storage.places import ObjectUrl, Place

SUFFIX = ".kte"
HEADER_SUFFIX = ".kte-header"
"""Of a header beside its payload: `big.tar.kte-header` is that of `big.tar.kte`."""

_MAX_WHITE_SPACE = 2**16
_MARKS_OF_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(slots=True)
class EnvelopeInput:
    """An envelope whose header was read, and how to read it once more."""

    envelope: OpenedEnvelope
    _again: Callable[[], OpenedEnvelope]

    def rewind(self) -> None:
        """Read it once more from its beginning; raise `InputError` for a pipe."""
        self.envelope = self._again()


@contextmanager
def opened_envelope(payload: Place | Source, detached: Place | Source | None = None) -> Iterator[EnvelopeInput]:
    """Read the header of an envelope, which may be in a source of its own; raise as `sealing.open_envelope` does."""
    beside = None if isinstance(payload, Source) else payload
    with opened_parts(payload, detached, beside) as (data, head):
        if head is None:
            envelope = sealing.open_envelope(unarmored(data))
            yield EnvelopeInput(envelope, lambda: sealing.open_envelope(unarmored(_from_start(data))))
        else:
            yield EnvelopeInput(
                sealing.open_envelope(head, data),
                lambda: sealing.open_envelope(_from_start(head), _from_start(data)),
            )


@contextmanager
def opened_parts(
    payload: Place | Source, detached: Place | Source | None, beside: Place | None
) -> Iterator[tuple[Source, Source | None]]:
    """Open an envelope and its detached header, None for none; one that is `beside` that path or URL needs no name."""
    with opened_source(payload) as source:
        data = source
        if detached is None and beside is not None:
            data, detached = _with_header_beside(source, beside)
        if detached is None:
            yield data, None
            return
        with opened_source(detached) as head:
            yield data, head


def header_beside(payload: Place) -> Place:
    """Return where the header of a payload is, or would be, that has one beside it."""
    return payload.with_name(payload.name.removesuffix(SUFFIX) + HEADER_SUFFIX)


def _with_header_beside(source: Source, payload: Place) -> tuple[Source, Place | None]:
    """Return the source from its beginning, and the header beside it if it does not begin with its own."""
    whole, has_header = at_beginning(source)
    if has_header:
        return whole, None
    header = header_beside(payload)
    there = os.path.isfile(header) if isinstance(header, Path) else objects.stat(header) is not None
    return whole, header if there else None


def at_beginning(source: Source) -> tuple[Source, bool]:
    """Return the source from its beginning, and whether it begins with the header of an envelope, or is too short."""
    begin = _piece(source.read, len(MAGIC))
    return _put_back(source, begin), begin == MAGIC or len(begin) < len(MAGIC)


@contextmanager
def opened_source(source: Place | Source) -> Iterator[Source]:
    """Open a place to read it; a source is what it is. Raises `InputError` for a folder and what cannot be opened."""
    if isinstance(source, Source):
        yield source
        return
    if isinstance(source, ObjectUrl):
        yield source_of_object(objects.opened(source))
        return
    try:
        descriptor = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise unreadable(source, error) from error
    try:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise InputError(f"{source} is a folder")
        yield Source.of(descriptor)
    finally:
        os.close(descriptor)


def source_of_object(reader: ObjectReader) -> Source:
    """Return the source that an object is, from its beginning."""

    def again() -> Source:
        return source_of_object(ObjectReader(reader.url, reader.stat))

    return Source(reader.fill, None, reader.stat.size, reader.fill_at, again)


def unreadable(path: Place | str, error: OSError) -> InputError:
    """Make the error for a file that cannot be read."""
    return InputError(f"cannot read {path}: {(error.strerror or '').lower()}")


def unarmored(source: Source) -> Source:
    """Return the source itself, or what its armor holds; raise `InputError` that says what anything else is."""
    begin = _beginning(source.read, len(codecs.BOM_UTF8 + BEGIN))
    if begin.removeprefix(codecs.BOM_UTF8).lstrip()[: len(BEGIN)] == BEGIN:
        return Source(ArmorReader(source.read, begin.removeprefix(codecs.BOM_UTF8)).read)
    if not begin.startswith(MAGIC):
        # Other things are told by more than what tells an envelope.
        begin += _piece(source.read, texts.MAX_BYTES - len(begin))
        if begin.startswith(_MARKS_OF_UTF16) and recognition.is_a(begin, Form.ARMOR):
            return Source(ArmorReader(_transcoded(_with_start(begin, source.read))).read)
        if recognition.is_taken(begin):
            raise recognition.unexpected(begin, "this", "an envelope", Reason.NO_ENVELOPE)
    return _put_back(source, begin)


def _put_back(source: Source, begin: bytes) -> Source:
    """Return a source as it was before its beginning was read."""
    if source.size is not None and source.descriptor is not None:
        os.lseek(source.descriptor, 0, os.SEEK_SET)
        return source
    return replace(source, read=_with_start(begin, source.read))


def _beginning(read: Callable[[memoryview], int], size: int) -> bytes:
    """Return as much as it takes to see `size` bytes after white space, of which there may be some."""
    begin = b""
    while len(begin.lstrip()) < size and len(begin) < _MAX_WHITE_SPACE:
        wanted = size - len(begin.lstrip())
        piece = _piece(read, wanted)
        begin += piece
        if len(piece) < wanted:
            break
    return begin


def _piece(read: Callable[[memoryview], int], size: int) -> bytes:
    buffer = memoryview(bytearray(size))
    return bytes(buffer[: read(buffer)])


def _transcoded(read: Callable[[memoryview], int]) -> Callable[[memoryview], int]:
    """Return a reader of text in UTF-16 that gives it in UTF-8; what is no such text gives other bytes."""
    decoder, rest, buffer = codecs.getincrementaldecoder("utf-16")("replace"), bytearray(), memoryview(bytearray(2**16))
    ended = False

    def transcoded(target: memoryview) -> int:
        nonlocal ended
        while len(rest) < len(target) and not ended:
            count = read(buffer)
            ended = count < len(buffer)
            rest.extend(decoder.decode(bytes(buffer[:count]), ended).encode("utf-8", "replace"))
        count = min(len(rest), len(target))
        target[:count] = rest[:count]
        del rest[:count]
        return count

    return transcoded


def _with_start(start: bytes, read: Callable[[memoryview], int]) -> Callable[[memoryview], int]:
    rest = bytearray(start)

    def joined(buffer: memoryview) -> int:
        count = min(len(rest), len(buffer))
        buffer[:count] = rest[:count]
        del rest[:count]
        return count + (read(buffer[count:]) if count < len(buffer) else 0)

    return joined


def _from_start(source: Source) -> Source:
    if source.again is not None:
        return source.again()
    if source.descriptor is None or source.size is None:
        raise InputError("an envelope in a pipe cannot be read twice")
    os.lseek(source.descriptor, 0, os.SEEK_SET)
    return Source.of(source.descriptor)
