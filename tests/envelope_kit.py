"""Writes tests/vectors/envelopes: envelopes with one flaw each, for any implementation of docs/envelope-format.md.

They are put together here from bytes, HMAC and AES-GCM alone, not by the code that they
test. Everything is derived from the file's name, so that every run writes the same bytes.
Usage: python -m tests.envelope_kit
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

FOLDER = Path(__file__).parent / "vectors" / "envelopes"

SUCCESS, MALFORMED, ALTERED, NO_MATCH, MISUSE = "success", "malformed", "altered", "no match", "misuse"

MAGIC = b"\x89KTE\r\n\x1a\n"
KEY_ID = b"23e80852-1e38-11e9-b129-5cb9019b4b01"
CONTEXT = b'{"app":"demo"}'
SEGMENT = 2**16
PLAIN = SEGMENT - 32
HELLO = b"hello\n"

Fields = Mapping[int, bytes]
Record = tuple[int, Fields]


def derived(name: str, purpose: str, size: int) -> bytes:
    """Return bytes that look random and are the same in every run."""
    return hashlib.shake_256(f"kmstool envelope kit/{name}/{purpose}".encode()).digest(size)


def encoded(fields: Fields | list[tuple[int, bytes]]) -> bytes:
    """Write fields as type, length and value, in the order in which they are given."""
    pairs = fields if isinstance(fields, list) else list(fields.items())
    return b"".join(struct.pack(">HI", number, len(value)) + value for number, value in pairs)


def blob_of(name: str, number: int = 0) -> bytes:
    """Return the text that stands for a ciphertext blob of KMS."""
    return b"-k-".join(base64.b64encode(derived(name, f"blob {number} {part}", 12)) for part in range(3))


def kms_record(name: str, number: int = 0, **changed: bytes | None) -> Record:
    """Return a record of kind 1; a field that is set to None is left out."""
    names = {"site": 1, "region": 2, "key_id": 3, "wrapped": 4, "wrapped_at": 5, "owner": 6, "label": 8}
    fields = {1: b"intl", 2: b"ap-guangzhou", 3: KEY_ID, 4: blob_of(name, number)}
    for word, value in changed.items():
        if value is None:
            del fields[names[word]]
        else:
            fields[names[word]] = value
    return 1, dict(sorted(fields.items()))


def body_of(records: list[Record], *, version: int = 1, count: int | None = None, reserved: int = 0) -> bytes:
    """Write the body of a slot."""
    start = struct.pack(">BBH", version, len(records) if count is None else count, reserved)
    return start + b"".join(
        struct.pack(">HI", kind, len(encoded(fields))) + encoded(fields) for kind, fields in records
    )


def slot_of(file_id: bytes, body: bytes, *, generation: int = 1, size: int = 0, magic: bytes = b"KTEW") -> bytes:
    """Write a slot with the digest that belongs to it."""
    digest = hashlib.sha256(file_id + struct.pack(">QI", generation, len(body)) + body).digest()
    return (magic + struct.pack(">IQ", len(body), generation) + digest + body).ljust(max(size, 64), b"\0")


@dataclass
class Envelope:
    """All parts of an envelope before they are written; what is None follows from the others."""

    name: str
    suite: int = 1
    version: int = 1
    flags: int = 0
    magic: bytes = MAGIC
    prologue: bytes | None = None
    plaintext: bytes = HELLO
    stated: int | None = None
    slots: list[bytes] | None = None
    gap: bytes = b""
    behind: bytes = b""
    layout: Mapping[str, int] = field(default_factory=dict)
    zero: bytes = bytes(3)
    segment_bytes: int = SEGMENT
    dek: bytes | None = None
    empty_end: bool = False

    @property
    def file_id(self) -> bytes:
        return derived(self.name, "file id", 16)

    @property
    def key(self) -> bytes:
        return derived(self.name, "dek", 32) if self.dek is None else self.dek

    def raw_prologue(self) -> bytes:
        if self.prologue is not None:
            return self.prologue
        fields = {1: self.file_id, 2: CONTEXT}
        if self.stated is not None:
            fields[4] = struct.pack(">Q", self.stated)
        return encoded(fields)

    def header(self) -> bytes:
        raw = self.raw_prologue()
        slots = [slot_of(self.file_id, body_of([kms_record(self.name)]))] if self.slots is None else self.slots
        sizes = {
            "prologue": len(raw), "slot_off": 36 + len(raw) + len(self.gap), "slot_len": len(slots[0]) if slots else 64,
        }  # fmt: skip
        joined = b"".join(slots)
        sizes["payload_off"] = sizes["slot_off"] + len(joined) + len(self.behind)
        sizes["count"] = len(slots)
        sizes |= self.layout
        head = self.magic + struct.pack(
            ">BBHIIIIB", self.version, self.suite, self.flags, sizes["prologue"], sizes["slot_off"], sizes["slot_len"],
            sizes["payload_off"], sizes["count"],
        )  # fmt: skip
        head += self.zero
        checksum = zlib.crc32(raw, zlib.crc32(head))
        return head + struct.pack(">I", checksum) + raw + self.gap + joined + self.behind

    def parameters(self) -> bytes:
        return (b"\0\0" if self.suite == 1 else b"\xf0\xf0") + struct.pack(">II", self.segment_bytes, 32)

    def iv(self) -> bytes:
        return derived(self.name, "iv", 32)

    def kdf(self, key: bytes, purpose: bytes, size: int) -> bytes:
        raw = self.raw_prologue()
        aad = b"kmstool/KTE1" + struct.pack(">BBI", self.version, self.suite, len(raw)) + raw
        return hmac.digest(key, self.parameters() + self.iv() + purpose + aad + b"\1", "sha384")[:size]

    def floe_header(self) -> bytes:
        return self.parameters() + self.iv() + self.kdf(self.key, b"HEADER_TAG:", 32)

    def sealed(self, number: int, text: bytes, *, final: bool, nonce_of: str = "") -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        key = self.kdf(self.kdf(self.key, b"MESSAGE_KEY:", 48), b"DEK:" + struct.pack(">Q", number & ~0xFFFFF), 32)
        nonce = derived(self.name, f"nonce {number}{nonce_of}", 12)
        marker = struct.pack(">I", len(text) + 32 if final else 0xFFFFFFFF)
        return marker + nonce + AESGCM(key).encrypt(nonce, text, struct.pack(">QB", number, final))

    def segments(self) -> list[bytes]:
        plain = self.segment_bytes - 32
        texts = [self.plaintext[place : place + plain] for place in range(0, len(self.plaintext), plain)] or [b""]
        if self.empty_end:
            texts.append(b"")
        return [self.sealed(number, text, final=number == len(texts) - 1) for number, text in enumerate(texts)]

    def payload(self) -> bytes:
        return self.floe_header() + b"".join(self.segments())

    def whole(self) -> bytes:
        return self.header() + self.payload()


@dataclass(frozen=True)
class Vector:
    """One file of the kit: what an implementation must make of it, and why."""

    name: str
    comment: str
    expect: str
    data: bytes
    released: bytes = b""
    """What may have left through a pipe by then."""
    answers: tuple[tuple[bytes, bytes, bytes], ...] = ()
    """(blob, key id, DEK): what KMS answers to whom decrypts a blob; it refuses any other."""
    detached: bytes | None = None
    """The file with the payload, where `data` is that of the header."""

    def written(self) -> bytes:
        """Return the file: lines `name: value`, an empty line, the bytes."""
        lines = [f"comment: {self.comment}", f"expect: {self.expect}"]
        lines += [f"answer: {blob.decode()} {key_id.decode()} {dek.hex()}" for blob, key_id, dek in self.answers]
        lines += [f"released: {len(self.released)}", f"sha256: {hashlib.sha256(self.released).hexdigest()}"]
        if self.detached is not None:
            lines.append(f"header: {len(self.data)}")
        return "\n".join(lines).encode() + b"\n\n" + self.data + (self.detached or b"")


def flipped(data: bytes, place: int, bits: int = 1) -> bytes:
    """Return data with some bits of one byte changed."""
    place %= len(data)
    return data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :]


class Kit:
    """Collects vectors; each method adds one."""

    def __init__(self) -> None:
        self.vectors: dict[str, Vector] = {}

    def add(self, vector: Vector) -> None:
        """Add a vector under a name that is new."""
        assert vector.name not in self.vectors, vector.name
        self.vectors[vector.name] = vector

    def made(
        self, name: str, comment: str, expect: str, change: Callable[[bytes], bytes] = lambda data: data,
        *, released: bytes | None = None, answers: tuple[tuple[bytes, bytes, bytes], ...] | None = None, **parts: object,
    ) -> None:  # fmt: skip
        """Add an envelope with some parts of its own, and its bytes changed in the end."""
        envelope = replace(Envelope(name), **parts)
        if released is None:
            released = envelope.plaintext if expect == SUCCESS else b""
        if answers is None:
            answers = ((blob_of(name), KEY_ID, envelope.key),)
        self.add(Vector(name, comment, expect, change(envelope.whole()), released, answers))


def build() -> dict[str, Vector]:
    """Return all vectors by name."""
    kit = Kit()
    for part in (good, preambles, prologues, slots, records, recipients, payloads, armors, detached):
        part(kit)
    return kit.vectors


def two_slots(name: str, *bodies_and_generations: tuple[bytes, int], size: int = 512) -> list[bytes]:
    """Return two slots of one size."""
    file_id = derived(name, "file id", 16)
    return [slot_of(file_id, body, generation=number, size=size) for body, number in bodies_and_generations]


def good(kit: Kit) -> None:
    """Envelopes that open, in all the layouts that a reader accepts."""
    kit.made("good-compact", "a small file in the compact layout", SUCCESS)
    kit.made("good-empty", "an empty plaintext is one final segment of 32 bytes", SUCCESS, plaintext=b"")
    kit.made("good-stated-length", "the stated length is the plaintext's", SUCCESS, stated=len(HELLO))
    two = derived("two", "text", PLAIN + 100)
    kit.made("good-two-segments", "a full segment and a shorter one", SUCCESS, plaintext=two, stated=len(two))
    kit.made("good-full-segment", "a full segment that is the final one", SUCCESS, plaintext=two[:PLAIN])
    kit.made("good-empty-end", "an empty final segment after a full one, as from a pipe", SUCCESS,
             plaintext=two[:PLAIN], empty_end=True)  # fmt: skip
    for power in (18, 20):
        kit.made(f"good-segments-2-{power}", f"segments of 2^{power} bytes", SUCCESS, segment_bytes=2**power)
    kit.made("good-gaps", "zeros between the parts", SUCCESS, gap=bytes(100), behind=bytes(77))
    name = "good-second-slot"
    old, new = body_of([kms_record(name, 1)]), body_of([kms_record(name)])
    kit.made(name, "the slot with the higher generation counts, here the second", SUCCESS,
             slots=two_slots(name, (old, 1), (new, 2)))  # fmt: skip
    name = "good-first-slot-is-newer"
    old, new = body_of([kms_record(name, 1)]), body_of([kms_record(name)])
    kit.made(name, "the slot with the higher generation counts, here the first", SUCCESS,
             slots=two_slots(name, (new, 7), (old, 6)))  # fmt: skip
    name = "good-torn-slot"
    whole, torn = two_slots(name, (body_of([kms_record(name)]), 1), (body_of([kms_record(name, 1)]), 2))
    kit.made(name, "a newer slot that a crash tore is ignored", SUCCESS, slots=[whole, flipped(torn, 60)])
    name = "good-slot-with-remains"
    whole, torn = two_slots(name, (body_of([kms_record(name)]), 1), (body_of([kms_record(name, 1)]), 2))
    kit.made(name, "a newer slot with something behind its body is not whole, so it is ignored", SUCCESS,
             slots=[whole, torn[:-1] + b"\1"])  # fmt: skip
    name = "good-empty-second-slot"
    kit.made(name, "a second slot of zeros, as a new file with room for a rewrap has", SUCCESS,
             slots=[two_slots(name, (body_of([kms_record(name)]), 1))[0], bytes(512)])  # fmt: skip
    name = "good-unknown-prologue-field"
    kit.made(name, "an unknown field without bit 15 is ignored", SUCCESS,
             prologue=encoded({1: derived(name, "file id", 16), 2: CONTEXT, 7: b"later"}))  # fmt: skip
    name = "good-all-prologue-fields"
    kit.made(name, "every field of a prologue", SUCCESS, prologue=encoded({
        1: derived(name, "file id", 16), 2: CONTEXT, 3: b'{"path":"a/b"}', 4: struct.pack(">Q", 6),
        5: struct.pack(">Q", 1_795_500_000), 6: b"somebody/2.0"}))  # fmt: skip
    name = "good-no-context"
    kit.made(name, "no context at all", SUCCESS, prologue=encoded({1: derived(name, "file id", 16)}))
    name = "good-blanks-in-context"
    kit.made(name, "a context with blanks and another order is taken as it is", SUCCESS,
             prologue=encoded({1: derived(name, "file id", 16), 2: b'{ "b": "2", "a": "1" }'}))  # fmt: skip
    name = "good-unknown-record"
    kit.made(name, "a record of an unknown kind is passed over", SUCCESS,
             slots=[slot_of(derived(name, "file id", 16), body_of([(77, {1: b"?"}), kms_record(name)]))])  # fmt: skip
    name = "good-unknown-record-field"
    kind, fields = kms_record(name)
    kit.made(name, "an unknown field of a record without bit 15 is ignored", SUCCESS,
             slots=[slot_of(derived(name, "file id", 16), body_of([(kind, {**fields, 500: b"later"})]))])  # fmt: skip
    name = "good-sixteen-records"
    records = [kms_record(name, number) for number in range(15, -1, -1)]
    kit.made(name, "sixteen recipients, of which the last one opens", SUCCESS,
             slots=[slot_of(derived(name, "file id", 16), body_of(records))])  # fmt: skip
    name = "good-limits-of-a-record"
    record = kms_record(name, wrapped_at=bytes(8), owner=b"1" * 200, label=b"l" * 200)
    kit.made(name, "texts of 200 bytes", SUCCESS, slots=[slot_of(derived(name, "file id", 16), body_of([record]))])


def preambles(kit: Kit) -> None:
    """The 36 bytes at the beginning, and cuts through the header."""
    for place in range(8):
        kit.made(f"preamble-magic-{place}", f"byte {place} of the magic is another", MALFORMED,
                 lambda data, place=place: flipped(data, place))  # fmt: skip
    kit.made("preamble-magic-ascii", "a transfer as text took the carriage return away", MALFORMED,
             lambda data: data.replace(b"\r\n", b"\n", 1))  # fmt: skip
    kit.made("preamble-magic-high-bit", "a transfer in 7 bits took the high bit away", MALFORMED,
             lambda data: bytes([data[0] & 0x7F]) + data[1:])  # fmt: skip
    for version in (0, 2, 255):
        kit.made(f"preamble-version-{version}", "another version", MALFORMED, version=version)
    for suite in (0, 3, 255):
        kit.made(f"preamble-suite-{suite}", "an unknown suite", MALFORMED, suite=suite)
    for flag in (1, 8, 15):
        kit.made(f"preamble-flag-{flag}", f"the unknown flag {flag}", MALFORMED, flags=1 << flag)
    layouts: dict[str, tuple[str, dict[str, int]]] = {
        "prologue-too-long": ("a prologue over 65,536 bytes", {"prologue": 65_537}),
        "prologue-huge": ("a prologue of 4 GiB less one", {"prologue": 2**32 - 1}),
        "prologue-over-slot": ("a prologue that runs into the slot", {"prologue": 200}),
        "slot-off-small": ("slot_off within the prologue", {"slot_off": 40}),
        "slot-off-zero": ("slot_off 0", {"slot_off": 0}),
        "slot-off-huge": ("slot_off of 4 GiB less one", {"slot_off": 2**32 - 1}),
        "slot-len-63": ("slot_len below 64", {"slot_len": 63}),
        "slot-len-65537": ("slot_len above 65,536", {"slot_len": 65_537}),
        "slot-len-zero": ("slot_len 0", {"slot_len": 0}),
        "payload-off-small": ("payload_off within the slot", {"payload_off": 100}),
        "payload-off-262145": ("payload_off above 262,144", {"payload_off": 262_145}),
        "payload-off-huge": ("payload_off of 4 GiB less one", {"payload_off": 2**32 - 1}),
        "count-0": ("no slot", {"count": 0}),
        "count-3": ("three slots", {"count": 3}),
        "count-2-of-1": ("two slots where there is room for one", {"count": 2}),
    }
    for word, (comment, layout) in layouts.items():
        kit.made(f"preamble-{word}", comment, MALFORMED, layout=layout)
    for place in range(3):
        kit.made(f"preamble-zero-{place}", f"byte {29 + place} is not zero", MALFORMED,
                 zero=bytes(place) + b"\1" + bytes(2 - place))  # fmt: skip
    for place in range(4):
        kit.made(f"preamble-checksum-{place}", "another checksum", MALFORMED,
                 lambda data, place=place: flipped(data, 32 + place))  # fmt: skip
    kit.made("preamble-damaged-prologue", "a bit of the prologue fell over: the checksum finds it", MALFORMED,
             lambda data: flipped(data, 50))  # fmt: skip
    kit.made("gap-before-slot", "something between prologue and slot", MALFORMED, gap=bytes(9) + b"\1")
    kit.made("gap-behind-slot", "something between slot and payload", MALFORMED, behind=b"\1" + bytes(9))
    for size, where in ((0, "an empty file"), (7, "within the magic"), (8, "after the magic"), (35, "within the preamble"),
                        (36, "after the preamble"), (60, "within the prologue"), (78, "after the prologue"),
                        (150, "within the slot")):  # fmt: skip
        kit.made(f"cut-header-{size:03}", f"cut {where}" if size else where, MALFORMED,
                 lambda data, size=size: data[:size])  # fmt: skip
    kit.add(Vector("header-is-text", "text that is no envelope", MALFORMED, b"hello, world\n" * 20))
    kit.add(Vector("header-is-gzip", "another format", MALFORMED, b"\x1f\x8b\x08\0" + bytes(200)))
    kit.add(Vector("header-is-zeros", "nothing but zeros", MALFORMED, bytes(4096)))


def prologues(kit: Kit) -> None:
    """The facts of the file."""

    def one(word: str, comment: str, expect: str, fields: Callable[[bytes], bytes]) -> None:
        name = f"prologue-{word}"
        kit.made(name, comment, expect, prologue=fields(derived(name, "file id", 16)))

    one("empty", "no fields at all, so no FILE_ID", MALFORMED, lambda _: b"")
    one("no-file-id", "no FILE_ID", MALFORMED, lambda _: encoded({2: CONTEXT}))
    one("file-id-15", "a FILE_ID of 15 bytes", MALFORMED, lambda found: encoded({1: found[:15]}))
    one("file-id-17", "a FILE_ID of 17 bytes", MALFORMED, lambda found: encoded({1: found + b"\0"}))
    texts = {2: "context", 3: "aad"}
    for number, word in texts.items():
        bad = {
            "empty": ("is empty, where an absent field stands for none", b""),
            "not-utf8": ("is not UTF-8", b'{"a":"\xff"}'),
            "not-json": ("is not JSON", b"app=demo"),
            "list": ("is a list", b'["a"]'),
            "text": ("is a text", b'"a"'),
            "number-value": ("has a value that is a number", b'{"a":1}'),
            "null-value": ("has a value that is null", b'{"a":null}'),
            "nested": ("has a value that is an object", b'{"a":{}}'),
            "deep": ("is nested a thousand times", b"[" * 1000 + b"]" * 1000),
        }
        for what, (comment, value) in bad.items():
            one(f"{word}-{what}", f"the {word} {comment}", MALFORMED,
                lambda found, number=number, value=value: encoded({1: found, number: value}))  # fmt: skip
    one("aad-8193", "an AAD over 8,192 bytes", MALFORMED,
        lambda found: encoded({1: found, 3: b'{"a":"' + b"x" * 8185 + b'"}'}))  # fmt: skip
    one("aad-8192", "an AAD of exactly 8,192 bytes", SUCCESS,
        lambda found: encoded({1: found, 3: b'{"a":"' + b"x" * 8184 + b'"}'}))  # fmt: skip
    for number, word in ((4, "length"), (5, "created")):
        for size in (0, 7, 9):
            one(f"{word}-{size}-bytes", f"the {word} is a number of {size} bytes", MALFORMED,
                lambda found, number=number, size=size: encoded({1: found, number: bytes(size)}))  # fmt: skip
    one("writer-empty", "an empty writer", MALFORMED, lambda found: encoded({1: found, 6: b""}))
    one("writer-not-utf8", "a writer that is not UTF-8", MALFORMED, lambda found: encoded({1: found, 6: b"\xc3("}))
    one("order", "fields in descending order", MALFORMED, lambda found: encoded([(2, CONTEXT), (1, found)]))
    one("twice", "a field that is there twice", MALFORMED, lambda found: encoded([(1, found), (1, found)]))
    one("cut-type", "a field cut within its type", MALFORMED, lambda found: encoded({1: found}) + b"\0")
    one("cut-length", "a field cut within its length", MALFORMED, lambda found: encoded({1: found}) + b"\0\2\0\0")
    one("cut-value", "a field that is longer than what is left", MALFORMED,
        lambda found: encoded({1: found}) + struct.pack(">HI", 2, 15) + CONTEXT)  # fmt: skip
    one("huge-value", "a field of 4 GiB less one", MALFORMED,
        lambda found: encoded({1: found}) + struct.pack(">HI", 2, 2**32 - 1) + CONTEXT)  # fmt: skip
    one("65-fields", "65 fields", MALFORMED, lambda found: encoded({1: found, **dict.fromkeys(range(7, 71), b"")}))
    one("64-fields", "64 fields", SUCCESS, lambda found: encoded({1: found, **dict.fromkeys(range(7, 70), b"")}))
    one("critical", "an unknown field with bit 15", MALFORMED, lambda found: encoded({1: found, 0x8001: b""}))


def slots(kit: Kit) -> None:
    """The lists of recipients, and which one counts."""

    def one(word: str, comment: str, expect: str, made: Callable[[str, bytes], list[bytes]]) -> None:
        name = f"slot-{word}"
        kit.made(name, comment, expect, slots=made(name, derived(name, "file id", 16)))

    def plain(name: str, found: bytes, **changed: object) -> bytes:
        return slot_of(found, body_of([kms_record(name)]), **changed)

    one(
        "magic", "the slot does not begin with KTEW", MALFORMED, lambda name, found: [plain(name, found, magic=b"KTEX")]
    )
    for place in (16, 47):
        one(f"digest-{place}", "another digest", MALFORMED,
            lambda name, found, place=place: [flipped(plain(name, found), place)])  # fmt: skip
    one("generation", "another generation than the digest is of", MALFORMED,
        lambda name, found: [flipped(plain(name, found), 15)])  # fmt: skip
    one("other-file", "the slot of another file: its digest has another FILE_ID", MALFORMED,
        lambda name, _: [plain(name, bytes(16))])  # fmt: skip
    one("body-too-long", "a body that is longer than the slot", MALFORMED,
        lambda name, found: [plain(name, found)[:4] + struct.pack(">I", 60_000) + plain(name, found)[8:]])  # fmt: skip
    one("body-huge", "a body of 4 GiB less one", MALFORMED,
        lambda name, found: [plain(name, found)[:4] + b"\xff" * 4 + plain(name, found)[8:]])  # fmt: skip
    one(
        "remains",
        "something behind the body",
        MALFORMED,
        lambda name, found: [plain(name, found, size=400)[:-1] + b"\1"],
    )
    one("zeros", "a slot of zeros alone", MALFORMED, lambda *_: [bytes(256)])
    one("two-torn", "two slots, none of them whole", MALFORMED,
        lambda name, found: [flipped(plain(name, found, size=300), 50)] * 2)  # fmt: skip
    one("newest-unreadable", "the newest whole slot counts, although its body cannot be read", MALFORMED,
        lambda name, found: [plain(name, found, size=300), slot_of(found, b"\2\1\0\0", generation=2, size=300)])  # fmt: skip
    one("body-empty", "a whole slot with an empty body", MALFORMED, lambda _, found: [slot_of(found, b"")])
    bodies: dict[str, tuple[str, Callable[[str], bytes]]] = {
        "version-0": ("a body of version 0", lambda name: body_of([kms_record(name)], version=0)),
        "version-2": ("a body of version 2", lambda name: body_of([kms_record(name)], version=2)),
        "reserved": ("the reserved bytes are not zero", lambda name: body_of([kms_record(name)], reserved=1)),
        "count-0": ("a count of 0", lambda _: body_of([])),
        "count-17": ("17 records", lambda name: body_of([kms_record(name, n) for n in range(17)])),
        "count-too-high": ("a count over the records there are", lambda name: body_of([kms_record(name)], count=2)),
        "count-too-low": (
            "a count below the records there are",
            lambda name: body_of([kms_record(name), kms_record(name, 1)], count=1),
        ),
        "trailing": ("a byte behind the last record", lambda name: body_of([kms_record(name)]) + b"\0"),
        "record-cut": ("a record that is cut short", lambda name: body_of([kms_record(name)])[:-1]),
        "record-start-cut": ("a record cut within its length", lambda name: body_of([], count=1) + b"\0\1\0"),
    }
    for word, (comment, body) in bodies.items():
        one(f"body-{word}", comment, MALFORMED, lambda name, found, body=body: [slot_of(found, body(name))])


def records(kit: Kit) -> None:
    """The fields of a recipient, which are checked before they reach a URL, a log or a terminal."""

    def one(word: str, comment: str, record: Callable[[str], tuple[int, Fields | list[tuple[int, bytes]]]]) -> None:
        name = f"record-{word}"
        kind, fields = record(name)
        data = encoded(fields)
        body = struct.pack(">BBHHI", 1, 1, 0, kind, len(data)) + data
        kit.made(name, comment, MALFORMED, slots=[slot_of(derived(name, "file id", 16), body)])

    for field_name in ("site", "region", "key_id", "wrapped"):
        one(f"no-{field_name}", f"a record of kind 1 without its {field_name}",
            lambda name, field_name=field_name: kms_record(name, **{field_name: None}))  # fmt: skip
    values: dict[str, tuple[str, str, bytes]] = {
        "site-unknown": ("the site is neither cn nor intl", "site", b"eu"),
        "site-empty": ("the site is empty", "site", b""),
        "region-empty": ("the region is empty", "region", b""),
        "region-upper-case": ("the region has upper-case letters", "region", b"AP-guangzhou"),
        "region-host": ("the region is part of a host name", "region", b"ap-guangzhou.evil.example"),
        "region-at": ("the region holds an @", "region", b"ap-x@evil"),
        "region-slash": ("the region holds a slash", "region", b"ap-x/../y"),
        "region-newline": ("the region ends in a newline", "region", b"ap-guangzhou\n"),
        "region-long": ("the region is too long", "region", b"ap-" + b"a" * 17),
        "region-control": ("the region holds an escape character", "region", b"ap-\x1b[2Jxx"),
        "key-id-35": ("the key id has 35 characters", "key_id", KEY_ID[:-1]),
        "key-id-37": ("the key id has 37 characters", "key_id", KEY_ID + b"0"),
        "key-id-upper-case": ("the key id has upper-case letters", "key_id", KEY_ID.upper()),
        "key-id-newline": ("the key id ends in a newline", "key_id", KEY_ID[:-1] + b"\n"),
        "wrapped-empty": ("the wrapped DEK is empty", "wrapped", b""),
        "wrapped-6145": ("the wrapped DEK has over 6,144 bytes", "wrapped", b"A" * 6145),
        "wrapped-not-ascii": ("a blob that is not ASCII", "wrapped", b"QkxP\xc3\xa9"),
        "wrapped-at-7": ("the time has 7 bytes", "wrapped_at", bytes(7)),
        "owner-201": ("the owner has over 200 bytes", "owner", b"1" * 201),
        "label-201": ("the label has over 200 bytes", "label", b"l" * 201),
    }
    for word, (comment, field_name, value) in values.items():
        one(word, comment, lambda name, field_name=field_name, value=value: kms_record(name, **{field_name: value}))
    one("critical", "an unknown field with bit 15", lambda name: (1, {**kms_record(name)[1], 0x8001: b""}))
    one("order", "fields in descending order", lambda name: (1, list(kms_record(name)[1].items())[::-1]))
    rsa: Fields = {4: bytes(256), 9: b"RSAES_OAEP_SHA_256", 10: bytes(32)}
    one("rsa-no-algorithm", "kind 4 without an algorithm", lambda _: (4, {4: rsa[4], 10: rsa[10]}))
    one("rsa-other-algorithm", "kind 4 with the padding of old", lambda _: (4, {**rsa, 9: b"RSAES_PKCS1_V1_5"}))
    one("rsa-fingerprint-31", "a fingerprint of 31 bytes", lambda _: (4, {**rsa, 10: bytes(31)}))
    one("rsa-no-fingerprint", "kind 4 without a fingerprint", lambda _: (4, {4: rsa[4], 9: rsa[9]}))
    one("kms-rsa-no-key-id", "kind 2 without a key id", lambda _: (2, {1: b"cn", 2: b"ap-guangzhou", **rsa}))
    one("sm2-no-fingerprint", "kind 3 without a fingerprint", lambda name: (3, kms_record(name)[1]))


def recipients(kit: Kit) -> None:
    """What KMS answers, and what a reader makes of it."""

    def one(
        word: str, comment: str, expect: str, numbers: list[int], answers: Callable[[str], list[tuple[int, bytes, bytes]]]
    ) -> None:  # fmt: skip
        name = f"recipients-{word}"
        found = tuple((blob_of(name, number), key_id, dek) for number, key_id, dek in answers(name))
        slot = slot_of(derived(name, "file id", 16), body_of([kms_record(name, number) for number in numbers]))
        kit.made(name, comment, expect, slots=[slot], answers=found)

    def right(name: str) -> bytes:
        return derived(name, "dek", 32)

    other = b"99999999-1e38-11e9-b129-5cb9019b4b01"
    one("refused", "KMS opens none of the blobs", ALTERED, [0], lambda _: [])
    one("other-key", "KMS says that the blob is under another key than the record", ALTERED, [0],
        lambda name: [(0, other, right(name))])  # fmt: skip
    one(
        "wrong-dek",
        "the blob opens to another DEK than the payload's",
        ALTERED,
        [0],
        lambda _: [(0, KEY_ID, bytes(32))],
    )
    one("short-dek", "the blob opens to 16 bytes", ALTERED, [0], lambda name: [(0, KEY_ID, right(name)[:16])])
    one("empty-dek", "the blob opens to nothing", ALTERED, [0], lambda _: [(0, KEY_ID, b"")])
    one("wrong-then-right", "the first DEK is wrong, the second right", SUCCESS, [1, 0],
        lambda name: [(1, KEY_ID, bytes(32)), (0, KEY_ID, right(name))])  # fmt: skip
    one("refused-then-right", "the first blob is refused, the second opens", SUCCESS, [1, 0],
        lambda name: [(0, KEY_ID, right(name))])  # fmt: skip
    one("two-wrong-then-right", "two DEKs are wrong, the third is right", SUCCESS, [1, 2, 0],
        lambda name: [(1, KEY_ID, bytes(32)), (2, KEY_ID, bytes(32)), (0, KEY_ID, right(name))])  # fmt: skip
    one("three-wrong", "after three wrong DEKs a reader stops, although the fourth is right", ALTERED, [1, 2, 3, 0],
        lambda name: [*((number, KEY_ID, bytes(32)) for number in (1, 2, 3)), (0, KEY_ID, right(name))])  # fmt: skip
    name = "recipients-unknown-kinds"
    kit.made(name, "nobody who can open it is known", NO_MATCH,
             slots=[slot_of(derived(name, "file id", 16), body_of([(77, {1: b"?"}), (78, {})]))])  # fmt: skip
    name = "recipients-foreign-rsa"
    fields = {4: bytes(256), 9: b"RSAES_OAEP_SHA_256", 10: bytes(32)}
    kit.made(name, "a recipient with an RSA key that is not here", NO_MATCH,
             slots=[slot_of(derived(name, "file id", 16), body_of([(4, fields)]))])  # fmt: skip


def payloads(kit: Kit) -> None:
    """The header of the payload, and its segments."""

    def changed(word: str, comment: str, expect: str, change: Callable[[bytes, int], bytes]) -> None:
        """Change the bytes of a small file; `change` gets them with the place of the FLOE header."""
        name = f"payload-{word}"
        place = len(Envelope(name).header())
        kit.made(name, comment, expect, lambda data: change(data, place))

    changed("no-header", "cut where the payload begins", ALTERED, lambda data, at: data[:at])
    changed("header-cut", "cut within the FLOE header", ALTERED, lambda data, at: data[: at + 73])
    changed("no-segment", "cut after the FLOE header", ALTERED, lambda data, at: data[: at + 74])
    changed("segment-cut", "cut within the only segment", ALTERED, lambda data, _: data[:-1])
    changed("trailing", "a byte behind the final segment", ALTERED, lambda data, _: data + b"\0")
    changed("trailing-segment", "the final segment twice", ALTERED, lambda data, at: data + data[at + 74 :])
    changed("aead-id", "the parameters of another suite", MALFORMED, lambda data, at: flipped(data, at, 0xF0))
    changed("kdf-id", "an unknown KDF", MALFORMED, lambda data, at: flipped(data, at + 1))
    for size in (0, 1, 32, 33, 2**15, 2**17, 2**21, 2**32 - 1):
        changed(f"segment-len-{size}", f"segments of {size} bytes", MALFORMED,
                lambda data, at, size=size: data[: at + 2] + struct.pack(">I", size) + data[at + 6 :])  # fmt: skip
    changed("segment-len-other", "another size of segments that would be possible", ALTERED,
            lambda data, at: data[: at + 2] + struct.pack(">I", 2**18) + data[at + 6 :])  # fmt: skip
    changed("iv-len", "an IV of another length", MALFORMED, lambda data, at: flipped(data, at + 9))
    changed("iv", "another IV", ALTERED, lambda data, at: flipped(data, at + 10))
    changed("header-tag-first", "another header tag", ALTERED, lambda data, at: flipped(data, at + 42))
    changed("header-tag-last", "another header tag", ALTERED, lambda data, at: flipped(data, at + 73, 0x80))
    changed("marker", "the final marker is not the length", ALTERED, lambda data, at: flipped(data, at + 77))
    changed("marker-not-final", "the only segment says that it is not final", ALTERED,
            lambda data, at: data[: at + 74] + b"\xff" * 4 + data[at + 78 :])  # fmt: skip
    changed("nonce", "another nonce", ALTERED, lambda data, at: flipped(data, at + 78))
    changed("ciphertext", "another ciphertext", ALTERED, lambda data, at: flipped(data, at + 90))
    changed("tag", "another tag", ALTERED, lambda data, _: flipped(data, -1, 0x80))
    for word, comment, prologue in (
        ("other-context", "another context, with a right checksum", encoded({2: b'{"app":"shop"}'})),
        ("other-prologue", "a prologue with a field more", encoded({2: CONTEXT, 7: b""})),
    ):
        name = f"payload-{word}"
        own = Envelope(name)
        other = replace(own, prologue=encoded({1: own.file_id}) + prologue)
        kit.add(
            Vector(name, comment, ALTERED, other.header() + own.payload(), answers=((blob_of(name), KEY_ID, own.key),))
        )
    for word, lie in (("short", len(HELLO) - 1), ("long", len(HELLO) + 1), ("zero", 0), ("huge", 2**64 - 1)):
        kit.made(
            f"payload-stated-{word}", "the stated length is not the plaintext's", ALTERED, released=HELLO, stated=lie
        )
    orders(kit)


def orders(kit: Kit) -> None:
    """Several segments: none may be moved, left out, added, or taken from elsewhere."""
    text = derived("orders", "text", 2 * PLAIN + 5)

    def one(word: str, comment: str, whole_before: int, change: Callable[[Envelope, list[bytes]], list[bytes]]) -> None:
        name = f"segments-{word}"
        envelope = Envelope(name, plaintext=text)
        data = envelope.header() + envelope.floe_header() + b"".join(change(envelope, envelope.segments()))
        answers = ((blob_of(name), KEY_ID, envelope.key),)
        kit.add(Vector(name, comment, ALTERED, data, text[: whole_before * PLAIN], answers))

    def foreign(_: Envelope, found: list[bytes]) -> list[bytes]:
        other = Envelope("segments-foreign", plaintext=text, dek=derived("segments-foreign", "dek", 32))
        sealed = replace(other, prologue=encoded({1: bytes(16), 2: CONTEXT})).sealed(
            1, text[PLAIN : 2 * PLAIN], final=False
        )
        return [found[0], sealed, found[2]]

    one("swapped", "the second segment before the first", 0, lambda _, found: [found[1], found[0], found[2]])
    one("first-missing", "the first segment is left out", 0, lambda _, found: found[1:])
    one("middle-missing", "the second segment is left out", 1, lambda _, found: [found[0], found[2]])
    one("final-missing", "cut at the border before the final segment", 2, lambda _, found: found[:2])
    one("twice", "the first segment twice", 1, lambda _, found: [found[0], *found])
    one("final-first", "the final segment alone", 0, lambda _, found: found[2:])
    one("cut", "cut within the second segment", 1, lambda _, found: [found[0], found[1][:100]])
    one(
        "second-tag",
        "another tag of the second segment",
        1,
        lambda _, found: [found[0], flipped(found[1], -1), found[2]],
    )
    one("final-tag", "another tag of the final segment", 2, lambda _, found: [*found[:2], flipped(found[2], -1)])
    one("foreign", "the second segment of another file with the same DEK", 1, foreign)
    one("early-end", "the second segment sealed as final, and more behind it", 2,
        lambda own, found: [found[0], own.sealed(1, text[PLAIN : 2 * PLAIN], final=True), found[2]])  # fmt: skip
    one("no-end", "the last segment is full and not final, and nothing is behind it", 2,
        lambda own, found: [found[0], own.sealed(1, text[PLAIN : 2 * PLAIN], final=False)])  # fmt: skip
    one("short-middle", "a segment that is not final and not full", 1,
        lambda own, found: [found[0], own.sealed(1, text[:100], final=False), found[2]])  # fmt: skip
    one("two-ends", "an empty final segment behind the final one", 2,
        lambda own, found: [*found, own.sealed(3, b"", final=True)])  # fmt: skip


def armors(kit: Kit) -> None:
    """Envelopes as text."""

    def text_of(data: bytes, width: int = 64) -> list[bytes]:
        encoded_data = base64.b64encode(data)
        lines = [encoded_data[place : place + width] for place in range(0, len(encoded_data), width)]
        return [b"-----BEGIN KMSTOOL ENVELOPE-----", *lines, b"-----END KMSTOOL ENVELOPE-----"]

    def one(word: str, comment: str, expect: str, change: Callable[[list[bytes]], bytes]) -> None:
        kit.made(f"armor-{word}", comment, expect, lambda data: change(text_of(data)))

    def joined(lines: list[bytes]) -> bytes:
        return b"\n".join(lines) + b"\n"

    one("good", "lines of 64 characters", SUCCESS, joined)
    one("crlf", "lines that end in CR LF", SUCCESS, lambda lines: b"\r\n".join(lines) + b"\r\n")
    one("no-last-newline", "no newline behind the last line", SUCCESS, b"\n".join)
    one(
        "white-space-around",
        "white space before and behind",
        SUCCESS,
        lambda lines: b"\n \t\n" + joined(lines) + b"\n\n  \n",
    )
    one("no-end", "the last line is missing", MALFORMED, lambda lines: joined(lines[:-1]))
    one("cut", "cut in the middle", MALFORMED, lambda lines: joined(lines)[:200])
    one("label", "another label", MALFORMED, lambda lines: joined(lines).replace(b"ENVELOPE", b"MESSAGE"))
    one(
        "end-label",
        "another label at the end",
        MALFORMED,
        lambda lines: joined([*lines[:-1], b"-----END MESSAGE-----"]),
    )
    one("blank-line", "a blank line within", MALFORMED, lambda lines: joined([*lines[:3], b"", *lines[3:]]))
    one(
        "header-line",
        "a header line as PEM may have",
        MALFORMED,
        lambda lines: joined([lines[0], b"Version: 1", *lines[1:]]),
    )
    one("text-before", "text before the first line", MALFORMED, lambda lines: b"hello\n" + joined(lines))
    one("text-behind", "text behind the last line", MALFORMED, lambda lines: joined(lines) + b"hello\n")
    one("twice", "two of them", MALFORMED, lambda lines: joined(lines) * 2)
    one("blank-in-line", "a blank within a line", MALFORMED,
        lambda lines: joined([lines[0], lines[1][:-1] + b" ", *lines[2:]]))  # fmt: skip
    one("blank-behind-line", "a blank behind a line", MALFORMED,
        lambda lines: joined([lines[0], lines[1] + b" ", *lines[2:]]))  # fmt: skip
    one("character", "a character that is not of base64", MALFORMED,
        lambda lines: joined([lines[0], b"*" + lines[1][1:], *lines[2:]]))  # fmt: skip
    one("url-alphabet", "the alphabet for URLs", MALFORMED,
        lambda lines: joined([lines[0], b"-_" + lines[1][2:], *lines[2:]]))  # fmt: skip
    one("short-line", "a line that is shorter, and not the last", MALFORMED,
        lambda lines: joined([lines[0], lines[1][:60], lines[1][60:], *lines[2:]]))  # fmt: skip
    kit.made("armor-lines-of-76", "lines of 76 characters, as MIME has them", MALFORMED,
             lambda data: joined(text_of(data, 76)))  # fmt: skip
    kit.made("armor-one-line", "all in one line", MALFORMED, lambda data: joined(text_of(data, 10**6)))
    name = "armor-padding-bits"
    # One byte more of the plaintext leads to a last line whose padding has bits to spare.
    for text in (HELLO, HELLO + b"\n"):
        data = Envelope(name, plaintext=text).whole()
        if len(data) % 3:
            kit.made(name, "the bits behind the last byte are not zero", MALFORMED, plaintext=text,
                     change=lambda data: _with_spare_bits(joined(text_of(data))))  # fmt: skip
            break
    one("padding-missing", "the last line without its padding", MALFORMED,
        lambda lines: joined([*lines[:-2], lines[-2].rstrip(b"=")[:-1], lines[-1]]))  # fmt: skip


def _with_spare_bits(text: bytes) -> bytes:
    """Change the last character before the padding to one that decodes to the same bytes."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    place = text.index(b"=") - 1
    return text[:place] + bytes([alphabet[alphabet.index(text[place]) | 1]]) + text[place + 1 :]


def detached(kit: Kit) -> None:
    """Headers in a file of their own."""

    def one(word: str, comment: str, expect: str, change: Callable[[bytes, bytes], tuple[bytes, bytes | None]], flags: int = 1,
            released: bytes = b"") -> None:  # fmt: skip
        name = f"detached-{word}"
        envelope = Envelope(name, flags=flags)
        head, payload = change(envelope.header(), envelope.payload())
        answers = ((blob_of(name), KEY_ID, envelope.key),)
        kit.add(Vector(name, comment, expect, head, released, answers, payload))

    one("good", "header and payload in two files", SUCCESS, lambda head, payload: (head, payload), released=HELLO)
    one("no-payload", "the header alone", MISUSE, lambda head, _: (head, None))
    one("both-in-one", "header and payload in one file, though the header says that it is detached", MISUSE,
        lambda head, payload: (head + payload, None))  # fmt: skip
    one("not-detached", "two files, though the header does not say that it is detached", MISUSE,
        lambda head, payload: (head, payload), flags=0)  # fmt: skip
    one("trailing", "something behind the header", MALFORMED, lambda head, payload: (head + b"\0", payload))
    one("header-cut", "the header is cut short", MALFORMED, lambda head, payload: (head[:-1], payload))
    one("payload-cut", "the payload is cut short", ALTERED, lambda head, payload: (head, payload[:-1]))
    one("payload-empty", "the payload is empty", ALTERED, lambda head, _: (head, b""))
    one("payload-of-another", "the payload of another file", ALTERED,
        lambda head, _: (head, Envelope("detached-another", flags=1).payload()))  # fmt: skip


def files() -> Iterator[tuple[Path, bytes]]:
    """Yield the path and the content of every file of the kit."""
    for name, vector in sorted(build().items()):
        yield FOLDER / name, vector.written()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    for path, content in files():
        path.write_bytes(content)
