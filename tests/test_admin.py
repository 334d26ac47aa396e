"""A copy is complete and opens, a restore or a migration happens whole or not at all, and the clock goes where it is put."""

import base64
import contextlib
import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import AccessError, InputError, IntegrityError, KmsToolError, OutputError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import schema
from tests.stores import on_store
from tests.striking import killed_everywhere

FORMAT_1 = Path(__file__).parent / "vectors" / "store-format-1"
DATABASE, ROOT_KEY = "kms.sqlite3", "root.key"
PLAINTEXT = base64.b64encode(b"of the tests").decode()
GONE = "ResourceUnavailable.CmkNotFound"
PASSPHRASE = b"correct horse"
DAY = 86400
PAGE_BYTES = 4096

# Every change to a store's files is made by one of these.
CHANGES = ("pwrite64", "fdatasync", "fsync", "ftruncate", "linkat", "/^rename", "/^unlink")

# Opens a store as another process, does what each line of its input asks for and answers with a line.
PEER = """
import json, sys
from pathlib import Path
from kmstool.errors import KmsToolError
from kmstool.server.app import EmbeddedKms

kms = EmbeddedKms(Path(sys.argv[1]), passphrase=lambda: b"correct horse")
print(json.dumps({}), flush=True)
for line in sys.stdin:
    try:
        answer = kms.call(*json.loads(line))
    except KmsToolError as error:
        answer = {"error": type(error).__name__, "code": error.kms_code, "message": error.message}
    print(json.dumps(answer), flush=True)
"""

# Makes tagged keys w-0, w-1, … for ever and notes each one that was acknowledged.
WRITER = """
import sys
from pathlib import Path
from kmstool.server.app import EmbeddedKms

kms = EmbeddedKms(Path(sys.argv[1]))
with open(sys.argv[2], "w", buffering=1) as notes:
    for number in range(100_000):
        kms.call("CreateKey", {"Alias": f"w-{number}", "Tags": [{"TagKey": "number", "TagValue": str(number)}]})
        print(number, file=notes)
"""

RESTORE = """
import json, sys
from pathlib import Path
from kmstool.errors import KmsToolError
from kmstool.server import admin
from kmstool.server.tables import database_errors
from kmstool.server.app import EmbeddedKms

# What waits for another process should do so for a second only here.
database_errors.WAIT_SECONDS = 1
kms = EmbeddedKms(Path(sys.argv[1]))
try:
    admin.restore(kms, Path(sys.argv[2]), lambda: b"correct horse")
except KmsToolError as error:
    print(type(error).__name__)
"""


def passphrase() -> bytes:
    return PASSPHRASE


def never() -> bytes:
    pytest.fail("a passphrase was asked for")


@contextlib.contextmanager
def opened(folder: Path, region: str = "ap-guangzhou") -> Iterator[EmbeddedKms]:
    """Open a store anew, as the next command would."""
    kms = EmbeddedKms(folder, region, passphrase)
    try:
        yield kms
    finally:
        kms.close()


def create(kms: EmbeddedKms, alias: str, **parameters: object) -> str:
    return str(kms.call("CreateKey", {"Alias": alias, **parameters})["KeyId"])


def encrypt(kms: EmbeddedKms, key_id: str) -> str:
    return str(kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"])


def decrypt(kms: EmbeddedKms, blob: str) -> str:
    return str(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"])


def listed(kms: EmbeddedKms) -> dict[str, dict[str, Any]]:
    """Return all keys of the region by alias."""
    found: list[dict[str, Any]] = []
    while len(page := kms.call("ListKeyDetail", {"Limit": 200, "Offset": len(found)})["KeyMetadatas"]) == 200:
        found += page
    return {key["Alias"]: key for key in [*found, *page]}


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def sql(path: Path, *statements: str) -> list[Any]:
    """Do something to a database file behind kmstool's back; return the rows of the last statement."""
    rows: list[Any] = []
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            rows = db.execute(statement).fetchall()
    return rows


class Peer:
    """Another process that has a store open."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PEER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._answer()

    def call(self, action: str, parameters: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        print(json.dumps([action, parameters]), file=self._process.stdin, flush=True)
        return self._answer()

    def close(self) -> None:
        self._process.communicate(timeout=30)

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        answer = json.loads(self._process.stdout.readline())
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
def peer_of() -> Iterator[Callable[[Path], Peer]]:
    """Start processes that have a store open, and end them after the test."""
    peers: list[Peer] = []

    def start(folder: Path) -> Peer:
        peers.append(Peer(folder))
        return peers[-1]

    yield start
    for peer in peers:
        peer.close()


@pytest.fixture
def key_id(kms: EmbeddedKms) -> str:
    return create(kms, "demo", Description="of the tests", Tags=[{"TagKey": "team", "TagValue": "a"}])


@pytest.fixture
def copy(kms: EmbeddedKms, key_id: str, tmp_path: Path) -> Path:
    """A copy of the store with the one key `demo`."""
    admin.backup(kms, tmp_path / "kms.backup")
    return tmp_path / "kms.backup"


def test_a_copy_opens_with_the_root_key_and_holds_everything(
    kms: EmbeddedKms, key_id: str, copy: Path, tmp_path: Path
) -> None:
    blob = encrypt(kms, key_id)
    told = listed(kms)
    (tmp_path / "new").mkdir()
    shutil.copy(kms.store.folder / ROOT_KEY, tmp_path / "new" / ROOT_KEY)
    with opened(tmp_path / "new") as other:
        create(other, "to-be-replaced")
        admin.restore(other, copy, never)
    with opened(tmp_path / "new") as other:
        assert listed(other) == told
        assert decrypt(other, blob) == PLAINTEXT
        tagged = other.call("ListKeyDetail", {"TagFilters": [{"TagKey": "team", "TagValue": ["a"]}]})
        assert tagged["TotalCount"] == 1


def test_a_copy_holds_no_root_key_and_no_material_in_clear(kms: EmbeddedKms, copy: Path) -> None:
    content = copy.read_bytes()
    root_key = (kms.store.folder / ROOT_KEY).read_bytes().split()[-1]
    assert root_key not in content
    assert base64.b64decode(root_key) not in content


def test_a_copy_made_while_another_process_writes_holds_all_up_to_one_moment(tmp_path: Path) -> None:
    folder, notes = tmp_path / "busy", tmp_path / "notes"
    with opened(folder) as kms:
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(notes)])

        def acknowledged() -> int:
            return notes.read_bytes().count(b"\n") if notes.exists() else 0

        copies = []
        try:
            deadline = time.monotonic() + 60
            for number in range(6):
                enough = acknowledged() + 15
                while acknowledged() < enough:
                    assert writer.poll() is None, "the writer ended"
                    assert time.monotonic() < deadline
                    time.sleep(0.001)
                before = acknowledged()
                admin.backup(kms, tmp_path / f"copy-{number}")
                copies.append((tmp_path / f"copy-{number}", before, acknowledged()))
        finally:
            writer.kill()
            writer.wait()
    for path, before, after in copies:
        place = path.with_name(f"{path.name}-restored")
        place.mkdir()
        shutil.copy(folder / ROOT_KEY, place / ROOT_KEY)
        with opened(place) as other:
            admin.restore(other, path, never)
            found = listed(other)
            # One more may have been made without the note yet.
            assert before <= len(found) <= after + 1
            assert set(found) == {f"w-{number}" for number in range(len(found))}
            for alias, key in found.items():
                assert decrypt(other, encrypt(other, key["KeyId"])) == PLAINTEXT
                tags = sql(place / DATABASE, f"SELECT name, value FROM tag WHERE key_id = '{key['KeyId']}'")
                assert tags == [("number", alias.removeprefix("w-"))]


def test_a_copy_is_closed_to_others_and_replaces_nothing_unasked(kms: EmbeddedKms, key_id: str, tmp_path: Path) -> None:
    path = tmp_path / "kms.backup"
    before = os.umask(0)
    try:
        made = on_store(kms.store.folder, "local", "backup", str(path))
        assert mode(path) == 0o600, made
        content = path.read_bytes()
        create(kms, "another")
        refused = on_store(kms.store.folder, "local", "backup", str(path), exit_code=8)
        assert path.read_bytes() == content, refused
        with pytest.raises(OutputError, match="exists already"):
            admin.backup(kms, path)
        path.chmod(0o666)
        replaced = on_store(kms.store.folder, "local", "backup", str(path), "--force")
        assert mode(path) == 0o600, replaced
        assert path.read_bytes() != content
    finally:
        os.umask(before)
    with pytest.raises(OutputError):
        admin.backup(kms, tmp_path / "nowhere" / "kms.backup")


def other_database(path: Path) -> None:
    path.unlink()
    sql(path, "CREATE TABLE cmk (key_id TEXT)")


def with_foreign_mark(path: Path) -> None:
    sql(path, f"PRAGMA application_id = {0x656C7365}")


def of_a_newer_format(path: Path) -> None:
    sql(path, f"PRAGMA user_version = {schema.VERSION + 1}")


def without_tables(path: Path) -> None:
    sql(path, "DROP TABLE store")


def without_keys(path: Path) -> None:
    sql(path, "DELETE FROM store")


def with_a_trigger(path: Path) -> None:
    sql(path, "CREATE TRIGGER later AFTER INSERT ON cmk BEGIN DELETE FROM material; END")


def with_a_view(path: Path) -> None:
    sql(path, "CREATE VIEW shown AS SELECT * FROM cmk")


def with_a_view_for_a_table(path: Path) -> None:
    sql(path, "ALTER TABLE fault RENAME TO hidden", "CREATE VIEW fault AS SELECT * FROM hidden")


def with_an_index(path: Path) -> None:
    sql(path, "CREATE INDEX more ON cmk (alias)")


def with_a_table(path: Path) -> None:
    sql(path, 'CREATE TABLE "x""; DROP TABLE cmk; --" (a)')


def with_a_column(path: Path) -> None:
    sql(path, "ALTER TABLE tag ADD COLUMN more TEXT DEFAULT ''")


def with_a_computed_column(path: Path) -> None:
    sql(path, "ALTER TABLE tag ADD COLUMN more TEXT AS (upper(name))")


def without_an_index(path: Path) -> None:
    sql(path, "DROP INDEX due_deletion")


def with_an_altered_row(path: Path) -> None:
    sql(path, "UPDATE cmk SET description = 'mine'")


def shortened(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: -2 * PAGE_BYTES + 100])


def with_a_damaged_store_key(path: Path) -> None:
    sql(path, "UPDATE store SET store_key = zeroblob(60)")


def under_another_root_key(path: Path) -> None:
    path.unlink()
    with opened(path.parent / "another") as other:
        create(other, "demo")
        admin.backup(other, path)


def under_a_lost_passphrase(path: Path) -> None:
    path.unlink()
    with opened(path.parent / "another") as other:
        create(other, "demo")
        admin.protect(other, "passphrase", lambda: b"battery staple")
        admin.backup(other, path)


def replaced_by_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


REFUSED: list[tuple[Callable[[Path], object], type[KmsToolError]]] = [
    (Path.unlink, InputError),
    (replaced_by_a_folder, InputError),
    (lambda path: path.write_text("this is no database\n" * 1000), InputError),
    (lambda path: path.write_bytes(b""), InputError),
    (other_database, InputError),
    (with_foreign_mark, InputError),
    (of_a_newer_format, InputError),
    (without_tables, IntegrityError),
    (without_keys, IntegrityError),
    (shortened, IntegrityError),
    (with_a_damaged_store_key, IntegrityError),
    (with_a_trigger, IntegrityError),
    (with_a_view, IntegrityError),
    (with_a_view_for_a_table, IntegrityError),
    (with_an_index, IntegrityError),
    (with_a_table, IntegrityError),
    (with_a_column, IntegrityError),
    (with_a_computed_column, IntegrityError),
    (without_an_index, IntegrityError),
    (with_an_altered_row, IntegrityError),
    (under_another_root_key, AccessError),
    (under_a_lost_passphrase, AccessError),
]
REFUSED_IDS = [
    "missing", "folder", "text", "empty", "other-database", "foreign", "newer", "no-tables", "no-keys", "shortened",
    "store-key", "trigger", "view", "view-as-table", "index", "table", "column", "computed", "no-index", "row",
    "other-root-key", "lost-passphrase",
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "error"), REFUSED, ids=REFUSED_IDS)
def test_what_is_no_good_copy_is_refused_and_the_store_stays(
    kms: EmbeddedKms, key_id: str, copy: Path, spoil: Callable[[Path], object], error: type[KmsToolError]
) -> None:
    blob = encrypt(kms, create(kms, "made-after-the-copy"))
    before = kms.store.path.read_bytes()
    root_key = (kms.store.folder / ROOT_KEY).read_bytes()
    spoil(copy)
    with pytest.raises(error) as caught:
        admin.restore(kms, copy, passphrase)
    assert type(caught.value) is error
    assert kms.store.path.read_bytes() == before
    assert (kms.store.folder / ROOT_KEY).read_bytes() == root_key
    assert names(kms.store.folder) == {DATABASE, ROOT_KEY}
    assert decrypt(kms, blob) == PLAINTEXT
    with opened(kms.store.folder) as other:
        assert decrypt(other, blob) == PLAINTEXT


@pytest.mark.parametrize("command", ["restore", "seed"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_may_never_end_is_refused_at_once(kms: EmbeddedKms, tmp_path: Path, command: str, kind: str) -> None:
    path = tmp_path / "pipe" if kind == "pipe" else Path("/dev/zero")
    if kind == "pipe":
        os.mkfifo(path, 0o600)
    ran = on_store(kms.store.folder, "local", command, str(path), "--yes", exit_code=3)
    assert ran.out == "", ran
    assert "is not a regular file" in ran.err


def test_a_seed_that_comes_from_a_command_is_read(kms: EmbeddedKms, tmp_path: Path) -> None:
    (tmp_path / "seed.toml").write_text('[[key]]\nalias = "seeded"\n')
    program = f"{sys.executable} -m kmstool --profile local local seed"
    line = f"{program} <(cat {tmp_path}/seed.toml) && sed s/seeded/piped/ {tmp_path}/seed.toml | {program} -"
    environ = os.environ | {"KMSTOOL_LOCAL_HOME": str(kms.store.folder)}
    ran = subprocess.run(["bash", "-c", line], env=environ, capture_output=True, check=False, timeout=60)
    assert ran.returncode == 0, ran
    assert set(listed(kms)) == {"seeded", "piped"}


def test_a_copy_with_any_damaged_page_is_refused_as_damaged(kms: EmbeddedKms, key_id: str, copy: Path) -> None:
    for number in range(60):
        create(kms, f"filler-{number}", Description="x" * 500)
    admin.backup(kms, copy, replace=True)
    whole = copy.read_bytes()
    pages = len(whole) // PAGE_BYTES
    assert pages > 20
    before = kms.store.path.read_bytes()
    answers = {}
    # The first page has the marks by which a copy is known; a file without them is something else.
    for page in range(1, pages):
        damaged = bytearray(whole)
        damaged[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = os.urandom(PAGE_BYTES)
        copy.write_bytes(damaged)
        try:
            admin.restore(kms, copy, never)
            answers[page] = "restored"
        except KmsToolError as error:
            answers[page] = type(error).__name__
    assert answers == dict.fromkeys(range(1, pages), "IntegrityError")
    assert kms.store.path.read_bytes() == before


def test_the_commands(kms: EmbeddedKms, key_id: str, copy: Path) -> None:
    folder = kms.store.folder
    create(kms, "made-after-the-copy")
    words = ("local", "restore", str(copy))
    on_store(folder, *words, exit_code=2)
    on_store(folder, *words, "--dry-run")
    assert set(listed(kms)) == {"demo", "made-after-the-copy"}
    on_store(folder, *words, "--yes")
    assert set(listed(kms)) == {"demo"}
    with_mark = copy.with_name("spoilt")
    shutil.copy(copy, with_mark)
    with_foreign_mark(with_mark)
    on_store(folder, "local", "restore", str(with_mark), "--yes", exit_code=3)
    under_another_root_key(with_mark)
    on_store(folder, "local", "restore", str(with_mark), "--yes", exit_code=4)
    assert set(listed(kms)) == {"demo"}


def test_a_restore_reaches_processes_that_have_the_store_open(
    kms: EmbeddedKms, key_id: str, copy: Path, peer_of: Callable[[Path], Peer]
) -> None:
    blob = encrypt(kms, key_id)
    peer = peer_of(kms.store.folder)
    later = peer.call("CreateKey", {"Alias": "made-after-the-copy"})["KeyId"]
    assert peer.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == PLAINTEXT
    admin.restore(kms, copy, never)
    assert peer.call("DescribeKey", {"KeyId": later})["code"] == GONE
    assert peer.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == PLAINTEXT
    fresh = peer.call("CreateKey", {"Alias": "made-after-the-restore"})["KeyId"]
    with opened(kms.store.folder) as other:
        assert decrypt(other, encrypt(other, fresh)) == PLAINTEXT
        assert set(listed(other)) == {"demo", "made-after-the-restore"}


def test_a_key_made_after_the_copy_of_another_store_was_restored_is_not_lost(
    tmp_path: Path, peer_of: Callable[[Path], Peer]
) -> None:
    """The keys of a store change with its content; a process that has the former ones in memory must notice."""
    folder, copy = tmp_path / "folder", tmp_path / "kms.backup"
    with opened(folder) as kms:
        blob = encrypt(kms, create(kms, "demo"))
        admin.protect(kms, "passphrase", passphrase)
        admin.backup(kms, copy)
    admin.reset(folder)
    with opened(folder) as kms:
        create(kms, "of-the-second-store")
        admin.protect(kms, "passphrase", passphrase)
        peer = peer_of(folder)
        assert "KeyId" in peer.call("CreateKey", {"Alias": "of-the-peer"})
        admin.restore(kms, copy, passphrase)
        assert decrypt(kms, blob) == PLAINTEXT
    answer = peer.call("CreateKey", {"Alias": "made-after-the-restore"})
    with opened(folder) as kms:
        assert decrypt(kms, blob) == PLAINTEXT
        for key in listed(kms).values():
            assert decrypt(kms, encrypt(kms, key["KeyId"])) == PLAINTEXT
    assert answer.get("error") in {None, "OutputError"}


def test_a_copy_under_a_passphrase_is_opened_with_it(kms: EmbeddedKms, tmp_path: Path) -> None:
    copy = tmp_path / "kms.backup"
    with opened(tmp_path / "other") as other:
        blob = encrypt(other, create(other, "demo"))
        admin.protect(other, "passphrase", passphrase)
        admin.backup(other, copy)
    admin.restore(kms, copy, passphrase)
    with opened(kms.store.folder) as restored:
        assert admin.describe(restored)["Protection"] == "passphrase"
        assert decrypt(restored, blob) == PLAINTEXT


@pytest.mark.parametrize("damaged_copy", [False, True])
def test_a_copy_of_an_older_format_is_brought_up_to_date(tmp_path: Path, damaged_copy: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(FORMAT_1 / ROOT_KEY, folder / ROOT_KEY)
    (folder / ROOT_KEY).chmod(0o600)
    copy = tmp_path / "kms.backup"
    shutil.copy(FORMAT_1 / DATABASE, copy)
    copy.chmod(0o600)
    content = copy.read_bytes()
    with opened(folder) as kms, opened(folder) as other:
        create(kms, "to-be-replaced")
        if damaged_copy:
            without_keys(copy)
            with pytest.raises(IntegrityError):
                admin.restore(kms, copy, never)
            assert set(listed(kms)) == {"to-be-replaced"}
            return
        admin.restore(kms, copy, never)
        assert copy.read_bytes() == content
        for process in (kms, other):
            assert set(listed(process)) == {"from-format-1", "external"}
            assert decrypt(process, encrypt(process, listed(process)["from-format-1"]["KeyId"])) == PLAINTEXT


def restoring(folder: Path, copy: Path, seconds: float) -> str:
    """Restore in another process and return what it says; fail if it does not end."""
    try:
        ran = subprocess.run(
            [sys.executable, "-c", RESTORE, str(folder), str(copy)],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"the restore did not end within {seconds} s")
    return ran.stdout.strip()


def test_a_restore_waits_for_another_process_only_so_long(kms: EmbeddedKms, key_id: str, copy: Path) -> None:
    create(kms, "made-after-the-copy")
    with contextlib.closing(sqlite3.connect(kms.store.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert restoring(kms.store.folder, copy, 8) == "OutputError"
        holder.execute("ROLLBACK")
    assert set(listed(kms)) == {"demo", "made-after-the-copy"}
    assert restoring(kms.store.folder, copy, 8) == ""
    assert set(listed(kms)) == {"demo"}


def test_the_store_itself_is_no_copy_to_restore(kms: EmbeddedKms, key_id: str) -> None:
    blob = encrypt(kms, key_id)
    said = restoring(kms.store.folder, kms.store.path, 8)
    assert said in {"", "InputError", "ArgumentError"}
    with opened(kms.store.folder) as other:
        assert decrypt(other, blob) == PLAINTEXT


def test_a_kill_during_a_restore_leaves_the_old_content_or_the_new_one(
    kms: EmbeddedKms, key_id: str, copy: Path, tmp_path: Path
) -> None:
    blob = encrypt(kms, key_id)
    for number in range(20):
        create(kms, f"made-after-the-copy-{number}", Description="x" * 900)
    kms.close()
    old = {"demo", *(f"made-after-the-copy-{number}" for number in range(20))}
    contents = []

    def restore(folder: Path) -> None:
        with opened(folder) as other:
            admin.restore(other, copy, passphrase)

    for folder in killed_everywhere(kms.store.folder, tmp_path, restore, CHANGES, most=4):
        with opened(folder) as other:
            found = listed(other)
            assert set(found) in ({"demo"}, old)
            contents.append(len(found))
            assert decrypt(other, blob) == PLAINTEXT
            for key in found.values():
                encrypt(other, key["KeyId"])
        assert sql(folder / DATABASE, "PRAGMA integrity_check") == [("ok",)]
    assert set(contents) == {1, 21}


@pytest.fixture
def format_1(tmp_path: Path) -> Path:
    """A store that the first version of kmstool made."""
    folder = Path(shutil.copytree(FORMAT_1, tmp_path / "format-1"))
    folder.chmod(0o700)
    for name in names(folder):
        (folder / name).chmod(0o600)
    return folder


def check_has_all_of_format_1(folder: Path) -> None:
    """Open a store and see that everything of the first format's sample is there and of use."""
    with opened(folder) as kms:
        found = listed(kms)
        assert {(alias, key["KeyState"], key["Origin"], key["Description"]) for alias, key in found.items()} == {
            ("from-format-1", "Enabled", "TENCENT_KMS", "made by the first format"),
            ("external", "PendingImport", "EXTERNAL", ""),
        }
        assert [key["CreateTime"] for key in found.values()] == [1795501687] * 2
        tagged = kms.call("ListKeyDetail", {"TagFilters": [{"TagKey": "team", "TagValue": ["a"]}]})["KeyMetadatas"]
        assert [key["Alias"] for key in tagged] == ["from-format-1"]
        assert decrypt(kms, encrypt(kms, found["from-format-1"]["KeyId"])) == PLAINTEXT
        assert admin.describe(kms)["Protection"] == "file"
    with opened(folder, "ap-singapore") as kms:
        assert set(listed(kms)) == {"fips"}
        assert decrypt(kms, encrypt(kms, listed(kms)["fips"]["KeyId"])) == PLAINTEXT
    assert sql(folder / DATABASE, "PRAGMA integrity_check") == [("ok",)]
    assert sql(folder / DATABASE, "PRAGMA user_version") == [(schema.VERSION,)]


def test_a_store_of_the_first_format_is_brought_up_to_date_and_kept_as_it_was(format_1: Path, tmp_path: Path) -> None:
    before = (format_1 / DATABASE).read_bytes()
    check_has_all_of_format_1(format_1)
    kept = format_1 / f"{DATABASE}.format-1"
    assert names(format_1) == {DATABASE, ROOT_KEY, kept.name}
    assert (mode(kept), mode(format_1 / DATABASE)) == (0o600, 0o600)
    assert sql(kept, "PRAGMA user_version") == [(1,)]
    assert sql(kept, "SELECT * FROM material") == sql(FORMAT_1 / DATABASE, "SELECT * FROM material")
    assert kept.read_bytes() == before
    check_has_all_of_format_1(format_1)
    again = tmp_path / "again"
    again.mkdir()
    shutil.copy(kept, again / DATABASE)
    shutil.copy(format_1 / ROOT_KEY, again / ROOT_KEY)
    check_has_all_of_format_1(again)


def test_an_old_store_can_do_all_that_is_new(format_1: Path) -> None:
    with opened(format_1) as kms:
        key_id = listed(kms)["from-format-1"]["KeyId"]
        blob = encrypt(kms, key_id)
        kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 7})
        kms.call("BindCloudResource", {"KeyId": key_id, "ProductId": "ssm", "ResourceId": "secret-1"})
        admin.move_clock(kms, 8 * DAY)
        assert listed(kms)["from-format-1"]["LastRotateTime"] > 0
        assert decrypt(kms, blob) == PLAINTEXT
        admin.protect(kms, "passphrase", passphrase)
    with opened(format_1) as kms:
        assert decrypt(kms, blob) == PLAINTEXT


def test_several_processes_may_find_an_old_store_at_once(format_1: Path) -> None:
    program = [sys.executable, "-c", PEER, str(format_1)]
    started = [subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(4)]
    assert [process.communicate(timeout=60)[0] for process in started] == [b"{}\n"] * 4
    assert [process.returncode for process in started] == [0] * 4
    check_has_all_of_format_1(format_1)


def test_a_kill_during_a_migration_loses_nothing(format_1: Path, tmp_path: Path) -> None:
    count = 0

    def use(folder: Path) -> None:
        on_store(folder, "local", "status")

    for folder in killed_everywhere(format_1, tmp_path, use, CHANGES, most=6):
        check_has_all_of_format_1(folder)
        kept = folder / f"{DATABASE}.format-1"
        assert (mode(kept), sql(kept, "PRAGMA user_version")) == (0o600, [(1,)])
        count += 1
    assert count > 12


@pytest.mark.parametrize("version", [schema.VERSION + 1, 2**31 - 1])
def test_a_store_of_a_newer_kmstool_is_left_alone(kms: EmbeddedKms, key_id: str, version: int) -> None:
    kms.close()
    sql(kms.store.path, f"PRAGMA user_version = {version}")
    before = kms.store.path.read_bytes()
    with pytest.raises(InputError, match=f"format {version}"):
        EmbeddedKms(kms.store.folder)
    on_store(kms.store.folder, "key", "list", exit_code=3)
    assert kms.store.path.read_bytes() == before
    assert names(kms.store.folder) == {DATABASE, ROOT_KEY}


def clock(folder: Path, *words: str) -> dict[str, int]:
    """Move the clock and return what is said of it."""
    ran = on_store(folder, "local", "clock", *words, "--format", "json")
    answer = json.loads(ran.out)
    assert isinstance(answer, dict)
    return answer


def is_about(seconds: int, expected: float) -> bool:
    return abs(seconds - expected) < 60


def test_the_clock_is_moved_by_a_duration_to_a_moment_and_back(kms: EmbeddedKms) -> None:
    folder = kms.store.folder
    assert clock(folder, "show")["ClockOffset"] == 0
    assert clock(folder, "advance", "8d")["ClockOffset"] == 8 * DAY
    told = clock(folder, "advance", "90s")
    assert told["ClockOffset"] == 8 * DAY + 90
    assert is_about(told["Now"], time.time() + 8 * DAY + 90)
    assert clock(folder, "show")["ClockOffset"] == 8 * DAY + 90
    assert is_about(kms.call("DescribeKey", {"KeyId": create(kms, "demo")})["KeyMetadata"]["CreateTime"], told["Now"])
    told = clock(folder, "set", "2031-01-31T08:00:00Z")
    assert is_about(told["Now"], 1927612800)
    assert is_about(admin.describe(kms)["Now"], 1927612800)
    assert is_about(clock(folder, "set", "2031-01-31T16:00:00+08:00")["Now"], 1927612800)
    assert is_about(clock(folder, "set", "1927612800")["Now"], 1927612800)
    would = on_store(folder, "local", "clock", "advance", "1w", "--dry-run", "--format", "json").out
    assert json.loads(would)["Changes"][0]["Params"]["ClockOffset"] > admin.describe(kms)["ClockOffset"]
    assert is_about(admin.describe(kms)["Now"], 1927612800)
    told = clock(folder, "reset")
    assert (told["ClockOffset"], admin.describe(kms)["ClockOffset"]) == (0, 0)
    assert is_about(told["Now"], time.time())


def test_what_falls_due_happens_at_once_and_stays_done(kms: EmbeddedKms, key_id: str) -> None:
    folder = kms.store.folder
    kms.call("DisableKey", {"KeyId": key_id})
    kms.call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": 7})
    clock(folder, "advance", "6d")
    assert sql(kms.store.path, "SELECT state FROM cmk") == [("PendingDelete",)]
    clock(folder, "advance", "2d")
    assert sql(kms.store.path, "SELECT state FROM cmk") == []
    clock(folder, "reset")
    assert listed(kms) == {}


@pytest.mark.parametrize(
    "words",
    [
        ("advance",),
        ("set",),
        ("show", "8d"),
        ("reset", "8d"),
        ("advance", "8"),
        ("advance", "8y"),
        ("advance", "-8d"),
        ("set", "tomorrow"),
        ("set", "2027-13-01"),
        ("set", "-5"),
        ("wind", "8d"),
    ],
)
def test_a_clock_that_makes_no_sense_is_refused(kms: EmbeddedKms, words: tuple[str, ...]) -> None:
    refused = on_store(kms.store.folder, "local", "clock", *words, exit_code=2)
    assert refused.out == "", refused
    assert admin.describe(kms)["ClockOffset"] == 0


@pytest.mark.parametrize("words", [("advance", "999999w"), ("set", "0001-01-01"), ("set", "9999-12-31"), ("set", "0")])
def test_a_clock_at_the_end_of_time_is_refused_or_works(kms: EmbeddedKms, words: tuple[str, ...]) -> None:
    """No answer may be an unexpected error, neither now nor of a later command on the keys made meanwhile."""
    folder = kms.store.folder
    codes = {
        command: on_store(folder, *command, exit_code=None).exit_code
        for command in (
            ("local", "clock", *words),
            ("key", "create", "--alias", "demo"),
            ("key", "rotation", "on", "demo"),
            ("local", "clock", "reset"),
            ("key", "show", "demo"),
        )
    }
    moved, *others = codes.values()
    assert moved in {0, 2, 3}, codes
    assert set(others) == {0}, codes


def test_the_store_is_described(kms: EmbeddedKms, key_id: str) -> None:
    with opened(kms.store.folder, "ap-singapore") as other:
        create(other, "fips")
        create(other, "fips-2")
    told = admin.describe(kms)
    assert told["Keys"] == {"ap-guangzhou": 1, "ap-singapore": 2}
    assert (told["Folder"], told["Protection"], told["ClockOffset"]) == (str(kms.store.folder), "file", 0)
    assert is_about(told["Now"], time.time())
    assert is_about(told["Created"], time.time())


def test_a_restore_says_which_root_key_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the only key to copies that were made before."""
    folder = tmp_path / "store"
    passphrase, copies = tmp_path / "passphrase", [str(tmp_path / name) for name in ("first", "second")]
    passphrase.write_text("correct horse battery")
    passphrase.chmod(0o600)
    monkeypatch.setenv("KMSTOOL_PASSPHRASE_FILE", str(passphrase))
    mode = ("passphrase", "--passphrase-file", str(passphrase))
    for words in (
        ("local", "protect", *mode), ("local", "backup", copies[0]), ("local", "protect", "file"),
        ("key", "list"), ("local", "backup", copies[1]),
    ):  # fmt: skip
        on_store(folder, *words, "--yes")
    key = (folder / ROOT_KEY).read_bytes()
    done = on_store(folder, "local", "restore", copies[0], "--yes")
    assert "root.key.former goes with the next use" in done.err
    on_store(folder, "key", "list")
    on_store(folder, "local", "restore", copies[1], "--yes", exit_code=4)
    (folder / ROOT_KEY).write_bytes(key)
    (folder / ROOT_KEY).chmod(0o600)
    done = on_store(folder, "local", "restore", copies[1], "--yes")
    assert "goes with" not in done.err
