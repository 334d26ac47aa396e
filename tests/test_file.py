"""An envelope opens to exactly what was put into it, or to nothing: as a file, as a pipe, in part, after a crash.

Many tests cut the payload into segments of 64 bytes, so that every byte and every order can be tried.
"""

import base64
import gc
import io
import itertools
import os
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kmstool.cli.hints import hint_of
from kmstool.crypto import aead
from kmstool.envelope import engine, header, sealing, workers
from kmstool.envelope.floe import AES_256_GCM, HEADER_BYTES, SM4_GCM, Floe, Suite
from kmstool.envelope.header import Header, Prologue
from kmstool.envelope.recipients import describe, unlock
from kmstool.envelope.sealing import OpenedEnvelope, Source
from kmstool.envelope.stanzas import KEY_ID, REGION, SITE, TENCENT_KMS, WRAPPED, Stanza
from kmstool.errors import (
    AccessError,
    ArgumentError,
    InputError,
    IntegrityError,
    KmsToolError,
    NetworkError,
    ServiceError,
)
from kmstool.system import atomic

CONTEXT = '{"app":"demo"}'
DEK = bytes(range(32))
PLAIN = 2**20 - 32
SIZES = (0, 1, PLAIN - 1, PLAIN, PLAIN + 1, 2 * PLAIN, 2 * PLAIN + 1)
PATTERNS = (0x01, 0x80, 0xFF)
# A small segment holds 32 bytes; this makes four, the last one shorter.
SMALL = 64
TEXT = bytes(range(32 * 3 + 7))


@dataclass
class Keeper:
    """Wraps and opens DEKs under a key of its own, as a KMS would."""

    number: int
    failure: KmsToolError | None = None
    answer: bytes | None = None
    asked: int = 0
    key: bytes = field(default_factory=lambda: os.urandom(32), repr=False)

    @property
    def name(self) -> bytes:
        return b"%08d-0000-0000-0000-000000000000" % self.number

    def wrap(self, dek: bytes, context: str) -> Stanza:
        blob = base64.b64encode(aead.seal("AES_256", self.key, dek, context.encode()))
        return Stanza(TENCENT_KMS, {SITE: b"cn", REGION: b"ap-guangzhou", KEY_ID: self.name, WRAPPED: blob})

    def unwrap(self, stanza: Stanza, context: str) -> bytes | None:
        if stanza.fields.get(KEY_ID) != self.name:
            return None
        self.asked += 1
        if self.failure:
            raise self.failure
        opened = aead.unseal("AES_256", self.key, base64.b64decode(stanza.wrapped), context.encode())
        return opened if self.answer is None else self.answer


KEEPER = Keeper(1)


def nothing(_: int) -> None:
    pass


def head_for(
    stated: int | None = None, *recipients: Stanza, dek: bytes = DEK, suite: Suite = AES_256_GCM, **layout: bool
) -> Header:
    prologue = Prologue(header.new_file_id(), context=CONTEXT, plaintext_bytes=stated)
    return header.build(suite, prologue, recipients or [KEEPER.wrap(dek, CONTEXT)], **layout)


def envelope(text: bytes, head: Header | None = None, *, segment_bytes: int = SMALL, dek: bytes = DEK) -> bytes:
    """Make a whole envelope with segments of any size; a detached one is only the payload."""
    head = head or head_for(len(text), dek=dek)
    keys = Floe(head.suite, dek, head.aad, os.urandom(32), segment_bytes=segment_bytes)
    payload = bytearray()
    read = io.BytesIO(text).readinto
    engine.seal_stream(keys, read, payload.extend, nothing)
    empty_end = len(text) > 0 and len(text) % keys.plain_bytes == 0
    if empty_end:
        # As a file is sealed: the last full segment is the final one.
        last = memoryview(bytearray(segment_bytes))
        keys.seal_into(len(text) // keys.plain_bytes - 1, text[-keys.plain_bytes :], last, final=True)
        payload[-segment_bytes - 32 :] = last
    return (b"" if head.detached else head.encode()) + keys.header + payload


def split(data: bytes, segment_bytes: int = SMALL) -> tuple[bytes, bytes, list[bytes]]:
    """Return header, FLOE header and segments of an envelope."""
    begin = header.needed_bytes(data[:36])
    rest = data[begin + HEADER_BYTES :]
    segments = [rest[place : place + segment_bytes] for place in range(0, len(rest), segment_bytes)]
    return data[:begin], data[begin : begin + HEADER_BYTES], segments


def keys_of(opened: OpenedEnvelope, keeper: Keeper = KEEPER) -> Floe:
    """Unlock a payload whatever the size of its segments."""
    dek = keeper.unwrap(opened.header.stanzas[0], opened.header.prologue.context)
    if dek is None:
        raise AccessError("a stanza of another")
    return Floe.resume(opened.header.suite, dek, opened.header.aad, opened.floe_header)


def memory(data: bytes) -> Source:
    return Source(io.BytesIO(data).readinto)


def from_pipe(data: bytes, out: bytearray, head: bytes | None = None) -> None:
    """Open an envelope in order; what was released is in `out` also after a failure."""
    opened = sealing.open_envelope(memory(data)) if head is None else sealing.open_envelope(memory(head), memory(data))
    sealing.unseal_stream(opened, keys_of(opened), out.extend, nothing)


@contextmanager
def on_disk(data: bytes, folder: Path, name: str = "envelope") -> Iterator[Source]:
    path = folder / name
    path.write_bytes(data)
    with path.open("rb", buffering=0) as open_file:
        yield Source.of(open_file.fileno())


def opened_from(source: Source, head: bytes | None) -> OpenedEnvelope:
    if source.size is not None and source.descriptor is not None:
        os.lseek(source.descriptor, 0, os.SEEK_SET)
    return sealing.open_envelope(source) if head is None else sealing.open_envelope(memory(head), source)


def to_file(source: Source, target: Path, head: bytes | None = None) -> None:
    """Open an envelope into a file, as the program does it."""
    opened = opened_from(source, head)
    keys = keys_of(opened)
    with atomic.create(target, durable=False) as out:
        sealing.unseal(opened, keys, out.fileno(), nothing)


def verify(source: Source, head: bytes | None = None) -> None:
    opened = opened_from(source, head)
    sealing.verify(opened, keys_of(opened), nothing)


def from_file(data: bytes, folder: Path, head: bytes | None = None) -> bytes:
    target = folder / "opened"
    with on_disk(data, folder) as source:
        to_file(source, target, head)
    found = target.read_bytes()
    target.unlink()
    return found


def refused(data: bytes, folder: Path, text: bytes = TEXT, head: bytes | None = None) -> None:
    """Check that an envelope is refused in every way: a pipe gives a verified prefix at most, a file nothing."""
    out = bytearray()
    with pytest.raises((InputError, IntegrityError)):
        from_pipe(data, out, head)
    assert text.startswith(out)
    assert len(out) % 32 == 0 or len(out) == len(text)
    with on_disk(data, folder) as source:
        with pytest.raises((InputError, IntegrityError)):
            to_file(source, folder / "opened", head)
        with pytest.raises((InputError, IntegrityError)):
            verify(source, head)
    assert not (folder / "opened").exists()


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody share small payloads, which would take longer; tests/test_floe.py is about several workers."""
    monkeypatch.setattr(engine, "threads_for", lambda _: 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make an empty folder."""
    made = tmp_path / "folder"
    made.mkdir()
    return made


def test_the_small_envelope_is_good(folder: Path) -> None:
    """What the following tests alter opens as long as nobody alters it."""
    data = envelope(TEXT)
    assert [len(segment) for segment in split(data)[2]] == [64, 64, 64, 39]
    out = bytearray()
    from_pipe(data, out)
    assert out == TEXT == from_file(data, folder)
    verify(memory(data))
    with on_disk(data, folder) as source:
        verify(source)
    assert os.listdir(folder) == ["envelope"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_altered_byte_is_refused(pattern: int, folder: Path) -> None:
    data = envelope(TEXT)
    for place in range(len(data)):
        refused(data[:place] + bytes([data[place] ^ pattern]) + data[place + 1 :], folder)
    assert os.listdir(folder) == ["envelope"]


@pytest.mark.parametrize("stated", [True, False])
def test_every_cut_is_refused(stated: bool, tmp_path: Path) -> None:
    data = envelope(TEXT, head_for(len(TEXT) if stated else None))
    for size in range(len(data)):
        refused(data[:size], tmp_path)


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("text", [TEXT, TEXT[:96], b""], ids=["short end", "full end", "empty"])
def test_every_extension_is_refused(text: bytes, stated: bool, tmp_path: Path) -> None:
    data = envelope(text, head_for(len(text) if stated else None))
    _, floe_header, segments = split(data)
    behind = [bytes(size) for size in (*range(1, 66), 128)]
    behind += [os.urandom(64), b"\xff" * 64, *segments, b"".join(segments), floe_header, data]
    for more in behind:
        refused(data + more, tmp_path, text)


@pytest.mark.parametrize("stated", [True, False])
def test_every_other_order_is_refused(stated: bool, tmp_path: Path) -> None:
    """All permutations of all selections, and every segment twice."""
    data = envelope(TEXT, head_for(len(TEXT) if stated else None))
    head, floe_header, segments = split(data)
    orders = [order for count in range(5) for order in itertools.permutations(range(4), count)]
    orders += [(*range(place), number, *range(place, 4)) for place in range(5) for number in range(4)]
    for order in set(orders) - {(0, 1, 2, 3)}:
        refused(head + floe_header + b"".join(segments[number] for number in order), tmp_path)


def test_every_mixture_of_two_envelopes_is_refused(tmp_path: Path) -> None:
    """Both are under the same DEK, and even of the same text."""
    one, other = split(envelope(TEXT)), split(envelope(TEXT))
    for choice in itertools.product((0, 1), repeat=6):
        if len(set(choice)) == 1:
            continue
        parts = [(one[0], one[1], *one[2]), (other[0], other[1], *other[2])]
        refused(b"".join(parts[source][place] for place, source in enumerate(choice)), tmp_path)


def test_the_end_of_a_shorter_envelope_is_no_end(tmp_path: Path) -> None:
    """One that is shorter by whole segments, under the same keys, IV and header."""
    head = head_for()
    keys = Floe(AES_256_GCM, DEK, head.aad, os.urandom(32), segment_bytes=SMALL)
    payloads = []
    for text in (TEXT, TEXT[:39]):
        payload = bytearray()
        engine.seal_stream(keys, io.BytesIO(text).readinto, payload.extend, nothing)
        payloads.append([bytes(payload[place : place + 64]) for place in range(0, len(payload), 64)])
    long, short = payloads
    start = head.encode() + keys.header
    out = bytearray()
    from_pipe(start + b"".join(short), out)
    assert out == TEXT[:39]
    refused(start + b"".join(long[:3] + short[1:]), tmp_path)
    refused(start + b"".join(short + long[2:]), tmp_path)
    refused(start + b"".join(long[:1] + short[1:] + long[2:]), tmp_path)


@pytest.mark.parametrize("change", ["dek", "context", "suite"])
def test_another_key_context_or_suite_is_refused(change: str, tmp_path: Path) -> None:
    head = head_for(len(TEXT))
    data = envelope(TEXT, head)
    _, floe_header, segments = split(data)
    dek, prologue, suite = DEK, head.prologue, AES_256_GCM
    if change == "dek":
        dek = bytes(32)
    elif change == "context":
        prologue = Prologue(prologue.file_id, context='{"app":"Demo"}', plaintext_bytes=len(TEXT))
    else:
        dek, suite = bytes(16), SM4_GCM
    fresh = header.build(suite, prologue, [KEEPER.wrap(dek, prologue.context)])
    refused(fresh.encode() + floe_header + b"".join(segments), tmp_path)


@pytest.mark.parametrize("lie", [0, 1, 96, len(TEXT) - 1, len(TEXT) + 1, len(TEXT) + 32, 2**63, 2**64 - 1])
def test_a_false_length_is_refused(lie: int, tmp_path: Path) -> None:
    refused(envelope(TEXT, head_for(lie)), tmp_path)


@pytest.mark.parametrize("lie", [4, len(TEXT) + 1])
def test_a_false_length_is_refused_where_only_a_part_is_asked_for(lie: int, tmp_path: Path) -> None:
    out = bytearray()
    with on_disk(envelope(TEXT, head_for(lie)), tmp_path) as source:
        opened = sealing.open_envelope(source)
        with pytest.raises(IntegrityError):
            sealing.unseal_range(opened, keys_of(opened), 0, 3, out.extend)
    assert out == b""


WAYS = [(AES_256_GCM, size) for size in SIZES] + [(SM4_GCM, size) for size in (0, 1, PLAIN, PLAIN + 1)]


@pytest.mark.parametrize(("suite", "size"), WAYS, ids=lambda value: getattr(value, "name", str(value)))
def test_all_ways_in_and_out(suite: Suite, size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From files and pipes, to files and pipes, with segments of 1 MiB; compact and reserved, header apart or not."""
    monkeypatch.setattr(engine, "threads_for", lambda _: 2)
    text, dek = os.urandom(min(size, 1000)).ljust(size, b"."), bytes(suite.dek_bytes)
    (tmp_path / "plain").write_bytes(text)
    for seekable, reserve, detached in ((True, True, False), (False, False, False), (True, False, True)):
        stanza = KEEPER.wrap(dek, CONTEXT)
        head = head_for(size if seekable else None, stanza, suite=suite, reserve=reserve, detached=detached)
        with (tmp_path / "plain").open("rb") as plain, (tmp_path / "made").open("wb+") as target:
            source = Source.of(plain.fileno()) if seekable else memory(text)
            sealing.seal(dek, head, source, target.fileno(), nothing)
            target.seek(0)
            made = target.read()
        apart = head.encode() if detached else None
        out, streamed = bytearray(), bytearray()
        from_pipe(made, out, apart)
        assert out == text == from_file(made, tmp_path, apart)

        sealing.seal_stream(dek, head, memory(text), streamed.extend, nothing)
        assert from_file(bytes(streamed), tmp_path, apart) == text
        assert len(streamed) - len(made) in (0, 32)


def test_what_the_sizes_of_a_file_tell(tmp_path: Path) -> None:
    for size in (0, 1, 31, 32, 33, 64, 65, 103):
        with on_disk(envelope(bytes(size)), tmp_path) as source:
            assert sealing.open_envelope(source).plaintext_bytes == size
    opened = sealing.open_envelope(memory(envelope(TEXT)))
    assert (opened.plaintext_bytes, opened.sealed_bytes) == (None, None)


BORDERS = sorted({max(0, base + more) for base in (0, 32, 64, 96, 103) for more in (-1, 0, 1)})


@pytest.mark.parametrize("size", [1, 31, 32, 33, 64, 65, 96, 103])
def test_every_range(size: int, tmp_path: Path) -> None:
    text = TEXT[:size]
    with on_disk(envelope(text), tmp_path) as source:
        opened = sealing.open_envelope(source)
        keys = keys_of(opened)
        for first, last in itertools.product(BORDERS, repeat=2):
            out = bytearray()
            if first <= last < size:
                sealing.unseal_range(opened, keys, first, last, out.extend)
                assert out == text[first : last + 1]
            else:
                with pytest.raises(InputError, match=f"{first}-{last} is not within the {size} bytes"):
                    sealing.unseal_range(opened, keys, first, last, out.extend)
                assert out == b""


def test_a_range_of_nothing(tmp_path: Path) -> None:
    with on_disk(envelope(b""), tmp_path) as source:
        opened = sealing.open_envelope(source)
        with pytest.raises(InputError, match="0 bytes"):
            sealing.unseal_range(opened, keys_of(opened), 0, 0, bytearray().extend)


def test_a_range_of_a_pipe_is_refused() -> None:
    opened = sealing.open_envelope(memory(envelope(TEXT)))
    with pytest.raises(InputError, match="regular file"):
        sealing.unseal_range(opened, keys_of(opened), 0, 0, bytearray().extend)


def test_a_range_needs_the_end_of_the_file(tmp_path: Path) -> None:
    """Whoever cuts the end off shall not be able to pass the rest as a shorter file."""
    head, floe_header, segments = split(envelope(TEXT, head_for()))
    last = bytearray(segments[3])
    last[-1] ^= 1
    for payload in (segments[:3], segments[:2], segments[:1], [*segments[:3], bytes(last)], [*segments, segments[3]]):
        out = bytearray()
        with on_disk(head + floe_header + b"".join(payload), tmp_path) as source:
            opened = sealing.open_envelope(source)
            with pytest.raises(IntegrityError):
                sealing.unseal_range(opened, keys_of(opened), 0, 3, out.extend)
        assert out == b""


def test_a_range_reads_no_other_segment(tmp_path: Path) -> None:
    """One that was altered does not matter where it is not asked for, and is never released."""
    head, floe_header, segments = split(envelope(TEXT))
    segments[1] = segments[1][:20] + b"\0\1" + segments[1][22:]
    with on_disk(head + floe_header + b"".join(segments), tmp_path) as source:
        opened = sealing.open_envelope(source)
        keys = keys_of(opened)
        for first, last in ((0, 31), (64, 102), (64, 64)):
            out = bytearray()
            sealing.unseal_range(opened, keys, first, last, out.extend)
            assert out == TEXT[first : last + 1]
        for first, last in ((0, 32), (63, 64), (40, 41)):
            out = bytearray()
            with pytest.raises(IntegrityError, match="segment 1"):
                sealing.unseal_range(opened, keys, first, last, out.extend)
            assert out in (b"", TEXT[first:32])


def test_a_detached_envelope(tmp_path: Path) -> None:
    head = head_for(len(TEXT), detached=True)
    payload = envelope(TEXT, head)
    data = head.encode()
    assert (len(data), payload[:6]) == (head.payload_offset, b"\0\0\0\0\0\x40")
    out = bytearray()
    from_pipe(payload, out, data)
    assert out == TEXT == from_file(payload, tmp_path, data)
    with on_disk(payload, tmp_path) as source:
        verify(source, data)
        opened = opened_from(source, data)
        out = bytearray()
        sealing.unseal_range(opened, keys_of(opened), 30, 70, out.extend)
        assert out == TEXT[30:71]
        assert opened.plaintext_bytes == len(TEXT)
    for place in range(0, len(payload), 5):
        refused(payload[:place] + bytes([payload[place] ^ 1]) + payload[place + 1 :], tmp_path, head=data)
        refused(payload[:place], tmp_path, head=data)
    for place in range(0, len(data), 5):
        refused(payload, tmp_path, head=data[:place])
        if place != 11:  # The flag itself says that the header is not detached, which is a mistake in the use.
            refused(payload, tmp_path, head=data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_nothing_may_follow_a_detached_header(tmp_path: Path) -> None:
    head = head_for(len(TEXT), detached=True)
    payload = envelope(TEXT, head)
    for behind in (b"\0", b"\n", head.encode(), payload):
        refused(payload, tmp_path, head=head.encode() + behind)


def test_the_header_of_another_payload(tmp_path: Path) -> None:
    one, other = (head_for(len(TEXT), detached=True) for _ in range(2))
    refused(envelope(TEXT, one), tmp_path, head=other.encode())


def test_a_header_and_a_payload_that_do_not_belong_together() -> None:
    detached, whole = head_for(detached=True), envelope(TEXT)
    with pytest.raises(ArgumentError, match="name the payload's file too") as caught:
        sealing.open_envelope(memory(detached.encode()))
    assert "--detached" in (hint_of(caught.value) or "")
    with pytest.raises(ArgumentError, match="not detached"):
        sealing.open_envelope(memory(whole), memory(whole))
    assert sealing.open_header(memory(detached.encode())).floe_header == b""
    assert len(sealing.open_header(memory(whole)).floe_header) == HEADER_BYTES


@contextmanager
def large(tmp_path: Path, size: int = 3 * 2**20) -> Iterator[tuple[Source, Any]]:
    """Give a source of several segments, and its file to change it while it is read."""
    path = tmp_path / "large"
    path.write_bytes(os.urandom(1000).ljust(size, b"x"))
    with path.open("rb+", buffering=0) as open_file:
        yield Source.of(open_file.fileno()), open_file


def once(change: Callable[[], object]) -> Callable[[int], None]:
    """Return a progress function that changes something when the first segment is done."""
    done: list[int] = []

    def progress(count: int) -> None:
        done.append(count)
        if len(done) == 1:
            change()

    return progress


def test_an_input_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    with large(tmp_path) as (source, open_file), (tmp_path / "made").open("wb") as target:
        shrink = once(lambda: open_file.truncate(2**20))
        with pytest.raises(InputError, match="became shorter"):
            sealing.seal(DEK, head_for(source.size), source, target.fileno(), shrink)


def test_an_input_that_grows_while_it_is_read(tmp_path: Path) -> None:
    """What it was at first is in the envelope, whole; or nothing is."""
    with large(tmp_path) as (source, open_file), (tmp_path / "made").open("wb+") as target:
        text = (tmp_path / "large").read_bytes()
        grow = once(lambda: os.pwrite(open_file.fileno(), b"more", len(text)))
        with suppress(InputError):
            sealing.seal(DEK, head_for(source.size), source, target.fileno(), grow)
            target.seek(0)
            assert from_file(target.read(), tmp_path) == text


@pytest.mark.parametrize("size", [0, 2**20, 3 * 2**20 + 5])
def test_an_input_that_changes_its_size_on_its_way_to_a_pipe(size: int, tmp_path: Path) -> None:
    """The header has gone out with the length that the input had: either that is true, or the failure is told."""
    with large(tmp_path) as (source, open_file):
        read = source.read
        asked: list[int] = []

        def changing(buffer: memoryview) -> int:
            asked.append(len(buffer))
            if len(asked) == 1:
                open_file.truncate(size)
            return read(buffer)

        made, out = bytearray(), bytearray()
        changed = Source(changing, source.descriptor, source.size)
        with suppress(InputError):
            sealing.seal_stream(DEK, head_for(source.size), changed, made.extend, nothing)
            from_pipe(bytes(made), out)
            assert len(out) == source.size


def test_a_file_whose_size_says_nothing(tmp_path: Path) -> None:
    """Files of the kernel have the size 0 and are not empty; what they hold is not left out silently."""
    path = Path("/proc/version")
    if not path.exists():
        pytest.skip("there is no /proc")
    text = path.read_bytes()
    for way in ("file", "pipe"):
        made = bytearray()
        with path.open("rb", buffering=0) as open_file, (tmp_path / "made").open("wb+") as target, suppress(InputError):
            source = Source.of(open_file.fileno())
            head = head_for(source.size)
            if way == "file":
                sealing.seal(DEK, head, source, target.fileno(), nothing)
                target.seek(0)
                made += target.read()
            else:
                sealing.seal_stream(DEK, head, source, made.extend, nothing)
            assert from_file(bytes(made), tmp_path) == text, way


@pytest.mark.parametrize("size", [0, 2**20, 2**20 + 400, 3 * 2**20])
def test_an_envelope_that_shrinks_while_it_is_read(size: int, tmp_path: Path) -> None:
    text = os.urandom(1000) * 3000
    made = bytearray()
    sealing.seal_stream(DEK, head_for(len(text)), memory(text), made.extend, nothing)
    path = tmp_path / "made"
    path.write_bytes(made)
    with path.open("rb+", buffering=0) as open_file, (tmp_path / "opened").open("wb") as target:
        opened = sealing.open_envelope(Source.of(open_file.fileno()))
        if size >= len(made):
            return
        with pytest.raises((InputError, IntegrityError)):
            sealing.unseal(opened, keys_of(opened), target.fileno(), once(lambda: open_file.truncate(size)))


def test_a_source_that_is_not_at_its_beginning_is_read_as_a_pipe(tmp_path: Path) -> None:
    path = tmp_path / "both"
    path.write_bytes(b"before" + envelope(TEXT))
    with path.open("rb", buffering=0) as open_file:
        assert open_file.read(6) == b"before"
        source = Source.of(open_file.fileno())
        assert source.size is None
        out = bytearray()
        opened = sealing.open_envelope(source)
        sealing.unseal_stream(opened, keys_of(opened), out.extend, nothing)
        assert out == TEXT


def test_an_input_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(100))
    with path.open("ab") as unreadable, (tmp_path / "made").open("wb") as target:
        os.lseek(unreadable.fileno(), 0, os.SEEK_SET)
        source = Source.of(unreadable.fileno())
        assert source.size == 100
        with pytest.raises(InputError, match="cannot read the input"):
            sealing.seal(DEK, head_for(), source, target.fileno(), nothing)
        with pytest.raises(InputError, match="cannot read the input"):
            sealing.seal_stream(DEK, head_for(), source, bytearray().extend, nothing)
    with pytest.raises(InputError, match="became shorter"), path.open("rb") as short:
        engine.read_at(short.fileno(), memoryview(bytearray(101)), 0)


# Whose key it is, and in which order they are asked.


def locked(*keepers: Keeper, dek: bytes = DEK, segment_bytes: int = 2**20) -> tuple[Header, bytes]:
    """Return the two headers of an envelope for some keepers."""
    head = head_for(None, *(keeper.wrap(dek, CONTEXT) for keeper in keepers))
    return head, Floe(AES_256_GCM, dek, head.aad, os.urandom(32), segment_bytes=segment_bytes).header


def test_any_recipient_opens() -> None:
    keepers = [Keeper(number) for number in range(4)]
    head, floe_header = locked(*keepers)
    for keeper in keepers:
        keys, dek, stanza = unlock(head, floe_header, [keeper])
        assert (dek, keys.header) == (DEK, floe_header)
        assert stanza.fields[KEY_ID] == keeper.name


def test_the_first_that_opens_is_enough() -> None:
    keepers = [Keeper(number) for number in range(4)]
    head, floe_header = locked(*keepers)
    keepers[0].failure = ServiceError("it is disabled")
    keepers[1].failure = NetworkError("it cannot be reached")
    assert unlock(head, floe_header, keepers)[2].fields[KEY_ID] == keepers[2].name
    assert [keeper.asked for keeper in keepers] == [1, 1, 1, 0]


def test_nobody_opens() -> None:
    head, floe_header = locked(Keeper(1), Keeper(2))
    with pytest.raises(AccessError, match="none of the envelope's recipients can be opened here") as caught:
        unlock(head, floe_header, [Keeper(3)])
    assert "00000001-0000" in caught.value.message
    assert "00000002-0000" in caught.value.message
    with pytest.raises(AccessError):
        unlock(head, floe_header, [])


def test_the_only_reason_is_told_as_it_is() -> None:
    keeper = Keeper(1, failure=ServiceError("it is disabled", kms_code="ResourceUnavailable.CmkDisabled"))
    head, floe_header = locked(keeper)
    with pytest.raises(ServiceError) as caught:
        unlock(head, floe_header, [keeper])
    assert caught.value is keeper.failure


def test_several_reasons_are_all_told_and_an_alteration_counts_most() -> None:
    keepers = [Keeper(number) for number in range(3)]
    head, floe_header = locked(*keepers)
    keepers[0].failure = NetworkError("it cannot be reached")
    keepers[1].failure = IntegrityError("the blob was altered")
    keepers[2].failure = ServiceError("it is disabled")
    with pytest.raises(IntegrityError) as caught:
        unlock(head, floe_header, keepers)
    for reason in ("cannot be reached", "was altered", "is disabled"):
        assert reason in caught.value.message
    keepers[1].failure = NetworkError("nor can this one")
    with pytest.raises(NetworkError):
        unlock(head, floe_header, keepers)


def test_after_three_wrong_keys_nobody_is_asked_any_more() -> None:
    keepers = [Keeper(number, answer=bytes([number]) * 32) for number in range(16)]
    head, floe_header = locked(*keepers)
    with pytest.raises(IntegrityError, match="wrong keys"):
        unlock(head, floe_header, keepers)
    assert sum(keeper.asked for keeper in keepers) == 3


def test_keys_of_a_wrong_size_count_as_wrong_keys() -> None:
    keepers = [Keeper(number, answer=bytes(16)) for number in range(16)]
    head, floe_header = locked(*keepers)
    with pytest.raises(KmsToolError):
        unlock(head, floe_header, keepers)
    assert sum(keeper.asked for keeper in keepers) <= 3


def test_a_payload_that_cannot_be_opened_costs_no_call() -> None:
    """Its parameters are checked before anybody is asked for its key."""
    keepers = [Keeper(number) for number in range(16)]
    head, floe_header = locked(*keepers)
    for broken in (floe_header[:73], b"", b"\1" + floe_header[1:], floe_header[:9] + b"\x10" + floe_header[10:]):
        with pytest.raises((InputError, IntegrityError)):
            unlock(head, broken, keepers)
    assert sum(keeper.asked for keeper in keepers) == 0


def test_a_right_key_among_wrong_ones() -> None:
    keepers = [Keeper(0, answer=bytes(32)), Keeper(1, answer=b"\1" * 32), Keeper(2)]
    head, floe_header = locked(*keepers)
    assert unlock(head, floe_header, keepers)[1] == DEK


@pytest.mark.parametrize("segment_bytes", [2**16, 2**18, 2**20])
def test_segments_may_have_three_sizes(segment_bytes: int, tmp_path: Path) -> None:
    text = os.urandom(1000) * 700
    with on_disk(envelope(text, segment_bytes=segment_bytes), tmp_path) as source:
        opened = sealing.open_envelope(source)
        keys = unlock(opened.header, opened.floe_header, [KEEPER])[0]
        out = bytearray()
        sealing.unseal_range(opened, keys, 0, len(text) - 1, out.extend)
        assert out == text


@pytest.mark.parametrize("segment_bytes", [0, 32, 4096, 2**21, 2**31])
def test_segments_of_other_sizes_are_refused(segment_bytes: int) -> None:
    """Anyone who can encrypt for a key can make an envelope; the reader's memory is not for them to choose."""
    head, floe_header = locked(KEEPER, segment_bytes=max(33, segment_bytes))
    if segment_bytes < 33:
        floe_header = floe_header[:2] + struct.pack(">I", segment_bytes) + floe_header[6:]
    with pytest.raises(InputError):
        unlock(head, floe_header, [KEEPER])


def test_a_recipient_is_named_in_a_line() -> None:
    assert describe(KEEPER.wrap(DEK, "")) == "tencent-kms ap-guangzhou 00000001-0000-0000-0000-000000000000"
    assert describe(Stanza(99, {})) == "unknown kind 99"


# Other recipients for an envelope, and crashes on the way.


class _Crash(BaseException):
    pass


@contextmanager
def crash_after(count: int) -> Iterator[None]:
    """Let the process end after that many bytes that it writes at places; nothing is synced any more."""
    left = count
    write = os.pwrite

    def torn(descriptor: int, data: bytes, offset: int) -> int:
        nonlocal left
        done = write(descriptor, data[: min(left, len(data))], offset) if left else 0
        left -= done
        if done < len(data):
            raise _Crash
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwrite", torn)
        patch.setattr(os, "fsync", lambda _: None)
        with suppress(_Crash):
            yield


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Give the names of the calls that change a file in place."""
    steps: list[str] = []

    def recording(name: str) -> Callable[..., Any]:
        call = getattr(os, name)

        def recorder(*arguments: Any) -> Any:
            steps.append(name)
            return call(*arguments)

        return recorder

    with pytest.MonkeyPatch.context() as patch:
        for name in ("pwrite", "fsync"):
            patch.setattr(os, name, recording(name))
        yield steps


def rewrapped(path: Path, keepers: Iterable[Keeper]) -> bool:
    with path.open("rb+", buffering=0) as open_file:
        opened = sealing.open_header(Source.of(open_file.fileno()))
        return sealing.rewrap_in_place(open_file.fileno(), opened.header, [one.wrap(DEK, CONTEXT) for one in keepers])


def opens_for(path: Path, keepers: Iterable[Keeper]) -> set[int]:
    """Return the numbers of those for whom an envelope opens to its text."""
    found = set()
    for keeper in keepers:
        with path.open("rb", buffering=0) as open_file:
            opened = sealing.open_envelope(Source.of(open_file.fileno()))
            out = bytearray()
            with suppress(AccessError):
                keys = unlock(opened.header, opened.floe_header, [keeper])[0]
                sealing.unseal_stream(opened, keys, out.extend, nothing)
                assert out == TEXT
                found.add(keeper.number)
    return found


OLD, NEW = [Keeper(11), Keeper(12)], [Keeper(21), Keeper(22), Keeper(23), Keeper(24)]
NEXT = [Keeper(31)]
NUMBERS = {11, 12}, {21, 22, 23, 24}, {31}


@pytest.fixture
def reserved(tmp_path: Path) -> Path:
    """An envelope with room for another list."""
    head = head_for(len(TEXT), *(keeper.wrap(DEK, CONTEXT) for keeper in OLD), reserve=True)
    path = tmp_path / "reserved.kte"
    path.write_bytes(envelope(TEXT, head, segment_bytes=2**20))
    return path


def test_a_rewrap_in_place(reserved: Path) -> None:
    before = reserved.read_bytes()
    for generation, keepers in enumerate((NEW, NEXT, OLD, NEW), 2):
        old = sealing.open_header(memory(reserved.read_bytes())).header
        with recorded() as steps:
            assert rewrapped(reserved, keepers)
        # The new list is on disk before the old one goes.
        assert steps == ["pwrite", "fsync", "pwrite", "fsync"]
        after = reserved.read_bytes()
        assert len(after) == len(before)
        assert after[old.payload_offset :] == before[old.payload_offset :]
        assert after[: old.slot_offset] == before[: old.slot_offset]
        head = header.parse(after[: old.payload_offset])
        assert head.newest[1].generation == generation
        assert head.newest[0] == (generation - 1) % 2
        assert head.slots.count(None) == 1
        assert opens_for(reserved, OLD + NEW + NEXT) == {keeper.number for keeper in keepers}
        gone = [keeper for keeper in OLD + NEW + NEXT if keeper not in keepers]
        assert not [keeper.number for keeper in gone if keeper.name in after]


def test_a_crash_at_any_moment_of_a_rewrap(reserved: Path) -> None:
    """After every 64 bytes of both writes the envelope opens, for the old or for the new recipients; again heals."""
    before = reserved.read_bytes()
    offset = header.needed_bytes(before[:36])
    for stop in range(0, 2 * 4096 + 1, 64):
        reserved.write_bytes(before)
        with crash_after(stop):
            rewrapped(reserved, NEW)
        assert reserved.read_bytes()[offset:] == before[offset:]
        found = opens_for(reserved, OLD + NEW)
        assert found in NUMBERS[:2], stop
        if stop >= 4096:
            assert found == NUMBERS[1]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", lambda _: None)
            assert rewrapped(reserved, NEXT)
        assert opens_for(reserved, OLD + NEW + NEXT) == NUMBERS[2]


def test_a_crash_after_a_crash(reserved: Path) -> None:
    """What a first crash left in a slot does not spoil what a second one leaves there."""
    before = reserved.read_bytes()
    near = (0, 64, 320, 640, 896, 4032)
    for first, second in itertools.product((*near, *(4096 + stop for stop in near)), repeat=2):
        reserved.write_bytes(before)
        with crash_after(first):
            rewrapped(reserved, NEW)
        with crash_after(second):
            rewrapped(reserved, NEXT)
        assert opens_for(reserved, OLD + NEW + NEXT) in NUMBERS, (first, second)


def test_no_room_for_a_rewrap_in_place(reserved: Path, tmp_path: Path) -> None:
    before = reserved.read_bytes()
    assert not rewrapped(reserved, [Keeper(number) for number in range(17)])
    many = [Stanza(TENCENT_KMS, {**KEEPER.wrap(DEK, CONTEXT).fields, WRAPPED: b"A" * 5000})]
    with reserved.open("rb+", buffering=0) as open_file:
        head = sealing.open_header(Source.of(open_file.fileno())).header
        assert not sealing.rewrap_in_place(open_file.fileno(), head, many)
    compact = tmp_path / "compact"
    compact.write_bytes(envelope(TEXT))
    assert not rewrapped(compact, NEW)
    assert reserved.read_bytes() == before


@pytest.mark.parametrize("reserve", [True, False])
@pytest.mark.parametrize("detached", [True, False])
def test_a_rewrap_by_a_copy(reserve: bool, detached: bool, tmp_path: Path) -> None:
    head = head_for(len(TEXT), reserve=reserve, detached=detached)
    payload = envelope(TEXT, head)
    data = head.encode() if detached else payload
    many = [KEEPER, *(Keeper(number) for number in range(100, 115))]
    with on_disk(data, tmp_path) as source, (tmp_path / "copy").open("wb+") as target:
        sealing.rewrap_copy(source, head, target.fileno(), [keeper.wrap(DEK, CONTEXT) for keeper in many])
        target.seek(0)
        made = target.read()
    fresh = sealing.open_header(memory(made)).header
    assert len(fresh.stanzas) == 16
    assert (fresh.prologue, len(fresh.slots), fresh.detached) == (head.prologue, len(head.slots), detached)
    assert made[fresh.payload_offset :] == data[head.payload_offset :]
    if detached:
        assert from_file(payload, tmp_path, made) == TEXT
    else:
        assert from_file(made, tmp_path) == TEXT


def test_a_rewrap_keeps_what_a_newer_kmstool_wrote(tmp_path: Path) -> None:
    """A copy would lose it and never open again; in place it stays."""
    from kmstool.envelope.stanzas import encode_fields

    raw = encode_fields({1: bytes(16), 2: CONTEXT.encode(), 7: b"of a newer kmstool"})
    plain = head_for(None, reserve=True)
    known = Prologue(bytes(16), context=CONTEXT)
    head = Header(AES_256_GCM, False, known, raw, 4096, 4096, plain.payload_offset, plain.slots)
    path = tmp_path / "newer.kte"
    path.write_bytes(envelope(TEXT, head, segment_bytes=2**20))
    with path.open("rb", buffering=0) as open_file, (tmp_path / "copy").open("wb") as target:
        source = Source.of(open_file.fileno())
        found = sealing.open_header(source).header
        with pytest.raises(InputError, match="does not know") as caught:
            sealing.rewrap_copy(source, found, target.fileno(), [KEEPER.wrap(DEK, CONTEXT)])
        assert hint_of(caught.value)
        assert target.tell() == os.fstat(target.fileno()).st_size == 0
    assert rewrapped(path, NEW)
    assert opens_for(path, NEW + OLD) == NUMBERS[1]


def test_a_copy_is_made_where_blocks_cannot_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unable(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "copy_file_range", unable, raising=False)
    data = envelope(TEXT)
    with on_disk(data, tmp_path) as source, (tmp_path / "copy").open("wb+") as target:
        head = sealing.open_header(source).header
        sealing.rewrap_copy(source, head, target.fileno(), [KEEPER.wrap(DEK, CONTEXT)])
        target.seek(0)
        made = target.read()
    assert from_file(made, tmp_path) == TEXT


class Big:
    """Stands for the buffers of a worker."""


@pytest.mark.parametrize("ordered", [False, True], ids=["between files", "through a pipe"])
def test_a_failure_keeps_no_buffer(*, ordered: bool) -> None:
    """Else thousands of damaged envelopes would hold memory until the next garbage collection."""
    held: list[weakref.ref[Big]] = []

    def cause(big: Big) -> None:
        held.append(weakref.ref(big))
        raise ValueError

    def failing(*_: object) -> Iterator[int]:
        big = Big()
        try:
            cause(Big())
        except ValueError as error:
            held.append(weakref.ref(big))
            raise IntegrityError("altered") from error
        yield 0

    gc.disable()
    try:
        with suppress(IntegrityError):
            if ordered:
                turns = workers.Turns(lambda buffer: 0, lambda data: None, lambda count: None)
                turns.run(lambda: list(failing()))
            else:
                workers.in_parallel(failing, 8, 2, lambda count: None)
        assert held
        assert not [ref for ref in held if ref() is not None]
    finally:
        gc.enable()
