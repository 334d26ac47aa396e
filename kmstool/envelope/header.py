"""The header of an envelope (KTE1): what is fixed and authenticated, and the slots that a rewrap replaces.

Strict: whatever this module does not write itself, it refuses to read, but for a slot
that a crash left half written. All integers are big-endian (docs/envelope-format.md).
"""

from __future__ import annotations

import hashlib
import secrets
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kmstool.envelope import stanzas
from kmstool.envelope.floe import HEADER_BYTES, IV_BYTES, SUITES, Suite
from kmstool.envelope.stanzas import Stanza, parse_context
from kmstool.errors import InputError, Reason

MAGIC = b"\x89KTE\r\n\x1a\n"
VERSION = 1
PREAMBLE_BYTES = 36
MAX_BYTES = 262_144
RESERVE_FROM_BYTES = 16 * 2**20
FILE_ID_BYTES = 16
MAX_GENERATION = 2**64 - 2
"""The highest generation that is read. After it there is no other, so that a rewrap makes a copy, which begins anew."""

_DETACHED = 1
_PREAMBLE = struct.Struct(">8sBBHIIIIB3sI")
_SLOT = struct.Struct(">4sIQ32s")
_SLOT_MAGIC = b"KTEW"
_MAX_PROLOGUE, _MIN_SLOT, _MAX_SLOT, _MAX_AAD = 65_536, 64, 65_536, 8192
_BLOCK = 4096
_FILE_ID, _CONTEXT, _AAD, _PLAINTEXT_BYTES, _CREATED, _WRITER = range(1, 7)


@dataclass(frozen=True, slots=True)
class Prologue:
    """The fixed facts of a file, authenticated with its payload.

    `context` is the exact text that KMS got; `aad` holds facts of the file that KMS never sees.
    """

    file_id: bytes
    context: str = ""
    aad: str = ""
    plaintext_bytes: int | None = None
    created_unix: int | None = None
    writer: str = ""

    def encode(self) -> bytes:
        """Write the prologue; raise `InputError` for an AAD over 8 KiB."""
        if len(self.aad.encode()) > _MAX_AAD:
            raise InputError(f"the file's AAD is {len(self.aad.encode()):,} bytes; at most {_MAX_AAD:,} are possible")
        fields: dict[int, bytes] = {_FILE_ID: self.file_id}
        texts = ((_CONTEXT, self.context), (_AAD, self.aad), (_WRITER, self.writer))
        fields |= {number: text.encode() for number, text in texts if text}
        numbers = ((_PLAINTEXT_BYTES, self.plaintext_bytes), (_CREATED, self.created_unix))
        fields |= {number: struct.pack(">Q", value) for number, value in numbers if value is not None}
        return stanzas.encode_fields(fields)

    @classmethod
    def decode(cls, data: bytes) -> Prologue:
        """Read a prologue; fields that are unknown and not critical are passed over."""
        fields = stanzas.decode_fields(data, range(1, 7))
        try:
            prologue = cls(
                file_id=fields[_FILE_ID],
                context=fields.get(_CONTEXT, b"").decode(),
                aad=fields.get(_AAD, b"").decode(),
                plaintext_bytes=_u64(fields, _PLAINTEXT_BYTES),
                created_unix=_u64(fields, _CREATED),
                writer=fields.get(_WRITER, b"").decode(),
            )
        except (KeyError, UnicodeDecodeError) as error:
            raise _malformed("its prologue has invalid fields") from error
        empty = any(number in fields and not fields[number] for number in (_CONTEXT, _AAD, _WRITER))
        if len(prologue.file_id) != FILE_ID_BYTES or len(fields.get(_AAD, b"")) > _MAX_AAD or empty:
            raise _malformed("its prologue has invalid fields")
        parse_context(prologue.context)
        parse_context(prologue.aad)
        return prologue


@dataclass(frozen=True, slots=True)
class Slot:
    """One list of recipients; the slot with the highest generation counts."""

    generation: int
    stanzas: tuple[Stanza, ...]


@dataclass(frozen=True, slots=True)
class Header:
    """A whole header; `slots` holds None for a slot that is not whole."""

    suite: Suite
    detached: bool
    prologue: Prologue
    raw_prologue: bytes = field(repr=False)
    slot_offset: int
    slot_bytes: int
    payload_offset: int
    slots: tuple[Slot | None, ...]

    @property
    def stanzas(self) -> tuple[Stanza, ...]:
        """The recipients that count."""
        return self.newest[1].stanzas

    @property
    def newest(self) -> tuple[int, Slot]:
        """Number and content of the slot that counts."""
        whole = [(number, slot) for number, slot in enumerate(self.slots) if slot is not None]
        return max(whole, key=lambda numbered: numbered[1].generation)

    @property
    def aad(self) -> bytes:
        """What the payload is bound to: version, suite and prologue, but not the recipients."""
        start = struct.pack(">12sBBI", b"kmstool/KTE1", VERSION, self.suite.number, len(self.raw_prologue))
        return start + self.raw_prologue

    def encode(self) -> bytes:
        """Write the header, up to where the payload begins."""
        head = _PREAMBLE.pack(
            MAGIC, VERSION, self.suite.number, _DETACHED * self.detached, len(self.raw_prologue), self.slot_offset,
            self.slot_bytes, self.payload_offset, len(self.slots), bytes(3), 0,
        )[:32]  # fmt: skip
        checksum = zlib.crc32(self.raw_prologue, zlib.crc32(head))
        out = bytearray(head + struct.pack(">I", checksum) + self.raw_prologue)
        out += bytes(self.slot_offset - len(out))
        for slot in self.slots:
            out += encode_slot(slot, self.prologue.file_id, self.slot_bytes) if slot else bytes(self.slot_bytes)
        return bytes(out) + bytes(self.payload_offset - len(out))


def build(
    suite: Suite, prologue: Prologue, recipients: Iterable[Stanza], *, reserve: bool = False, detached: bool = False
) -> Header:
    """Lay out a new header: compact, or with room for a second list of recipients and segments on block borders."""
    raw = prologue.encode()
    slot = Slot(1, tuple(recipients))
    body = _SLOT.size + len(stanzas.encode(slot.stanzas))
    start = PREAMBLE_BYTES + len(raw)
    if not reserve:
        return Header(
            suite, detached, prologue, raw, start, max(body, _MIN_SLOT), start + max(body, _MIN_SLOT), (slot,)
        )
    start, room = _rounded(start), _rounded(body)
    payload = _rounded(start + 2 * room + HEADER_BYTES) - HEADER_BYTES
    return Header(suite, detached, prologue, raw, start, room, payload, (slot, None))


def needed_bytes(preamble: bytes) -> int:
    """Return how long the header is that begins with these 36 bytes; raise `InputError` if it is none."""
    if preamble[:8] != MAGIC:
        raise _foreign(preamble)
    if len(preamble) < PREAMBLE_BYTES:
        raise _malformed("it is cut short")
    return _layout(preamble)[3]


def _foreign(start: bytes) -> InputError:
    if start.lstrip()[:10] == b"-----BEGIN":
        return InputError("the envelope is armored", hint="decrypt it and encrypt it anew: armor is not changed")
    if start[:2] in {suite.algorithms for suite in SUITES.values()} and start[6:10] == IV_BYTES.to_bytes(4, "big"):
        return InputError("this is the payload of an envelope, without its header", reason=Reason.HEADER_MISSING)
    return InputError("this is no envelope", reason=Reason.NO_ENVELOPE)


def parse(data: bytes) -> Header:
    """Read a header, exactly up to the payload; raise `InputError` for anything that cannot be one."""
    if len(data) < PREAMBLE_BYTES or len(data) != needed_bytes(data[:PREAMBLE_BYTES]):
        raise _malformed("it is cut short")
    prologue_bytes, slot_offset, slot_bytes, payload_offset, count = _layout(data)
    raw = data[PREAMBLE_BYTES : PREAMBLE_BYTES + prologue_bytes]
    if zlib.crc32(raw, zlib.crc32(data[:32])) != int.from_bytes(data[32:36], "big"):
        raise _malformed("it is damaged (checksum)")
    end = slot_offset + count * slot_bytes
    if any(data[PREAMBLE_BYTES + prologue_bytes : slot_offset]) or any(data[end:payload_offset]):
        raise _malformed("there is something between its parts")
    prologue = Prologue.decode(raw)
    starts = range(slot_offset, end, slot_bytes)
    slots = tuple(_decode_slot(data[start : start + slot_bytes], prologue.file_id) for start in starts)
    if not any(slots):
        raise _malformed("no list of recipients is whole")
    detached = bool(int.from_bytes(data[10:12], "big") & _DETACHED)
    return Header(SUITES[data[9]], detached, prologue, raw, slot_offset, slot_bytes, payload_offset, slots)


def encode_slot(slot: Slot, file_id: bytes, size: int) -> bytes:
    """Write a slot of `size` bytes; raise `InputError` if the recipients do not fit."""
    body = stanzas.encode(slot.stanzas)
    if _SLOT.size + len(body) > size:
        raise InputError("the recipients do not fit into the header's room")
    digest = _slot_digest(file_id, slot.generation, body)
    return (_SLOT.pack(_SLOT_MAGIC, len(body), slot.generation, digest) + body).ljust(size, b"\0")


def new_file_id() -> bytes:
    """Return 16 random bytes."""
    return secrets.token_bytes(FILE_ID_BYTES)


def _layout(data: bytes) -> tuple[int, int, int, int, int]:
    """Return prologue size, slot offset, slot size, payload offset and number of slots."""
    _, version, suite, flags, prologue, offset, size, payload, count, zero, _ = _PREAMBLE.unpack_from(data)
    if version != VERSION or suite not in SUITES or flags & ~_DETACHED:
        raise InputError("a newer kmstool made this envelope", hint="install it and try again")
    good = (
        prologue <= _MAX_PROLOGUE
        and offset >= PREAMBLE_BYTES + prologue
        and _MIN_SLOT <= size <= _MAX_SLOT
        and count in (1, 2)
        and offset + count * size <= payload <= MAX_BYTES
        and not any(zero)
    )
    if not good:
        raise _malformed("its layout is invalid")
    return prologue, offset, size, payload, count


def _decode_slot(data: bytes, file_id: bytes) -> Slot | None:
    """Return a slot; None for one whose digest does not hold, as a crash during a rewrap leaves it."""
    magic, size, generation, digest = _SLOT.unpack_from(data)
    body = data[_SLOT.size : _SLOT.size + size]
    if magic != _SLOT_MAGIC or len(body) != size or digest != _slot_digest(file_id, generation, body):
        return None
    if any(data[_SLOT.size + size :]):
        # The rest of a longer list, of which only the beginning was written over.
        return None
    if generation > MAX_GENERATION:
        raise _malformed("its generation is one that no rewrap comes to")
    return Slot(generation, stanzas.decode(body))


def _slot_digest(file_id: bytes, generation: int, body: bytes) -> bytes:
    # It finds torn writes; whether a recipient is right, only the payload's header tag tells.
    return hashlib.sha256(file_id + struct.pack(">QI", generation, len(body)) + body).digest()


def _u64(fields: Mapping[int, bytes], number: int) -> int | None:
    if number not in fields:
        return None
    if len(fields[number]) != stanzas.U64_BYTES:
        raise _malformed("its prologue has invalid fields")
    return int.from_bytes(fields[number], "big")


def _rounded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK


def _malformed(reason: str) -> InputError:
    return InputError(f"the envelope's header is malformed: {reason}")
