"""A header reads back as it was written; any other bytes are an `InputError`, quickly and in little memory."""

import contextlib
import hashlib
import io
import json
import os
import random
import re
import resource
import struct
import sys
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.cli.hints import hint_of
from kmstool.envelope import engine, header, sealing
from kmstool.envelope.floe import AES_256_GCM, HEADER_BYTES, SM4_GCM, SUITES, Floe
from kmstool.envelope.header import Header, Prologue, Slot
from kmstool.envelope.recipients import MAX_WRONG_DEKS, unlock
from kmstool.envelope.stanzas import (
    KEY_ID,
    LABEL,
    MAX_BLOB_BYTES,
    REGION,
    RSA_OFFLINE,
    SITE,
    TENCENT_KMS,
    WRAPPED,
    Stanza,
    encode_fields,
)
from kmstool.errors import AccessError, ArgumentError, InputError, IntegrityError, KmsToolError

# How often the mutation loop runs; read before the tests' own environment takes it away.
ROUNDS = int(os.environ.get("KMSTOOL_FUZZ") or 20_000)
LONGEST_SECONDS = 1
MOST_BYTES = 64 * 2**20

# The worked example of docs/envelope-format.md.
EXAMPLE = bytes.fromhex("""
    894b54450d0a1a0a010100000000002a0000004e0000008e000000dc01000000
    e1a0e6f3000100000010202122232425262728292a2b2c2d2e2f00020000000e
    7b22617070223a2264656d6f227d4b5445570000005e00000000000000011dc0
    83e2bb5a785030b854e646b44bea601e11189254cca10163b58cd46e45ef0101
    0000000100000054000100000004696e746c00020000000c61702d6775616e67
    7a686f7500030000002432336538303835322d316533382d313165392d623132
    392d356362393031396234623031000400000008516b785051673d3d00000010
    000000000020404142434445464748494a4b4c4d4e4f50515253545556575859
    5a5b5c5d5e5f5890b2422d406ddb4b510bfc7642a69f83cceab85776eee454c9
    abe08ac5949f00000026707172737475767778797a7b41f2f318cf8b4e93d565
    4022e6a98e21fed5cf925321
""")
EXAMPLE_DEK = bytes(range(32))
EXAMPLE_PROLOGUE = Prologue(bytes(range(0x20, 0x30)), context='{"app":"demo"}')
EXAMPLE_STANZA = Stanza(
    TENCENT_KMS,
    {SITE: b"intl", REGION: b"ap-guangzhou", KEY_ID: b"23e80852-1e38-11e9-b129-5cb9019b4b01", WRAPPED: b"QkxPQg=="},
)

FILE_ID = bytes(range(16))
PROLOGUE = Prologue(
    FILE_ID,
    context='{"app":"demo"}',
    aad='{"path":"db/november.tar"}',
    plaintext_bytes=1_000_000,
    created_unix=1_795_500_000,
    writer="kmstool/1.0.0",
)
OTHER_STANZA = Stanza(RSA_OFFLINE, {WRAPPED: bytes(256), 9: b"RSAES_OAEP_SHA_256", 10: bytes(32)})

texts = st.text(max_size=8)
pairs = st.dictionaries(texts, texts, max_size=3)
contexts = pairs.map(lambda found: json.dumps(found, separators=(",", ":"), ensure_ascii=False) if found else "")
numbers = st.one_of(st.none(), st.integers(0, 2**64 - 1))
prologues = st.builds(
    Prologue, st.binary(min_size=16, max_size=16), contexts, contexts, numbers, numbers, st.text(max_size=20)
)
unknown = st.builds(Stanza, st.integers(5, 0xFFFF), st.dictionaries(st.integers(0, 0x7FFF), st.binary(max_size=30)))
lists = st.lists(st.one_of(st.just(EXAMPLE_STANZA), st.just(OTHER_STANZA), unknown), min_size=1, max_size=5)
headers = st.builds(
    header.build, st.sampled_from([*SUITES.values()]), prologues, lists, reserve=st.booleans(), detached=st.booleans()
)


def with_checksum(data: bytes) -> bytes:
    """Return a header with the checksum that its bytes should have."""
    size = int.from_bytes(data[12:16], "big")
    checksum = zlib.crc32(data[36 : 36 + size], zlib.crc32(data[:32]))
    return data[:32] + checksum.to_bytes(4, "big") + data[36:]


def laid_out(raw: bytes, slots: bytes, *, before: bytes = b"", behind: bytes = b"", count: int = 1) -> bytes:
    """Write a header of any prologue and any slots; `build` would not."""
    offset = 36 + len(raw) + len(before)
    layout = struct.pack(">IIIIB", len(raw), offset, len(slots) // count, offset + len(slots) + len(behind), count)
    head = header.MAGIC + b"\1\1\0\0" + layout + bytes(7)
    return with_checksum(head + raw + before + slots + behind)


def slot_of(*found: Stanza, generation: int = 1, size: int = 0, file_id: bytes = FILE_ID) -> bytes:
    slot = Slot(generation, found)
    return header.encode_slot(slot, file_id, size or 4096)


def with_prologue(fields: dict[int, bytes]) -> bytes:
    return laid_out(encode_fields(fields), slot_of(EXAMPLE_STANZA, file_id=fields.get(1, FILE_ID)))


def test_the_worked_example_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    head = header.build(AES_256_GCM, EXAMPLE_PROLOGUE, [EXAMPLE_STANZA])
    keys = Floe(AES_256_GCM, EXAMPLE_DEK, head.aad, bytes(range(0x40, 0x60)))
    monkeypatch.setattr("kmstool.envelope.floe.secrets.token_bytes", lambda _: bytes(range(0x70, 0x7C)))
    payload = bytearray()
    engine.seal_stream(keys, io.BytesIO(b"hello\n").readinto, payload.extend, lambda _: None)
    assert (head.encode() + keys.header + payload).hex() == EXAMPLE.hex()


def test_the_worked_example_is_the_documented_one() -> None:
    text = (Path(__file__).parents[1] / "docs" / "envelope-format.md").read_text("utf-8")
    found = bytearray()
    for offset, line in re.findall(r"^([0-9a-f]{4})  ([0-9a-f ]+?)(?:  .*)?$", text, re.MULTILINE):
        assert int(offset, 16) == len(found)
        found += bytes.fromhex(line)
    assert found.hex() == EXAMPLE.hex()


def test_the_worked_example_opens() -> None:
    opened = sealing.open_envelope(sealing.Source(io.BytesIO(EXAMPLE).readinto))
    assert opened.header == header.build(AES_256_GCM, EXAMPLE_PROLOGUE, [EXAMPLE_STANZA])
    assert (opened.header.slot_offset, opened.header.payload_offset, opened.offset) == (78, 220, 294)
    assert opened.header.aad == b"kmstool/KTE1\1\1\0\0\0\x2a" + EXAMPLE[36:78]
    keys = Floe.resume(AES_256_GCM, EXAMPLE_DEK, opened.header.aad, opened.floe_header)
    out = bytearray()
    sealing.unseal_stream(opened, keys, out.extend, lambda _: None)
    assert out == b"hello\n"


@given(headers)
@settings(deadline=None)
def test_what_is_written_reads_back(head: Header) -> None:
    data = head.encode()
    assert header.needed_bytes(data[:36]) == len(data) == head.payload_offset
    again = header.parse(data)
    assert again == head
    assert again.encode() == data
    assert again.prologue.encode() == again.raw_prologue


@given(headers)
@settings(deadline=None)
def test_a_reserved_header_lies_on_blocks(head: Header) -> None:
    if len(head.slots) == 1:
        assert head.slot_offset == 36 + len(head.raw_prologue)
        assert head.payload_offset == head.slot_offset + head.slot_bytes
    else:
        assert head.slot_offset % 4096 == head.slot_bytes % 4096 == 0
        assert (head.payload_offset + HEADER_BYTES) % 4096 == 0


def test_a_usual_reserved_header_is_16_kib() -> None:
    assert header.build(AES_256_GCM, PROLOGUE, [EXAMPLE_STANZA], reserve=True).payload_offset + HEADER_BYTES == 16_384


@given(st.binary(max_size=300), st.booleans())
@settings(deadline=None, max_examples=500)
def test_any_bytes_are_a_header_or_an_input_error(data: bytes, marked: bool) -> None:
    data = header.MAGIC + b"\1\1\0\0" + data if marked else data
    with contextlib.suppress(InputError):
        assert header.parse(data).encode() == data
    with contextlib.suppress(InputError):
        assert 36 <= header.needed_bytes(data[:36]) <= 262_144
    with contextlib.suppress(InputError):
        sealing.open_envelope(sealing.Source(io.BytesIO(data).readinto))


@given(headers, st.lists(st.tuples(st.integers(0), st.integers(1, 255)), min_size=1, max_size=4), st.booleans())
@settings(deadline=None, max_examples=400)
def test_an_altered_header_is_a_header_or_an_input_error(
    head: Header, changes: list[tuple[int, int]], repaired: bool
) -> None:
    """Also with a checksum that fits; what is read then differs, and so the payload does not open."""
    data = bytearray(head.encode())
    for place, pattern in changes:
        data[place % min(len(data), 700)] ^= pattern
    altered = with_checksum(bytes(data)) if repaired else bytes(data)
    with contextlib.suppress(InputError):
        again = header.parse(altered)
        torn = None in again.slots
        assert torn or again.encode() == altered


def test_every_altered_byte_of_a_compact_header_is_refused() -> None:
    data = EXAMPLE[:220]
    for place in range(len(data)):
        for pattern in (0x01, 0x80, 0xFF):
            altered = bytearray(data)
            altered[place] ^= pattern
            with pytest.raises(InputError):
                header.parse(bytes(altered))


def test_every_cut_and_extension_is_refused() -> None:
    data = EXAMPLE[:220]
    for size in range(len(data)):
        with pytest.raises(InputError):
            header.parse(data[:size])
        with pytest.raises(InputError):
            sealing.open_envelope(sealing.Source(io.BytesIO(data[:size]).readinto))
    with pytest.raises(InputError):
        header.parse(data + b"\0")


@pytest.mark.parametrize(
    ("place", "value"),
    [(8, b"\2"), (8, b"\0"), (9, b"\3"), (9, b"\0"), (10, b"\1\0"), (10, b"\0\2"), (10, b"\xff\xff")],
)
def test_what_a_newer_kmstool_made_is_said_to_be_so(place: int, value: bytes) -> None:
    data = bytearray(EXAMPLE[:220])
    data[place : place + len(value)] = value
    with pytest.raises(InputError, match="a newer kmstool made this envelope") as caught:
        header.parse(with_checksum(bytes(data)))
    assert hint_of(caught.value)


@pytest.mark.parametrize("data", [b"", b"\x89", b"hello world" * 10, EXAMPLE[1:], b"\x89KTE\n\x1a\n" + EXAMPLE[8:]])
def test_what_is_no_envelope_is_said_to_be_so(data: bytes) -> None:
    with pytest.raises(InputError, match="this is no envelope") as caught:
        sealing.open_envelope(sealing.Source(io.BytesIO(data).readinto))
    assert hint_of(caught.value)


LAYOUT = {
    "P": (12, 4),
    "slot_off": (16, 4),
    "slot_len": (20, 4),
    "payload_off": (24, 4),
    "slots": (28, 1),
    "zero": (29, 3),
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("P", 65_537),
        ("P", 2**32 - 1),
        ("P", 0x2B),
        ("slot_off", 35),
        ("slot_off", 0x4D),
        ("slot_off", 2**32 - 1),
        ("slot_len", 0),
        ("slot_len", 63),
        ("slot_len", 65_537),
        ("slot_len", 2**32 - 1),
        ("slot_len", 0x8F),
        ("payload_off", 0),
        ("payload_off", 219),
        ("payload_off", 262_145),
        ("payload_off", 2**32 - 1),
        ("slots", 0),
        ("slots", 2),
        ("slots", 3),
        ("slots", 255),
        ("zero", 1),
        ("zero", 0x010000),
    ],
)
def test_a_layout_that_cannot_be(name: str, value: int) -> None:
    place, size = LAYOUT[name]
    data = EXAMPLE[:place] + value.to_bytes(size, "big") + EXAMPLE[place + size : 220]
    for candidate in (data, with_checksum(data)):
        with pytest.raises(InputError, match="malformed"):
            header.needed_bytes(candidate[:36])
        with pytest.raises(InputError, match="malformed"):
            header.parse(candidate)


def test_a_damaged_prologue_is_said_to_be_so() -> None:
    data = bytearray(EXAMPLE[:220])
    data[60] ^= 1
    with pytest.raises(InputError, match="damaged"):
        header.parse(bytes(data))


def test_never_more_than_256_kib_are_read() -> None:
    asked: list[int] = []

    def endless(buffer: memoryview) -> int:
        asked.append(len(buffer))
        piece = EXAMPLE[:24] + (262_144).to_bytes(4, "big") + EXAMPLE[28:36] if len(asked) == 1 else b""
        buffer[: len(piece)] = piece
        return len(buffer)

    with pytest.raises(InputError):
        sealing.open_envelope(sealing.Source(endless))
    assert sum(asked) <= 262_144


def test_nothing_hides_between_the_parts() -> None:
    raw, slot = PROLOGUE.encode(), slot_of(EXAMPLE_STANZA, size=512)
    assert header.parse(laid_out(raw, slot, before=bytes(20), behind=bytes(20)))
    for place in range(20):
        hidden = bytes(place) + b"\1" + bytes(19 - place)
        for data in (laid_out(raw, slot, before=hidden), laid_out(raw, slot, behind=hidden)):
            with pytest.raises(InputError, match="something between its parts"):
                header.parse(data)


def test_nothing_hides_behind_the_recipients() -> None:
    raw, slot = PROLOGUE.encode(), slot_of(EXAMPLE_STANZA, size=512)
    used = 48 + int.from_bytes(slot[4:8], "big")
    for place in range(used, 512):
        hidden = slot[:place] + b"\1" + slot[place + 1 :]
        with pytest.raises(InputError):
            header.parse(laid_out(raw, hidden))


FIELDS = {1: FILE_ID, 2: b'{"app":"demo"}', 3: b'{"path":"x"}', 4: bytes(8), 5: bytes(8), 6: b"kmstool/1.0.0"}


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (1, b""),
        (1, bytes(15)),
        (1, bytes(17)),
        (2, b""),
        (2, b"\xff"),
        (2, b"context"),
        (2, b'{"a":1}'),
        (2, b'{"a":{}}'),
        (2, b'{"a":' * 2000),
        (3, b""),
        (3, b"\xc3("),
        (3, b'["a"]'),
        (3, b"[" * 8192),
        (3, b'{"a":"' + b"b" * 8185 + b'"}'),
        (4, b""),
        (4, bytes(7)),
        (4, bytes(9)),
        (5, bytes(4)),
        (6, b""),
        (6, b"\x80"),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_a_fact_that_cannot_be(number: int, value: bytes) -> None:
    with pytest.raises(InputError, match="malformed"):
        header.parse(with_prologue(FIELDS | {number: value}))


def test_a_file_without_an_id_is_refused() -> None:
    with pytest.raises(InputError, match="invalid fields"):
        header.parse(with_prologue({number: value for number, value in FIELDS.items() if number != 1}))


def test_the_largest_facts_are_allowed() -> None:
    aad = '{"a":"' + "b" * 8184 + '"}'
    head = header.build(AES_256_GCM, replace(PROLOGUE, aad=aad), [EXAMPLE_STANZA])
    assert header.parse(head.encode()).prologue.aad == aad
    with pytest.raises(InputError, match="8,193 bytes; at most 8,192"):
        header.build(AES_256_GCM, replace(PROLOGUE, aad=aad + " "), [EXAMPLE_STANZA])
    # In bytes, not in characters.
    with pytest.raises(InputError, match="at most 8,192"):
        header.build(AES_256_GCM, replace(PROLOGUE, aad='{"a":"' + "ü" * 4093 + '"}'), [EXAMPLE_STANZA])


def test_an_unknown_field_is_kept_and_authenticated() -> None:
    data = with_prologue(FIELDS | {0x7: b"of a newer kmstool", 0x7FFF: b""})
    head = header.parse(data)
    assert head.prologue == header.parse(with_prologue(FIELDS)).prologue
    assert head.aad.endswith(encode_fields(FIELDS | {0x7: b"of a newer kmstool", 0x7FFF: b""}))
    assert head.encode() == data


@pytest.mark.parametrize("number", [0x8000, 0x8007, 0xFFFF])
def test_an_unknown_field_that_matters_is_refused(number: int) -> None:
    with pytest.raises(InputError, match="a newer kmstool made it"):
        header.parse(with_prologue(FIELDS | {number: b""}))


def test_at_most_64_fields() -> None:
    most = FIELDS | dict.fromkeys(range(7, 65), b"")
    assert header.parse(with_prologue(most))
    with pytest.raises(InputError, match="too many"):
        header.parse(with_prologue(most | {65: b""}))


def test_fields_stand_in_order_and_once() -> None:
    fields = [struct.pack(">HI", number, len(value)) + value for number, value in FIELDS.items()]
    slot = slot_of(EXAMPLE_STANZA)
    assert header.parse(laid_out(b"".join(fields), slot))
    for refused in (fields[::-1], [*fields, fields[-1]], [fields[0], *fields], [*fields, b"\0"]):
        with pytest.raises(InputError, match="malformed"):
            header.parse(laid_out(b"".join(refused), slot))


A, B = replace(EXAMPLE_STANZA), Stanza(TENCENT_KMS, {**EXAMPLE_STANZA.fields, WRAPPED: b"b" * 400, LABEL: b"new"})


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1), (7, 6), (2**64 - 2, 0)])
def test_the_slot_with_the_highest_generation_counts(first: int, second: int) -> None:
    slots = slot_of(A, generation=first) + slot_of(B, generation=second)
    head = header.parse(laid_out(PROLOGUE.encode(), slots, count=2))
    assert head.stanzas == ((A,) if first > second else (B,))
    assert head.newest == ((0, Slot(first, (A,))) if first > second else (1, Slot(second, (B,))))
    assert head.encode() == laid_out(PROLOGUE.encode(), slots, count=2)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_generation_without_a_next_one_is_refused(slot: int) -> None:
    slots = [slot_of(A, generation=1), slot_of(B, generation=2)]
    slots[slot] = slot_of(A, generation=2**64 - 1)
    with pytest.raises(InputError, match="generation"):
        header.parse(laid_out(PROLOGUE.encode(), b"".join(slots), count=2))


def test_a_torn_slot_is_passed_over() -> None:
    """However much of a new list was written over an empty slot, or of zeros over the old one, a whole one counts."""
    old, new = slot_of(A, generation=1), slot_of(B, generation=2)
    used = 48 + int.from_bytes(new[4:8], "big")
    for cut in [*range(used + 2), *range(used + 2, 4097, 64)]:
        torn = new[:cut].ljust(4096, b"\0")
        for slots in (old + torn, torn + old):
            head = header.parse(laid_out(PROLOGUE.encode(), slots, count=2))
            assert head.stanzas == ((B,) if torn == new else (A,))
        erased = bytes(cut) + old[cut:]
        for slots in (erased + new, new + erased):
            assert header.parse(laid_out(PROLOGUE.encode(), slots, count=2)).stanzas == (B,)


def test_slots_that_are_not_whole_are_not_read() -> None:
    for slots in (bytes(8192), bytes(4096) + slot_of(A)[:100].ljust(4096, b"\0"), os.urandom(8192)):
        with pytest.raises(InputError, match="no list of recipients is whole"):
            header.parse(laid_out(PROLOGUE.encode(), slots, count=2))
    one = laid_out(PROLOGUE.encode(), slot_of(A)[:60].ljust(4096, b"\0"))
    with pytest.raises(InputError, match="no list of recipients is whole"):
        header.parse(one)


def test_a_slot_of_another_file_is_not_whole() -> None:
    slots = slot_of(A) + slot_of(B, generation=9, file_id=bytes(16))
    assert header.parse(laid_out(PROLOGUE.encode(), slots, count=2)).stanzas == (A,)


def test_a_whole_slot_with_an_unreadable_list_is_refused() -> None:
    """Its digest says that no crash made it so."""
    body = b"\x02\x01\0\0"
    digest = hashlib.sha256(FILE_ID + struct.pack(">QI", 9, len(body)) + body).digest()
    slot = (struct.pack(">4sIQ32s", b"KTEW", len(body), 9, digest) + body).ljust(4096, b"\0")
    with pytest.raises(InputError, match="unknown form"):
        header.parse(laid_out(PROLOGUE.encode(), slot_of(A) + slot, count=2))


def test_a_slot_says_how_long_it_is() -> None:
    slot = slot_of(A)
    for size in (0, 2**32 - 1, 4096 - 47, int.from_bytes(slot[4:8], "big") - 1):
        with pytest.raises(InputError, match="no list of recipients is whole"):
            header.parse(laid_out(PROLOGUE.encode(), slot[:4] + struct.pack(">I", size) + slot[8:]))


def test_recipients_that_do_not_fit_are_refused() -> None:
    size = len(encode_fields(B.fields)) + 48 + 4 + 6
    assert header.encode_slot(Slot(1, (B,)), FILE_ID, size)
    with pytest.raises(InputError, match="do not fit"):
        header.encode_slot(Slot(1, (B,)), FILE_ID, size - 1)
    with pytest.raises(InputError, match="1 to 16 recipients"):
        header.build(AES_256_GCM, PROLOGUE, [A] * 17)
    with pytest.raises(InputError, match="1 to 16 recipients"):
        header.build(AES_256_GCM, PROLOGUE, [])


def test_sixteen_recipients_of_the_largest_size_read_back() -> None:
    """What can be written can be read: 16 blobs of 6 KiB do not fit into a slot of 64 KiB, and are refused when made."""
    large = Stanza(TENCENT_KMS, {**EXAMPLE_STANZA.fields, WRAPPED: b"A" * MAX_BLOB_BYTES})
    for count, reserve in ((10, False), (10, True), (16, False), (16, True)):
        with contextlib.suppress(InputError):
            head = header.build(AES_256_GCM, PROLOGUE, [large] * count, reserve=reserve)
            assert header.parse(head.encode()) == head


def test_file_ids_differ() -> None:
    assert len({header.new_file_id() for _ in range(100)}) == 100
    assert len(header.new_file_id()) == 16


class _Kms:
    """Stands for KMS: it records what reached it, and opens everything to a wrong DEK."""

    def __init__(self) -> None:
        self.asked: list[Stanza] = []

    def unwrap(self, stanza: Stanza, context: str) -> bytes | None:
        if stanza.kind != TENCENT_KMS:
            return None
        self.asked.append(stanza)
        assert stanza.text(SITE) in {"cn", "intl"}
        assert re.fullmatch("[a-z]{2}(-[a-z0-9]{2,16}){1,3}", stanza.text(REGION))
        assert re.fullmatch("[0-9a-f-]{36}", stanza.text(KEY_ID))
        assert 0 < len(stanza.wrapped) <= MAX_BLOB_BYTES
        assert stanza.wrapped.isascii()
        assert context == "" or json.loads(context)
        return b"\xaa" * 32


def seeds() -> list[bytes]:
    """Return whole envelopes of every layout."""
    detached = header.build(SM4_GCM, PROLOGUE, [A, OTHER_STANZA], detached=True)
    reserved = header.build(AES_256_GCM, PROLOGUE, [A, B, OTHER_STANZA], reserve=True).encode()
    both = bytearray(reserved)
    both[8192:12288] = slot_of(B, A, generation=2)
    newer = with_prologue(FIELDS | {0x77: b"newer"})
    compact = header.build(AES_256_GCM, PROLOGUE, [A] * 5 + [Stanza(99, {1: b"x"})]).encode()
    payload = Floe.start(AES_256_GCM, EXAMPLE_DEK, b"").header + bytes(50)
    return [EXAMPLE, detached.encode(), reserved + payload, bytes(both) + payload, newer + payload, compact + payload]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Change an envelope as an attacker or a bad disk would, and often make its checksums fit again."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        place = min(chance.randrange(len(out) or 1), chance.choice((36, 300, 4400, 20_000)))
        kind = chance.randrange(7)
        if kind == 0:
            out[place : place + 1] = bytes([out[place] ^ 1 << chance.randrange(8)]) if place < len(out) else b""
        elif kind == 1:
            value = chance.choice((0, 1, 63, 64, 255, 4096, 65_535, 65_536, 262_144, 2**31 - 1, 2**31, 2**32 - 1))
            out[place : place + 4] = value.to_bytes(4, "big")
        elif kind == 2:
            out[place : place + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
        elif kind == 3:
            del out[place : place + chance.choice((1, 4, 6, 48, 4096))]
        elif kind == 4:
            out[place:place] = out[place : place + chance.choice((1, 6, 90, 4096))]
        elif kind == 5:
            out[place : place + 4] = (int.from_bytes(out[place : place + 4], "big") + chance.choice((-1, 1))).to_bytes(
                5, "big", signed=True
            )[1:]
        else:
            del out[place:]
    if chance.random() < 0.8 and len(out) > 40:
        out = bytearray(with_slot_digests(with_checksum(bytes(out))))
    return bytes(out)


def with_slot_digests(data: bytes) -> bytes:
    """Return a header whose slots have the digests that their bytes should have, wherever they lie."""
    out = bytearray(data)
    start = data.find(b"\0\1\0\0\0\x10", 36, 400)
    file_id = data[start + 6 : start + 22]
    place = data.find(b"KTEW")
    while place >= 0:
        size, generation = struct.unpack(">IQ", data[place + 4 : place + 16].ljust(12, b"\0"))
        body = data[place + 48 : place + 48 + min(size, 2**17)]
        digest = hashlib.sha256(file_id + struct.pack(">QI", generation, size) + body).digest()
        if len(out) >= place + 48:
            out[place + 16 : place + 48] = digest
        place = data.find(b"KTEW", place + 4)
    return bytes(out)


def tried(data: bytes) -> str:
    """Go as far with an envelope as `decrypt` does before the payload; return what became of it."""
    kms = _Kms()
    try:
        opened = sealing.open_envelope(sealing.Source(io.BytesIO(data).readinto))
    except ArgumentError:
        return "detached"
    except InputError:
        assert not kms.asked
        return "refused"
    try:
        unlock(opened.header, opened.floe_header, [kms])
    except KmsToolError as error:
        refusal = type(error)
    else:
        raise AssertionError("a wrong key opened it")
    assert refusal in {InputError, IntegrityError, AccessError}
    assert len(kms.asked) <= MAX_WRONG_DEKS or refusal is InputError
    return "locked"


def generated(rounds: int, chance: random.Random) -> Iterator[bytes]:
    found = seeds()
    for number in range(rounds):
        yield mutated(found[number % len(found)], chance)


def peak_bytes() -> int:
    """Return the most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_no_mutation_does_harm() -> None:
    """Only ever an error that says so: no other exception, no call to KMS, no long time, not much memory."""
    seed = random.randrange(2**32)
    before, slowest, ends = peak_bytes(), 0.0, {"refused": 0, "detached": 0, "locked": 0}
    for number, data in enumerate(generated(ROUNDS, random.Random(seed))):
        begin = time.thread_time()
        try:
            ends[tried(data)] += 1
        except Exception as error:
            raise AssertionError(f"round {number} of seed {seed}: {data[:2000].hex()}") from error
        slowest = max(slowest, time.thread_time() - begin)
    assert slowest < LONGEST_SECONDS
    assert peak_bytes() - before < MOST_BYTES
    print(f"seed {seed}, slowest {slowest * 1000:.1f} ms, {(peak_bytes() - before) >> 20} MiB, {ends}")
    assert min(ends.values()) > ROUNDS // 200, "the loop does not reach all it should"


def test_no_mutation_takes_much_memory() -> None:
    """As above, but every allocation is counted."""
    tracemalloc.start()
    try:
        base = tracemalloc.get_traced_memory()[0]
        for data in generated(min(ROUNDS, 600), random.Random(random.randrange(2**32))):
            tried(data)
        assert tracemalloc.get_traced_memory()[1] - base < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_seeds_are_good() -> None:
    """The loop begins with envelopes that are read, so that it is not only about their first bytes."""
    assert [tried(data) for data in seeds()] == ["locked", "detached", "locked", "locked", "locked", "locked"]
