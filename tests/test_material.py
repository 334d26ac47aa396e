"""Key material from outside: only the right bytes, wrapped for the right key, become a key, and nothing else ever does again."""

import base64
import dataclasses
import hashlib
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import byok, words
from kmstool.api import protocol
from kmstool.byok import Parameters, WrappedMaterial
from kmstool.cli.commands.import_material import ImportMaterialWords, _source
from kmstool.cli.hints import hint_of
from kmstool.cli.session.session import Session
from kmstool.crypto import rsa
from kmstool.errors import ArgumentError, InputError, IntegrityError, KmsToolError, ServiceError
from kmstool.kms.client import KmsClient
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.seed import seeding
from kmstool.system import atomic
from kmstool.workflows import imports
from kmstool.workflows.imports import ImportTarget, NewMaterial
from tests import import_requests
from tests.stores import reseal

DAY = 86400
PLAINTEXT = protocol.encode(b"of the tests")
FIRST, OTHER = bytes(range(16)), bytes(range(1, 17))
WAITS = "ResourceUnavailable.CmkDisabled"
MISMATCH = "InvalidParameterValue.MaterialNotMatch"
UNDECRYPTABLE = "InvalidParameter.DecryptMaterialError"
EXPIRED = "ResourceUnavailable.TokenExpired"
INVALID = "InvalidParameter"
INVALID_BLOB = "InvalidParameterValue.InvalidCiphertext"


def external(kms: EmbeddedKms, alias: str = "own") -> str:
    return str(kms.call("CreateKey", {"Alias": alias, "Type": 2})["KeyId"])


def put(kms: EmbeddedKms, key_id: str, brought: bytes = FIRST, **more: Any) -> None:
    kms.call("ImportKeyMaterial", {**import_requests.import_request(kms, key_id, brought), **more})


def encrypt(kms: EmbeddedKms, key_id: str) -> str:
    return str(kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"])


def decrypt(kms: EmbeddedKms, blob: str) -> str:
    return str(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"])


def metadata(kms: EmbeddedKms, key_id: str) -> tuple[str, int]:
    found = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    return found["KeyState"], found["ValidTo"]


def refusal(kms: EmbeddedKms, action: str, params: dict[str, Any]) -> str | None:
    with pytest.raises(KmsToolError) as caught:
        kms.call(action, params)
    return caught.value.kms_code


def now(kms: EmbeddedKms) -> int:
    return int(admin.describe(kms)["Now"])


def advance(kms: EmbeddedKms, seconds: int) -> None:
    admin.move_clock(kms, int(admin.describe(kms)["ClockOffset"]) + seconds)


# The embedded KMS.


def test_what_is_given_out_for_an_import(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    before = now(kms)
    issued = import_requests.parameters(kms, key_id)
    assert issued["KeyId"] == key_id
    assert len(protocol.decode(issued["PublicKey"])) == 294
    assert len(protocol.decode(issued["ImportToken"])) == 96
    assert before + DAY <= issued["ParametersValidTo"] <= now(kms) + DAY
    again = import_requests.parameters(kms, key_id)
    assert again["PublicKey"] != issued["PublicKey"]
    assert again["ImportToken"] != issued["ImportToken"]


@pytest.mark.parametrize("algorithm", words.RSA_ALGORITHMS)
def test_material_is_taken_and_the_token_stays_good(kms: EmbeddedKms, algorithm: words.EncryptionAlgorithm) -> None:
    key_id = external(kms)
    issued = import_requests.parameters(kms, key_id, algorithm)
    kms.call("ImportKeyMaterial", import_requests.wrapped(issued, FIRST, algorithm))
    assert metadata(kms, key_id) == ("Enabled", 0)
    blob = encrypt(kms, key_id)
    kms.call("ImportKeyMaterial", import_requests.wrapped(issued, FIRST, algorithm))
    assert decrypt(kms, blob) == PLAINTEXT


def test_material_that_is_lost_and_brought_again_opens_the_blobs(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    put(kms, key_id, ValidTo=now(kms) + 30 * DAY)
    blob = encrypt(kms, key_id)
    kms.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
    assert metadata(kms, key_id) == ("PendingImport", 0)
    assert refusal(kms, "Decrypt", {"CiphertextBlob": blob}) == WAITS
    assert refusal(kms, "Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT}) == WAITS
    put(kms, key_id, ValidTo=now(kms) + DAY)
    assert decrypt(kms, blob) == PLAINTEXT
    newer = encrypt(kms, key_id)
    assert newer.partition("-k-")[0] == blob.partition("-k-")[0]
    advance(kms, DAY)
    assert metadata(kms, key_id) == ("PendingImport", 0)
    assert refusal(kms, "Decrypt", {"CiphertextBlob": blob}) == WAITS
    put(kms, key_id)
    assert (decrypt(kms, blob), decrypt(kms, newer)) == (PLAINTEXT, PLAINTEXT)


def test_a_disabled_key_loses_its_material_and_comes_back_enabled(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    put(kms, key_id)
    kms.call("DisableKey", {"KeyId": key_id})
    kms.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
    assert metadata(kms, key_id) == ("PendingImport", 0)
    put(kms, key_id)
    assert metadata(kms, key_id) == ("Enabled", 0)


@pytest.mark.parametrize("way", ["enabled", "deleted", "expired"])
def test_a_key_takes_no_other_material_than_its_first(kms: EmbeddedKms, way: str) -> None:
    key_id = external(kms)
    put(kms, key_id, ValidTo=now(kms) + DAY)
    blob = encrypt(kms, key_id)
    if way == "deleted":
        kms.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
    elif way == "expired":
        advance(kms, DAY)
    before = metadata(kms, key_id)
    assert refusal(kms, "ImportKeyMaterial", import_requests.import_request(kms, key_id, OTHER)) == MISMATCH
    assert metadata(kms, key_id) == before
    put(kms, key_id)
    assert decrypt(kms, blob) == PLAINTEXT


def test_the_same_material_makes_two_keys_that_are_strangers(kms: EmbeddedKms) -> None:
    one, two = external(kms, "one"), external(kms, "two")
    put(kms, one)
    put(kms, two)
    blob, foreign = encrypt(kms, one), encrypt(kms, two)
    swapped = "-k-".join([foreign.split("-k-")[0], *blob.split("-k-")[1:]])
    assert refusal(kms, "Decrypt", {"CiphertextBlob": swapped}) == INVALID_BLOB
    with kms.store.transaction() as db:
        fingerprints = [row[0] for row in db.execute("SELECT first_material FROM cmk")]
    assert len(set(fingerprints)) == 2


@pytest.mark.parametrize(
    ("offset", "code"), [(-DAY, INVALID), (0, INVALID), (60, None), (None, None), ("latest", None), ("later", INVALID)]
)
def test_the_end_of_validity_lies_ahead_and_before_2038_01_19(
    kms: EmbeddedKms, offset: int | str | None, code: str | None
) -> None:
    key_id = external(kms)
    fixed = {"latest": 2_147_443_200, "later": 2_147_443_201, None: 0}
    valid_to = now(kms) + offset if isinstance(offset, int) else fixed[offset]
    request = {**import_requests.import_request(kms, key_id, FIRST), "ValidTo": str(valid_to)}
    if code is None:
        kms.call("ImportKeyMaterial", request)
        assert metadata(kms, key_id) == ("Enabled", valid_to)
    else:
        assert refusal(kms, "ImportKeyMaterial", request) == code
        assert metadata(kms, key_id) == ("PendingImport", 0)


@pytest.mark.parametrize("region", ["ap-guangzhou", "ap-singapore"])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 24, 31, 32, 33, 64])
def test_a_region_takes_material_of_one_length(kms: EmbeddedKms, region: str, size: int) -> None:
    place = EmbeddedKms(kms.store.folder, region)
    try:
        key_id = external(place)
        request = import_requests.import_request(place, key_id, secrets.token_bytes(size))
        if size == {"ap-guangzhou": 16, "ap-singapore": 32}[region]:
            place.call("ImportKeyMaterial", request)
            assert metadata(place, key_id) == ("Enabled", 0)
        else:
            assert refusal(place, "ImportKeyMaterial", request) == UNDECRYPTABLE
            assert metadata(place, key_id) == ("PendingImport", 0)
    finally:
        place.close()


# PKCS#1 v1.5 has no integrity: what was padded otherwise may come out as bytes of any length, so it is not among them.
@pytest.mark.parametrize("announced", ["RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"])
@pytest.mark.parametrize("used", words.RSA_ALGORITHMS)
def test_another_padding_than_was_announced_is_refused(
    kms: EmbeddedKms, announced: str, used: words.EncryptionAlgorithm
) -> None:
    key_id = external(kms)
    request = import_requests.wrapped(import_requests.parameters(kms, key_id, announced), FIRST, used)
    if announced == used:
        kms.call("ImportKeyMaterial", request)
    else:
        assert refusal(kms, "ImportKeyMaterial", request) == UNDECRYPTABLE


def test_a_token_lives_for_24_hours(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    issued = import_requests.parameters(kms, key_id)
    advance(kms, DAY - 60)
    kms.call("ImportKeyMaterial", import_requests.wrapped(issued, FIRST))
    advance(kms, 60)
    assert refusal(kms, "ImportKeyMaterial", import_requests.wrapped(issued, FIRST)) == EXPIRED


def test_newer_parameters_void_the_older_and_those_of_other_keys_stay(kms: EmbeddedKms) -> None:
    key_id, other = external(kms), external(kms, "other")
    older, others = import_requests.parameters(kms, key_id), import_requests.parameters(kms, other)
    newer = import_requests.parameters(kms, key_id)
    assert refusal(kms, "ImportKeyMaterial", import_requests.wrapped(older, FIRST)) == EXPIRED
    mixed = {**import_requests.wrapped(older, FIRST), "ImportToken": newer["ImportToken"]}
    assert refusal(kms, "ImportKeyMaterial", mixed) == UNDECRYPTABLE
    assert refusal(kms, "ImportKeyMaterial", {**import_requests.wrapped(others, FIRST), "KeyId": key_id}) == INVALID
    kms.call("ImportKeyMaterial", import_requests.wrapped(newer, FIRST))
    kms.call("ImportKeyMaterial", import_requests.wrapped(others, FIRST))


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[EmbeddedKms, dict[str, Any]]]:
    """An embedded KMS with a key that waits for its import, and parameters for that."""
    kms = EmbeddedKms(tmp_path_factory.mktemp("waiting") / "store")
    yield kms, import_requests.parameters(kms, external(kms))
    kms.close()


@given(token=st.binary(max_size=100) | st.binary(min_size=96, max_size=96), encrypted=st.binary(max_size=300))
@settings(deadline=None, max_examples=50)
def test_whatever_is_brought_in_place_of_token_and_material_is_refused(
    waiting: tuple[EmbeddedKms, dict[str, Any]], token: bytes, encrypted: bytes
) -> None:
    kms, given_out = waiting
    good = import_requests.wrapped(given_out, FIRST)
    assert refusal(kms, "ImportKeyMaterial", {**good, "ImportToken": protocol.encode(token)}) == INVALID
    altered = protocol.decode(good["ImportToken"])[:16] + token.ljust(80, b"\0")[:80]
    assert refusal(kms, "ImportKeyMaterial", {**good, "ImportToken": protocol.encode(altered)}) == EXPIRED
    request = {**good, "EncryptedKeyMaterial": protocol.encode(encrypted)}
    assert refusal(kms, "ImportKeyMaterial", request) == UNDECRYPTABLE
    assert metadata(kms, good["KeyId"])[0] == "PendingImport"


def test_neither_token_nor_wrapping_key_nor_material_lies_open_in_the_store(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    issued = import_requests.parameters(kms, key_id)
    brought = secrets.token_bytes(16)
    kms.call("ImportKeyMaterial", import_requests.wrapped(issued, brought))
    whole = kms.store.save()
    modulus = rsa.load_public_key(protocol.decode(issued["PublicKey"])).public_numbers().n.to_bytes(256, "big")
    for secret in (brought, protocol.decode(issued["ImportToken"])[16:], modulus):
        assert secret not in whole


def test_nothing_of_an_import_outlives_its_key(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    put(kms, key_id)
    kms.call("DisableKey", {"KeyId": key_id})
    kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    advance(kms, 9 * DAY)
    assert refusal(kms, "DescribeKey", {"KeyId": key_id}) == "ResourceUnavailable.CmkNotFound"
    with kms.store.transaction() as db:
        for table in ("import_parameters", "cmk", "material"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)


def test_wrapping_keys_that_are_over_are_not_kept(kms: EmbeddedKms) -> None:
    key_id, other = external(kms), external(kms, "other")
    import_requests.parameters(kms, key_id)
    advance(kms, DAY)
    import_requests.parameters(kms, other)
    with kms.store.transaction() as db:
        assert db.execute("SELECT key_id FROM import_parameters").fetchall() == [(other,)]


@pytest.mark.parametrize("column", ["algorithm", "private_key", "token_digest", "valid_to"])
@pytest.mark.parametrize("value", [None, 7, "x", b"x"])
def test_a_damaged_row_is_no_traceback(kms: EmbeddedKms, column: str, value: object) -> None:
    key_id = external(kms)
    request = import_requests.import_request(kms, key_id, FIRST)
    with kms.store.transaction(write=True) as db:
        db.execute("DROP TABLE import_parameters")
        db.execute("CREATE TABLE import_parameters (key_id, algorithm, private_key, token_digest, valid_to, seal)")
        row = {"algorithm": import_requests.ALGORITHM, "private_key": b"", "token_digest": b"", "valid_to": 2**40}
        values = (key_id, *(row | {column: value}).values())
        sealed = (*values, kms.unlock().seals.make("import_parameters", values))
        db.execute("INSERT INTO import_parameters VALUES (?, ?, ?, ?, ?, ?)", sealed)
    with pytest.raises(KmsToolError) as caught:
        kms.call("ImportKeyMaterial", request)
    assert type(caught.value) is not KmsToolError


def test_a_damaged_fingerprint_is_no_traceback(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    put(kms, key_id)
    with kms.store.transaction(write=True) as db:
        db.execute("UPDATE cmk SET first_material = 'x'")
    with pytest.raises(IntegrityError):
        put(kms, key_id)


def test_a_copy_of_the_store_knows_the_first_material(kms: EmbeddedKms, tmp_path: Path) -> None:
    key_id = external(kms)
    put(kms, key_id)
    blob = encrypt(kms, key_id)
    kms.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
    admin.backup(kms, tmp_path / "copy")
    kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    admin.restore(kms, tmp_path / "copy", lambda: b"")
    assert refusal(kms, "ImportKeyMaterial", import_requests.import_request(kms, key_id, OTHER)) == MISMATCH
    put(kms, key_id)
    assert decrypt(kms, blob) == PLAINTEXT


def test_a_seeded_key_keeps_its_material_through_export_and_loss(kms: EmbeddedKms, tmp_path: Path) -> None:
    key_id = external(kms)
    valid_to = now(kms) + DAY
    put(kms, key_id, ValidTo=valid_to)
    blob = encrypt(kms, key_id)
    text = seeding.export(kms, plaintext=True)
    other = EmbeddedKms(tmp_path / "other")
    try:
        seeding.apply(other, text)
        assert metadata(other, key_id) == ("Enabled", valid_to)
        assert decrypt(other, blob) == PLAINTEXT
        other.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
        assert refusal(other, "ImportKeyMaterial", import_requests.import_request(other, key_id, OTHER)) == MISMATCH
        put(other, key_id)
        assert decrypt(other, blob) == PLAINTEXT
    finally:
        other.close()
    seedless = EmbeddedKms(tmp_path / "seedless")
    try:
        seeding.apply(seedless, seeding.export(kms, plaintext=False))
        assert metadata(seedless, key_id) == ("PendingImport", 0)
        put(seedless, key_id)
        assert decrypt(seedless, blob) == PLAINTEXT
    finally:
        seedless.close()


def test_material_of_before_fingerprints_were_kept_is_the_first(kms: EmbeddedKms) -> None:
    key_id = external(kms)
    put(kms, key_id)
    with kms.store.transaction(write=True) as db:
        db.execute("UPDATE cmk SET first_material = x''")
    reseal(kms)
    assert refusal(kms, "ImportKeyMaterial", import_requests.import_request(kms, key_id, OTHER)) == MISMATCH
    put(kms, key_id)
    kms.call("DeleteImportedKeyMaterial", {"KeyId": key_id})
    assert refusal(kms, "ImportKeyMaterial", import_requests.import_request(kms, key_id, OTHER)) == MISMATCH


# What is written down.


@pytest.fixture(scope="module")
def issued() -> Parameters:
    wrapping_key = rsa.to_spki(rsa.generate(2048).public_key())
    key_id = "6f6e2a6c-e7ca-11f1-8000-525400000001"
    return Parameters(
        key_id, "ap-guangzhou", import_requests.ALGORITHM, 16, wrapping_key, bytes(96), 1_800_086_400, 1_800_000_000
    )


def test_what_is_written_is_read_again(issued: Parameters) -> None:
    assert Parameters.read(issued.write(), "it") == issued
    wrapped = byok.wrap(issued, FIRST)
    assert WrappedMaterial.read(wrapped.write(), issued, "it") == wrapped
    assert WrappedMaterial.read(wrapped.wrapped, issued, "it") == wrapped
    assert json.loads(wrapped.write())["wrapping_key_sha256"] == issued.key_digest
    assert "token" not in repr(issued)


PARAMETER_FLAWS: dict[str, dict[str, Any]] = {
    "another format": {"format": "kmstool-import-parameters-2"},
    "a field more": {"more": 1},
    "no key id": {"key_id": "x"},
    "an unknown algorithm": {"algorithm": "RSAES_OAEP_SHA_512"},
    "an impossible length": {"material_bytes": 24},
    "a length that is true": {"material_bytes": True},
    "no wrapping key": {"wrapping_key": base64.b64encode(b"x").decode()},
    "a wrapping key of no base64": {"wrapping_key": "!"},
    "base64 with a second form": {"token": "QR=="},
    "a time of before 1970": {"valid_to": -1},
    "a time as text": {"received": "1800000000"},
    "a list": {"region": ["ap-guangzhou"]},
}


@pytest.mark.parametrize("change", PARAMETER_FLAWS.values(), ids=PARAMETER_FLAWS)
def test_parameters_with_one_flaw(issued: Parameters, change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(issued.write()) | change)
    with pytest.raises(InputError):
        Parameters.read(text.encode(), "it")


@pytest.mark.parametrize("field", ["format", "key_id", "token", "received"])
def test_parameters_without_a_field(issued: Parameters, field: str) -> None:
    document = json.loads(issued.write())
    del document[field]
    with pytest.raises(InputError, match="the parameters"):
        Parameters.read(json.dumps(document).encode(), "the parameters")


def test_a_field_that_is_given_twice(issued: Parameters) -> None:
    twice = issued.write().replace(b'"region"', b'"region": "ap-shanghai", "region"', 1)
    with pytest.raises(InputError):
        Parameters.read(twice, "it")


@given(st.binary())
@settings(deadline=None)
def test_any_bytes_are_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError):
        Parameters.read(data, "it")


@given(st.binary(max_size=600))
@settings(deadline=None)
def test_any_bytes_are_no_wrapped_material(issued: Parameters, data: bytes) -> None:
    if len(data) == 256:
        return
    with pytest.raises(InputError):
        WrappedMaterial.read(data, issued, "it")


@pytest.mark.parametrize(
    "change",
    [
        {"key_id": "6f6e2a6c-e7ca-11f1-8000-525400000002"},
        {"wrapping_key_sha256": "00" * 32},
        {"algorithm": "RSAES_OAEP_SHA_1"},
        {"algorithm": "x"},
        {"wrapped": base64.b64encode(bytes(255)).decode()},
        {"wrapped": ""},
        {"format": "kmstool-wrapped-material-0"},
    ],
    ids=str,
)
def test_wrapped_material_with_one_flaw(issued: Parameters, change: dict[str, Any]) -> None:
    text = json.dumps(json.loads(byok.wrap(issued, FIRST).write()) | change)
    with pytest.raises(InputError):
        WrappedMaterial.read(text.encode(), issued, "it")


def test_parameters_are_over_after_24_hours_of_the_machine_that_asked(issued: Parameters) -> None:
    issued.check_valid(issued.received_unix + DAY - 1)
    with pytest.raises(InputError, match="24 hours"):
        issued.check_valid(issued.received_unix + DAY)
    # Clocks that differ by years do not matter.
    later = dataclasses.replace(issued, valid_to_unix=issued.valid_to_unix + 1000 * DAY)
    later.check_valid(issued.received_unix + DAY - 1)
    assert later.kms_time(issued.received_unix + 7) == issued.received_unix + 1000 * DAY + 7


@pytest.mark.parametrize(
    ("data", "encoding", "size"),
    [
        (FIRST, "raw", 16),
        (bytes(32), "raw", 32),
        (bytes(32), "raw", 0),
        (FIRST.hex().encode(), "hex", 16),
        (FIRST.hex().upper().encode() + b"\n", "hex", 16),
        (base64.b64encode(FIRST), "base64", 16),
        (base64.b64encode(FIRST) + b"\n", "base64", 0),
    ],
)
def test_material_in_its_encoding(data: bytes, encoding: str, size: int) -> None:
    assert byok.decode(data, encoding, size) in (FIRST, bytes(32))


@pytest.mark.parametrize(
    ("data", "encoding", "size", "hint"),
    [
        (b"", "raw", 16, "openssl rand"),
        (FIRST[:15], "raw", 16, "openssl rand"),
        (FIRST + b"\n", "raw", 16, "openssl rand"),
        (FIRST, "raw", 32, "openssl rand -out FILE 32"),
        (bytes(32), "raw", 16, "openssl rand -out FILE 16"),
        (bytes(24), "raw", 0, "openssl rand"),
        (FIRST.hex().encode(), "raw", 16, "--input-encoding hex"),
        (bytes(32).hex().encode() + b"\n", "raw", 32, "--input-encoding hex"),
        (base64.b64encode(FIRST), "raw", 16, "--input-encoding base64"),
        (base64.b64encode(bytes(32)) + b"\n", "raw", 32, "--input-encoding base64"),
        (FIRST.hex().encode(), "raw", 32, "openssl rand -out FILE 32"),
        (FIRST[:8].hex().encode(), "raw", 16, "openssl rand -out FILE 16"),
        (FIRST[:8].hex().encode(), "raw", 0, "openssl rand -out FILE 16"),
        (FIRST.hex().encode() + b"0", "hex", 16, None),
        (FIRST.hex(":", 3).encode() + b":0", "hex", 16, None),
        (base64.b64encode(FIRST).rstrip(b"=")[:-1], "base64", 16, None),
        (b"\xff" * 24, "base64", 16, None),
    ],
)
def test_what_is_no_material(data: bytes, encoding: str, size: int, hint: str | None) -> None:
    with pytest.raises(InputError) as caught:
        byok.decode(data, encoding, size)
    if hint:
        assert hint in str(hint_of(caught.value))
    assert not data.strip() or data.strip().decode("latin-1") not in f"{caught.value} {hint_of(caught.value)}"


@given(st.binary(max_size=100), st.sampled_from(words.ENCODINGS), st.sampled_from([0, 16, 32]))
@settings(deadline=None)
def test_any_bytes_are_material_or_an_input_error(data: bytes, encoding: str, size: int) -> None:
    try:
        found = byok.decode(data, encoding, size)
    except InputError:
        return
    assert len(found) in ((size,) if size else (16, 32))


def test_the_words_of_options_are_those_of_the_domain() -> None:
    assert set(words.RSA_ALGORITHMS) == set(words.RSA_ALGORITHMS)
    assert words.ENCODINGS == words.ENCODINGS


# The client.


class Answering:
    """A KMS that gives one answer, whatever is asked."""

    def __init__(self, **fields: object) -> None:
        self.fields = {"RequestId": "1", **fields}

    def call(self, action: str, params: Any) -> dict[str, Any]:
        return dict(self.fields)


ANSWER: dict[str, Any] = {"KeyId": "k", "PublicKey": "", "ImportToken": "QUJD", "ParametersValidTo": 7}


@pytest.mark.parametrize(
    "change",
    [
        {"KeyId": "other"},
        {"KeyId": None},
        {"PublicKey": "QUJD"},
        {"PublicKey": "!"},
        {"PublicKey": None},
        {"ImportToken": ""},
        {"ImportToken": "!"},
        {"ParametersValidTo": "7"},
        {"ParametersValidTo": None},
    ],
    ids=str,
)
def test_an_answer_without_what_it_promises_is_an_error(issued: Parameters, change: dict[str, Any]) -> None:
    good = {**ANSWER, "PublicKey": protocol.encode(issued.wrapping_key)}
    assert KmsClient(Answering(**good)).import_parameters("k", import_requests.ALGORITHM).token == b"ABC"
    with pytest.raises(ServiceError):
        KmsClient(Answering(**{**good, **change})).import_parameters("k", import_requests.ALGORITHM)


# The commands.


@pytest.fixture
def work(tmp_path: Path) -> dict[str, str]:
    """The environment of commands in a folder of their own, with the local profile in use."""
    (tmp_path / "work").mkdir()
    return {**os.environ, "KMSTOOL_PROFILE": "local", "KMSTOOL_LOCAL_HOME": str(tmp_path / "commands")}


def run(work: dict[str, str], *words: str, exit_code: int = 0, given: bytes = b"") -> str:
    """Run kmstool, check its exit code and return all that it printed."""
    folder = Path(work["KMSTOOL_LOCAL_HOME"]).with_name("work")
    program = [sys.executable, "-m", "kmstool", *words]
    done = subprocess.run(program, cwd=folder, env=work, input=given, capture_output=True, timeout=60, check=False)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == exit_code, text
    assert "Traceback" not in text
    return text


def test_refusals_have_their_exit_codes(work: dict[str, str]) -> None:
    folder = Path(work["KMSTOOL_LOCAL_HOME"]).with_name("work")
    (folder / "material.bin").write_bytes(FIRST)
    (folder / "short.bin").write_bytes(FIRST[:15])
    (folder / "padded.bin").write_bytes(bytes(256))
    run(work, "key", "create", "--alias", "own", "--external")
    run(work, "key", "create", "--alias", "usual")
    one = ("import-material", "--key", "own")
    assert "15 bytes; this key takes 16" in run(work, *one, "short.bin", exit_code=3)
    assert "cannot read" in run(work, *one, "missing.bin", exit_code=3)
    assert "is no time" in run(work, *one, "material.bin", "--valid-to", "tomorrow", exit_code=2)
    assert "is no time" in run(work, *one, "material.bin", "--valid-to", "9" * 5000, exit_code=2)
    assert "(now)" in run(work, *one, "material.bin", "--valid-to", "1", exit_code=3)
    # 0 is the API's word for ever, and a script's for a date that it has not found.
    assert "(now)" in run(work, *one, "material.bin", "--valid-to", "0", exit_code=3)
    assert "(now)" in run(work, *one, "material.bin", "--valid-to", "1970-01-01", exit_code=3)
    assert "2147443200" in run(work, *one, "material.bin", "--valid-to", "2038-01-20", exit_code=3)
    run(work, *one, "material.bin", "--generate", "--backup", "b", exit_code=2)
    run(work, *one, "--generate", exit_code=2)
    for name in ("-", ""):
        assert "is no file for a backup" in run(work, *one, "--generate", "--backup", name, exit_code=2)
    assert "an empty name is no folder" in run(work, "material", "params", "--key", "own", "-o", "", exit_code=2)
    assert "an empty name is no folder" in run(work, "material", "wrap", "--params", "", "material.bin", exit_code=2)
    (folder / "taken" / "params.json").mkdir(parents=True)
    taken = ("material", "params", "--key", "own", "-o", "taken", "--force")
    assert "is not a regular file" in run(work, *taken, exit_code=8)
    assert os.listdir(folder / "taken") == ["params.json"]
    run(work, *one, "--backup", "b", "material.bin", exit_code=2)
    run(work, *one, "--encrypt-backup", "material.bin", exit_code=2)
    run(work, *one, "--context", "a=b", "material.bin", exit_code=2)
    run(work, *one, "--generate", "--backup", "b", "--encrypt-backup", "--no-input", exit_code=2)
    assert not (folder / "b").exists()
    run(work, "import-material", "--key", "usual", "--generate", "--backup", "b", exit_code=6)
    assert not (folder / "b").exists(), "no backup of material that no key takes"
    run(work, *one, "--generate", "--backup", "no/such/folder", exit_code=8)
    assert "PendingImport" in run(work, "key", "show", "own")
    run(work, "material", "params", "--key", "own", "-o", "no/such/folder", exit_code=8)
    run(work, "material", "params", "--key", "own", "-o", "import", "--dry-run")
    assert not (folder / "import").exists()
    run(work, "material", "params", "--key", "own", "-o", "import")
    assert UNDECRYPTABLE in run(work, "material", "upload", "--params", "import", "padded.bin", exit_code=6)
    run(work, "material", "upload", "--params", "import", "short.bin", exit_code=3)
    run(work, "material", "upload", "--params", "elsewhere", "short.bin", exit_code=3)
    run(work, "material", "wrap", "--params", "import", "short.bin", exit_code=3)
    assert "input and output" in run(
        work, "material", "wrap", "--params", "import", "material.bin", "-o", "material.bin", "--force", exit_code=2
    )
    run(work, "material", "wrap", "--params", "import", "material.bin", "-o", "wrapped.json")
    assert "Enabled" not in run(work, "key", "show", "own")
    run(work, "local", "clock", "advance", "24h")
    assert EXPIRED in run(work, "material", "upload", "--params", "import", "wrapped.json", exit_code=6)
    document = json.loads((folder / "import" / "params.json").read_text())
    document["received"] -= DAY
    (folder / "import" / "params.json").write_text(json.dumps(document))
    assert "over 24 hours" in run(work, "material", "upload", "--params", "import", "wrapped.json", exit_code=3)


def test_an_older_blob_is_proved_to_open(work: dict[str, str]) -> None:
    folder = Path(work["KMSTOOL_LOCAL_HOME"]).with_name("work")
    (folder / "material.bin").write_bytes(FIRST)
    for alias in ("own", "other"):
        run(work, "key", "create", "--alias", alias, "--external")
        run(work, "import-material", "--key", alias, "material.bin")
        (folder / alias).write_text(run(work, "encrypt", "--key", alias, "--context", "a=b", given=b"x"))
    assert "does not wait" in run(
        work, "import-material", "--key", "own", "--generate", "--backup", "never", exit_code=6
    )
    assert not (folder / "never").exists()
    again = ("import-material", "--key", "own", "material.bin", "--check")
    run(work, *again, "own", "--context", "a=b")
    run(work, *again, "own", exit_code=5)
    assert "not one of the key" in run(work, *again, "other", "--context", "a=b", exit_code=5)
    run(work, *again, "material.bin", exit_code=3)


def test_files_are_closed_to_others_and_a_backup_comes_back(work: dict[str, str]) -> None:
    folder = Path(work["KMSTOOL_LOCAL_HOME"]).with_name("work")
    (folder / "passphrase").write_text("correct horse\n")
    (folder / "wrong").write_text("battery staple\n")
    run(work, "key", "create", "--alias", "own", "--external", "--region", "ap-singapore")
    one = ("import-material", "--region", "ap-singapore", "--key", "own")
    run(work, *one, "--generate", "--backup", "backup", "--passphrase-file", "passphrase", "--dry-run")
    assert not (folder / "backup").exists()
    run(work, *one, "--generate", "--backup", "backup", "--passphrase-file", "passphrase")
    (folder / "clear").write_bytes(bytes(32))
    said = run(work, *one, "clear", "--passphrase-file", "passphrase", exit_code=2)
    assert "--passphrase-file goes with an encrypted backup" in said
    run(work, "material", "delete", "--region", "ap-singapore", "own", "--yes")
    run(work, *one, "backup", "--passphrase-file", "wrong", exit_code=4)
    run(work, *one, "backup", "--passphrase-file", "passphrase")
    altered = json.loads((folder / "backup").read_text()) | {"n": 2}
    (folder / "altered").write_text(json.dumps(altered))
    run(work, *one, "altered", "--passphrase-file", "passphrase", exit_code=3)
    run(work, "material", "params", "--region", "ap-singapore", "--key", "own", "-o", "import")
    run(work, "material", "wrap", "--params", "import", "backup", "--passphrase-file", "passphrase", "-o", "wrapped")
    run(work, "material", "upload", "--params", "import", "wrapped")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder / "import").iterdir()}
    assert modes == dict.fromkeys(("params.json", "wrapping-key.pem", "import-token.base64"), 0o600)
    assert (folder / "import").stat().st_mode & 0o777 == 0o700
    assert (folder / "backup").stat().st_mode & 0o777 == 0o600


def test_an_encrypted_backup_is_what_the_documentation_says(work: dict[str, str]) -> None:
    """Opened by hand with scrypt and AES-GCM, it holds what the key takes as its own material."""
    folder = Path(work["KMSTOOL_LOCAL_HOME"]).with_name("work")
    (folder / "passphrase").write_text("correct horse\n")
    run(work, "key", "create", "--alias", "own", "--external")
    one = ("import-material", "--key", "own")
    run(work, *one, "--generate", "--backup", "backup", "--encrypt-backup", "--passphrase-file", "passphrase")
    document = json.loads((folder / "backup").read_text())
    sealed = base64.b64decode(document.pop("sealed"))
    parameters = json.dumps(document, sort_keys=True).encode()
    salt = base64.b64decode(document["salt"])
    key = hashlib.scrypt(b"correct horse", salt=salt, n=65536, r=8, p=1, maxmem=2**28, dklen=32)
    associated = len(parameters).to_bytes(4, "big") + parameters + bytes(4)
    (folder / "opened").write_bytes(AESGCM(key).decrypt(sealed[:12], sealed[12:], associated))
    run(work, *one, "opened")


def test_a_backup_that_the_disk_did_not_keep_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is sent then: the material is given on only by a return."""
    written = atomic.write
    monkeypatch.setattr(atomic, "write", lambda path, data: written(path, bytes(len(data))))
    for size in (16, 32):
        with pytest.raises(IntegrityError, match="something else"):
            imports.make_material(NewMaterial(tmp_path / str(size)), size)
    with pytest.raises(InputError):
        imports.make_material(NewMaterial(tmp_path / "sealed", b"passphrase"), 16)


def test_material_of_an_unknown_length_is_not_made(kms: EmbeddedKms, tmp_path: Path) -> None:
    unknown = dataclasses.replace(KmsClient(kms).describe_key(external(kms)), type=3)
    wanted = ImportMaterialWords(
        key=None, algorithm="", valid_to=None, generate=True, backup=str(tmp_path / "backup"), encrypt_backup=False,
        passphrase_file=None, input_encoding="raw", blob=None, context={}, context_text=None, trim_newline=False, file=None,
    )  # fmt: skip
    target = ImportTarget(KmsClient(kms), unknown, "ap-guangzhou")
    with pytest.raises(ArgumentError, match="how long"):
        _source(Session({}), target, wanted)
    (tmp_path / "material.bin").write_bytes(FIRST)
    of_a_file = dataclasses.replace(wanted, generate=False, backup=None, file=str(tmp_path / "material.bin"))
    assert _source(Session({}), target, of_a_file) == FIRST


def test_a_key_that_does_not_decrypt_what_it_encrypted_is_noticed(issued: Parameters) -> None:
    answers = Answering(KeyId=issued.key_id, CiphertextBlob="x-k-x-k-x", Plaintext=protocol.encode(bytes(32)))
    with pytest.raises(IntegrityError, match="does not decrypt"):
        imports.prove(KmsClient(answers), issued.key_id)
