"""A list of recipients reads back as it was written, and nothing else is a list of recipients."""

import contextlib
import json
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.envelope import stanzas
from kmstool.envelope.stanzas import (
    ALGORITHM,
    CLUSTER,
    KEY_DIGEST,
    KEY_ID,
    KINDS,
    LABEL,
    OAEP,
    OWNER_UIN,
    REGION,
    RSA_OFFLINE,
    SITE,
    TENCENT_KMS,
    TENCENT_KMS_RSA,
    TENCENT_KMS_SM2,
    WRAPPED,
    WRAPPED_AT,
    Stanza,
)
from kmstool.errors import InputError

WHERE = {SITE: b"intl", REGION: b"ap-guangzhou", KEY_ID: b"23e80852-1e38-11e9-b129-5cb9019b4b01"}
RSA = {ALGORITHM: OAEP.encode(), KEY_DIGEST: bytes(range(32))}
GOOD = {
    TENCENT_KMS: Stanza(TENCENT_KMS, WHERE | {WRAPPED: b"QkxPQg=="}),
    TENCENT_KMS_RSA: Stanza(TENCENT_KMS_RSA, WHERE | RSA | {WRAPPED: bytes(256)}),
    TENCENT_KMS_SM2: Stanza(TENCENT_KMS_SM2, WHERE | {WRAPPED: bytes(150), KEY_DIGEST: bytes(32)}),
    RSA_OFFLINE: Stanza(RSA_OFFLINE, RSA | {WRAPPED: bytes(384)}),
}
MORE = {OWNER_UIN: b"100012345678", CLUSTER: b"cls-hsm-1", LABEL: "Zweitschlüssel".encode(), WRAPPED_AT: bytes(8)}

fields = st.dictionaries(st.integers(0, 0x7FFF), st.binary(max_size=20), max_size=8)
strange = st.builds(Stanza, st.integers(0, 0xFFFF).filter(lambda kind: kind not in KINDS), fields)
anyone = st.one_of(
    strange, st.builds(lambda good, more: Stanza(good.kind, more | good.fields), st.sampled_from([*GOOD.values()]),
                       st.dictionaries(st.integers(11, 0x7FFF), st.binary(max_size=9), max_size=3))
)  # fmt: skip


def body(*records: tuple[int, bytes], version: int = 1, count: int | None = None, reserved: int = 0) -> bytes:
    """Write a body with any records; `encode` would not."""
    head = struct.pack(">BBH", version, len(records) if count is None else count, reserved)
    return head + b"".join(struct.pack(">HI", kind, len(data)) + data for kind, data in records)


def changed(kind: int, **changes: bytes | None) -> bytes:
    """Write a good stanza of a kind with other fields, or without those that are None."""
    numbers = {"site": SITE, "region": REGION, "key_id": KEY_ID, "wrapped": WRAPPED, "wrapped_at": WRAPPED_AT,
               "algorithm": ALGORITHM, "key_digest": KEY_DIGEST, "label": LABEL, "owner": OWNER_UIN,
               "cluster": CLUSTER}  # fmt: skip
    found = dict(GOOD[kind].fields)
    for name, value in changes.items():
        found.pop(numbers[name], None)
        if value is not None:
            found[numbers[name]] = value
    return stanzas.encode((Stanza(kind, found),))


@given(st.lists(anyone, min_size=1, max_size=16))
@settings(deadline=None)
def test_what_is_written_reads_back(found: list[Stanza]) -> None:
    data = stanzas.encode(found)
    assert stanzas.decode(data) == tuple(found)
    assert stanzas.encode(stanzas.decode(data)) == data


@given(st.binary(max_size=200))
@settings(deadline=None, max_examples=500)
def test_any_bytes_are_a_list_or_an_input_error(data: bytes) -> None:
    for candidate in (data, b"\x01\x01\0\0" + data, body((TENCENT_KMS, data)), body((7, data))):
        with contextlib.suppress(InputError):
            assert stanzas.encode(stanzas.decode(candidate)) == candidate


@given(st.sampled_from([*GOOD]), st.integers(0), st.integers(1, 255))
@settings(deadline=None, max_examples=500)
def test_an_altered_byte_is_another_list_or_an_input_error(kind: int, place: int, pattern: int) -> None:
    data = bytearray(stanzas.encode((GOOD[kind], Stanza(99, {1: b"of a newer kmstool"}))))
    data[place % len(data)] ^= pattern
    with contextlib.suppress(InputError):
        assert stanzas.encode(stanzas.decode(bytes(data))) == data


@pytest.mark.parametrize("kind", KINDS)
def test_every_cut_and_extension_is_refused(kind: int) -> None:
    data = stanzas.encode((GOOD[kind], GOOD[kind]))
    for size in range(len(data)):
        with pytest.raises(InputError):
            stanzas.decode(data[:size])
    for behind in (b"\0", b"\0" * 6, data):
        with pytest.raises(InputError, match="data after the recipients"):
            stanzas.decode(data + behind)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_with_all_its_fields(kind: int) -> None:
    full = Stanza(kind, {**GOOD[kind].fields, **MORE})
    assert stanzas.decode(stanzas.encode((full,))) == (full,)


def test_a_list_has_one_to_sixteen() -> None:
    one = GOOD[TENCENT_KMS]
    assert len(stanzas.decode(stanzas.encode([one] * 16))) == 16
    for count in (0, 17):
        with pytest.raises(InputError, match=f"1 to 16 recipients, not {count}"):
            stanzas.encode([one] * count)
    record = (one.kind, stanzas.encode_fields(one.fields))
    for refused in (body(), body(*[record] * 17), body(record, count=0), body(record, version=2),
                    body(record, version=0), body(record, reserved=1)):  # fmt: skip
        with pytest.raises(InputError, match="unknown form"):
            stanzas.decode(refused)
    with pytest.raises(InputError, match="cut short"):
        stanzas.decode(body(record, count=2))


def test_a_recipient_of_an_unknown_kind_is_passed_over() -> None:
    """A newer kmstool may write kinds that this one does not know; its other recipients still open the file."""
    found = stanzas.decode(body((99, b"\0\7\0\0\0\1x"), (1, stanzas.encode_fields(GOOD[TENCENT_KMS].fields))))
    assert [stanza.kind for stanza in found] == [99, TENCENT_KMS]
    assert found[0].facts() == {"Kind": "unknown (99)"}
    assert (found[0].wrapped, found[0].text(REGION)) == (b"", "")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\0", "cut short"),
        (b"\0\1\0\0\0", "cut short"),
        (b"\0\1\0\0\0\1", "cut short"),
        (b"\0\1\xff\xff\xff\xff" + bytes(10), "cut short"),
        (b"\0\1\0\0\0\0" * 2, "out of order"),
        (b"\0\2\0\0\0\0" + b"\0\1\0\0\0\0", "out of order"),
        (b"\x80\x07\0\0\0\0", "unknown feature 0x8007"),
        (b"\xff\xff\0\0\0\0", "newer kmstool"),
    ],
)
def test_fields_that_nobody_writes(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stanzas.decode_fields(data, range(1, 7))
    with pytest.raises(InputError, match=message):
        stanzas.decode(body((99, data)))


def test_a_critical_field_is_fine_where_it_is_known() -> None:
    assert stanzas.decode_fields(b"\x80\x07\0\0\0\1x", [0x8007]) == {0x8007: b"x"}


def test_at_most_64_fields() -> None:
    many = dict.fromkeys(range(64), b"")
    assert stanzas.decode_fields(stanzas.encode_fields(many), ()) == many
    with pytest.raises(InputError, match="too many"):
        stanzas.decode_fields(stanzas.encode_fields(many | {64: b""}), ())


REQUIRED = {
    TENCENT_KMS: ("site", "region", "key_id", "wrapped"),
    TENCENT_KMS_RSA: ("site", "region", "key_id", "wrapped", "algorithm", "key_digest"),
    TENCENT_KMS_SM2: ("site", "region", "key_id", "wrapped", "key_digest"),
    RSA_OFFLINE: ("wrapped", "algorithm", "key_digest"),
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in REQUIRED.items() for name in names])
def test_a_field_that_must_be_there(kind: int, name: str) -> None:
    for data in (changed(kind, **{name: None}), changed(kind, **{name: b""})):
        with pytest.raises(InputError, match=f"kind {KINDS[kind]} has invalid fields"):
            stanzas.decode(data)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("site", b"CN"),
        ("site", b"cn\0"),
        ("site", b"kms.example.com"),
        ("region", b"ap-guangzhou\n"),
        ("region", b"ap-guangzhou.example.com"),
        ("region", b"AP-GUANGZHOU"),
        ("region", b"apguangzhou"),
        ("region", b"ap-"),
        ("region", b"ap-a"),
        ("region", b"ap-" + b"a" * 17),
        ("region", b"ap-ab-cd-ef-gh"),
        ("region", b"../../etc"),
        ("region", "ap-gu\u0430ngzhou".encode()),
        ("key_id", b"23e80852-1e38-11e9-b129-5cb9019b4b0"),
        ("key_id", b"23e80852-1e38-11e9-b129-5cb9019b4b01a"),
        ("key_id", b"23E80852-1E38-11E9-B129-5CB9019B4B01"),
        ("key_id", b"23e80852-1e38-11e9-b129-5cb9019b4b0/"),
        ("key_id", b"\x1b[2J2-1e38-11e9-b129-5cb9019b4b01 "),
        ("wrapped", bytes(6 * 1024 + 1)),
        ("wrapped_at", bytes(7)),
        ("wrapped_at", bytes(9)),
        ("algorithm", b"RSAES_PKCS1_V1_5"),
        ("key_digest", bytes(31)),
        ("key_digest", bytes(33)),
        ("label", bytes(201)),
        ("owner", bytes(201)),
        ("cluster", bytes(201)),
    ],
)
def test_a_field_that_could_do_harm(kind: int, name: str, value: bytes) -> None:
    """It is refused before it reaches a URL, a log or a terminal, for whichever kind it stands in."""
    with pytest.raises(InputError, match="has invalid fields"):
        stanzas.decode(changed(kind, **{name: value}))


def test_the_limits_themselves_are_allowed() -> None:
    for region in (b"ap-gz", b"na-siliconvalley", b"ap-shanghai-fsi", b"ap-aaaaaaaaaaaaaaaa-bb-cc"):
        assert stanzas.decode(changed(TENCENT_KMS, region=region))
    assert stanzas.decode(changed(TENCENT_KMS, site=b"cn", wrapped=b"A" * 6 * 1024, label=bytes(200)))


def test_a_blob_of_kms_is_text() -> None:
    with pytest.raises(InputError):
        stanzas.decode(changed(TENCENT_KMS, wrapped=b"blob\xff"))
    assert stanzas.decode(changed(RSA_OFFLINE, wrapped=b"blob\xff"))


def test_facts_for_people_and_scripts() -> None:
    facts = Stanza(TENCENT_KMS_RSA, {**GOOD[TENCENT_KMS_RSA].fields, **MORE, WRAPPED_AT: struct.pack(">Q", 5)}).facts()
    assert facts == {
        "Kind": "tencent-kms-rsa",
        "Site": "intl",
        "Region": "ap-guangzhou",
        "KeyId": "23e80852-1e38-11e9-b129-5cb9019b4b01",
        "Label": "Zweitschlüssel",
        "Algorithm": "RSAES_OAEP_SHA_256",
        "KeyDigest": bytes(range(32)).hex(),
        "WrappedAt": 5,
    }
    assert json.dumps(Stanza(99, {LABEL: b"\xff"}).facts())


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", {}),
        ("{}", {}),
        ('{"app":"demo"}', {"app": "demo"}),
        ('{"a":"1","b":"2"}', {"a": "1", "b": "2"}),
        ('{"a":"\\u00fc"}', {"a": "ü"}),
    ],
)
def test_a_context_is_pairs_of_texts(text: str, pairs: dict[str, str]) -> None:
    assert stanzas.parse_context(text) == pairs


@pytest.mark.parametrize(
    "text",
    [" ", "null", "[]", '"a"', "1", "{", "{}{}", '{"a":1}', '{"a":null}', '{"a":{"b":"c"}}', '{"a":["b"]}',
     "[" * 5000, '{"a":' * 5000, "1" * 5000, '{"a":NaN}', "\0"],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_a_context_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="a context is not"):
        stanzas.parse_context(text)
