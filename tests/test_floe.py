"""A payload opens to exactly what was sealed: at its place, as its kind, under its key, IV and associated data."""

import io
import itertools
import os
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.envelope import engine
from kmstool.envelope import workers as threads
from kmstool.envelope.floe import AES_256_GCM, HEADER_BYTES, OVERHEAD_BYTES, SM4_GCM, SUITES, Floe, Suite
from kmstool.errors import InputError, IntegrityError
from tests.foreign import package, vector_file

# Made by five implementations; the names begin with theirs, and `rotation` means a new key every four segments.
KNOWN = {
    "cpp_GCM256_IV256_4K": 4096,
    "cpp_GCM256_IV256_64": 64,
    "cpp_rotation": 40,
    "go_GCM256_IV256_4K": 4096,
    "go_GCM256_IV256_64": 64,
    "go_rotation": 40,
    "java_GCM256_IV256_4K": 4096,
    "java_GCM256_IV256_64": 64,
    "java_lastSegAligned": 40,
    "java_lastSegEmpty": 40,
    "java_rotation": 40,
    "pub_java_GCM256_IV256_4K": 4096,
    "pub_java_GCM256_IV256_64": 64,
    "pub_java_rotation": 40,
    "rust_GCM256_IV256_4K": 4096,
    "rust_GCM256_IV256_64": 64,
    "rust_rotation": 40,
}
KNOWN_AAD = b"This is AAD"
AAD = b"what the payload is bound to"
DEKS = {suite.number: bytes(range(suite.dek_bytes)) for suite in SUITES.values()}

suites = pytest.mark.parametrize("suite", SUITES.values(), ids=lambda suite: suite.name)


def known(name: str) -> tuple[bytes, bytes]:
    """Read a plaintext and its sealed payload from the folder of foreign vectors."""
    plaintext, sealed = (
        bytes.fromhex(vector_file(f"floe/{name}_{kind}.txt").read_text("ascii")) for kind in ("pt", "ct")
    )
    return plaintext, sealed


def rotation_of(name: str) -> int:
    return 4 if "rotation" in name else 2**20


def nothing(_: int) -> None:
    pass


def small(suite: Suite = AES_256_GCM, segment_bytes: int = 64, rotation: int = 4, iv: bytes = bytes(32)) -> Floe:
    """Return a payload's keys with small segments, whose key changes often."""
    return Floe(suite, DEKS[suite.number], AAD, iv, segment_bytes=segment_bytes, rotation_segments=rotation)


def sealed_in_order(keys: Floe, plaintext: bytes) -> bytes:
    out = bytearray()
    engine.seal_stream(keys, io.BytesIO(plaintext).readinto, out.extend, nothing)
    return bytes(out)


def opened_in_order(keys: Floe, payload: bytes) -> bytes:
    out = bytearray()
    engine.unseal_stream(keys, io.BytesIO(payload).readinto, out.extend, nothing)
    return bytes(out)


def sealed_by_place(keys: Floe, plaintext: bytes, offset: int = 0) -> bytes:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(plaintext)
        source.flush()
        engine.seal_file(keys, source.fileno(), len(plaintext), target.fileno(), offset, nothing)
        target.seek(offset)
        return target.read()


def opened_by_place(keys: Floe, payload: bytes, offset: int = 0) -> bytes:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        source.write(bytes(offset) + payload)
        source.flush()
        engine.unseal_file(keys, source.fileno(), offset, len(payload), target.fileno(), nothing)
        target.seek(0)
        return target.read()


def workers(patch: pytest.MonkeyPatch, count: int) -> None:
    """Let that many workers share a payload, however small it is."""
    for module in (engine, threads):
        patch.setattr(module, "threads_for", lambda _: count)


def pieces(payload: bytes, segment_bytes: int) -> Iterator[bytes]:
    for place in range(0, len(payload), segment_bytes):
        yield payload[place : place + segment_bytes]


@pytest.mark.parametrize("name", KNOWN)
def test_payloads_made_by_others_open(name: str) -> None:
    plaintext, sealed = known(name)
    head, payload = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    keys = Floe.resume(AES_256_GCM, bytes(32), KNOWN_AAD, head, rotation_segments=rotation_of(name))
    assert keys.segment_bytes == KNOWN[name]
    assert opened_in_order(keys, payload) == plaintext
    assert opened_by_place(keys, payload) == plaintext


@pytest.mark.parametrize("name", KNOWN)
def test_payloads_made_by_others_are_made_again(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With their IV and nonces, the same bytes come out; with fresh ones, what opens to the same plaintext."""
    plaintext, sealed = known(name)
    head, payload = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    more = {"segment_bytes": KNOWN[name], "rotation_segments": rotation_of(name)}
    keys = Floe(AES_256_GCM, bytes(32), KNOWN_AAD, head[10:42], **more)
    assert keys.header == head
    fresh = sealed_by_place(keys, plaintext)
    assert fresh != payload
    assert opened_in_order(keys, fresh) == plaintext

    nonces = iter([piece[4:16] for piece in pieces(payload, KNOWN[name])])
    monkeypatch.setattr("kmstool.envelope.floe.secrets.token_bytes", lambda _: next(nonces))
    out = memoryview(bytearray(KNOWN[name]))
    again = b""
    segments = list(pieces(payload, KNOWN[name]))
    for position, segment in enumerate(segments):
        begin = position * keys.plain_bytes
        piece = plaintext[begin : begin + len(segment) - OVERHEAD_BYTES]
        length = keys.seal_into(position, piece, out, final=position == len(segments) - 1)
        again += out[:length]
    assert again == payload


def test_the_published_parameters() -> None:
    keys = Floe.start(AES_256_GCM, bytes(32), AAD)
    assert keys.header[:10] == bytes.fromhex("0000 00100000 00000020")
    assert (keys.segment_bytes, keys.plain_bytes, len(keys.header)) == (2**20, 1_048_544, 74)
    assert Floe.start(SM4_GCM, bytes(16), AAD).header[:10] == bytes.fromhex("f0f0 00100000 00000020")


@suites
@settings(deadline=None, max_examples=60)
@given(
    st.integers(33, 200),
    st.integers(0, 12),
    st.integers(-2, 2),
    st.sampled_from([1, 2, 4, 2**20]),
    st.integers(1, 3),
    st.integers(0, 70),
)
def test_every_way_gives_the_same(
    suite: Suite, segment_bytes: int, segments: int, more: int, rotation: int, threads: int, offset: int
) -> None:
    """Files and streams, one worker and several, all sizes around the borders of segments."""
    keys = small(suite, segment_bytes, rotation)
    plaintext = os.urandom(max(0, segments * keys.plain_bytes + more))
    with pytest.MonkeyPatch.context() as patch:
        workers(patch, threads)
        by_place, in_order = sealed_by_place(keys, plaintext, offset), sealed_in_order(keys, plaintext)
        for payload in (by_place, in_order):
            assert opened_by_place(keys, payload, offset) == plaintext
            assert opened_in_order(keys, payload) == plaintext
    count = max(1, -(-len(plaintext) // keys.plain_bytes))
    assert len(by_place) == len(plaintext) + OVERHEAD_BYTES * count
    # A pipe's end shows only behind a full segment, so that an empty one closes it.
    ends_full = len(plaintext) > 0 and len(plaintext) % keys.plain_bytes == 0
    assert len(in_order) == len(by_place) + OVERHEAD_BYTES * ends_full


@suites
def test_real_segments_and_several_workers(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    workers(monkeypatch, 3)
    plaintext = os.urandom(2**20) * 4 + b"more"
    keys = Floe.start(suite, DEKS[suite.number], AAD)
    for payload in (sealed_by_place(keys, plaintext, 294), sealed_in_order(keys, plaintext)):
        again = Floe.resume(suite, DEKS[suite.number], AAD, keys.header)
        assert opened_by_place(again, payload, 294) == plaintext
        assert opened_in_order(again, payload) == plaintext


def test_progress_adds_up(monkeypatch: pytest.MonkeyPatch) -> None:
    workers(monkeypatch, 2)
    keys = small()
    plaintext = os.urandom(1000)
    done: list[int] = []
    payload = bytearray()
    engine.seal_stream(keys, io.BytesIO(plaintext).readinto, payload.extend, done.append)
    engine.unseal_stream(keys, io.BytesIO(payload).readinto, lambda _: None, done.append)
    assert sum(done) == 2000


def test_workers_are_at_most_one_a_core_and_fewer_for_little() -> None:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    assert threads.threads_for(None) == min(cores, 8)
    assert threads.threads_for(0) == engine.threads_for(2**20) == 1
    assert threads.threads_for(2**40) == min(cores, 8)


@suites
def test_a_segment_opens_at_its_place_as_its_kind_only(suite: Suite) -> None:
    """Every position is tried with every segment, also with the mark of the other kind."""
    keys = small(suite)
    plaintext = os.urandom(keys.plain_bytes * 9)
    segments = list(pieces(sealed_by_place(keys, plaintext), keys.segment_bytes))
    out = memoryview(bytearray(keys.segment_bytes))
    marks = (b"\xff\xff\xff\xff", struct.pack(">I", keys.segment_bytes))
    opened = 0
    for (sealed_at, segment), position, final, mark in itertools.product(
        enumerate(segments), range(len(segments) + 1), (False, True), marks
    ):
        right = sealed_at == position and final == (position == 8) and mark == marks[final]
        if right:
            begin = position * keys.plain_bytes
            assert keys.unseal_into(position, segment, out, final=final) == keys.plain_bytes
            assert out[: keys.plain_bytes] == plaintext[begin : begin + keys.plain_bytes]
            opened += 1
            continue
        with pytest.raises(IntegrityError, match=f"at segment {position}"):
            keys.unseal_into(position, mark + segment[4:], out, final=final)
    assert opened == len(segments)


def test_the_key_changes_with_the_segments_number() -> None:
    """Segments sealed under a key that never changes do not open under one that does, but for those of the first."""
    never, often = small(rotation=2**20), small(rotation=4)
    segments = list(pieces(sealed_by_place(never, bytes(32 * 8)), 64))
    out = memoryview(bytearray(64))
    assert [often.unseal_into(number, segments[number], out, final=False) for number in range(4)] == [32] * 4
    for number in range(4, 7):
        with pytest.raises(IntegrityError):
            often.unseal_into(number, segments[number], out, final=False)


@suites
def test_the_header_commits_to_key_iv_and_associated_data(suite: Suite) -> None:
    dek = DEKS[suite.number]
    head = Floe.start(suite, dek, AAD).header
    assert Floe.resume(suite, dek, AAD, head).header == head
    for bit in range(HEADER_BYTES * 8):
        altered = bytearray(head)
        altered[bit // 8] ^= 1 << bit % 8
        # Whether another size of segments is refused at once or by the tag is all the same.
        wanted = (InputError, IntegrityError) if bit in range(16, 48) else InputError if bit < 80 else IntegrityError
        with pytest.raises(wanted):
            Floe.resume(suite, dek, AAD, bytes(altered))
    for position in range(len(dek)):
        other = bytearray(dek)
        other[position] ^= 1
        with pytest.raises(IntegrityError, match="wrong data key or context"):
            Floe.resume(suite, bytes(other), AAD, head)
    for aad in (b"", AAD[:-1], AAD + b"\0", AAD.upper()):
        with pytest.raises(IntegrityError, match="wrong data key or context"):
            Floe.resume(suite, dek, aad, head)
    for size in (0, 1, 73, 75):
        with pytest.raises(IntegrityError, match="cut short"):
            Floe.resume(suite, dek, AAD, (head + b"\0")[:size])


def test_a_suite_cannot_be_exchanged() -> None:
    head = Floe.start(SM4_GCM, bytes(16), AAD).header
    with pytest.raises(InputError, match="not those of aes-256-gcm"):
        Floe.resume(AES_256_GCM, bytes(32), AAD, head)


@suites
def test_a_data_key_of_another_size_is_refused(suite: Suite) -> None:
    for size in {0, 16, 24, 32, 33} - {suite.dek_bytes}:
        with pytest.raises(InputError, match=f"{suite.dek_bytes} bytes, not {size}"):
            Floe.start(suite, bytes(size), AAD)


def test_a_caller_cannot_seal_a_wrong_segment() -> None:
    keys = small()
    out = memoryview(bytearray(128))
    for position, size, final in ((0, 31, False), (0, 33, False), (0, 33, True), (0, 0, False), (2**32, 32, True)):
        with pytest.raises(ValueError, match="wrong size or number"):
            keys.seal_into(position, bytes(size), out, final=final)


def test_numbers_end_at_two_to_the_32nd() -> None:
    keys = small()
    out = memoryview(bytearray(64))
    last = 2**32 - 1
    keys.seal_into(last, bytes(32), out, final=True)
    segment = bytes(out)
    assert keys.unseal_into(last, segment, out, final=True) == 32
    with pytest.raises(IntegrityError):
        keys.unseal_into(2**32, segment, out, final=True)


def test_too_large_an_input_is_refused_before_anything_is_written() -> None:
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as target:
        with pytest.raises(InputError, match="too large"):
            engine.seal_file(small(), source.fileno(), 32 * 2**32 + 1, target.fileno(), 0, nothing)
        assert os.fstat(target.fileno()).st_size == 0


def test_too_long_a_payload_is_refused() -> None:
    with pytest.raises(IntegrityError):
        engine.segments_of(small(), 64 * 2**32 + 64)


@pytest.mark.parametrize("size", [0, 1, 31, 64 + 31, 128 + 1])
def test_sizes_that_no_payload_has(size: int) -> None:
    with pytest.raises(IntegrityError, match="cut short"):
        engine.segments_of(small(), size)
    with pytest.raises(IntegrityError):
        opened_by_place(small(), bytes(size))
    with pytest.raises(IntegrityError):
        opened_in_order(small(), bytes(size))


@suites
def test_nothing_random_is_used_twice(suite: Suite) -> None:
    heads = {Floe.start(suite, DEKS[suite.number], AAD).header for _ in range(100)}
    assert len({head[10:42] for head in heads}) == len({head[42:] for head in heads}) == 100
    segments = list(pieces(sealed_by_place(small(suite), bytes(32 * 200)), 64))
    assert len({segment[4:16] for segment in segments}) == len({segment[16:] for segment in segments}) == 200


def test_a_failure_of_one_worker_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """No later piece is released, whoever had it, and the failure itself is raised."""
    before = set(threading.enumerate())
    workers(monkeypatch, 4)
    keys = small()
    plaintext = os.urandom(32 * 50)
    segments = list(pieces(sealed_by_place(keys, plaintext), 64))
    for broken in (0, 1, 7, 49):
        altered = [*segments[:broken], segments[broken][:-1] + b"\0", *segments[broken + 1 :]]
        if altered[broken] == segments[broken]:
            altered[broken] = segments[broken][:-1] + b"\1"
        out = bytearray()
        with pytest.raises(IntegrityError, match=f"at segment {broken}"):
            engine.unseal_stream(keys, io.BytesIO(b"".join(altered)).readinto, out.extend, nothing)
        assert len(out) % 32 == 0
        assert out == plaintext[: len(out)]
        assert len(out) <= 32 * broken
        with pytest.raises(IntegrityError, match=f"at segment {broken}"):
            opened_by_place(keys, b"".join(altered))
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize("way", [engine.seal_stream, engine.unseal_stream])
def test_a_reader_that_goes_away_ends_all(way: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())
    workers(monkeypatch, 4)
    keys = small()
    data = sealed_in_order(keys, bytes(32 * 50)) if way is engine.unseal_stream else bytes(32 * 50)
    taken = bytearray()

    def write(piece: memoryview) -> None:
        if len(taken) > 300:
            raise BrokenPipeError
        taken.extend(piece)

    with pytest.raises(BrokenPipeError):
        way(keys, io.BytesIO(data).readinto, write, nothing)
    assert set(threading.enumerate()) <= before


def test_chinese_algorithms_are_those_of_another_implementation() -> None:
    """A payload of the suite sm4-gcm opens with gmssl's SM3 and SM4, and GCM and HMAC written out."""
    gmssl_func, sm3, sm4 = (package(f"gmssl.{name}") for name in ("func", "sm3", "sm4"))

    def hashed(data: bytes) -> bytes:
        return bytes.fromhex(sm3.sm3_hash(gmssl_func.bytes_to_list(data)))

    def expanded(key: bytes, purpose: bytes) -> bytes:
        inner, outer = (bytes(byte ^ pad for byte in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
        return hashed(outer + hashed(inner + head[:42] + purpose + AAD + b"\x01"))

    def block(data: bytes) -> bytes:
        cipher = sm4.CryptSM4()
        cipher.set_key(key, sm4.SM4_ENCRYPT)
        return bytes(cipher.one_round(cipher.sk, gmssl_func.bytes_to_list(data)))

    def product(one: int, other: int) -> int:
        result = 0
        for bit in range(127, -1, -1):
            result ^= one if other >> bit & 1 else 0
            one = one >> 1 ^ (0xE1 << 120 if one & 1 else 0)
        return result

    def padded(data: bytes) -> bytes:
        return data + bytes(-len(data) % 16)

    dek, plaintext = DEKS[2], os.urandom(70)
    keys = Floe(SM4_GCM, dek, AAD, os.urandom(32), segment_bytes=64)
    head, found = keys.header, b""
    assert head[42:] == expanded(dek, b"HEADER_TAG:")
    key = expanded(expanded(dek, b"MESSAGE_KEY:"), b"DEK:" + bytes(8))[:16]
    subkey = int.from_bytes(block(bytes(16)), "big")
    for position, segment in enumerate(pieces(sealed_by_place(keys, plaintext), 64)):
        nonce, ciphertext, tag = segment[4:16], segment[16:-16], segment[-16:]
        place = struct.pack(">QB", position, len(segment) < 64)
        lengths = struct.pack(">QQ", len(place) * 8, len(ciphertext) * 8)
        digest = 0
        for part in pieces(padded(place) + padded(ciphertext) + lengths, 16):
            digest = product(digest ^ int.from_bytes(part, "big"), subkey)
        mask = int.from_bytes(block(nonce + struct.pack(">I", 1)), "big")
        assert (digest ^ mask).to_bytes(16, "big") == tag
        stream = b"".join(block(nonce + struct.pack(">I", 2 + number)) for number in range(2))
        found += bytes(one ^ other for one, other in zip(ciphertext, stream, strict=False))
    assert found == plaintext
