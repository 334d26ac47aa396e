"""The store opens with its root key and with nothing else, wherever that is kept, and a change of the place loses nothing."""

import base64
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kmstool.crypto import kdf
from kmstool.errors import AccessError, IntegrityError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import schema
from kmstool.server.tables.store import DATABASE
from tests import import_requests
from tests.conftest import need
from tests.stores import on_store
from tests.striking import killed_everywhere

PLAINTEXT = base64.b64encode(b"of the tests").decode()
ROOT_KEY, FORMER = "root.key", "root.key.former"
RIGHT, OTHER = b"correct horse", b"battery staple"

# Every change to a store's files is made by one of these.
CHANGES = ("pwrite64", "fdatasync", "fsync", "ftruncate", "linkat", "/^rename", "/^unlink")


def asked(passphrase: bytes) -> Callable[[], bytes]:
    return lambda: passphrase


def never() -> bytes:
    pytest.fail("a passphrase was asked for")


def read(folder: Path, blob: str, passphrase: Callable[[], bytes] = never) -> str:
    """Open the store anew, as the next command would, and decrypt."""
    kms = EmbeddedKms(folder, passphrase=passphrase)
    try:
        return str(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"])
    finally:
        kms.close()


def protection(folder: Path) -> str:
    kms = EmbeddedKms(folder, passphrase=never)
    try:
        return str(admin.describe(kms)["Protection"])
    finally:
        kms.close()


def change_store(kms: EmbeddedKms, **columns: object) -> None:
    names = ", ".join(f"{name} = ?" for name in columns)
    with kms.store.transaction(write=True) as db:
        db.execute(f"UPDATE store SET {names}", (*columns.values(),))


def change_row(kms: EmbeddedKms, statement: str) -> None:
    with kms.store.transaction(write=True) as db:
        db.execute(statement)


def store_row(kms: EmbeddedKms, column: str) -> Any:
    with kms.store.transaction() as db:
        return db.execute(f"SELECT {column} FROM store").fetchone()[0]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def with_passphrase(file: Path) -> dict[str, str]:
    return {"KMSTOOL_PASSPHRASE_FILE": str(file)}


@pytest.fixture
def blob(kms: EmbeddedKms) -> str:
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    return str(kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"])


@pytest.fixture
def locked(kms: EmbeddedKms, blob: str) -> EmbeddedKms:
    """A store that is protected by the passphrase RIGHT, with one key and a blob."""
    admin.protect(kms, "passphrase", asked(RIGHT))
    return kms


@pytest.fixture
def passphrases(tmp_path: Path) -> dict[bytes, Path]:
    """Files that hold a passphrase each, ended by a newline as editors do."""
    made = {}
    for number, passphrase in enumerate((RIGHT, OTHER)):
        made[passphrase] = tmp_path / f"passphrase-{number}"
        made[passphrase].write_bytes(passphrase + b"\n")
    return made


def test_a_new_store_has_its_root_key_in_a_file_that_only_its_owner_reads(kms: EmbeddedKms, blob: str) -> None:
    root_key = kms.store.folder / ROOT_KEY
    assert protection(kms.store.folder) == "file"
    assert stat.S_IMODE(root_key.stat().st_mode) == 0o600
    assert len(root_key.read_text().splitlines()) == 1
    assert read(kms.store.folder, blob) == PLAINTEXT


def test_a_passphrase_replaces_the_file_and_the_file_the_passphrase(kms: EmbeddedKms, blob: str) -> None:
    folder = kms.store.folder
    former = (folder / ROOT_KEY).read_bytes().split()[-1]
    admin.protect(kms, "passphrase", asked(RIGHT))
    assert (protection(folder), names(folder)) == ("passphrase", {"kms.sqlite3", FORMER})
    assert stat.S_IMODE((folder / FORMER).stat().st_mode) == 0o600
    assert read(folder, blob, asked(RIGHT)) == PLAINTEXT
    assert names(folder) == {"kms.sqlite3"}, "the former root key goes when the new one has opened the store"
    content = kms.store.path.read_bytes()
    assert former not in content
    assert base64.b64decode(former) not in content
    assert RIGHT not in content
    admin.protect(kms, "file", never)
    assert (protection(folder), names(folder)) == ("file", {"kms.sqlite3", ROOT_KEY})
    assert read(folder, blob) == PLAINTEXT
    assert former not in (folder / ROOT_KEY).read_bytes()


def test_a_process_that_has_the_store_open_goes_on_through_every_change(kms: EmbeddedKms, blob: str) -> None:
    other = EmbeddedKms(kms.store.folder, passphrase=asked(RIGHT))
    try:
        assert other.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == PLAINTEXT
        admin.protect(kms, "file", never)
        assert other.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == PLAINTEXT
        admin.protect(kms, "passphrase", asked(RIGHT))
        key_id = other.call("CreateKey", {"Alias": "made-meanwhile"})["KeyId"]
        later = other.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"]
        assert read(kms.store.folder, later, asked(RIGHT)) == PLAINTEXT
    finally:
        other.close()


def test_the_passphrase_is_asked_for_once_and_only_for_what_needs_it(locked: EmbeddedKms, blob: str) -> None:
    questions = []

    def answer() -> bytes:
        questions.append("?")
        return RIGHT

    kms = EmbeddedKms(locked.store.folder, passphrase=answer)
    try:
        admin.describe(kms)
        admin.backup(kms, locked.store.folder.with_name("copy"))
        assert questions == []
        for _ in range(2):
            assert kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == PLAINTEXT
        kms.call("CreateKey", {"Alias": "another"})
        assert questions == ["?"]
    finally:
        kms.close()


@pytest.mark.parametrize("wrong", [OTHER, RIGHT + b"\n", b""])
def test_a_wrong_passphrase_opens_nothing_and_changes_nothing(locked: EmbeddedKms, blob: str, wrong: bytes) -> None:
    before = locked.store.path.read_bytes()
    with pytest.raises(AccessError, match="passphrase") as caught:
        read(locked.store.folder, blob, asked(wrong))
    assert caught.value.exit_code == 4
    kms = EmbeddedKms(locked.store.folder, passphrase=asked(wrong))
    try:
        with pytest.raises(AccessError):
            admin.protect(kms, "file", never)
        with pytest.raises(AccessError):
            kms.call("CreateKey", {"Alias": "another"})
    finally:
        kms.close()
    assert locked.store.path.read_bytes() == before
    assert names(locked.store.folder) == {"kms.sqlite3", FORMER}


def test_a_new_passphrase_takes_the_place_of_the_old_one(locked: EmbeddedKms, blob: str) -> None:
    before = store_row(locked, "parameters")
    admin.protect(locked, "passphrase", asked(OTHER))
    assert store_row(locked, "parameters") != before, "the salt is the same"
    assert read(locked.store.folder, blob, asked(OTHER)) == PLAINTEXT
    with pytest.raises(AccessError):
        read(locked.store.folder, blob, asked(RIGHT))
    assert locked.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == PLAINTEXT


def wrapped(path: Path) -> set[bytes]:
    """Return everything in a database that is wrapped under its store key, and the store key itself."""
    columns = {
        "store": "store_key", "material": "wrapped", "credential": "wrapped", "import_parameters": "private_key",
        "data_key": "wrapped", "white_box_key": "wrapped",
    }  # fmt: skip
    with contextlib.closing(sqlite3.connect(path)) as db:
        return {row[0] for table, column in columns.items() for row in db.execute(f"SELECT {column} FROM {table}")}


def test_what_a_former_passphrase_opens_does_not_stay(kms: EmbeddedKms) -> None:
    """An upgrade keeps a copy of the database as it was; who changes a passphrase wants the former one to open nothing."""
    copy = kms.store.folder / f"{DATABASE}.format-{schema.VERSION - 1}"
    copy.write_bytes(kms.store.save())
    admin.protect(kms, "passphrase", asked(RIGHT))
    assert not copy.exists()
    assert kms.store.path.exists()


@pytest.mark.parametrize("mode", ["file", "passphrase"])
def test_an_old_copy_of_the_folder_opens_nothing_that_is_made_after_a_renewal(
    kms: EmbeddedKms, mode: str, tmp_path: Path
) -> None:
    if mode == "passphrase":
        admin.protect(kms, mode, asked(RIGHT))
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"]
    kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256", "IsHostedByKms": 1, "DataKeyName": "hosted"})
    kms.call("CreateWhiteBoxKey", {"Alias": "white", "Algorithm": "SM4"})
    external = kms.call("CreateKey", {"Alias": "external", "Type": 2})["KeyId"]
    token = import_requests.import_request(kms, external, bytes(16))
    admin.lasting_credential(kms)
    old = Path(shutil.copytree(kms.store.folder, tmp_path / "old"))
    before = wrapped(kms.store.path)
    # The same passphrase again is a renewal too.
    admin.protect(kms, mode, asked(RIGHT))
    assert wrapped(kms.store.path) & before == set()
    kms.call("ImportKeyMaterial", token)
    later = kms.call("CreateKey", {"Alias": "later"})["KeyId"]
    assert read(kms.store.folder, blob, asked(RIGHT)) == PLAINTEXT
    # All that an attacker has from before, and the database of today.
    shutil.copy(kms.store.path, old / "kms.sqlite3")
    stolen = EmbeddedKms(old, passphrase=asked(RIGHT))
    with contextlib.closing(stolen):
        if mode == "file":
            with pytest.raises(AccessError):
                stolen.unlock()
            return
    # Who knows the passphrase is no stranger; but the former store key is of no use to anybody.
    with contextlib.closing(EmbeddedKms(tmp_path / "old", passphrase=asked(RIGHT))) as now:
        assert now.call("DescribeKey", {"KeyId": later})["KeyMetadata"]["Alias"] == "later"


def test_a_damaged_row_stops_a_renewal_before_anything_is_lost(kms: EmbeddedKms, blob: str) -> None:
    change_row(kms, "UPDATE material SET wrapped = zeroblob(44)")
    before = kms.store.path.read_bytes()
    root_key = (kms.store.folder / ROOT_KEY).read_bytes()
    with pytest.raises(IntegrityError):
        admin.protect(kms, "file", never)
    assert kms.store.path.read_bytes() == before
    assert (kms.store.folder / ROOT_KEY).read_bytes() == root_key
    assert protection(kms.store.folder) == "file"


def test_the_commands(kms: EmbeddedKms, blob: str, tmp_path: Path, passphrases: dict[bytes, Path]) -> None:
    folder = kms.store.folder
    (tmp_path / "blob").write_text(blob)
    decrypt = ("decrypt", str(tmp_path / "blob"))
    protect = ("local", "protect", "passphrase", "--passphrase-file", str(passphrases[RIGHT]))
    on_store(folder, *protect, exit_code=2)
    assert protection(folder) == "file"
    on_store(folder, *protect, "--dry-run")
    assert protection(folder) == "file"
    on_store(folder, *protect, "--yes")
    assert protection(folder) == "passphrase"
    unasked = on_store(folder, *decrypt, exit_code=4)
    assert unasked.out == ""
    assert "KMSTOOL_PASSPHRASE_FILE" in unasked.err
    assert on_store(folder, *decrypt, exit_code=4, **with_passphrase(passphrases[OTHER])).out == ""
    assert on_store(folder, *decrypt, **with_passphrase(passphrases[RIGHT])).out.strip() == "of the tests"
    on_store(folder, "local", "protect", "file", "--yes", **with_passphrase(passphrases[RIGHT]))
    assert protection(folder) == "file"
    assert on_store(folder, *decrypt).out.strip() == "of the tests"


def damages(row: bytes) -> Iterator[bytes]:
    """Yield a wrapped key damaged in every part: nonce, ciphertext, tag and length."""
    for place in (0, 11, 12, len(row) // 2, len(row) - 16, len(row) - 1):
        yield row[:place] + bytes([row[place] ^ 1]) + row[place + 1 :]
    yield from (row[:-1], row + b"\0", row[:20], b"", bytes(len(row)))


@pytest.mark.parametrize("mode", ["file", "passphrase"])
def test_a_damaged_store_key_is_no_wrong_root_key(kms: EmbeddedKms, blob: str, mode: str) -> None:
    if mode == "passphrase":
        admin.protect(kms, mode, asked(RIGHT))
    whole = store_row(kms, "store_key")
    # A key from a passphrase takes its time.
    for damaged in list(damages(whole))[:: 4 if mode == "passphrase" else 1]:
        change_store(kms, store_key=damaged)
        with pytest.raises(IntegrityError, match="damaged") as caught:
            read(kms.store.folder, blob, asked(RIGHT))
        assert caught.value.exit_code == 5
    change_store(kms, store_key=whole)
    assert read(kms.store.folder, blob, asked(RIGHT)) == PLAINTEXT


def test_a_protection_that_there_is_not_is_damage(kms: EmbeddedKms, blob: str) -> None:
    change_store(kms, protection="prayer")
    with pytest.raises(IntegrityError, match="prayer"):
        read(kms.store.folder, blob)


SALT = "AAECAwQFBgcICQoLDA0ODw=="


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "65536 8 1",
        f"65536 8 {SALT}",
        f"65536 8 1 {SALT} ",
        f"sixteen 8 1 {SALT}",
        "65536 8 1 not base64",
        "65536 8 1 AAEC!",
        f"65537 8 1 {SALT}",
        f"0 8 1 {SALT}",
        f"65536 0 1 {SALT}",
        f"65536 8 0 {SALT}",
        f"-65536 8 1 {SALT}",
        f"65536 -8 1 {SALT}",
        f"65536 8 -1 {SALT}",
        f"{2**30} 8 1 {SALT}",
        f"65536 {2**20} 1 {SALT}",
        f"{10**30} 8 1 {SALT}",
        f"65536 8 {10**30} {SALT}",
    ],
)
def test_passphrase_parameters_that_nothing_can_have_written_are_damage(
    kms: EmbeddedKms, blob: str, parameters: str
) -> None:
    change_store(kms, protection="passphrase", parameters=parameters)
    with pytest.raises(IntegrityError) as caught:
        read(kms.store.folder, blob, asked(RIGHT))
    assert caught.value.exit_code == 5


def test_another_salt_makes_another_key(locked: EmbeddedKms, blob: str) -> None:
    change_store(locked, parameters=f"65536 8 1 {SALT}")
    with pytest.raises(AccessError):
        read(locked.store.folder, blob, asked(RIGHT))


def test_passphrase_parameters_cannot_keep_a_command_busy_for_hours(
    locked: EmbeddedKms, blob: str, tmp_path: Path, passphrases: dict[bytes, Path]
) -> None:
    (tmp_path / "blob").write_text(blob)
    change_store(locked, parameters=f"65536 8 60000 {SALT}")
    words = ("decrypt", str(tmp_path / "blob"))
    on_store(locked.store.folder, *words, exit_code=5, timeout=10, **with_passphrase(passphrases[RIGHT]))


@pytest.fixture
def quick_scrypt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make keys from passphrases in a moment, in this process and its forks: what is tested is where they are kept."""
    monkeypatch.setitem(kdf.SCRYPT, "n", 2**8)
    monkeypatch.setattr("kmstool.server.protection._SCRYPT_TEXT", " ".join(map(str, kdf.SCRYPT.values())))


@pytest.mark.parametrize("to", ["passphrase", "file", "file to file"])
@pytest.mark.usefixtures("quick_scrypt")
def test_a_kill_during_a_change_leaves_the_old_way_or_the_new_one(
    kms: EmbeddedKms, blob: str, to: str, tmp_path: Path, passphrases: dict[bytes, Path]
) -> None:
    if to == "file":
        admin.protect(kms, "passphrase", asked(RIGHT))
    before, to = protection(kms.store.folder), to.split(maxsplit=1)[0]
    kms.close()
    words = ["local", "protect", to, "--yes"]
    words += ["--passphrase-file", str(passphrases[RIGHT])] if to == "passphrase" else []

    def protect(folder: Path) -> None:
        on_store(folder, *words, **with_passphrase(passphrases[RIGHT]))

    modes = set()
    for folder in killed_everywhere(kms.store.folder, tmp_path, protect, CHANGES, most=8):
        modes.add(protection(folder))
        passphrase = asked(RIGHT) if protection(folder) == "passphrase" else never
        assert read(folder, blob, passphrase) == PLAINTEXT
    assert modes == {before, to}


IN_SECRET_SERVICE = """
import json, sys
from pathlib import Path

import secretstorage

from kmstool.errors import KmsToolError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms

folder, blob, modes = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
collection = secretstorage.get_default_collection(secretstorage.dbus_init())

def opened():
    return EmbeddedKms(folder, passphrase=lambda: b"correct horse")

def state():
    kms = opened()
    plaintext = kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"]
    secrets = [item.get_secret() for item in collection.get_all_items()]
    files = sorted(path.name for path in folder.iterdir())
    kept = any(secret.split()[-1] in path.read_bytes() for secret in secrets for path in folder.iterdir())
    return [admin.describe(kms)["Protection"], plaintext, len(secrets), files, kept]

seen = [state()]
for mode in modes:
    admin.protect(opened(), mode, lambda: b"correct horse")
    seen.append(state())

collection.lock()
try:
    opened().call("Decrypt", {"CiphertextBlob": blob})
except KmsToolError as error:
    refused = [type(error).__name__, error.exit_code, error.message, error.hint]
else:
    refused = []
print(json.dumps({"seen": seen, "refused": refused}))
"""


def in_secret_service(home: Path, program: list[str], **variables: str) -> str:
    """Run a program in a D-Bus session of its own with an unlocked Secret Service, and return its output."""
    session = "printf 'pw' | gnome-keyring-daemon --unlock --components=secrets > /dev/null && exec \"$@\""
    need("gnome-keyring-daemon")
    ran = subprocess.run(
        [need("dbus-run-session"), "--", "sh", "-c", session, "sh", *program],
        env=os.environ | {"HOME": str(home)} | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran
    return ran.stdout


def test_every_change_between_file_keyring_and_passphrase(kms: EmbeddedKms, blob: str, home: Path) -> None:
    modes = ["keyring", "passphrase", "passphrase", "keyring", "file", "passphrase", "file", "keyring"]
    program = [sys.executable, "-c", IN_SECRET_SERVICE, str(kms.store.folder), blob, *modes]
    told = json.loads(in_secret_service(home, program))
    with_file, without = ["kms.sqlite3", ROOT_KEY], ["kms.sqlite3"]
    assert told["seen"] == [
        [mode, PLAINTEXT, int(mode == "keyring"), with_file if mode == "file" else without, False]
        for mode in ["file", *modes]
    ]
    kind, code, message, hint = told["refused"]
    assert (kind, code) == ("AccessError", 4)
    assert "keyring" in message
    assert hint


RESET = """
import sys
from pathlib import Path

import secretstorage

from kmstool.server import admin
from kmstool.server.app import EmbeddedKms

folder = Path(sys.argv[1])
collection = secretstorage.get_default_collection(secretstorage.dbus_init())
admin.protect(EmbeddedKms(folder), "keyring", lambda: b"")
before = len(list(collection.get_all_items()))
admin.reset(folder)
print(before, len(list(collection.get_all_items())), *folder.glob("kms*"))
"""


def test_a_reset_destroys_the_root_key_in_the_keyring_too(kms: EmbeddedKms, home: Path) -> None:
    """A copy of the database that somebody kept must not be opened with what was left behind."""
    assert in_secret_service(home, [sys.executable, "-c", RESET, str(kms.store.folder)]).split() == ["1", "0"]


REFUSED = """
import json, sys
from pathlib import Path

from kmstool.errors import KmsToolError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.system import keychain

keychain.TIMEOUT_SECONDS = 1
folder, blob = Path(sys.argv[1]), sys.argv[2]
kms = EmbeddedKms(folder)
try:
    if admin.describe(kms)["Protection"] == "keyring":
        kms.call("Decrypt", {"CiphertextBlob": blob})
    else:
        admin.protect(kms, "keyring", lambda: b"")
except KmsToolError as error:
    print(json.dumps([type(error).__name__, error.message]))
"""


def greet(listener: socket.socket) -> None:
    """Let a client of D-Bus in and answer nothing that it asks."""
    with contextlib.suppress(OSError):
        connection, _ = listener.accept()
        with connection:
            while data := connection.recv(4096):
                if b"AUTH" in data:
                    connection.sendall(b"OK 0123456789abcdef0123456789abcdef\r\n")
                elif b"NEGOTIATE_UNIX_FD" in data:
                    connection.sendall(b"AGREE_UNIX_FD\r\n")


@pytest.mark.parametrize(
    ("bus", "before"),
    [("none", "keyring"), ("none", "file"), ("gone", "keyring"), ("gone", "file"), ("silent", "keyring")],
)
def test_without_a_keyring_that_answers_it_is_said_soon(
    kms: EmbeddedKms, blob: str, tmp_path: Path, bus: str, before: str
) -> None:
    change_store(kms, protection=before)
    content = kms.store.path.read_bytes()
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("DBUS_", "DISPLAY"))}
    if bus != "none":
        variables["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={tmp_path / 'bus'}"
    with socket.socket(socket.AF_UNIX) as silent:
        if bus == "silent":
            silent.bind(str(tmp_path / "bus"))
            silent.listen()
            threading.Thread(target=greet, args=(silent,), daemon=True).start()
        ran = subprocess.run(
            [sys.executable, "-c", REFUSED, str(kms.store.folder), blob],
            env=variables,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (ran.returncode, ran.stderr) == (0, "")
    kind, message = json.loads(ran.stdout)
    assert kind == "AccessError"
    assert "keyring" in message
    assert ("did not answer within 1 s" in message) == (bus == "silent")
    assert kms.store.path.read_bytes() == content
    assert names(kms.store.folder) == {"kms.sqlite3", ROOT_KEY}


IN_CLEAR = """
import os
from keyring.backend import KeyringBackend

class Keyring(KeyringBackend):
    priority = 100

    def _note(self, *what):
        with open(os.environ["NOTES"], "a") as notes:
            print(*what, file=notes)

    def get_password(self, service, username):
        self._note("get", service, username)

    def set_password(self, service, username, password):
        self._note("set", service, username, password)

    def delete_password(self, service, username):
        self._note("delete", service, username)
"""

WHAT_KEYRING_WOULD_USE = "import keyring; print(keyring.get_keyring().__module__)"


@pytest.fixture
def in_clear(tmp_path: Path) -> dict[str, str]:
    """Variables with which the keyring package would keep secrets in clear, and note them."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "keyring_in_clear.py").write_text(IN_CLEAR)
    variables = {
        "NOTES": str(tmp_path / "notes"),
        "PYTHONPATH": str(tmp_path / "modules"),
        "PYTHON_KEYRING_BACKEND": "keyring_in_clear.Keyring",
    }
    chosen = subprocess.run(
        [sys.executable, "-c", WHAT_KEYRING_WOULD_USE],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert chosen.strip() == "keyring_in_clear"
    return variables


def test_a_keyring_in_clear_is_not_used_where_there_is_no_other(
    kms: EmbeddedKms, tmp_path: Path, in_clear: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    for name, value in in_clear.items():
        monkeypatch.setenv(name, value)
    # A process finds the backend in its path; what this one has loaded stays.
    on_store(kms.store.folder, "local", "protect", "keyring", "--yes", exit_code=4, process=True)
    assert protection(kms.store.folder) == "file"
    change_store(kms, protection="keyring")
    on_store(kms.store.folder, "key", "create", "--alias", "demo", exit_code=4, process=True)
    assert not (tmp_path / "notes").exists()


def test_a_keyring_in_clear_is_not_used_beside_a_real_one(
    kms: EmbeddedKms, blob: str, home: Path, tmp_path: Path, in_clear: dict[str, str]
) -> None:
    program = [sys.executable, "-c", IN_SECRET_SERVICE, str(kms.store.folder), blob, "keyring"]
    told = json.loads(in_secret_service(home, program, **in_clear))
    assert [seen[:3] for seen in told["seen"]] == [["file", PLAINTEXT, 0], ["keyring", PLAINTEXT, 1]]
    assert not (tmp_path / "notes").exists()
