"""Where envelopes come from, and where what is in them goes to: names, pipes, armor, atomic output."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kmstool.cli import recipients
from kmstool.cli.io import inputs, outputs, progress
from kmstool.cli.session.session import Session
from kmstool.errors import IntegrityError, KmsToolError, UsageError

if TYPE_CHECKING:
    from kmstool.envelope.floe import Floe
    from kmstool.envelope.sealing import Opened, Source
    from kmstool.envelope.workers import Write

SUFFIX = ".kte"
_SPAN = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)
_MAX_WHITE_SPACE = 2**16


@dataclass(slots=True)
class Found:
    """An envelope that was opened by the names that the user gave."""

    envelope: Opened
    again: Callable[[], Opened]
    inputs: tuple[Source, ...]
    """What it is read from: the header's file too, and the file that armor is in."""

    def rewind(self) -> None:
        """Read it once more from its beginning; raise `UsageError` for a pipe or armor."""
        self.envelope = self.again()


@contextmanager
def opened(session: Session, name: str | None, detached: str | None) -> Iterator[Found]:
    """Open an envelope by name or from stdin, and its detached header, if there is one."""
    from kmstool.envelope import sealing

    with source_of(name) as payload:
        if detached is None:
            envelope = sealing.open_envelope(unarmored(payload))
            yield Found(envelope, lambda: sealing.open_envelope(_from_start(payload)), (payload,))
            return
        with source_of(detached) as head:
            yield Found(
                sealing.open_envelope(head, payload),
                lambda: sealing.open_envelope(_from_start(head), _from_start(payload)),
                (head, payload),
            )


def unlocked(
    session: Session,
    found: Found,
    keys: tuple[str, ...],
    context_words: tuple[str, ...],
    private_keys: tuple[str, ...] = (),
) -> Floe:
    """Return the payload's keys, after comparing the context with what the user expects."""
    from kmstool.api import context
    from kmstool.envelope.recipients import unlock
    from kmstool.envelope.stanzas import parse_context

    envelope = found.envelope
    wanted = context.from_options(context_words)
    if wanted and parse_context(envelope.header.prologue.context) != wanted:
        raise IntegrityError("the envelope has another context", hint="see it: kmstool envelope inspect FILE")
    return unlock(envelope.header, envelope.floe_header, recipients.identities(session, keys, private_keys))[0]


def decrypt(session: Session, found: Found, floe: Floe, target: str | None, *, force: bool) -> None:
    """Decrypt into a file, which appears when all of it is verified, or to stdout, piece by piece."""
    from kmstool.envelope import sealing

    envelope = found.envelope
    with progress.bar(session, "decrypting", envelope.plaintext_bytes) as advance:
        if target is None or target == inputs.STDIN:
            with _verified_stdout(target) as write:
                sealing.unseal_stream(envelope, floe, write, advance)
            return
        refuse_same(target, *found.inputs)
        with outputs.created(session, target, force=force, durable=False) as file:
            sealing.unseal(envelope, floe, file.fileno(), advance)


def write_range(session: Session, found: Found, floe: Floe, span: str, target: str | None, *, force: bool) -> None:
    """Decrypt the bytes A-B, as `decrypt` does all of them."""
    from kmstool.envelope import engine, sealing

    numbers = _SPAN.fullmatch(span)
    if not numbers:
        raise UsageError(f"{span!r} is no range", hint="for example --range 0-1023")
    first, last = int(numbers[1]), int(numbers[2])
    if target is None or target == inputs.STDIN:
        with _verified_stdout(target) as write:
            sealing.unseal_range(found.envelope, floe, first, last, write)
        return
    refuse_same(target, *found.inputs)
    with outputs.created(session, target, force=force, durable=False) as file:
        sealing.unseal_range(found.envelope, floe, first, last, engine.writer(file.fileno()))


def decrypted_name(name: str | None, out: str | None) -> str | None:
    """Return where the plaintext goes: X for X.kte unless something else was said; None for stdout."""
    if out is not None or name in (None, inputs.STDIN):
        return out
    if not str(name).endswith(SUFFIX) or not is_name(os.path.basename(str(name)).removesuffix(SUFFIX)):
        raise UsageError(
            f"{name} does not end in {SUFFIX}, so the output needs a name", hint="add -o FILE, or -o - for stdout"
        )
    return str(name).removesuffix(SUFFIX)


def is_name(text: str) -> bool:
    """Tell whether it can be the name of a file: what is left of `.kte`, `..kte` or `...kte` cannot."""
    return text not in ("", os.curdir, os.pardir)


def refuse_same(target: str, *sources: Source) -> None:
    """Raise `UsageError` for an output that is one of the sources, and for one without a name."""
    for source in sources:
        here = os.fstat(source.descriptor) if source.descriptor is not None else None
        inputs.refuse_same(target, (here.st_dev, here.st_ino) if here else None)


@contextmanager
def source_of(name: str | None) -> Iterator[Source]:
    """Open FILE, or stdin for None and `-`; raise as `files.opened` does, and `UsageError` for a folder."""
    from kmstool.envelope.sealing import Source

    with inputs.opened(name) as descriptor:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise UsageError(f"{name} is a folder", hint="envelope encrypt and decrypt take folders, with --recursive")
        yield Source.of(descriptor)


def unarmored(source: Source) -> Source:
    """Return the source itself, or what its armor holds."""
    from kmstool.envelope.armor import BEGIN, ArmorReader
    from kmstool.envelope.sealing import Source

    begin = _beginning(source.read, len(BEGIN))
    if begin.lstrip()[: len(BEGIN)] == BEGIN:
        return Source(ArmorReader(source.read, begin).read)
    if source.size is not None and source.descriptor is not None:
        os.lseek(source.descriptor, 0, os.SEEK_SET)
        return source
    return Source(_with_start(begin, source.read))


def _beginning(read: Callable[[memoryview], int], size: int) -> bytes:
    """Return as much as it takes to see `size` bytes after white space, of which there may be some."""
    begin = b""
    while len(begin.lstrip()) < size and len(begin) < _MAX_WHITE_SPACE:
        piece = memoryview(bytearray(size - len(begin.lstrip())))
        got = read(piece)
        begin += bytes(piece[:got])
        if got < len(piece):
            break
    return begin


def _with_start(start: bytes, read: Callable[[memoryview], int]) -> Callable[[memoryview], int]:
    rest = bytearray(start)

    def joined(buffer: memoryview) -> int:
        count = min(len(rest), len(buffer))
        buffer[:count] = rest[:count]
        del rest[:count]
        return count + (read(buffer[count:]) if count < len(buffer) else 0)

    return joined


def _from_start(source: Source) -> Source:
    from kmstool.envelope.sealing import Source

    if source.descriptor is None or source.size is None:
        raise UsageError("--verify-first reads the envelope twice, which a pipe does not allow", hint="name a file")
    os.lseek(source.descriptor, 0, os.SEEK_SET)
    return Source.of(source.descriptor)


def stdout_writer() -> Write:
    """Return a function that writes whole buffers to stdout, past Python's own buffer."""
    from kmstool.envelope import engine

    sys.stdout.flush()
    return engine.writer(1)


@contextmanager
def _verified_stdout(target: str | None) -> Iterator[Write]:
    """Give a writer to stdout; a failure in the block after something has left says that it is not all.

    It refuses to send binary data to a terminal that `target` does not name.
    """
    text_only = target is None and sys.stdout.isatty()
    write, begun = stdout_writer(), False

    def guarded(data: memoryview) -> None:
        nonlocal begun
        if text_only and not inputs.is_text(bytes(data)):
            raise inputs.not_for_terminals()
        begun = begun or len(data) > 0
        write(data)

    try:
        yield guarded
    except KmsToolError as error:
        if begun:
            error.hint = "the output is incomplete: discard it"
        raise
