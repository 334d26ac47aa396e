"""Key material at rest opens with the root key of its own store only, in its own row only, and damage is told."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.errors import AccessError, IntegrityError, KmsToolError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.vault import Vault

ROOT_KEY = "root.key"
DATABASE = "kms.sqlite3"


class Stored:
    """A store with one key and a blob under it, closed; every use opens it anew."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with contextlib.closing(EmbeddedKms(folder)) as kms:
            self.key_id = str(kms.call("CreateKey", {"Alias": "demo"})["KeyId"])
            self.blob = str(kms.call("Encrypt", {"KeyId": self.key_id, "Plaintext": "QUJD"})["CiphertextBlob"])

    @property
    def root_key(self) -> Path:
        return self.folder / ROOT_KEY

    def call(self, action: str, params: dict[str, Any]) -> dict[str, Any]:
        with contextlib.closing(EmbeddedKms(self.folder)) as kms:
            return kms.call(action, params)

    def uses(self) -> list[Callable[[], dict[str, Any]]]:
        """Return all that needs the key's material or the store's keys."""
        return [
            lambda: self.call("Decrypt", {"CiphertextBlob": self.blob}),
            lambda: self.call("Encrypt", {"KeyId": self.key_id, "Plaintext": "QUJD"}),
            lambda: self.call("GenerateDataKey", {"KeyId": self.key_id, "KeySpec": "AES_256"}),
            lambda: self.call("CreateKey", {"Alias": "other"}),
        ]

    def execute(self, statement: str, *values: object) -> list[Any]:
        import sqlite3

        with contextlib.closing(sqlite3.connect(self.folder / DATABASE)) as db:
            rows = db.execute(statement, values).fetchall()
            db.commit()
        return rows

    def works(self) -> bool:
        return str(self.call("Decrypt", {"CiphertextBlob": self.blob})["Plaintext"]) == "QUJD"


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "store")


def test_the_keys_open_again(stored: Stored) -> None:
    assert stored.works()
    for use in stored.uses():
        use()


@pytest.mark.parametrize("position", range(4))
def test_a_missing_root_key_is_an_access_error(stored: Stored, position: int) -> None:
    kept = stored.root_key.read_bytes()
    stored.root_key.unlink()
    use = stored.uses()[position]
    with pytest.raises(AccessError, match="missing"):
        use()
    assert not stored.root_key.exists(), "a new root key would hide that the old one is lost"
    stored.root_key.write_bytes(kept)
    stored.root_key.chmod(0o600)
    assert stored.works()


def test_the_root_key_of_another_store_is_an_access_error(stored: Stored, tmp_path: Path) -> None:
    other = Stored(tmp_path / "other")
    own = stored.root_key.read_bytes()
    assert other.root_key.read_bytes() != own
    shutil.copy2(other.root_key, stored.root_key)
    for use in stored.uses():
        with pytest.raises(AccessError, match=r"root.key"):
            use()
    stored.root_key.write_bytes(own)
    assert stored.works()


def test_without_the_root_key_nothing_is_said_of_keys(stored: Stored) -> None:
    """What cannot be checked is not shown as if it were true; what the store is can still be told."""
    stored.root_key.unlink()
    for action, params in (("ListKeys", {}), ("DescribeKey", {"KeyId": stored.key_id})):
        with pytest.raises(AccessError):
            stored.call(action, params)
    with contextlib.closing(EmbeddedKms(stored.folder)) as kms:
        assert admin.describe(kms)["Keys"] == {"ap-guangzhou": 1}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o644, 0o666, 0o777])
def test_a_root_key_that_others_may_use_is_an_access_error(stored: Stored, mode: int) -> None:
    stored.root_key.chmod(mode)
    for use in stored.uses():
        with pytest.raises(AccessError) as caught:
            use()
        assert "chmod 600" in (caught.value.hint or "")
    stored.root_key.chmod(0o600)
    assert stored.works()


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o700])
def test_a_root_key_that_only_its_owner_may_use_is_taken(stored: Stored, mode: int) -> None:
    stored.root_key.chmod(mode)
    assert stored.works()


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut by the line break and one": lambda line: line[:-2],
    "cut to half": lambda line: line[: len(line) // 2],
    "only the prefix": lambda line: line.split()[0] + b" ",
    "without the prefix": lambda line: line.split()[1],
    "of another format": lambda line: line.replace(b"key-1", b"key-2"),
    "in capitals": bytes.upper,
    "twice": lambda line: line * 2,
    "with a second line": lambda line: line + b"x\n",
    "with a blank": lambda line: line[:-1] + b" \n",
    "with other line breaks": lambda line: line[:-1] + b"\r\n",
    "of zeros": lambda line: bytes(len(line)),
    "no text": lambda line: b"\xff" + line[1:],
    "short by 3 bytes of key": lambda line: line[:-6] + b"=\n",
    "huge": lambda line: line + b"x" * 1_000_000,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_root_key_file_is_an_integrity_error(stored: Stored, damage: str) -> None:
    stored.root_key.write_bytes(DAMAGE[damage](stored.root_key.read_bytes()))
    for use in stored.uses():
        with pytest.raises(IntegrityError, match=r"root.key"):
            use()


def test_a_root_key_without_its_line_break_is_taken(stored: Stored) -> None:
    stored.root_key.write_bytes(stored.root_key.read_bytes().rstrip())
    assert stored.works()


def test_every_changed_character_of_the_root_key_is_refused(stored: Stored) -> None:
    line = stored.root_key.read_bytes()
    for position in range(len(line)):
        for character in {b"A", b"z", b"=", b"\0"} - {line[position : position + 1]}:
            stored.root_key.write_bytes(line[:position] + character + line[position + 1 :])
            with pytest.raises((AccessError, IntegrityError)):
                stored.works()
    stored.root_key.write_bytes(line)
    assert stored.works()


def test_a_symbolic_link_is_no_root_key(stored: Stored) -> None:
    stored.root_key.rename(stored.folder / "elsewhere")
    stored.root_key.symlink_to("elsewhere")
    with pytest.raises(AccessError, match=r"root.key"):
        stored.works()


def test_a_folder_is_no_root_key(stored: Stored) -> None:
    """A container makes one where the file to be mounted is not there."""
    stored.root_key.unlink()
    stored.root_key.mkdir(mode=0o700)
    with pytest.raises((AccessError, IntegrityError), match=r"root.key"):
        stored.works()


def test_a_pipe_is_no_root_key_and_is_not_waited_for(stored: Stored) -> None:
    stored.root_key.unlink()
    os.mkfifo(stored.root_key, 0o600)
    program = (
        "import sys\nfrom pathlib import Path\nfrom kmstool.errors import AccessError, IntegrityError\n"
        "from kmstool.server.app import EmbeddedKms\n"
        "try:\n    EmbeddedKms(Path(sys.argv[1])).call('CreateKey', {'Alias': 'other'})\n"
        "except (AccessError, IntegrityError):\n    print('refused')\n"
    )
    command = [sys.executable, "-c", program, str(stored.folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=3)
    assert ran.stdout == "refused\n", ran.stderr


def test_a_root_key_that_is_there_is_kept_for_a_new_database(stored: Stored, tmp_path: Path) -> None:
    """It may be the only key to a copy of the former database."""
    line = stored.root_key.read_bytes()
    (stored.folder / DATABASE).rename(tmp_path / "copy")
    assert stored.call("ListKeys", {})["TotalCount"] == 0
    assert stored.root_key.read_bytes() == line
    (tmp_path / "copy").rename(stored.folder / DATABASE)
    assert stored.works()


@pytest.mark.parametrize("fault", ["damaged", "readable"])
def test_a_new_database_is_not_made_under_a_root_key_that_cannot_be_used(tmp_path: Path, fault: str) -> None:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    (folder / ROOT_KEY).write_bytes(b"damaged")
    (folder / ROOT_KEY).chmod(0o600 if fault == "damaged" else 0o644)
    for _ in range(2):
        with pytest.raises(IntegrityError if fault == "damaged" else AccessError, match=r"root.key"):
            EmbeddedKms(folder)
        assert (folder / ROOT_KEY).read_bytes() == b"damaged"


def test_every_flipped_byte_of_a_wrapped_key_is_an_integrity_error(stored: Stored) -> None:
    wrapped = stored.execute("SELECT wrapped FROM material")[0][0]
    for position in range(len(wrapped)):
        altered = bytearray(wrapped)
        altered[position] ^= 1 << position % 8
        stored.execute("UPDATE material SET wrapped = ?", bytes(altered))
        for use in stored.uses()[:3]:
            with pytest.raises(IntegrityError) as caught:
                use()
            assert caught.value.kms_code is None, "it is the store that is damaged, not the blob"
    stored.execute("UPDATE material SET wrapped = ?", wrapped)
    assert stored.works()


@pytest.mark.parametrize(
    "altered",
    [b"", b"x", b"x" * 27, b"x" * 28, b"x" * 200, "", "x" * 60, 7, 0.5],
    ids=lambda value: f"{type(value).__name__}-{len(str(value))}",
)
def test_a_wrapped_key_of_another_length_or_type_is_an_integrity_error(stored: Stored, altered: object) -> None:
    stored.execute("UPDATE material SET wrapped = ?", altered)
    for use in stored.uses()[:3]:
        with pytest.raises(IntegrityError):
            use()


@pytest.mark.parametrize("column", ["wrapped", "algorithm"])
def test_a_value_that_is_no_text_any_more_is_an_integrity_error(stored: Stored, column: str) -> None:
    """One bit decides in SQLite's file between bytes and text."""
    stored.execute(f"UPDATE material SET {column} = CAST(x'ff{'00' * 59}' AS TEXT)")
    for use in stored.uses()[:3]:
        with pytest.raises(IntegrityError):
            use()


@pytest.mark.parametrize("algorithm", ["AES_256", "sm4", "", "X", b"SM4", 7])
def test_another_algorithm_is_an_integrity_error(stored: Stored, algorithm: object) -> None:
    stored.execute("UPDATE material SET algorithm = ?", algorithm)
    for use in stored.uses()[:3]:
        with pytest.raises(IntegrityError):
            use()


def test_swapped_rows_are_an_integrity_error(stored: Stored) -> None:
    other = stored.call("CreateKey", {"Alias": "other"})["KeyId"]
    rows = dict(stored.execute("SELECT key_id, wrapped FROM material"))
    for one, two in ((stored.key_id, other), (other, stored.key_id)):
        stored.execute("UPDATE material SET wrapped = ? WHERE key_id = ?", rows[two], one)
    for key_id in (stored.key_id, other):
        with pytest.raises(IntegrityError):
            stored.call("Encrypt", {"KeyId": key_id, "Plaintext": "QUJD"})
    with pytest.raises(IntegrityError):
        stored.works()


def test_the_material_of_another_key_is_an_integrity_error(stored: Stored) -> None:
    other = stored.call("CreateKey", {"Alias": "other"})["KeyId"]
    stored.execute("DELETE FROM material WHERE key_id = ?", stored.key_id)
    stored.execute("UPDATE material SET key_id = ? WHERE key_id = ?", stored.key_id, other)
    with pytest.raises(IntegrityError):
        stored.works()


def test_material_as_another_version_is_an_integrity_error(stored: Stored) -> None:
    stored.execute("UPDATE material SET version = 2")
    stored.execute("UPDATE cmk SET version = 2")
    with pytest.raises(IntegrityError) as caught:
        stored.call("Encrypt", {"KeyId": stored.key_id, "Plaintext": "QUJD"})
    assert caught.value.kms_code is None


def test_a_version_that_the_store_has_lost_is_an_integrity_error(stored: Stored) -> None:
    """The fault is the store's; no request can be blamed for it with a code of the API."""
    stored.execute("DELETE FROM material")
    for use in stored.uses()[:3]:
        with pytest.raises(IntegrityError) as caught:
            use()
        assert caught.value.kms_code is None


def test_a_key_in_another_region_is_an_integrity_error(stored: Stored) -> None:
    stored.execute("UPDATE cmk SET region = 'ap-shanghai'")
    with contextlib.closing(EmbeddedKms(stored.folder, "ap-shanghai")) as kms, pytest.raises(IntegrityError):
        kms.call("Encrypt", {"KeyId": stored.key_id, "Plaintext": "QUJD"})


def test_a_key_of_another_store_is_an_integrity_error(stored: Stored, tmp_path: Path) -> None:
    other = Stored(tmp_path / "other")
    wrapped = other.execute("SELECT wrapped FROM material")[0][0]
    stored.execute("UPDATE material SET wrapped = ?", wrapped)
    for use in stored.uses()[:3]:
        with pytest.raises(IntegrityError):
            use()


@pytest.mark.parametrize("column", ["store_id", "canary", "store_key"])
def test_every_flipped_byte_of_the_stores_own_row_is_refused(stored: Stored, column: str) -> None:
    value = stored.execute(f"SELECT {column} FROM store")[0][0]
    for position in range(len(value)):
        altered = bytearray(value)
        altered[position] ^= 1 << position % 8
        stored.execute(f"UPDATE store SET {column} = ?", bytes(altered))
        # Without its canary or id a store cannot tell whose root key it was given.
        with pytest.raises(IntegrityError if column == "store_key" else (IntegrityError, AccessError)):
            stored.works()
    stored.execute(f"UPDATE store SET {column} = ?", value)
    assert stored.works()


@pytest.mark.parametrize("column", ["store_id", "canary", "store_key"])
@pytest.mark.parametrize("altered", [b"", b"x" * 60, "x" * 60, 7], ids=["empty", "bytes", "text", "number"])
def test_a_value_of_the_stores_own_row_of_another_length_or_type_is_refused(
    stored: Stored, column: str, altered: object
) -> None:
    stored.execute(f"UPDATE store SET {column} = ?", altered)
    for use in stored.uses():
        with pytest.raises((IntegrityError, AccessError)):
            use()


def test_a_store_without_its_own_row_is_damaged(stored: Stored) -> None:
    stored.execute("DELETE FROM store")
    for use in stored.uses():
        with pytest.raises(IntegrityError):
            use()


def test_the_store_of_one_folder_is_not_that_of_another(stored: Stored, tmp_path: Path) -> None:
    other = Stored(tmp_path / "other")
    for column in ("store_id", "canary", "store_key"):
        assert stored.execute(f"SELECT {column} FROM store") != other.execute(f"SELECT {column} FROM store")
    shutil.copy2(other.folder / DATABASE, stored.folder / DATABASE)
    with pytest.raises(AccessError):
        stored.call("CreateKey", {"Alias": "other"})
    with pytest.raises(KmsToolError):
        stored.works()


def test_a_copied_folder_opens(stored: Stored, tmp_path: Path) -> None:
    shutil.copytree(stored.folder, tmp_path / "copy")
    with contextlib.closing(EmbeddedKms(tmp_path / "copy")) as kms:
        assert kms.call("Decrypt", {"CiphertextBlob": stored.blob})["Plaintext"] == "QUJD"


IDENTITIES = st.lists(st.text(max_size=4), max_size=4).map(tuple)


@given(IDENTITIES, IDENTITIES, st.binary(max_size=40))
@settings(deadline=None)
def test_a_wrapped_key_opens_for_its_own_row_only(
    one: tuple[str, ...], other: tuple[str, ...], material: bytes
) -> None:
    vault = Vault(bytes(16), b"k" * 32)
    wrapped = vault.wrap(one, material)
    assert len(wrapped) == len(material) + 28
    assert vault.unwrap(one, wrapped) == material
    if one != other:
        with pytest.raises(IntegrityError):
            vault.unwrap(other, wrapped)
    for stranger in (Vault(b"\1" * 16, b"k" * 32), Vault(bytes(16), b"l" * 32)):
        with pytest.raises(IntegrityError):
            stranger.unwrap(one, wrapped)


def test_the_same_material_is_wrapped_differently_each_time() -> None:
    vault = Vault(bytes(16), b"k" * 32)
    assert len({vault.wrap(("a",), b"material") for _ in range(50)}) == 50


def test_no_key_is_shown() -> None:
    shown = repr(Vault(b"an-identity-here", b"secret-of-the-store-0123456789ab"))
    assert "secret" not in shown
    assert b"secret-of-the-store-0123456789ab".hex() not in shown
