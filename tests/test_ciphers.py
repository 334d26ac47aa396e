"""What the embedded KMS encrypts, it decrypts: under the same key and context, and nothing else."""

import base64
import binascii
import contextlib
import itertools
import re
import secrets
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kmstool import errors, words
from kmstool.api import cmk_rules
from kmstool.crypto import aead
from kmstool.errors import IntegrityError, KmsToolError, NotFoundError, ServiceError
from kmstool.server import blobs
from kmstool.server.app import EmbeddedKms
from kmstool.server.seed import seeding
from tests.stores import reseal, reseal_folder

SM, FIPS = "ap-guangzhou", "ap-singapore"
DISABLED = "ResourceUnavailable.CmkDisabled"
ARCHIVED = "ResourceUnavailable.CmkArchived"
PENDING = "ResourceUnavailable.KeyPendingDelete"

# What each action answers on a key in each state (kms-api: "what works in which state").
STATES: dict[str, dict[str, str | None]] = {
    "Encrypt": {
        "Enabled": None,
        "Disabled": DISABLED,
        "Archived": ARCHIVED,
        "PendingImport": DISABLED,
        "PendingDelete": DISABLED,
    },
    "GenerateDataKey": {
        "Enabled": None,
        "Disabled": DISABLED,
        "Archived": ARCHIVED,
        "PendingImport": DISABLED,
        "PendingDelete": PENDING,
    },
    "Decrypt": {
        "Enabled": None,
        "Disabled": DISABLED,
        "Archived": None,
        "PendingImport": DISABLED,
        "PendingDelete": DISABLED,
    },
}


@pytest.fixture(params=[SM, FIPS])
def regional(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedKms]:
    """An embedded KMS in a region with Chinese algorithms, and in one with those of FIPS."""
    opened = EmbeddedKms(tmp_path / "regional", request.param)
    yield opened
    opened.close()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def create(kms: EmbeddedKms, alias: str = "demo") -> str:
    return str(kms.call("CreateKey", {"Alias": alias})["KeyId"])


def encrypt(kms: EmbeddedKms, key_id: str, plaintext: bytes = b"secret", **more: Any) -> str:
    answer = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": b64(plaintext), **more})
    assert answer["KeyId"] == key_id
    return str(answer["CiphertextBlob"])


def decrypt(kms: EmbeddedKms, blob: str, **more: Any) -> bytes:
    return base64.b64decode(kms.call("Decrypt", {"CiphertextBlob": blob, **more})["Plaintext"], validate=True)


def set_state(folder: Path, key_id: str, state: str) -> None:
    import sqlite3

    with contextlib.closing(sqlite3.connect(folder / "kms.sqlite3")) as db:
        assert db.execute("UPDATE cmk SET state = ? WHERE key_id = ?", (state, key_id)).rowcount == 1
        db.commit()
    reseal_folder(folder)


def refused(kms: EmbeddedKms, action: str, params: dict[str, Any]) -> KmsToolError:
    with pytest.raises(KmsToolError) as caught:
        kms.call(action, params)
    assert caught.value.kms_code, "the service refused it, with a code of the API"
    return caught.value


def code(kms: EmbeddedKms, action: str, params: dict[str, Any]) -> str | None:
    return refused(kms, action, params).kms_code


def test_round_trip(kms: EmbeddedKms) -> None:
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": base64.b64encode(b"secret").decode()})["CiphertextBlob"]
    assert kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == base64.b64encode(b"secret").decode()
    with pytest.raises(IntegrityError):
        kms.call("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": '{"a":"b"}'})


@pytest.mark.parametrize("size", [1, 15, 16, 17, 4095, 4096])
def test_the_sizes_that_can_be_encrypted(regional: EmbeddedKms, size: int) -> None:
    plaintext = bytes(range(256)) * 16
    blob = encrypt(regional, create(regional), plaintext[:size])
    assert decrypt(regional, blob) == plaintext[:size]


@pytest.mark.parametrize(
    "plaintext", ["", b64(bytes(4097)), b64(bytes(100_000)), "!", "QQ", "QQ=", "QR==", "QQ==\n", "-_-_", "é"]
)
def test_a_plaintext_of_another_size_or_form_is_refused(regional: EmbeddedKms, plaintext: str) -> None:
    params = {"KeyId": create(regional), "Plaintext": plaintext}
    assert code(regional, "Encrypt", params) == "InvalidParameterValue.InvalidPlaintext"


@given(st.binary(min_size=1, max_size=200))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_come_back(regional: EmbeddedKms, plaintext: bytes) -> None:
    found = regional.call("ListKeys", {})["Keys"]
    key_id = found[0]["KeyId"] if found else create(regional)
    assert decrypt(regional, encrypt(regional, key_id, plaintext)) == plaintext


def test_the_answer_of_decrypt_names_the_key(kms: EmbeddedKms) -> None:
    one, other = create(kms, "one"), create(kms, "other")
    for key_id in (one, other):
        assert kms.call("Decrypt", {"CiphertextBlob": encrypt(kms, key_id)})["KeyId"] == key_id


def test_the_cipher_is_the_one_of_the_region(regional: EmbeddedKms, tmp_path: Path) -> None:
    import sqlite3

    key_id = create(regional)
    with contextlib.closing(sqlite3.connect(tmp_path / "regional" / "kms.sqlite3")) as db:
        algorithms = db.execute("SELECT algorithm FROM material WHERE key_id = ?", (key_id,)).fetchall()
    listed = regional.call("ListAlgorithms", {})["SymmetricAlgorithms"]
    kind = regional.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["Type"]
    expected = {4: "SM4", 2: "AES_256"}[kind]
    assert listed == [{"KeyUsage": "ENCRYPT_DECRYPT", "Algorithm": expected}]
    assert algorithms == [(expected,)]


@pytest.mark.parametrize("size", [1, 100, 4096])
def test_a_blob_is_three_parts_of_base64_and_not_base64_itself(regional: EmbeddedKms, size: int) -> None:
    blob = encrypt(regional, create(regional), bytes(size))
    assert re.fullmatch(r"[A-Za-z0-9+/=-]+", blob)
    reference, service, sealed = (base64.b64decode(part, validate=True) for part in blob.split("-k-"))
    assert (len(reference), len(service)) == (64, 16)
    assert len(sealed) >= size + 16
    with pytest.raises(binascii.Error):
        base64.b64decode(blob, validate=True)


def test_the_first_part_is_the_same_for_all_blobs_of_a_key(kms: EmbeddedKms) -> None:
    one, other = create(kms, "one"), create(kms, "other")
    blobs = [encrypt(kms, key_id).split("-k-") for key_id in (one, one, other)]
    assert blobs[0][0] == blobs[1][0]
    assert blobs[0][0] != blobs[2][0]


# The published examples of Encrypt (`dGVzdAo=`) and GenerateDataKey; what the greatest plaintext gives is computed.
@pytest.mark.parametrize(("size", "characters"), [(5, 166), (32, 210), (4096, 5630)])
def test_a_blob_is_as_long_as_the_cloud_s(regional: EmbeddedKms, size: int, characters: int) -> None:
    """A column that is too short for the cloud's blobs is too short here."""
    assert len(encrypt(regional, create(regional), bytes(size))) == characters


@pytest.mark.parametrize("size", range(1, 50))
def test_the_last_part_of_a_blob_has_20_bytes_more_than_padded_plaintext(kms: EmbeddedKms, size: int) -> None:
    blob = encrypt(kms, create(kms), secrets.token_bytes(size))
    assert len(base64.b64decode(blob.split("-k-")[2])) == 20 + size + 16 - size % 16


FORMER_KEY = """
[[key]]
id = "6f6e2a6c-e7ca-11f1-8000-525400000001"
alias = "former"
region = "ap-{}"
versions = ["{}"]
"""
FORMER = [
    (
        FORMER_KEY.format("guangzhou", "AAECAwQFBgcICQoLDA0ODw=="),
        ("b24qbOfKEfGAAFJUAAAAAQAAAAEHGSbCiH52AbMf4aAT8ppwIqVPfWHG6muJUiESdIWrW47F4KVBvFO52PvwoQ==-k-a21zdG9vbC9l"
        "bWJlZGRlZA==-k-y3SIIZDXdmR6Lm2hgKY1c55kBMnaKXBRXyoQHc0TMAm+lOiXwT1R"),
        '{"app":"demo"}',
    ),
    (
        FORMER_KEY.format("singapore", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\", \"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ("b24qbOfKEfGAAFJUAAAAAQAAAAJh1FZ9Ho+nngvoFZg1KgY0hH53Y4yoO/XkujUowFzmffPIkendSxoifQN+aQ==-k-a21zdG9vbC9l"
        "bWJlZGRlZA==-k-dyHper+4lH4bF3Z+fbXI1Z1TbJmmDW6f9yCIW39OhnZepPAXID6N"),
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seed", "blob", "context"), FORMER, ids=["SM4", "AES_256"])
def test_a_blob_of_a_former_version_opens_still(regional: EmbeddedKms, seed: str, blob: str, context: str) -> None:
    """Written by kmstool before its blobs had the cloud's length; nothing of them can be altered either."""
    [cmk] = seeding.apply(regional, seed)
    request = {"CiphertextBlob": blob, "EncryptionContext": context}
    opened = regional.call("Decrypt", request, cmk.region)
    assert base64.b64decode(opened["Plaintext"]) == b"made before"
    assert regional.call("ReEncrypt", {"CiphertextBlob": blob, "SourceEncryptionContext": context,
                                       "DestinationEncryptionContext": context}, cmk.region)["CiphertextBlob"] == blob  # fmt: skip
    reference, middle, sealed = (base64.b64decode(part) for part in blob.split("-k-"))
    as_new = (reference, sealed[:12] + b"pad1", sealed[12:])
    altered = (reference, middle, sealed[:-1] + bytes((sealed[-1] ^ 1,)))
    for parts in (as_new, altered, (reference, sealed[:16], sealed), (reference, b"", sealed)):
        with pytest.raises(IntegrityError):
            regional.call("Decrypt", {**request, "CiphertextBlob": "-k-".join(map(b64, parts))}, cmk.region)


def test_a_new_blob_does_not_open_in_the_form_of_a_former_one(kms: EmbeddedKms) -> None:
    reference, middle, sealed = (base64.b64decode(part) for part in encrypt(kms, create(kms)).split("-k-"))
    former = "-k-".join(map(b64, (reference, b"kmstool/embedded", middle[:12] + sealed)))
    with pytest.raises(IntegrityError):
        decrypt(kms, former)


@pytest.mark.parametrize(
    "inside", [b"", b"\0", b"secret", b"secret" + bytes(10), b"secret" + b"\x0d" * 13, b"\x15" * 21]
)
def test_what_is_not_padded_is_refused_of_whoever_knows_the_material(kms: EmbeddedKms, inside: bytes) -> None:
    """A seeded key is no secret of the store; its holder gets a refusal, and no internal error."""
    [cmk] = seeding.apply(kms, FORMER[0][0])
    reference = base64.b64decode(encrypt(kms, cmk.key_id).split("-k-")[0])
    material, context = bytes(range(16)), ""
    sealed = aead.seal("SM4", material, inside, aead.encode_parts(reference, b"pad1", context.encode()))
    with pytest.raises(IntegrityError):
        decrypt(kms, "-k-".join(map(b64, (reference, sealed[:12] + b"pad1", sealed[12:]))))


def test_every_call_gives_another_blob(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    assert len({encrypt(kms, key_id) for _ in range(100)}) == 100


def test_no_plaintext_shows_in_a_blob(kms: EmbeddedKms) -> None:
    blob = encrypt(kms, create(kms), b"A" * 300)
    assert all(b"A" * 4 not in base64.b64decode(part) for part in blob.split("-k-"))


def test_every_replaced_character_is_refused(regional: EmbeddedKms) -> None:
    blob = encrypt(regional, create(regional), b"s")
    others = string.ascii_letters + string.digits + "+/=-_ \n\0é"
    for position, character in itertools.product(range(len(blob)), others):
        if character != blob[position]:
            with pytest.raises(IntegrityError) as caught:
                decrypt(regional, blob[:position] + character + blob[position + 1 :])
            assert caught.value.kms_code == "InvalidParameterValue.InvalidCiphertext"


def test_every_flipped_bit_of_the_text_is_refused(regional: EmbeddedKms) -> None:
    blob = encrypt(regional, create(regional), b"s")
    for position, bit in itertools.product(range(len(blob)), range(7)):
        with pytest.raises(IntegrityError):
            decrypt(regional, blob[:position] + chr(ord(blob[position]) ^ 1 << bit) + blob[position + 1 :])


def test_every_flipped_bit_of_the_bytes_is_refused(regional: EmbeddedKms) -> None:
    parts = [base64.b64decode(part) for part in encrypt(regional, create(regional), b"s").split("-k-")]
    for number, part in enumerate(parts):
        for position in range(len(part) * 8):
            altered = bytearray(part)
            altered[position // 8] ^= 1 << position % 8
            blob = "-k-".join(b64(bytes(altered) if index == number else other) for index, other in enumerate(parts))
            with pytest.raises(IntegrityError):
                decrypt(regional, blob)


def test_every_truncation_and_extension_is_refused(kms: EmbeddedKms) -> None:
    blob = encrypt(kms, create(kms))
    reference, service, sealed = blob.split("-k-")
    cut = [blob[:size] for size in range(len(blob))] + [blob[size:] for size in range(1, len(blob))]
    parts = [
        f"{reference}-k-{service}",
        f"{reference}-k-{service}-k-",
        f"-k-{service}-k-{sealed}",
        f"{reference}-k--k-{sealed}",
        "-k--k-",
        "-k-",
    ]
    longer = [f"{blob}-k-", f"{blob}-k-{sealed}", f"-k-{blob}", blob + blob, f"{blob}\n", f" {blob}", f"{blob}A"]
    for other in [*cut, *parts, *longer]:
        with pytest.raises(IntegrityError):
            kms.call("Decrypt", {"CiphertextBlob": other})


@given(st.text() | st.text("AQg=-k+/", max_size=40))
@settings(deadline=None, max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_refused_as_a_blob(kms: EmbeddedKms, text: str) -> None:
    for action in ("Decrypt", "ReEncrypt"):
        assert code(kms, action, {"CiphertextBlob": text}) == "InvalidParameterValue.InvalidCiphertext"


@pytest.mark.parametrize("version", [0, 2, 2**32 - 1])
def test_a_blob_under_a_version_that_there_is_not_is_refused(kms: EmbeddedKms, version: int) -> None:
    """Anyone can write such a blob: its first part is no secret."""
    forged = blobs.seal(blobs.BlobKey(create(kms), version, "SM4", bytes(16)), b"secret", "")
    for action in ("Decrypt", "ReEncrypt"):
        assert code(kms, action, {"CiphertextBlob": forged}) == "InvalidParameterValue.InvalidCiphertext"


def test_parts_of_two_blobs_do_not_fit_together(kms: EmbeddedKms) -> None:
    one, other = create(kms, "one"), create(kms, "other")
    first, second = encrypt(kms, one, b"first").split("-k-"), encrypt(kms, other, b"second").split("-k-")
    good = {"-k-".join(first), "-k-".join(second)}
    for parts in itertools.product(*zip(first, second, strict=True)):
        if "-k-".join(parts) in good:
            continue
        with pytest.raises(IntegrityError):
            decrypt(kms, "-k-".join(parts))
    for order in itertools.permutations(first):
        if list(order) != first:
            with pytest.raises(IntegrityError):
                decrypt(kms, "-k-".join(order))


def test_halves_of_two_sealed_parts_do_not_fit_together(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    first, second = encrypt(kms, key_id, b"first one").split("-k-"), encrypt(kms, key_id, b"second 22").split("-k-")
    one, other = base64.b64decode(first[2]), base64.b64decode(second[2])
    for cut in range(1, len(one)):
        with pytest.raises(IntegrityError):
            decrypt(kms, "-k-".join([*first[:2], b64(one[:cut] + other[cut:])]))


def test_the_blob_of_another_store_is_refused(kms: EmbeddedKms, tmp_path: Path) -> None:
    with contextlib.closing(EmbeddedKms(tmp_path / "other")) as other:
        create(kms, "demo")
        blob = encrypt(other, create(other))
        with pytest.raises((IntegrityError, NotFoundError)):
            decrypt(kms, blob)
        with pytest.raises((IntegrityError, NotFoundError)):
            kms.call("ReEncrypt", {"CiphertextBlob": blob})


def test_the_blob_of_another_region_is_refused(kms: EmbeddedKms, tmp_path: Path) -> None:
    with contextlib.closing(EmbeddedKms(tmp_path / "store", FIPS)) as other:
        create(kms, "demo")
        blob = encrypt(other, create(other))
        assert decrypt(other, blob) == b"secret"
        with pytest.raises((IntegrityError, NotFoundError)):
            decrypt(kms, blob)
        own = encrypt(kms, create(kms, "own"))
        for destination in (create(other, "target"),):
            params = {"CiphertextBlob": own, "DestinationKeyId": destination}
            assert code(kms, "ReEncrypt", params) == "ResourceUnavailable.CmkNotFound"


def test_a_store_opened_again_opens_its_blobs(kms: EmbeddedKms, tmp_path: Path) -> None:
    blob = encrypt(kms, create(kms), EncryptionContext='{"a":"b"}')
    kms.close()
    with contextlib.closing(EmbeddedKms(tmp_path / "store")) as again:
        assert decrypt(again, blob, EncryptionContext='{"a":"b"}') == b"secret"


@pytest.mark.parametrize(
    "other",
    [
        None,
        "",
        "{}",
        '{"a":"1"}',
        '{"b":"2","a":"1"}',
        '{"a":"1","b":"2" }',
        '{"a":"1", "b":"2"}',
        '{"a":"1","b":"2"}\n',
        '{"a":"1","b":"3"}',
        '{"a":"1","B":"2"}',
        '{"a":"1","b":"2","c":"3"}',
        '{"a":"1","b":"\\u0032"}',
    ],
)
def test_the_context_is_compared_byte_for_byte(regional: EmbeddedKms, other: str | None) -> None:
    key_id = create(regional)
    context = '{"a":"1","b":"2"}'
    blob = encrypt(regional, key_id, EncryptionContext=context)
    assert decrypt(regional, blob, EncryptionContext=context) == b"secret"
    with pytest.raises(IntegrityError):
        decrypt(regional, blob, EncryptionContext=other)
    if other:
        blob = encrypt(regional, key_id, EncryptionContext=other)
        assert decrypt(regional, blob, EncryptionContext=other) == b"secret"


def test_an_empty_context_is_none(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    ways: list[dict[str, Any]] = [{}, {"EncryptionContext": ""}, {"EncryptionContext": None}]
    for first, second in itertools.product(ways, repeat=2):
        assert decrypt(kms, encrypt(kms, key_id, **first), **second) == b"secret"


def test_the_context_of_1024_characters_is_the_longest(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    longest = '{"a":"' + "é" * 1016 + '"}'
    assert len(longest) == 1024
    assert decrypt(kms, encrypt(kms, key_id, EncryptionContext=longest), EncryptionContext=longest) == b"secret"
    params = {"KeyId": key_id, "Plaintext": b64(b"secret"), "EncryptionContext": f"{longest} "}
    assert code(kms, "Encrypt", params) == "InvalidParameter"


@pytest.mark.parametrize(
    "context",
    [
        "x",
        "a=b",
        "[]",
        "null",
        "1",
        '"text"',
        '{"a":1}',
        '{"a":null}',
        '{"a":{"b":"c"}}',
        '{"a":["b"]}',
        '{"a":true}',
        '{"a":"b"',
        "{'a':'b'}",
        '{"a":"b"}{}',
        '{"a":NaN}',
        "[" * 1000,
        '{"a":' * 200,
        '{"a":"\ud800"}',
        " ",
    ],
)
def test_a_context_that_is_no_object_of_strings_is_refused(kms: EmbeddedKms, context: str) -> None:
    key_id = create(kms)
    blob = encrypt(kms, key_id)
    for action, params in (
        ("Encrypt", {"KeyId": key_id, "Plaintext": b64(b"secret"), "EncryptionContext": context}),
        ("Decrypt", {"CiphertextBlob": blob, "EncryptionContext": context}),
        ("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "EncryptionContext": context}),
        ("ReEncrypt", {"CiphertextBlob": blob, "SourceEncryptionContext": context}),
        ("ReEncrypt", {"CiphertextBlob": blob, "DestinationEncryptionContext": context}),
    ):
        assert code(kms, action, params) == "InvalidParameter", action


def test_re_encrypt_returns_the_same_blob_if_there_is_nothing_to_do(regional: EmbeddedKms) -> None:
    key_id = create(regional)
    for context in ("", '{"a":"1"}'):
        blob = encrypt(regional, key_id, EncryptionContext=context)
        contexts = {"SourceEncryptionContext": context, "DestinationEncryptionContext": context}
        for destination in (None, "", key_id):
            answer = regional.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": destination, **contexts})
            assert (answer["CiphertextBlob"], answer["ReEncrypted"]) == (blob, False)
            assert answer["KeyId"] == answer["SourceKeyId"] == key_id


@pytest.mark.parametrize(("before", "after"), [("", '{"a":"1"}'), ('{"a":"1"}', ""), ('{"a":"1"}', '{"b":"2"}')])
def test_re_encrypt_changes_the_context(regional: EmbeddedKms, before: str, after: str) -> None:
    key_id = create(regional)
    blob = encrypt(regional, key_id, EncryptionContext=before)
    contexts = {"SourceEncryptionContext": before, "DestinationEncryptionContext": after}
    answer = regional.call("ReEncrypt", {"CiphertextBlob": blob, **contexts})
    assert answer["ReEncrypted"] is True
    assert answer["KeyId"] == answer["SourceKeyId"] == key_id
    assert decrypt(regional, answer["CiphertextBlob"], EncryptionContext=after) == b"secret"
    with pytest.raises(IntegrityError):
        decrypt(regional, answer["CiphertextBlob"], EncryptionContext=before)
    assert decrypt(regional, blob, EncryptionContext=before) == b"secret"


def test_re_encrypt_moves_to_another_key(regional: EmbeddedKms) -> None:
    one, other = create(regional, "one"), create(regional, "other")
    blob = encrypt(regional, one, b"p" * 4096, EncryptionContext='{"a":"1"}')
    contexts = {"SourceEncryptionContext": '{"a":"1"}', "DestinationEncryptionContext": '{"a":"1"}'}
    answer = regional.call("ReEncrypt", {"CiphertextBlob": blob, "DestinationKeyId": other, **contexts})
    assert (answer["KeyId"], answer["SourceKeyId"], answer["ReEncrypted"]) == (other, one, True)
    opened = regional.call("Decrypt", {"CiphertextBlob": answer["CiphertextBlob"], "EncryptionContext": '{"a":"1"}'})
    assert opened["KeyId"] == other
    assert opened["Plaintext"] == b64(b"p" * 4096)


def test_re_encrypt_wants_the_right_context_and_key(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    blob = encrypt(kms, key_id, EncryptionContext='{"a":"1"}')
    invalid = "InvalidParameterValue.InvalidCiphertext"
    assert code(kms, "ReEncrypt", {"CiphertextBlob": blob}) == invalid
    wrong = {"SourceEncryptionContext": '{"a":"2"}', "DestinationEncryptionContext": '{"a":"2"}'}
    assert code(kms, "ReEncrypt", {"CiphertextBlob": blob, **wrong}) == invalid
    right = {"CiphertextBlob": blob, "SourceEncryptionContext": '{"a":"1"}'}
    unknown = {**right, "DestinationKeyId": key_id[:-12] + "525400000000"}
    assert code(kms, "ReEncrypt", unknown) == "ResourceUnavailable.CmkNotFound"
    malformed = {**right, "DestinationKeyId": "alias/demo"}
    assert code(kms, "ReEncrypt", malformed) == "InvalidParameterValue.InvalidKeyId"


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"KeySpec": "AES_128"}, 16),
        ({"KeySpec": "AES_256"}, 32),
        ({"NumberOfBytes": 1}, 1),
        ({"NumberOfBytes": 1024}, 1024),
        ({"NumberOfBytes": "24"}, 24),
        ({"KeySpec": "AES_128", "NumberOfBytes": 48}, 48),
        ({"KeySpec": "AES_256", "IsHostedByKms": 0}, 32),
    ],
)
def test_a_data_key_comes_in_clear_and_as_a_blob(regional: EmbeddedKms, params: dict[str, Any], size: int) -> None:
    key_id = create(regional)
    answer = regional.call("GenerateDataKey", {"KeyId": key_id, "EncryptionContext": '{"a":"1"}', **params})
    data_key = base64.b64decode(answer["Plaintext"], validate=True)
    assert len(data_key) == size
    assert answer["KeyId"] == key_id
    assert decrypt(regional, answer["CiphertextBlob"], EncryptionContext='{"a":"1"}') == data_key
    with pytest.raises(IntegrityError):
        decrypt(regional, answer["CiphertextBlob"])


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"KeySpec": ""},
        {"KeySpec": "AES_512"},
        {"KeySpec": "aes_256"},
        {"NumberOfBytes": 0},
        {"NumberOfBytes": 1025},
        {"NumberOfBytes": 2**64 - 1},
        {"KeySpec": "AES_256", "NumberOfBytes": 1025},
    ],
)
def test_a_data_key_of_another_size_is_refused(kms: EmbeddedKms, params: dict[str, Any]) -> None:
    assert code(kms, "GenerateDataKey", {"KeyId": create(kms), **params}) == "InvalidParameter"


def test_every_data_key_is_another(kms: EmbeddedKms) -> None:
    key_id = create(kms)
    answers = [kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_128"}) for _ in range(50)]
    assert (
        len({answer["Plaintext"] for answer in answers}) == len({answer["CiphertextBlob"] for answer in answers}) == 50
    )


@pytest.mark.parametrize("size", [1, 2, 1024])
def test_random_bytes_have_the_size_asked_for(kms: EmbeddedKms, size: int) -> None:
    answers = [kms.call("GenerateRandom", {"NumberOfBytes": size})["Plaintext"] for _ in range(2)]
    assert [len(base64.b64decode(answer, validate=True)) for answer in answers] == [size, size]
    assert size < 1024 or answers[0] != answers[1]


@pytest.mark.parametrize("size", [0, 1025, 2**64 - 1])
def test_random_bytes_of_another_number_are_refused(kms: EmbeddedKms, size: int) -> None:
    assert code(kms, "GenerateRandom", {"NumberOfBytes": size}) == "InvalidParameter"


@pytest.mark.parametrize(
    ("key_id", "expected"),
    [
        ("", "InvalidParameterValue.InvalidKeyId"),
        ("demo", "InvalidParameterValue.InvalidKeyId"),
        ("alias/demo", "InvalidParameterValue.InvalidKeyId"),
        ("0B1C2D3E-1111-11EE-8000-525400ABCDEF", "InvalidParameterValue.InvalidKeyId"),
        ("0b1c2d3e111111ee8000525400abcdef", "InvalidParameterValue.InvalidKeyId"),
        ("0b1c2d3e-1111-11ee-8000-525400abcdef\n", "InvalidParameterValue.InvalidKeyId"),
        ("0b1c2d3e-1111-11ee-8000-525400abcdef", "ResourceUnavailable.CmkNotFound"),
    ],
)
@pytest.mark.parametrize("action", ["Encrypt", "GenerateDataKey"])
def test_a_key_that_is_none_is_refused(kms: EmbeddedKms, action: str, key_id: str, expected: str) -> None:
    create(kms)
    more = {"Encrypt": {"Plaintext": b64(b"secret")}, "GenerateDataKey": {"KeySpec": "AES_256"}}[action]
    assert code(kms, action, {"KeyId": key_id, **more}) == expected


def use(kms: EmbeddedKms, action: str, key_id: str, blob: str) -> str | None:
    """Use a key and return the code with which it was refused, or None."""
    params: dict[str, dict[str, Any]] = {
        "Encrypt": {"KeyId": key_id, "Plaintext": b64(b"secret")},
        "GenerateDataKey": {"KeyId": key_id, "KeySpec": "AES_256"},
        "Decrypt": {"CiphertextBlob": blob},
    }
    try:
        kms.call(action, params[action])
    except ServiceError as error:
        return error.kms_code
    return None


@pytest.mark.parametrize("state", words.STATES)
@pytest.mark.parametrize("action", STATES)
def test_what_works_in_which_state(kms: EmbeddedKms, tmp_path: Path, action: str, state: str) -> None:
    key_id = create(kms)
    blob = encrypt(kms, key_id)
    set_state(tmp_path / "store", key_id, state)
    expected = STATES[action][state]
    assert use(kms, action, key_id, blob) == expected
    assert cmk_rules.refusal(action, state) == expected
    set_state(tmp_path / "store", key_id, "Enabled")
    assert use(kms, action, key_id, blob) is None


@pytest.mark.parametrize("state", words.STATES)
def test_re_encrypt_decrypts_with_one_key_and_encrypts_with_the_other(
    kms: EmbeddedKms, tmp_path: Path, state: str
) -> None:
    source, destination = create(kms, "source"), create(kms, "destination")
    params = {"CiphertextBlob": encrypt(kms, source), "DestinationKeyId": destination}

    def outcome() -> str | None:
        try:
            kms.call("ReEncrypt", params)
        except ServiceError as error:
            return error.kms_code
        return None

    set_state(tmp_path / "store", source, state)
    assert outcome() == STATES["Decrypt"][state]
    set_state(tmp_path / "store", source, "Enabled")
    set_state(tmp_path / "store", destination, state)
    assert outcome() == STATES["Encrypt"][state]


def test_re_encrypt_in_place_needs_a_key_that_encrypts(kms: EmbeddedKms, tmp_path: Path) -> None:
    key_id = create(kms)
    blob = encrypt(kms, key_id)
    set_state(tmp_path / "store", key_id, "Archived")
    assert code(kms, "ReEncrypt", {"CiphertextBlob": blob}) == ARCHIVED


def test_a_refusal_by_state_is_an_error_of_its_own_class(kms: EmbeddedKms, tmp_path: Path) -> None:
    key_id = create(kms)
    set_state(tmp_path / "store", key_id, "Disabled")
    error = refused(kms, "Encrypt", {"KeyId": key_id, "Plaintext": b64(b"secret")})
    assert isinstance(error, errors.KeyStateError)
    assert error.exit_code == 6
    assert error.request_id
    assert key_id in error.message


def test_a_key_without_material_refuses_all_use(kms: EmbeddedKms) -> None:
    key_id = kms.call("CreateKey", {"Alias": "imported", "Type": 2})["KeyId"]
    assert use(kms, "Encrypt", key_id, "") == DISABLED
    assert use(kms, "GenerateDataKey", key_id, "") == DISABLED


def test_a_key_for_another_purpose_does_not_encrypt(kms: EmbeddedKms, tmp_path: Path) -> None:
    import sqlite3

    key_id = create(kms)
    with contextlib.closing(sqlite3.connect(tmp_path / "store" / "kms.sqlite3")) as db:
        db.execute("UPDATE cmk SET usage = 'ASYMMETRIC_SIGN_VERIFY_SM2' WHERE key_id = ?", (key_id,))
        db.commit()
    reseal(kms)
    assert use(kms, "Encrypt", key_id, "") == "InvalidParameterValue.InvalidKeyUsage"
    assert use(kms, "GenerateDataKey", key_id, "") == "InvalidParameterValue.InvalidKeyUsage"
