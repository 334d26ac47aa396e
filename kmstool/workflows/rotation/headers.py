"""The headers of envelopes as items of a rotation: read as bytes, given another recipient, and put back."""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from kmstool.envelope import engine, header
from kmstool.envelope.armor import ArmorReader, ArmorWriter
from kmstool.envelope.header import PREAMBLE_BYTES, Header, Slot
from kmstool.envelope.sealing import Source
from kmstool.envelope.stanzas import Stanza
from kmstool.errors import InputError, OutputError
from kmstool.system import atomic, copying, descriptors, mounts

_BOTH_SLOTS = 2


def read_header_bytes(path: Path) -> bytes:
    """Return the header of an envelope in a file as it is; raise `InputError` for what is none."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        preamble = descriptors.read_up_to(descriptor, PREAMBLE_BYTES)
        head = preamble + descriptors.read_up_to(descriptor, header.needed_bytes(preamble) - len(preamble))
    finally:
        os.close(descriptor)
    header.parse(head)
    return head


def unarmored_header(data: bytes) -> bytes:
    """Return the header of an envelope in armor."""
    content = _dearmored(data)
    return content[: header.needed_bytes(content[:PREAMBLE_BYTES])]


def recipients_of(head: bytes) -> Header:
    """Read a header."""
    return header.parse(head)


def with_stanzas(head: bytes, changed: Mapping[int, Stanza]) -> bytes:
    """Return a header in which some recipients, by number, are others; it has the same length where there is room."""
    parsed = header.parse(head)
    number, slot = parsed.newest
    stanzas = tuple(changed.get(index, stanza) for index, stanza in enumerate(slot.stanzas))
    if len(parsed.slots) == _BOTH_SLOTS and slot.generation < header.MAX_GENERATION:
        slots: list[Slot | None] = [None, None]
        slots[1 - number] = Slot(slot.generation + 1, stanzas)
        try:
            return replace(parsed, slots=tuple(slots)).encode()
        except InputError:
            pass
    fresh = header.build(
        parsed.suite, parsed.prologue, stanzas, reserve=len(parsed.slots) == _BOTH_SLOTS, detached=parsed.detached
    )
    if fresh.raw_prologue != parsed.raw_prologue:
        # Fields of a newer kmstool would be lost, and the payload is bound to them.
        raise InputError("the header has fields that this kmstool does not know")
    return fresh.encode()


def rearmored(data: bytes, head: bytes) -> bytes:
    """Return an envelope in armor with another header."""
    content = _dearmored(data)
    payload = content[header.needed_bytes(content[:PREAMBLE_BYTES]) :]
    out = bytearray()
    writer = ArmorWriter(out.extend)
    writer.write(memoryview(head + payload))
    writer.close()
    return bytes(out)


def is_between(head: bytes, old: bytes, new: bytes) -> bool:
    """Return whether a header is what a crash leaves while `new` is put in the place of `old`: some of both lists."""
    try:
        here, before, after = header.parse(head), header.parse(old), header.parse(new)
    except InputError:
        return False
    known = zip(here.slots, before.slots, after.slots, strict=False)
    return (
        here.raw_prologue == before.raw_prologue
        and len(here.slots) == len(before.slots) == len(after.slots)
        and all(slot in (None, first, second) for slot, first, second in known)
    )


def write_header(path: Path, old: bytes, new: bytes) -> None:
    """Put a header in the place of another one, so that a crash at any moment leaves one of them whole.

    Where both have two lists of recipients of the same size, the file is changed in place; else a copy with the
    same payload replaces it.
    """
    if _in_place(path, old, new):
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        with atomic.create(path, replace=True, mode=status.st_mode & 0o777) as file:
            keep_owner(file.fileno(), status)
            engine.writer(file.fileno())(memoryview(new))
            copying.copy(descriptor, len(old), file.fileno())
    finally:
        os.close(descriptor)


def keep_owner(descriptor: int, status: os.stat_result) -> None:
    """Give a new file the owner of the one that it replaces, where this user may."""
    here = os.fstat(descriptor)
    if (here.st_uid, here.st_gid) != (status.st_uid, status.st_gid):
        try:
            os.fchown(descriptor, status.st_uid, status.st_gid)
        except PermissionError:
            return


def _in_place(path: Path, old: bytes, new: bytes) -> bool:
    before, after = header.parse(old), header.parse(new)
    same = (before.slot_offset, before.slot_bytes, before.raw_prologue) == (
        after.slot_offset,
        after.slot_bytes,
        after.raw_prologue,
    )
    if len(old) != len(new) or not same or len(before.slots) != _BOTH_SLOTS or len(after.slots) != _BOTH_SLOTS:
        return False
    # The list that is to count comes first: until the other one is taken away, both are whole.
    first = after.newest[0]
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{path} is being rewrapped by another process") from error
        for number in (first, 1 - first):
            begin = after.slot_offset + number * after.slot_bytes
            descriptors.write_all_at(descriptor, new[begin : begin + after.slot_bytes], begin)
            mounts.sync(descriptor)
    finally:
        os.close(descriptor)
    return True


def _dearmored(data: bytes) -> bytes:
    source = Source(ArmorReader(io.BytesIO(data).readinto, b"").read)
    out = bytearray()
    buffer = memoryview(bytearray(2**16))
    while count := source.read(buffer):
        out += buffer[:count]
    return bytes(out)
