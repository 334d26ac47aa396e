"""A seed file gives exactly the keys that it says, or none and the reason; an export is a seed file of the same keys."""

import base64
import json
import re
import shutil
import signal
import stat
import tempfile
import tomllib
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kmstool.errors import InputError, KeyStateError, KmsToolError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.seed import seeding
from kmstool.server.tables import tags as table_of_tags
from tests.stores import on_store

DOCUMENT = Path(__file__).parent.parent / "docs" / "local-kms.md"
PLAINTEXT = base64.b64encode(b"of the tests").decode()
FIXED = "6f6e2a6c-e7ca-11f1-8000-525400000001"
OTHER = "6f6e2a6c-e7ca-11f1-8000-525400000002"
SM4 = base64.b64encode(bytes(range(16))).decode()
AES = base64.b64encode(bytes(range(32))).decode()
CREATED = 1795500000
DAY = 86400


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail when the block takes longer, instead of waiting for ever."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def opened(folder: Path, region: str = "ap-guangzhou") -> EmbeddedKms:
    return EmbeddedKms(folder, region)


def table(*lines: str) -> str:
    return "\n".join(["[[key]]", *lines, ""])


def metadatas(kms: EmbeddedKms) -> dict[str, dict[str, Any]]:
    """Return all keys of the region by id, those of cloud products too."""
    found = [
        key
        for role in (0, 1)
        for key in kms.call("ListKeyDetail", {"KeyUsage": "ALL", "Limit": 200, "Role": role})["KeyMetadatas"]
    ]
    return {key["KeyId"]: key for key in found}


def metadata(kms: EmbeddedKms, key_id: str) -> dict[str, Any]:
    found = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    assert isinstance(found, dict)
    return found


def encrypt(kms: EmbeddedKms, key_id: str) -> str:
    return str(kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"])


def decrypt(kms: EmbeddedKms, blob: str) -> str:
    return str(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"])


def tags(kms: EmbeddedKms, key_id: str) -> dict[str, str]:
    with kms.store.transaction() as db:
        return dict(db.execute("SELECT name, value FROM tag WHERE key_id = ?", (key_id,)))


def bindings(kms: EmbeddedKms, key_id: str) -> set[tuple[str, str]]:
    with kms.store.transaction() as db:
        return set(db.execute("SELECT product, resource FROM binding WHERE key_id = ?", (key_id,)))


def documented() -> str:
    found = re.search(r"```toml\n(\[\[key\]\]\n.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/local-kms.md has lost its example of a seed file"
    return found[1]


def test_the_documented_example_works(kms: EmbeddedKms) -> None:
    (added,) = seeding.apply(kms, documented())
    told = metadata(kms, FIXED)
    assert (added.key_id, added.alias) == (FIXED, "demo")
    assert {name: told[name] for name in ("KeyId", "Alias", "Description", "KeyState", "KeyUsage", "Origin")} == {
        "KeyId": FIXED,
        "Alias": "demo",
        "Description": "for the tests",
        "KeyState": "Enabled",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "Origin": "TENCENT_KMS",
    }
    assert (told["Owner"], told["CreateTime"], told["KeyRotationEnabled"]) == ("user", CREATED, False)
    assert (told["DeletionDate"], told["ValidTo"], told["LastRotateTime"]) == (0, 0, 0)
    assert tags(kms, FIXED) == {"team": "a"}
    assert bindings(kms, FIXED) == {("ssm", "secret-1")}
    assert decrypt(kms, encrypt(kms, FIXED)) == PLAINTEXT


def test_the_documented_example_shows_every_field(kms: EmbeddedKms) -> None:
    with pytest.raises(InputError) as caught:
        seeding.apply(kms, table('alias = "demo"', "flavour = 1"))
    known = (caught.value.hint or "").removeprefix("known: ").split(", ")
    shown = set(tomllib.loads(documented())["key"][0])
    assert shown == set(known)


def test_only_the_alias_is_required(kms: EmbeddedKms) -> None:
    (added,) = seeding.apply(kms, table('alias = "demo"'))
    told = metadata(kms, added.key_id)
    assert uuid.UUID(added.key_id).version == 1
    assert (told["KeyState"], told["Origin"], told["Owner"], told["Description"]) == (
        "Enabled",
        "TENCENT_KMS",
        "user",
        "",
    )
    assert abs(told["CreateTime"] - admin.describe(kms)["Now"]) < 60
    assert decrypt(kms, encrypt(kms, added.key_id)) == PLAINTEXT
    assert seeding.apply(kms, "") == []


def test_the_same_seed_makes_the_same_key_in_any_store(kms: EmbeddedKms, tmp_path: Path) -> None:
    text = table('alias = "demo"', f'id = "{FIXED}"', f'versions = ["{SM4}"]')
    text += table('alias = "fips"', f'id = "{OTHER}"', 'region = "ap-singapore"', f'versions = ["{AES}", "{AES}"]')
    other = opened(tmp_path / "other")
    seeding.apply(kms, text)
    seeding.apply(other, text)
    assert decrypt(other, encrypt(kms, FIXED)) == PLAINTEXT
    other.close()
    singapore, elsewhere = opened(kms.store.folder, "ap-singapore"), opened(tmp_path / "other", "ap-singapore")
    assert decrypt(elsewhere, encrypt(singapore, OTHER)) == PLAINTEXT
    singapore.close()
    elsewhere.close()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['state = "Disabled"'], {"KeyState": "Disabled"}),
        (['state = "Archived"'], {"KeyState": "Archived"}),
        (['state = "PendingDelete"', "deletion-date = 4000000000"], {"DeletionDate": 4000000000}),
        (['state = "PendingImport"', 'origin = "EXTERNAL"'], {"KeyState": "PendingImport", "Origin": "EXTERNAL"}),
        (['origin = "EXTERNAL"', f'versions = ["{SM4}"]', "valid-to = 4000000000"], {"ValidTo": 4000000000}),
        (['owner = "ssm"'], {"Owner": "ssm"}),
        (["rotate-days = 7", "next-rotation = 4000000000"], {"RotateDays": 7, "NextRotateTime": 4000000000}),
        (["rotate-days = 365"], {"RotateDays": 365, "KeyRotationEnabled": True}),
        (["last-rotation = 5"], {"LastRotateTime": 5, "KeyRotationEnabled": False}),
        (["created = 1"], {"CreateTime": 1}),
    ],
)
def test_a_field_is_what_the_key_says_of_itself(kms: EmbeddedKms, lines: list[str], expected: dict[str, Any]) -> None:
    (added,) = seeding.apply(kms, table('alias = "demo"', *lines))
    told = metadata(kms, added.key_id)
    assert {name: told[name] for name in expected} == expected


def test_a_cycle_without_a_date_begins_now(kms: EmbeddedKms) -> None:
    (added,) = seeding.apply(kms, table('alias = "demo"', "rotate-days = 30"))
    told = metadata(kms, added.key_id)
    assert abs(told["NextRotateTime"] - admin.describe(kms)["Now"] - 30 * DAY) < 60


def test_all_versions_are_of_use_and_the_last_is_the_newest(kms: EmbeddedKms) -> None:
    versions = [base64.b64encode(bytes([number] * 16)).decode() for number in range(5)]
    blobs = []
    for count in range(1, 6):
        other = opened(kms.store.folder.with_name(f"with-{count}"))
        seeding.apply(other, table('alias = "demo"', f'id = "{FIXED}"', f"versions = {json.dumps(versions[:count])}"))
        blobs.append(encrypt(other, FIXED))
        other.close()
    seeding.apply(kms, table('alias = "demo"', f'id = "{FIXED}"', f"versions = {json.dumps(versions)}"))
    assert [decrypt(kms, blob) for blob in blobs] == [PLAINTEXT] * 5
    moved = [kms.call("ReEncrypt", {"CiphertextBlob": blob})["ReEncrypted"] for blob in blobs]
    assert moved == [True, True, True, True, False]


# A line that breaks a rule, and the field that the message names.
BROKEN = [
    ('alias = ""', "alias"),
    ('alias = "-demo"', "alias"),
    ('alias = "a b"', "alias"),
    (f'alias = "{"a" * 61}"', "alias"),
    ("alias = 5", "alias"),
    ('region = "ap-atlantis"', "region"),
    ("region = true", "region"),
    ('id = "demo"', "id"),
    (f'id = "{FIXED.upper()}"', "id"),
    ("id = 5", "id"),
    ("description = 5", "description"),
    ('state = "enabled"', "state"),
    ('state = ""', "state"),
    ("state = 1", "state"),
    ('usage = "ASYMMETRIC_SIGN_VERIFY_SM2X"', "usage"),
    ('usage = "symmetric"', "usage"),
    ('origin = "external"', "origin"),
    ('origin = "ALL"', "origin"),
    ("owner = 5", "owner"),
    ('created = "now"', "created"),
    ("created = true", "created"),
    ("created = 1.5", "created"),
    ("created = 2027-01-31", "created"),
    ("created = 9223372036854775808", "created"),
    ("created = -9223372036854775809", "created"),
    ("rotate-days = 6", "rotate-days"),
    ("rotate-days = 366", "rotate-days"),
    ("rotate-days = -7", "rotate-days"),
    ("rotate-days = true", "rotate-days"),
    ('rotate-days = 30\norigin = "EXTERNAL"', "rotate-days"),
    ("next-rotation = 1", "next-rotation"),
    ("next-rotation = 4000000000", "next-rotation"),
    ("rotate-days = 30\nnext-rotation = 9223372036854775808", "next-rotation"),
    ("last-rotation = 9223372036854775808", "last-rotation"),
    ("deletion-date = 4000000000", "deletion-date"),
    ('state = "PendingDelete"', "deletion-date"),
    ('state = "PendingDelete"\ndeletion-date = -4000000000', "deletion-date"),
    ('state = "PendingDelete"\ndeletion-date = 9223372036854775808', "deletion-date"),
    ("valid-to = 9223372036854775808", "valid-to"),
    ('tags = "a"', "tags"),
    ('tags = ["a"]', "tags"),
    ("tags.team = 5", "tags"),
    ('bindings = "ssm secret-1"', "bindings"),
    ("bindings = [5]", "bindings"),
    ('bindings = ["ssm secret-1", "ssm secret-1"]', "bindings"),
    (f'versions = "{SM4}"', "versions"),
    ("versions = [5]", "versions"),
    ('versions = ["AAEC!"]', "version"),
    ('versions = [""]', "version"),
    (f'versions = ["{AES}"]', "version"),
    (f'versions = ["{SM4}", "AAEC"]', "version"),
    (f'region = "ap-singapore"\nversions = ["{SM4}"]', "version"),
    ("flavour = 1", "flavour"),
    ("[key.inner]\nx = 1", "inner"),
    ('alias = "demo"', "alias"),
    (f'id = "{FIXED}"', "id"),
]


@pytest.mark.parametrize(("broken", "field"), BROKEN, ids=[broken.replace("\n", " ") for broken, _ in BROKEN])
def test_a_broken_rule_is_named_with_its_key_and_field_and_nothing_is_added(
    kms: EmbeddedKms, broken: str, field: str
) -> None:
    first = table('alias = "demo"', f'id = "{FIXED}"')
    second = table(*([] if broken.startswith("alias") else ['alias = "second"']), broken)
    before = kms.store.path.read_bytes()
    with within(20), pytest.raises(InputError) as caught:
        seeding.apply(kms, first + second + table('alias = "third"'))
    assert re.search(r"\bkey 2\b", caught.value.message), caught.value.message
    assert re.search(rf"\b{field}", caught.value.message), caught.value.message
    assert kms.store.path.read_bytes() == before
    assert metadatas(kms) == {}


def test_a_missing_alias_is_named(kms: EmbeddedKms) -> None:
    with pytest.raises(InputError, match=r"key 1\b.*\balias"):
        seeding.apply(kms, table('region = "ap-guangzhou"'))


@pytest.mark.parametrize(
    "text",
    [
        "key = 5",
        "key = [5]",
        '[key]\nalias = "demo"',
        "title = 1",
        '[[key]]\nalias = "demo"\n[[other]]\n',
        "[[key]",
        "\0",
        "key = " + "[" * 5000,
        "[[key]]\ncreated = " + "1" * 5000,
        '[[key]]\nalias = "a"\nalias = "b"',
        '[[key]]\ndescription = "\\ud800"',
    ],
    ids=[
        "number", "numbers", "one-table", "other-field", "other-table", "cut-short", "nul", "deep", "long-number",
        "twice", "half-a-character",
    ],
)  # fmt: skip
def test_what_is_no_seed_file_is_refused(kms: EmbeddedKms, text: str) -> None:
    with pytest.raises(InputError):
        seeding.apply(kms, text)
    assert metadatas(kms) == {}


def test_what_the_store_has_already_is_refused(kms: EmbeddedKms) -> None:
    seeding.apply(kms, table('alias = "demo"', f'id = "{FIXED}"'))
    for lines in (['alias = "demo"'], ['alias = "new"', f'id = "{FIXED}"']):
        with pytest.raises(InputError, match=r"key 2\b.*already"):
            seeding.apply(kms, table('alias = "first"') + table(*lines))
    with pytest.raises(InputError, match="already"):
        seeding.apply(kms, table('alias = "new"', f'id = "{FIXED}"', 'region = "ap-singapore"'))
    seeding.apply(kms, table('alias = "demo"', 'region = "ap-singapore"'))
    assert set(metadatas(kms)) == {FIXED}


def test_an_imported_key_without_material_cannot_pass_for_one_with_it(kms: EmbeddedKms) -> None:
    """It is refused, or waits for its import; no state lets it be used."""
    for number, state in enumerate(("Enabled", "Disabled", "Archived")):
        lines = (f'alias = "key-{number}"', 'origin = "EXTERNAL"', f'state = "{state}"')
        try:
            (added,) = seeding.apply(kms, table(*lines))
        except InputError:
            continue
        with pytest.raises(KeyStateError):
            kms.call("Encrypt", {"KeyId": added.key_id, "Plaintext": PLAINTEXT})
        assert metadata(kms, added.key_id)["KeyState"] == "PendingImport"


def test_what_is_due_happens_to_a_seeded_key(kms: EmbeddedKms) -> None:
    now = int(admin.describe(kms)["Now"])
    text = table('alias = "destroyed"', 'state = "PendingDelete"', "deletion-date = 5")
    text += table('alias = "rotated"', "rotate-days = 7", f"next-rotation = {now - 15 * DAY}", f'versions = ["{SM4}"]')
    text += table('alias = "expired"', 'origin = "EXTERNAL"', "valid-to = 5", f'versions = ["{SM4}"]')
    seeding.apply(kms, text)
    told = {key["Alias"]: key for key in metadatas(kms).values()}
    assert set(told) == {"rotated", "expired"}
    assert told["rotated"]["LastRotateTime"] == now - DAY
    assert told["expired"]["KeyState"] == "PendingImport"


@pytest.fixture
def lived_in(kms: EmbeddedKms) -> tuple[EmbeddedKms, list[str]]:
    """A store with keys of every kind, and blobs of several versions."""
    first = kms.call(
        "CreateKey",
        {
            "Alias": "rotated",
            "Description": 'quotes " and \\ and\nlines, 加密',
            "Tags": [{"TagKey": "team", "TagValue": "a"}, {"TagKey": "a b.c", "TagValue": 'x"y'}],
        },
    )["KeyId"]
    blobs = [encrypt(kms, first)]
    kms.call("EnableKeyRotation", {"KeyId": first, "RotateDays": 7})
    admin.move_clock(kms, 15 * DAY)
    blobs.append(encrypt(kms, first))
    kms.call("BindCloudResource", {"KeyId": first, "ProductId": "ssm", "ResourceId": "secret 1"})
    for state, action in {"disabled": "DisableKey", "archived": "ArchiveKey"}.items():
        key_id = kms.call("CreateKey", {"Alias": state})["KeyId"]
        if state == "archived":
            blobs.append(encrypt(kms, key_id))
        kms.call(action, {"KeyId": key_id})
    doomed = kms.call("CreateKey", {"Alias": "doomed"})["KeyId"]
    kms.call("DisableKey", {"KeyId": doomed})
    kms.call("ScheduleKeyDeletion", {"KeyId": doomed, "PendingWindowInDays": 30})
    kms.call("CreateKey", {"Alias": "external", "Type": 2})
    seeding.apply(kms, table('alias = "products"', 'owner = "ssm"'))
    seeding.apply(
        kms, table('alias = "imported"', 'origin = "EXTERNAL"', "valid-to = 4000000000", f'versions = ["{SM4}"]')
    )
    (given_up,) = seeding.apply(kms, table('alias = "given-up"', 'origin = "EXTERNAL"', f'versions = ["{SM4}"]'))
    never_used = kms.call("CreateKey", {"Alias": "never-used", "Type": 2})["KeyId"]
    kms.call("DisableKey", {"KeyId": given_up.key_id})
    for key_id in (given_up.key_id, never_used):
        kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 30})
    singapore = opened(kms.store.folder, "ap-singapore")
    singapore.call("CreateKey", {"Alias": "rotated"})
    singapore.close()
    return kms, blobs


def everything(kms: EmbeddedKms) -> list[Any]:
    """Return all that a store says of its keys in two regions."""
    singapore = opened(kms.store.folder, "ap-singapore")
    told = metadatas(kms) | metadatas(singapore)
    singapore.close()
    return [told, *((key_id, tags(kms, key_id), bindings(kms, key_id)) for key_id in told)]


def test_an_export_with_material_brings_back_the_same_keys_and_their_blobs(
    lived_in: tuple[EmbeddedKms, list[str]],
) -> None:
    kms, blobs = lived_in
    folder, offset = kms.store.folder, admin.describe(kms)["ClockOffset"]
    before = everything(kms)
    text = seeding.export(kms, plaintext=True)
    kms.close()
    admin.reset(folder)
    kms = opened(folder)
    admin.move_clock(kms, int(offset))
    seeding.apply(kms, text)
    assert everything(kms) == before
    assert [decrypt(kms, blob) for blob in blobs] == [PLAINTEXT] * len(blobs)
    moved = [kms.call("ReEncrypt", {"CiphertextBlob": blob})["ReEncrypted"] for blob in blobs[:2]]
    assert moved == [True, False]
    assert seeding.export(kms, plaintext=True) == text
    kms.close()


def test_an_export_without_material_holds_none_and_brings_back_keys_with_new_one(
    lived_in: tuple[EmbeddedKms, list[str]],
) -> None:
    kms, blobs = lived_in
    offset = admin.describe(kms)["ClockOffset"]
    before = [(key_id, key["Alias"], key["KeyState"]) for key_id, key in everything(kms)[0].items()]
    with_it, without = seeding.export(kms, plaintext=True), seeding.export(kms, plaintext=False)
    material = [text for key in tomllib.loads(with_it)["key"] for text in key.get("versions", [])]
    assert len(material) > 5
    assert not [text for text in material if text in without]
    folder = kms.store.folder
    kms.close()
    admin.reset(folder)
    kms = opened(folder)
    admin.move_clock(kms, int(offset))
    seeding.apply(kms, without)
    told = everything(kms)[0]
    # Imported material cannot be made anew.
    expected = {key_id: "PendingImport" if alias == "imported" else state for key_id, alias, state in before}
    assert {key_id: key["KeyState"] for key_id, key in told.items()} == expected
    for blob in blobs:
        with pytest.raises(KmsToolError) as caught:
            decrypt(kms, blob)
        assert caught.value.kms_code == "InvalidParameterValue.InvalidCiphertext"
    kms.close()


# Everything that a text may be on the way from CreateKey through an export: TOML has other rules than JSON.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


# A tag that is none is left out of the key that is made.
TAG = st.text(st.sampled_from("aZ0é项钥+-=._:/@()[],;>< （）【】："), min_size=1, max_size=60).filter(
    lambda text: table_of_tags.fault({text: text}) is None
)


@settings(max_examples=60, deadline=None)
@given(description=TEXT, tag=TAG, value=TAG, resource=TEXT)
@example(description="\U0001f511", tag="a", value="b", resource="\U0001f511")
@example(description="\x7f", tag="[a]", value="=", resource="\x7f")
@example(description="\x00\x01\x1f\x80\u2028\ufeff\uffff", tag="a.b", value="(", resource="")
@example(description="'''\"\"\"\\", tag="a", value="b", resource=" ")
def test_any_text_survives_an_export(description: str, tag: str, value: str, resource: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, destination = opened(Path(folder) / "source"), opened(Path(folder) / "destination")
        try:
            key_id = source.call(
                "CreateKey",
                {"Alias": "demo", "Description": description, "Tags": [{"TagKey": tag, "TagValue": value}]},
            )["KeyId"]
            source.call("BindCloudResource", {"KeyId": key_id, "ProductId": "ssm", "ResourceId": resource})
            seeding.apply(destination, seeding.export(source, plaintext=True))
            assert metadata(destination, key_id)["Description"] == description
            assert tags(destination, key_id) == {tag: value}
            assert bindings(destination, key_id) == {("ssm", resource)}
        finally:
            source.close()
            destination.close()


VALUES = st.one_of(
    st.text(max_size=20),
    st.sampled_from(["Enabled", "Disabled", "PendingDelete", "PendingImport", "Archived", "EXTERNAL", "TENCENT_KMS"]),
    st.sampled_from([FIXED, OTHER, "demo", "ap-guangzhou", "ap-singapore", "ENCRYPT_DECRYPT", "ssm"]),
    st.integers(),
    st.sampled_from([0, 1, 6, 7, 365, 366, CREATED, 4 * 10**9, 2**31, 2**63 - 1, 2**63, -(2**63) - 1]),
    st.booleans(),
    st.floats(),
    st.lists(st.one_of(st.text(max_size=5), st.just(SM4), st.just("ssm secret-1"), st.integers()), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)
FIELDS = st.sampled_from(
    [
        "region", "id", "alias", "description", "state", "usage", "origin", "owner", "created", "deletion-date",
        "valid-to", "rotate-days", "next-rotation", "last-rotation", "tags", "bindings", "versions", "flavour",
    ]
)  # fmt: skip


def toml(value: object) -> str:
    """Write a value as TOML, with every character that it does not allow escaped."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(char):08x}" for char in value) + '"'
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml(name)} = {toml(item)}" for name, item in value.items()) + "}"
    return str(value)


def keys_of(tables: list[dict[str, object]]) -> str:
    return "".join(
        table(*(f"{name} = {toml(value)}" for name, value in ({"alias": f"key-{number}"} | fields).items()))
        for number, fields in enumerate(tables)
    )


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    text=st.one_of(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=80),
        st.text('[]key="=.\n\\{}#, 0123456789-_:TZ', max_size=60).map(lambda text: f"[[key]]\n{text}"),
        st.lists(st.dictionaries(FIELDS, VALUES, max_size=4), min_size=1, max_size=3).map(keys_of),
    )
)
@example(text=keys_of([{"rotate-days": 7, "next-rotation": 1}]))
@example(text=keys_of([{"next-rotation": 1}]))
@example(text=keys_of([{"created": 2**63}]))
@example(text=keys_of([{"bindings": ["a b", "a b"]}]))
@example(text="[[key]]\nalias = " + "9" * 5000)
def test_any_text_gives_keys_or_an_input_error(text: str) -> None:
    """Whatever it gave, the store can be used afterwards, and the keys are as many as it said."""
    with tempfile.TemporaryDirectory() as folder:
        kms = opened(Path(folder) / "store")
        try:
            with within(20):
                try:
                    added = seeding.apply(kms, text)
                except InputError:
                    added = []
                with kms.store.transaction() as db:
                    assert db.execute("SELECT count(*) FROM cmk").fetchone()[0] == len(added)
                    assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
                kms.call("CreateKey", {"Alias": "made-afterwards"})
                metadatas(kms)
                seeding.export(kms, plaintext=True)
        finally:
            kms.close()


def test_the_commands(kms: EmbeddedKms, tmp_path: Path) -> None:
    folder, file, out = kms.store.folder, tmp_path / "seed.toml", tmp_path / "out.toml"
    file.write_text(table('alias = "demo"', f'id = "{FIXED}"', f'versions = ["{SM4}"]'))
    assert on_store(folder, "local", "seed", file).out.split() == ["demo", "Enabled", "ap-guangzhou", FIXED]
    blob = encrypt(kms, FIXED)
    again = on_store(folder, "local", "seed", file, exit_code=3)
    assert again.out == ""
    assert "already" in again.err
    exported = on_store(folder, "local", "export", "--plaintext", "-o", out)
    assert exported.out == ""
    assert "in plaintext" in exported.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert on_store(folder, "local", "export").out == seeding.export(kms, plaintext=False)
    kms.close()
    shutil.rmtree(folder)
    on_store(folder, "local", "seed", stdin=out.read_text())
    other = opened(folder)
    assert decrypt(other, blob) == PLAINTEXT
    other.close()
    (tmp_path / "latin").write_bytes(b'[[key]]\nalias = "d\xe9mo"\n')
    on_store(folder, "local", "seed", tmp_path / "latin", exit_code=3)
    on_store(folder, "local", "seed", tmp_path / "nowhere", exit_code=3)
