"""Where an envelope is read from: paths and sources, armor taken off, and read a second time where that is possible."""

from __future__ import annotations

import codecs
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kmstool.envelope import sealing
from kmstool.envelope.armor import BEGIN, ArmorReader
from kmstool.envelope.header import MAGIC
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.errors import InputError, Reason
from kmstool.forms import recognition, texts
from kmstool.forms.recognition import Form

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
def opened_envelope(payload: Path | Source, detached: Path | Source | None = None) -> Iterator[EnvelopeInput]:
    """Read the header of an envelope, which may be in a source of its own; raise as `sealing.open_envelope` does."""
    with opened_source(payload) as data:
        if detached is None:
            envelope = sealing.open_envelope(unarmored(data))
            yield EnvelopeInput(envelope, lambda: sealing.open_envelope(unarmored(_from_start(data))))
            return
        with opened_source(detached) as head:
            yield EnvelopeInput(
                sealing.open_envelope(head, data),
                lambda: sealing.open_envelope(_from_start(head), _from_start(data)),
            )


@contextmanager
def opened_source(source: Path | Source) -> Iterator[Source]:
    """Open a path to read it; a source is what it is. Raises `InputError` for a folder and what cannot be opened."""
    if isinstance(source, Source):
        yield source
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


def unreadable(path: Path | str, error: OSError) -> InputError:
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
    if source.size is not None and source.descriptor is not None:
        os.lseek(source.descriptor, 0, os.SEEK_SET)
        return source
    return Source(_with_start(begin, source.read))


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
    if source.descriptor is None or source.size is None:
        raise InputError("an envelope in a pipe cannot be read twice")
    os.lseek(source.descriptor, 0, os.SEEK_SET)
    return Source.of(source.descriptor)
