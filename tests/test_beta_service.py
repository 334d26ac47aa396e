"""The embedded KMS serves the API of 2017: real cryptography, the states of its keys, and the codes of its pages."""

import base64
import contextlib
import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.api import beta
from kmstool.api.beta import Code
from kmstool.errors import InputError, IntegrityError, KmsToolError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.beta import actions, service
from kmstool.server.seed import seeding
from kmstool.server.tables import beta_keys, schema
from tests.stores import age

GUANGZHOU, SHANGHAI = "ap-guangzhou", "ap-shanghai"
DAY = 86400
CONTEXT = '{"app":"billing"}'


class Beta:
    """The API of 2017 over a store, in one region."""

    def __init__(self, kms: EmbeddedKms, region: str = GUANGZHOU) -> None:
        self.kms = kms
        self.region = region

    def __call__(self, action: str, **params: Any) -> dict[str, Any]:
        return service.call(self.kms, action, params, self.region)

    def refusal(self, action: str, **params: Any) -> tuple[int, str]:
        with pytest.raises(KmsToolError) as caught:
            self(action, **params)
        assert caught.value.request_id
        return int(str(caught.value.kms_code)), caught.value.message

    def create(self, alias: str = "demo", **params: Any) -> str:
        return str(self("CreateKey", alias=alias, **params)["keyMetadata"]["keyId"])

    def encrypt(self, key_id: str, plaintext: bytes, **params: Any) -> str:
        return str(self("Encrypt", keyId=key_id, plaintext=text(plaintext), **params)["ciphertextBlob"])

    def decrypt(self, blob: str, **params: Any) -> bytes:
        return base64.b64decode(self("Decrypt", ciphertextBlob=blob, **params)["plaintext"])

    def state(self, key_id: str) -> str:
        return str(self("GetKeyAttributes", keyId=key_id)["keyMetadata"]["keyState"])


@pytest.fixture
def old(kms: EmbeddedKms) -> Beta:
    return Beta(kms)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beta]:
    with contextlib.closing(EmbeddedKms(tmp_path_factory.mktemp("shared") / "store")) as opened:
        yield Beta(opened)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Beta, str]]:
    """A store with two keys, `demo` and `second`, and the id of the first."""
    with contextlib.closing(EmbeddedKms(tmp_path_factory.mktemp("prepared") / "store")) as opened:
        old = Beta(opened)
        key_id = old.create("demo")
        old.create("second")
        yield old, key_id


def text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_an_answer_has_what_its_clients_read(old: Beta) -> None:
    answer = old("CreateKey", alias="demo", description="d")
    assert (answer["code"], answer["message"], answer["codeDesc"]) == (0, "", "Success")
    assert len(answer["requestId"]) == 36
    metadata = answer["keyMetadata"]
    assert beta.is_key_id(metadata["keyId"])
    assert {name: metadata[name] for name in metadata if name not in ("keyId", "createTime")} == {
        "alias": "demo",
        "description": "d",
        "keyState": "Enabled",
        "keyUsage": "ENCRYPT/DECRYPT",
        "type": 1,
        "deleteTime": 0,
    }
    assert old("GetKeyAttributes", keyId=metadata["keyId"])["keyMetadata"] == metadata


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=4096), st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3))
def test_a_blob_opens_under_its_context_alone(shared: Beta, plaintext: bytes, pairs: dict[str, str]) -> None:
    key_id = shared.create(uuid.uuid4().hex)
    context = {"encryptionContext": json.dumps(pairs)} if pairs else {}
    blob = shared.encrypt(key_id, plaintext, **context)
    assert shared.decrypt(blob, **context) == plaintext
    assert blob != shared.encrypt(key_id, plaintext, **context)
    assert "-k-" not in blob
    assert base64.b64encode(base64.b64decode(blob)).decode() == blob
    other = {"encryptionContext": json.dumps({**pairs, "another": "one"})}
    assert shared.refusal("Decrypt", ciphertextBlob=blob, **other)[0] == Code.BLOB


@pytest.mark.parametrize(
    ("params", "size"),
    [
        ({"keySpec": "AES_128"}, 16),
        ({"keySpec": "AES_256"}, 32),
        ({"numberOfBytes": "1024"}, 1024),
        ({"numberOfBytes": 5, "keySpec": "AES_256"}, 5),
    ],
)
def test_a_data_key_is_what_its_blob_holds(old: Beta, params: dict[str, Any], size: int) -> None:
    key_id = old.create()
    answer = old("GenerateDataKey", keyId=key_id, encryptionContext=CONTEXT, **params)
    assert len(base64.b64decode(answer["plaintext"])) == size
    assert old.decrypt(answer["ciphertextBlob"], encryptionContext=CONTEXT) == base64.b64decode(answer["plaintext"])


# Each with the module's own code, where the pages have one.
REFUSALS: list[tuple[str, dict[str, Any], Code, int | None]] = [
    ("Encrypt", {"keyId": "kms-00000000", "plaintext": "YQ=="}, Code.KEY, 10660),
    ("Encrypt", {"keyId": "6f6e2a6c-e7ca-11f1-8000-525400000001", "plaintext": "YQ=="}, Code.KEY, 10660),
    ("Encrypt", {"plaintext": "YQ==", "encryptionContext": "a"}, Code.CONTEXT, 10640),
    ("Encrypt", {"plaintext": "YQ==", "encryptionContext": "[]"}, Code.CONTEXT, 10640),
    ("Encrypt", {"plaintext": "YQ==", "encryptionContext": '{"a":1}'}, Code.CONTEXT, 10640),
    ("Encrypt", {"plaintext": "YQ==", "encryptionContext": "[" * 900}, Code.CONTEXT, 10640),
    ("Encrypt", {"plaintext": "YQ==", "encryptionContext": '{"a":"' + "b" * 1024 + '"}'}, Code.CONTEXT, 10640),
    ("Encrypt", {"plaintext": "a secret"}, Code.PLAINTEXT, 10690),
    ("Encrypt", {"plaintext": text(bytes(4097))}, Code.PARAMETER, None),
    ("Encrypt", {"plaintext": ""}, Code.PARAMETER, None),
    ("Encrypt", {}, Code.PARAMETER, None),
    ("Encrypt", {"plaintext": "YQ==", "KeyId": "kms-00000000"}, Code.PARAMETER, None),
    ("Encrypt", {"plaintext": ["YQ=="]}, Code.PARAMETER, None),
    ("Encrypt", {"plaintext": "\ud800"}, Code.PARAMETER, None),
    ("Decrypt", {"ciphertextBlob": "a"}, Code.BLOB, 10680),
    ("Decrypt", {"ciphertextBlob": "YQ=="}, Code.BLOB, 10680),
    ("Decrypt", {"ciphertextBlob": text(b"kmstool/beta2017")}, Code.BLOB, 10680),
    ("Decrypt", {"ciphertextBlob": text(b"kmstool/beta2017\x0ckms-00000000" + bytes(40))}, Code.KEY, 10670),
    ("GenerateDataKey", {"keySpec": "AES_512"}, Code.KEY_SPEC, 10620),
    ("GenerateDataKey", {}, Code.KEY_SPEC, 10620),
    ("GenerateDataKey", {"numberOfBytes": 0}, Code.PARAMETER, None),
    ("GenerateDataKey", {"numberOfBytes": 1025}, Code.PARAMETER, None),
    ("GenerateDataKey", {"numberOfBytes": "-1"}, Code.PARAMETER, None),
    ("GenerateDataKey", {"numberOfBytes": "1" * 11}, Code.PARAMETER, None),
    ("GenerateDataKey", {"numberOfBytes": True}, Code.PARAMETER, None),
    ("CreateKey", {"alias": "demo"}, Code.REPLAY_OR_ALIAS, 10480),
    ("CreateKey", {"alias": "other", "keyUsage": "ENCRYPT_DECRYPT"}, Code.USAGE, 10470),
    ("CreateKey", {"alias": "a" * 33}, Code.PARAMETER, None),
    ("CreateKey", {"alias": ""}, Code.PARAMETER, None),
    ("CreateKey", {"alias": "other", "type": 3}, Code.PARAMETER, None),
    ("CreateKey", {"alias": "other", "description": "é" * 513}, Code.PARAMETER, None),
    ("GetKeyAttributes", {"keyId": "kms-00000000"}, Code.NOT_FOUND, None),
    ("SetKeyAttributes", {"alias": "second"}, Code.FAILED, None),
    ("SetKeyAttributes", {"alias": "a" * 33}, Code.PARAMETER, None),
    ("ListKey", {"limit": 201}, Code.PARAMETER, None),
    ("ScheduleKeyDeletion", {"pendingWindowInDays": 6}, Code.PARAMETER, None),
    ("ScheduleKeyDeletion", {"pendingWindowInDays": 31}, Code.PARAMETER, None),
    ("CancelKeyDeletion", {}, Code.FAILED, None),
    ("ReEncrypt", {}, Code.NO_SUCH_ACTION, None),
]  # fmt: skip


@pytest.mark.parametrize(("action", "params", "code", "module"), REFUSALS)
def test_a_wrong_request_has_its_code(
    prepared: tuple[Beta, str], action: str, params: dict[str, Any], code: Code, module: int | None
) -> None:
    old, key_id = prepared
    wants_key = action in beta.ACTIONS and "keyId" in beta.ACTIONS[action].request
    found, message = old.refusal(action, **{**({"keyId": key_id} if wants_key else {}), **params})
    assert found == code
    assert message.startswith(f"({module})") if module else not message.startswith("(")


def test_a_region_holds_so_many_keys(old: Beta, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beta_keys, "LIMIT", 2)
    old.create("a")
    old.create("b")
    code, message = old.refusal("CreateKey", alias="c")
    assert (code, message.startswith("(10610)")) == (Code.TOO_MANY_KEYS, True)
    assert Beta(old.kms, SHANGHAI).create("c")


def bring(old: Beta, key_id: str, state: str) -> None:
    if state == "Disabled":
        old("DisableKey", keyId=key_id)
    if state == "PendingDelete":
        old("ScheduleKeyDeletion", keyId=key_id, pendingWindowInDays="7")
    assert old.state(key_id) == state


@pytest.mark.parametrize("state", beta.STATES)
@pytest.mark.parametrize("action", [name for name in beta.ACTIONS if name not in ("CreateKey", "ListKey")])
def test_a_state_allows_what_the_table_says(shared: Beta, action: str, state: str) -> None:
    old = shared
    key_id = old.create(uuid.uuid4().hex)
    blob = old.encrypt(key_id, b"a secret")
    bring(old, key_id, state)
    params = {
        "Encrypt": {"keyId": key_id, "plaintext": "YQ=="},
        "Decrypt": {"ciphertextBlob": blob},
        "GenerateDataKey": {"keyId": key_id, "keySpec": "AES_256"},
        "SetKeyAttributes": {"keyId": key_id, "alias": uuid.uuid4().hex},
        "ScheduleKeyDeletion": {"keyId": key_id, "pendingWindowInDays": 30},
    }.get(action, {"keyId": key_id})
    code = beta.ACTIONS[action].states[beta.STATES.index(state)]
    if code is None:
        assert old(action, **params)["code"] == 0
        follows = {
            "EnableKey": "Enabled",
            "DisableKey": "Disabled",
            "ScheduleKeyDeletion": "PendingDelete",
            "CancelKeyDeletion": "Disabled",
        }
        assert old.state(key_id) == follows.get(action, state)
    else:
        assert old.refusal(action, **params)[0] == code
        assert old.state(key_id) == state


def test_aliases_are_changed_and_taken_away(old: Beta) -> None:
    first, second = old.create("first"), old.create("second")
    old("SetKeyAttributes", keyId=first, alias="first")
    old("SetKeyAttributes", keyId=first, alias="")
    old("SetKeyAttributes", keyId=second, alias="")
    old("SetKeyAttributes", keyId=second)
    aliases = [old("GetKeyAttributes", keyId=key_id)["keyMetadata"]["alias"] for key_id in (first, second)]
    assert aliases == ["", ""]
    assert old.create("first") not in (first, second)


def test_keys_are_listed_page_by_page(old: Beta) -> None:
    ids = [old.create(f"key {number}") for number in range(12)]
    assert [key["keyId"] for key in old("ListKey")["keys"]] == ids[:10]
    assert old("ListKey", offset="10", limit="10")["keys"] == [{"keyId": key_id} for key_id in ids[10:]]
    assert old("ListKey", limit=0) | {"requestId": ""} == {
        "code": 0, "message": "", "codeDesc": "Success", "requestId": "", "keys": [], "totalCount": 12,
    }  # fmt: skip


def test_regions_are_apart(old: Beta) -> None:
    key_id = old.create()
    blob, other = old.encrypt(key_id, b"a secret"), Beta(old.kms, SHANGHAI)
    assert other("ListKey")["totalCount"] == 0
    assert other.refusal("Decrypt", ciphertextBlob=blob)[0] == Code.KEY
    assert other.create()


def test_every_altered_byte_of_a_blob_is_refused(old: Beta) -> None:
    data = base64.b64decode(old.encrypt(old.create(), b"a secret"))
    for place in range(len(data)):
        altered = bytes([*data[:place], data[place] ^ 1, *data[place + 1 :]])
        assert old.refusal("Decrypt", ciphertextBlob=text(altered))[0] in (Code.BLOB, Code.KEY)


def test_the_blob_of_one_key_is_not_that_of_another(old: Beta) -> None:
    first, second = old.create("first"), old.create("second")
    data = base64.b64decode(old.encrypt(first, b"a secret"))
    swapped = data.replace(first.encode(), second.encode())
    assert old.refusal("Decrypt", ciphertextBlob=text(swapped))[0] == Code.BLOB


def test_neither_service_knows_the_keys_and_blobs_of_the_other(old: Beta) -> None:
    today = str(old.kms.call("CreateKey", {"Alias": "demo"})["KeyId"])
    blob = old.kms.call("Encrypt", {"KeyId": today, "Plaintext": "YQ=="})["CiphertextBlob"]
    key_id = old.create("demo")
    assert old.refusal("Decrypt", ciphertextBlob=blob)[0] == Code.BLOB
    assert old.refusal("Encrypt", keyId=today, plaintext="YQ==")[0] == Code.KEY
    for action, params in (
        ("Decrypt", {"CiphertextBlob": old.encrypt(key_id, b"a")}),
        ("DescribeKey", {"KeyId": key_id}),
    ):
        with pytest.raises(KmsToolError):
            old.kms.call(action, params)


def test_keys_are_there_after_a_restart(old: Beta) -> None:
    key_id = old.create()
    blob = old.encrypt(key_id, b"a secret", encryptionContext=CONTEXT)
    old("DisableKey", keyId=key_id)
    old.kms.close()
    with contextlib.closing(EmbeddedKms(old.kms.store.folder)) as again:
        opened = Beta(again)
        assert opened.state(key_id) == "Disabled"
        opened("EnableKey", keyId=key_id)
        assert opened.decrypt(blob, encryptionContext=CONTEXT) == b"a secret"


def test_a_key_is_destroyed_when_its_window_ends(old: Beta) -> None:
    key_id = old.create()
    blob = old.encrypt(key_id, b"a secret")
    old("ScheduleKeyDeletion", keyId=key_id, pendingWindowInDays=7)
    date = old("GetKeyAttributes", keyId=key_id)["keyMetadata"]["deleteTime"]
    admin.move_clock(old.kms, 7 * DAY - 60)
    assert old.state(key_id) == "PendingDelete"
    assert 0 < date - int(old("GetKeyAttributes", keyId=key_id)["keyMetadata"]["createTime"]) <= 7 * DAY + 60
    admin.move_clock(old.kms, 7 * DAY + 60)
    assert old.refusal("GetKeyAttributes", keyId=key_id)[0] == Code.NOT_FOUND
    assert old.refusal("Decrypt", ciphertextBlob=blob)[0] == Code.KEY
    with old.kms.store.transaction() as db:
        assert db.execute("SELECT count(*) FROM beta_key").fetchone() == (0,)


def test_a_store_of_before_gets_the_table_and_keeps_its_keys(kms: EmbeddedKms) -> None:
    today = str(kms.call("CreateKey", {"Alias": "demo"})["KeyId"])
    blob = kms.call("Encrypt", {"KeyId": today, "Plaintext": "YQ=="})["CiphertextBlob"]
    folder = kms.store.folder
    kms.close()
    before = next(number for number, step in enumerate(schema.STEPS) if "CREATE TABLE beta_key" in step)
    for version in (before, before - 1):
        age(folder, version)
        with contextlib.closing(EmbeddedKms(folder)) as again:
            assert again.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == "YQ=="
            old = Beta(again)
            assert old.decrypt(old.encrypt(old.create(f"from {version}"), b"a secret")) == b"a secret"
        assert (folder / f"kms.sqlite3.format-{version}").exists()


@pytest.mark.parametrize("column", [f.name for f in beta_keys.BetaKey.__dataclass_fields__.values()])
def test_an_altered_row_is_damage(old: Beta, column: str) -> None:
    key_id = old.create()
    with contextlib.closing(sqlite3.connect(old.kms.store.path)) as db, db:
        value = db.execute(f"SELECT {column} FROM beta_key").fetchone()[0]
        changed = value + 1 if isinstance(value, int) else value + b"x" if isinstance(value, bytes) else f"{value}x"
        changed = SHANGHAI if column == "region" else changed
        db.execute(f"UPDATE beta_key SET {column} = ?", (changed,))
    region = SHANGHAI if column == "region" else GUANGZHOU
    if column == "key_id":
        key_id += "x"
    with pytest.raises(IntegrityError):
        service.call(old.kms, "ListKey", {}, region)


def test_renewed_keys_of_the_store_and_copies_have_the_keys_of_2017_too(old: Beta, tmp_path: Path) -> None:
    key_id = old.create()
    blob = old.encrypt(key_id, b"a secret")
    before = old.kms.store.save()
    admin.protect(old.kms, "file", lambda: "")
    assert old.decrypt(blob) == b"a secret"
    assert old.kms.store.save() != before
    admin.backup(old.kms, tmp_path / "copy")
    old("ScheduleKeyDeletion", keyId=key_id, pendingWindowInDays=7)
    admin.restore(old.kms, tmp_path / "copy", lambda: "")
    assert old.state(key_id) == "Enabled"
    assert old.decrypt(blob) == b"a secret"


def test_only_what_changes_something_writes() -> None:
    assert {name for name in beta.ACTIONS if service.writes(name)} == {
        "CreateKey", "SetKeyAttributes", "EnableKey", "DisableKey", "ScheduleKeyDeletion", "CancelKeyDeletion",
    }  # fmt: skip
    assert set(actions.ACTIONS) == set(beta.ACTIONS)


# The document.

DOCUMENT = Path(__file__).parent.parent / "docs" / "local-kms.md"


def test_the_table_of_states_is_the_one_in_the_code() -> None:
    marks = r"<!-- states of 2017:[^\n]*-->\n+(.*?)\n+<!-- end of states of 2017 -->"
    found = re.search(marks, DOCUMENT.read_text(), re.DOTALL)
    assert found, "docs/local-kms.md has lost the marks of its table of the states of 2017"
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in found[1].splitlines()]
    assert rows[0] == ["action", *beta.STATES]
    assert {row[0]: tuple(row[1:]) for row in rows[2:]} == {
        name: tuple("yes" if code is None else str(int(code)) for code in action.states)
        for name, action in beta.ACTIONS.items()
        if name not in ("CreateKey", "ListKey")
    }


# Seed files.

MATERIAL = text(bytes(range(32)))
SEED = f"""
[[beta-key]]
id = "kms-345sdfk0"
alias = "for test"
region = "ap-shanghai"
state = "Disabled"
type = 2
created = 1795500000
material = "{MATERIAL}"

[[beta-key]]
"""


def test_a_seeded_key_is_as_the_file_says(kms: EmbeddedKms) -> None:
    first, second = seeding.apply(kms, SEED)
    old = Beta(kms, SHANGHAI)
    assert old("GetKeyAttributes", keyId="kms-345sdfk0")["keyMetadata"] == {
        "keyId": "kms-345sdfk0", "alias": "for test", "createTime": 1795500000, "description": "",
        "keyState": "Disabled", "keyUsage": "ENCRYPT/DECRYPT", "type": 2, "deleteTime": 0,
    }  # fmt: skip
    assert Beta(kms).state(second.key_id) == "Enabled"
    assert first.key_id == "kms-345sdfk0"


def test_a_blob_opens_where_its_key_was_seeded(kms: EmbeddedKms, tmp_path: Path) -> None:
    seeding.apply(kms, SEED)
    old = Beta(kms, SHANGHAI)
    old("EnableKey", keyId="kms-345sdfk0")
    blob = old.encrypt("kms-345sdfk0", b"a secret", encryptionContext=CONTEXT)
    written = seeding.export(kms, plaintext=True)
    assert MATERIAL in written
    assert MATERIAL not in seeding.export(kms, plaintext=False)
    with contextlib.closing(EmbeddedKms(tmp_path / "other")) as other:
        seeding.apply(other, written)
        assert Beta(other, SHANGHAI).decrypt(blob, encryptionContext=CONTEXT) == b"a secret"
        assert seeding.export(other, plaintext=True) == written


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ('id = "6f6e2a6c-e7ca-11f1-8000-525400000001"', "id"),
        ('region = "ap-singapore"', "region"),
        ('state = "Archived"', "state"),
        ('state = "PendingDelete"', "deletion-date"),
        ("deletion-date = 1795500000", "deletion-date"),
        ("type = 3", "type"),
        (f'alias = "{"a" * 33}"', "alias"),
        ('material = "YQ=="', "material"),
        ('material = "a"', "material"),
        ('versions = ["YQ=="]', "versions"),
        ("created = true", "created"),
        ('id = "kms-345sdfk0"', "the id kms-345sdfk0"),
        ('region = "ap-shanghai"\nalias = "for test"', "'for test'"),
    ],
)
def test_what_cannot_be_seeded_is_named_and_nothing_is_added(kms: EmbeddedKms, line: str, named: str) -> None:
    seeding.apply(kms, SEED)
    with pytest.raises(InputError, match="beta-key 2") as caught:
        seeding.apply(kms, f"[[beta-key]]\n[[beta-key]]\n{line}\n")
    assert named in caught.value.message
    assert Beta(kms)("ListKey")["totalCount"] == 1


def test_the_example_of_the_document_is_a_seed_file(kms: EmbeddedKms) -> None:
    found = re.search(r"```toml\n(\[\[beta-key\]\].*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert found
    [key] = seeding.apply(kms, found[1])
    assert (key.key_id, key.alias) == ("kms-345sdfk0", "old")
