"""What decides over a key cannot be altered in the database without the root key: it is damage, and said to be that."""

import contextlib
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool.errors import IntegrityError
from kmstool.server import admin, seals
from kmstool.server.app import EmbeddedKms
from kmstool.server.seals import Seals
from tests import import_requests
from tests.stores import age, on_store

DATABASE = "kms.sqlite3"
DAY = 86400
FINGERPRINT = "a1000000-00000000000000-00000000000000-00000000000000-0000000000000000"


class Filled:
    """A store with a key of every kind, all that can belong to one, and the ids of these."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        tags = {"Tags": [{"TagKey": "team", "TagValue": "a"}]}
        with contextlib.closing(EmbeddedKms(folder)) as kms:
            self.cmk = str(kms.call("CreateKey", {"Alias": "demo", **tags})["KeyId"])
            kms.call("BindCloudResource", {"KeyId": self.cmk, "ProductId": "ssm", "ResourceId": "secret-1"})
            self.blob = kms.call("Encrypt", {"KeyId": self.cmk, "Plaintext": "QUJD"})["CiphertextBlob"]
            self.external = str(kms.call("CreateKey", {"Alias": "external", "Type": 2})["KeyId"])
            kms.call("ImportKeyMaterial", import_requests.import_request(kms, self.external, bytes(16)))
            self.request = import_requests.import_request(kms, self.external, bytes(16))
            hosted = {"KeyId": self.cmk, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "hosted", **tags}
            self.data_key = str(kms.call("GenerateDataKey", hosted)["DataKeyId"])
            self.white = str(kms.call("CreateWhiteBoxKey", {"Alias": "white", "Algorithm": "SM4", **tags})["KeyId"])
            devices = [{"Identity": FINGERPRINT, "Description": "laptop"}]
            kms.call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": self.white, "DeviceFingerprints": devices})

    def call(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        with contextlib.closing(EmbeddedKms(self.folder)) as kms:
            return kms.call(action, params)

    def use(self, what: str) -> dict[str, Any]:
        """Use what a test has altered, as a client would."""
        wanted = {"TagFilters": [{"TagKey": "team"}]}
        action, params = {
            "cmk": ("Decrypt", {"CiphertextBlob": self.blob}),
            "described": ("DescribeKey", {"KeyId": self.cmk}),
            "listed": ("ListKeyDetail", {}),
            "tags": ("ListKeyDetail", wanted),
            "import": ("ImportKeyMaterial", self.request),
            "data key": ("GetDataKeyPlaintext", {"DataKeyId": self.data_key}),
            "data key tags": ("ListDataKeyDetail", wanted),
            "white": ("EncryptByWhiteBox", {"KeyId": self.white, "PlainText": "QUJD"}),
            "white tags": ("DescribeWhiteBoxKeyDetails", wanted),
            "devices": ("DescribeWhiteBoxDecryptKey", {"KeyId": self.white}),
            "shown devices": ("DescribeWhiteBoxDeviceFingerprints", {"KeyId": self.white}),
        }[what]
        return self.call(action, params)

    def execute(self, statement: str) -> None:
        with contextlib.closing(sqlite3.connect(self.folder / DATABASE)) as db:
            assert db.execute(statement).rowcount > 0, statement
            db.commit()


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Filled:
    return Filled(tmp_path_factory.mktemp("seals") / "store")


@pytest.fixture
def filled(original: Filled, tmp_path: Path) -> Filled:
    copy = Filled.__new__(Filled)
    copy.__dict__ = {**original.__dict__, "folder": Path(shutil.copytree(original.folder, tmp_path / "filled"))}
    return copy


CMK = "UPDATE cmk SET {} WHERE alias = 'demo'"
ATTACKS = [
    *((CMK.format(change), what)
      for what in ("cmk", "described", "listed")
      for change in (
          "usage = 'ASYMMETRIC_SIGN_VERIFY_SM2'", "origin = 'EXTERNAL'", "state = 'Disabled'", "owner = 'ssm'",
          "alias = 'other'", "description = 'x'", "created = created - 1", "version = 2", "valid_to = 1",
          "deletion_date = 4000000000", "rotate_days = 30", "next_rotation = 4000000000", "last_rotation = 1",
          "tags_digest = x''", "bindings_digest = x''", "first_material = x'00'", "seal = x''", "seal = 'x'",
          "seal = (SELECT seal FROM cmk WHERE alias = 'external')",
      )),
    (CMK.format("deletion_date = 1"), "cmk"),
    (CMK.format("next_rotation = 1, rotate_days = 30"), "cmk"),
    ("UPDATE cmk SET valid_to = 0, first_material = x''", "import"),
    ("UPDATE tag SET value = 'b'", "tags"),
    ("DELETE FROM tag", "tags"),
    ("INSERT INTO tag SELECT key_id, 'more', 'x' FROM cmk", "tags"),
    ("UPDATE binding SET resource = 'secret-2'", "cmk"),
    ("DELETE FROM binding", "cmk"),
    ("INSERT INTO binding SELECT key_id, 'ssm', 'secret-2' FROM cmk", "cmk"),
    ("UPDATE import_parameters SET valid_to = valid_to + 86400", "import"),
    ("UPDATE data_key SET state = 'Disabled'", "data key"),
    ("UPDATE data_key SET origin = 'EXTERNAL'", "data key"),
    ("UPDATE data_key SET name = 'other'", "data key"),
    ("UPDATE data_key SET context = '{\"a\":\"b\"}'", "data key"),
    ("UPDATE data_key SET deletion_date = 1", "data key"),
    ("DELETE FROM tag", "data key tags"),
    ("UPDATE white_box_key SET state = 'Disabled'", "white"),
    ("UPDATE white_box_key SET alias = 'other'", "white"),
    ("UPDATE white_box_key SET created = 1", "white"),
    ("DELETE FROM tag", "white tags"),
    *((change, what)
      for what in ("devices", "shown devices")
      for change in (
          "DELETE FROM device",
          "UPDATE device SET fingerprint = 'b' || substr(fingerprint, 2)",
          "UPDATE device SET description = 'mine'",
          "UPDATE device SET number = 7",
          "INSERT INTO device SELECT key_id, 1, 'b' || substr(fingerprint, 2), '' FROM device",
          "DELETE FROM device RETURNING (SELECT 1)",
          "UPDATE white_box_key SET devices_digest = x''",
      )),
    ("UPDATE store SET clock_offset = 999999", "cmk"),
    ("UPDATE store SET created = 1", "cmk"),
    ("UPDATE store SET former = 'file'", "cmk"),
    ("UPDATE store SET fingerprint_key = zeroblob(60)", "cmk"),
    ("UPDATE store SET seal = x''", "cmk"),
]  # fmt: skip


@pytest.mark.parametrize(("attack", "what"), ATTACKS)
def test_an_altered_row_is_damage(filled: Filled, attack: str, what: str) -> None:
    filled.use(what)
    attack = attack.partition(" RETURNING")[0]
    filled.execute(attack)
    with pytest.raises(IntegrityError, match="damaged") as caught:
        filled.use(what)
    assert (caught.value.exit_code, caught.value.kms_code) == (5, None)


def test_the_commands_say_so_and_end_with_5(filled: Filled) -> None:
    filled.execute(CMK.format("state = 'Disabled'"))
    for words in (("key", "list"), ("key", "show", "demo"), ("local", "export"), ("local", "protect", "file", "--yes")):
        ran = on_store(filled.folder, *words, exit_code=5)
        assert ran.out == "", words
        assert "damaged" in ran.err


@pytest.mark.parametrize("statement", ["UPDATE cmk SET state = 'Disabled'", "DELETE FROM device", "DELETE FROM tag"])
def test_an_altered_copy_is_not_restored(filled: Filled, statement: str, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    with contextlib.closing(EmbeddedKms(filled.folder)) as kms:
        admin.backup(kms, copy)
        with contextlib.closing(sqlite3.connect(copy)) as db:
            db.execute(statement)
            db.commit()
        before = kms.store.path.read_bytes()
        with pytest.raises(IntegrityError):
            admin.restore(kms, copy, lambda: b"")
        assert kms.store.path.read_bytes() == before


def test_a_row_of_another_store_is_damage(filled: Filled, tmp_path: Path) -> None:
    seed = f'[[key]]\nalias = "demo"\nid = "{filled.cmk}"\nusage = "ASYMMETRIC_DECRYPT_RSA_2048"\n'
    from kmstool.server.seed import seeding as seeds

    with contextlib.closing(EmbeddedKms(tmp_path / "other")) as kms:
        seeds.apply(kms, seed)
        with kms.store.transaction() as db:
            row = db.execute("SELECT * FROM cmk").fetchone()
    with contextlib.closing(sqlite3.connect(filled.folder / DATABASE)) as db:
        db.execute("DELETE FROM cmk WHERE alias = 'demo'")
        db.execute(f"INSERT INTO cmk VALUES ({', '.join('?' * len(row))})", row)
        db.commit()
    with pytest.raises(IntegrityError):
        filled.use("described")


def test_a_store_cannot_be_made_older_to_have_altered_rows_sealed(filled: Filled) -> None:
    """Else whoever alters a row would say that it is of a format that had no seals."""
    with contextlib.closing(sqlite3.connect(filled.folder / DATABASE)) as db:
        own = db.execute("SELECT store_key FROM store").fetchone()[0]
    age(filled.folder, 6)
    filled.execute(CMK.format("state = 'Disabled'"))
    with contextlib.closing(sqlite3.connect(filled.folder / DATABASE)) as db:
        db.execute("UPDATE store SET store_key = ?", (own,))
        db.commit()
    before = (filled.folder / DATABASE).read_bytes()
    with pytest.raises(IntegrityError):
        filled.use("described")
    assert (filled.folder / DATABASE).read_bytes() == before


@pytest.mark.parametrize("version", range(2, 7))
def test_a_store_of_every_older_format_gets_its_seals_once(filled: Filled, version: int) -> None:
    age(filled.folder, version)
    assert filled.use("cmk")["Plaintext"] == "QUJD"
    filled.use("listed")
    if version >= 4:
        filled.use("import")
        with contextlib.closing(EmbeddedKms(filled.folder)) as kms, kms.store.transaction() as db:
            assert db.execute("SELECT count(*) FROM cmk WHERE first_material <> x''").fetchone() == (1,)
    filled.execute(CMK.format("state = 'Disabled'"))
    with pytest.raises(IntegrityError):
        filled.use("described")


VALUES = st.one_of(
    st.none(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.integers(),
    st.floats(allow_nan=False).map(lambda value: value + 0.0),
)
ROWS = st.lists(VALUES, max_size=4)


@given(ROWS, ROWS, st.sampled_from(["cmk", "device"]))
def test_no_two_rows_have_one_seal(one: list[Any], other: list[Any], table: str) -> None:
    made = Seals(bytes(32))
    same = [(type(value), value) for value in one] == [(type(value), value) for value in other]
    assert (made.make("cmk", one) == made.make(table, other)) == (same and table == "cmk")
    assert made.make("cmk", one) != Seals(b"\1" * 32).make("cmk", one)


@given(st.lists(ROWS, max_size=3), st.lists(ROWS, max_size=3))
def test_no_two_sets_have_one_digest(one: list[list[Any]], other: list[list[Any]]) -> None:
    def typed(rows: list[list[Any]]) -> list[str]:
        return sorted(repr([(type(value), value) for value in row]) for row in rows)

    assert (seals.digest(one) == seals.digest(other)) == (typed(one) == typed(other))
