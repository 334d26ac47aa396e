"""Other recipients for an envelope in a file, whose payload stays as it is."""

from __future__ import annotations

import enum
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol, runtime_checkable

from kmstool.envelope import sealing
from kmstool.envelope.floe import HEADER_BYTES
from kmstool.envelope.header import Header
from kmstool.envelope.recipients import Identity, Recipient, unlock
from kmstool.envelope.sealing import Source
from kmstool.envelope.stanzas import Stanza
from kmstool.errors import ArgumentError, InputError, OutputError
from kmstool.kms.cmk_recipients import CmkRecipient
from kmstool.kms.moves import Mover
from kmstool.storage.places import ObjectUrl, Place
from kmstool.system import atomic, mounts
from kmstool.workflows.changes import Changes
from kmstool.workflows.object_rewrapping import read_header, with_recipients
from kmstool.workflows.sources import opened_source

Wrap = Callable[[Header, bytes], Sequence[Stanza]]
"""Makes the new recipients' stanzas from a header and the first 74 bytes of its payload."""


@runtime_checkable
class Telling(Protocol):
    """A `Wrap` in a worker, whose messages go back with what it did."""

    def said(self) -> str:
        """Return what was said since the last time, empty for nothing."""
        ...


class PayloadMissingError(InputError):
    """A detached header came without the payload that its data key is checked with."""


class Way(enum.Enum):
    """How an envelope got its recipients."""

    IN_PLACE = "in place"
    COPY = "by a copy"
    HEADER = "by another header"


def wrap_here(recipients: Sequence[Recipient], identities: Sequence[Identity]) -> Wrap:
    """Return what opens the DEK here, checks it against the payload and wraps it for the recipients."""

    def wrap(header: Header, payload_header: bytes) -> Sequence[Stanza]:
        if header.detached and not payload_header:
            raise PayloadMissingError("the data key of a detached header cannot be checked without its payload")
        dek = unlock(header, payload_header, identities)[1]
        return [recipient.wrap(dek, header.prologue.context) for recipient in recipients]

    return wrap


def wrap_in_kms(
    sources: Sequence[CmkRecipient], targets: Sequence[CmkRecipient], report: Callable[[str], None]
) -> Wrap:
    """Return what lets KMS re-encrypt the data key, which needs no right to decrypt; see `Mover` for what is checked."""
    return Mover(sources, targets, report).move


def rewrap(
    path: Place, wrap: Wrap, *, payload: Place | Source | None = None, changes: Changes | None = None
) -> Way | None:
    """Give an envelope, or a detached header with its `payload`, the recipients that `wrap` makes; None in a dry run.

    Where the header has room the file is changed in place, else a copy replaces it; in a store the header is another
    object. A crash leaves the old or the new one. Raises `OutputError` while another process has it, `InputError`
    for what is no envelope in a regular file, and what `wrap` raises.
    """
    changes = changes or Changes()
    if isinstance(path, ObjectUrl):
        return _rewrap_object(path, wrap, payload, changes)
    try:
        with _locked(path) as descriptor:
            source = Source.of(descriptor)
            opened = sealing.open_header(source)
            start = opened.floe_header if payload is None else _payload_header(opened.header, payload)
            return changes.run(
                lambda: _rewrapped(path, source, descriptor, wrap, opened.header, start),
                f"give {path} other recipients",
            )
    except OSError as error:
        raise atomic.fault(path, error) from error


def _rewrap_object(url: ObjectUrl, wrap: Wrap, payload: Place | Source | None, changes: Changes) -> Way | None:
    there = read_header(url)
    head = there.header

    def change() -> Way:
        start = there.payload_start() if payload is None else _payload_header(head, payload)
        there.replace(with_recipients(head, wrap(head, start)))
        return Way.HEADER if head.detached else Way.COPY

    return changes.run(change, f"give {url} other recipients")


def _rewrapped(path: Path, source: Source, descriptor: int, wrap: Wrap, header: Header, payload_header: bytes) -> Way:
    stanzas = wrap(header, payload_header)
    _check_name(path, descriptor)
    if sealing.rewrap_in_place(descriptor, header, stanzas):
        return Way.IN_PLACE
    mode = os.fstat(descriptor).st_mode & 0o777
    with atomic.create(path, replace=True, mode=mode) as file:
        sealing.rewrap_copy(source, header, file.fileno(), stanzas)
        _check_name(path, descriptor)
    return Way.COPY


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open an envelope for a rewrap; raise `OutputError` while another process has it, and as `_check_name` does."""
    try:
        # A pipe or device would keep whoever opens or reads it for ever.
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise InputError(f"cannot open {path}: {(error.strerror or '').lower()}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError(f"{path} is not a regular file, which alone can be rewrapped")
        try:
            mounts.lock(descriptor, wait=False)
        except BlockingIOError as error:
            raise OutputError(f"{path} is being rewrapped by another process", hint="try again later") from error
        _check_name(path, descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _check_name(path: Path, descriptor: int) -> None:
    """Raise `OutputError` unless the open file has this name and no other.

    The lock is on the file and not on its name, which can be given to another one at any time:
    a rewrap would then change nothing that is found under it, or undo what was done there.
    """
    here = os.fstat(descriptor)
    with suppress(FileNotFoundError):
        if os.path.samestat(here, os.lstat(path)):
            if here.st_nlink > 1:
                raise OutputError(f"{path} has several names, which a rewrap would part or change together")
            return
    raise OutputError(f"{path} was replaced by another process", hint="see what it is now, and try again")


def _payload_header(header: Header, payload: Place | Source) -> bytes:
    """Return the beginning of the payload that a detached header is for."""
    if not header.detached:
        raise ArgumentError("the header is not detached, so that the payload of another file has no use")
    with opened_source(payload) as source:
        beginning = bytearray(HEADER_BYTES)
        return bytes(beginning[: source.read(memoryview(beginning))])
