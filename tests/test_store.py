"""What was acknowledged is on disk and stays there: through kills, faults, a full disk and other processes."""

import contextlib
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import InputError, IntegrityError, KmsToolError, OutputError
from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables import database_errors, schema, store
from kmstool.system import ownership
from tests.conftest import small_disk
from tests.program import until, waits
from tests.striking import Struck, struck

DATABASE = "kms.sqlite3"
ROOT_KEY = "root.key"
APPLICATION_ID = 0x6B6D7374

# Creates one key and prints "created" or the class of the refusal; anything else is a traceback.
CREATE = """
import sys
from pathlib import Path
from kmstool.errors import KmsToolError
from kmstool.server.app import EmbeddedKms
try:
    print("created", EmbeddedKms(Path(sys.argv[1])).call("CreateKey", {"Alias": sys.argv[2]})["KeyId"])
except KmsToolError as error:
    print(type(error).__name__, error)
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def create(folder: Path, *aliases: str) -> list[str]:
    with contextlib.closing(EmbeddedKms(folder)) as kms:
        return [str(kms.call("CreateKey", {"Alias": alias})["KeyId"]) for alias in aliases]


def keys_of(folder: Path) -> dict[str, str]:
    """Return alias and id of all keys, read page by page."""
    found: dict[str, str] = {}
    with contextlib.closing(EmbeddedKms(folder)) as kms:
        while True:
            answer = kms.call("ListKeyDetail", {"Offset": len(found), "Limit": 200})
            found |= {key["Alias"]: key["KeyId"] for key in answer["KeyMetadatas"]}
            if len(found) >= answer["TotalCount"]:
                return found


def usable(folder: Path, key_ids: list[str]) -> bool:
    """Tell whether every key's material is there."""
    with contextlib.closing(EmbeddedKms(folder)) as kms:
        for key_id in key_ids:
            blob = kms.call("Encrypt", {"KeyId": key_id, "Plaintext": "QUJD"})["CiphertextBlob"]
            assert kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == "QUJD"
    return True


def execute(folder: Path, statement: str) -> list[Any]:
    import sqlite3

    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as db:
        rows = db.execute(statement).fetchall()
        db.commit()
    return rows


def intact(folder: Path) -> bool:
    return execute(folder, "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.mark.parametrize("umask", ["000", "022", "077", "777"])
def test_the_store_is_for_its_owner_only_whatever_the_umask(folder: Path, umask: str) -> None:
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom kmstool.server.app import EmbeddedKms\n"
        "from kmstool.server.tables.store import Store\n"
        "os.umask(int(sys.argv[2], 8))\nfolder = Path(sys.argv[1])\n"
        "EmbeddedKms(folder).call('CreateKey', {'Alias': 'demo'})\n"
        "with Store(folder).transaction(write=True) as db:\n"
        "    db.execute('UPDATE cmk SET description = 1')\n"
        "    for path in sorted(folder.iterdir()):\n        print(path.name, oct(path.stat().st_mode & 0o7777))\n"
    )
    command = [sys.executable, "-c", program, str(folder), umask]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.splitlines() == [f"{DATABASE} 0o600", f"{DATABASE}-journal 0o600", f"{ROOT_KEY} 0o600"]
    assert mode(folder) == 0o700
    assert [mode(path) for path in folder.iterdir()] == [0o600, 0o600]


def test_the_folders_above_are_made(tmp_path: Path) -> None:
    create(tmp_path / "a" / "b" / "store", "demo")
    assert mode(tmp_path / "a" / "b" / "store") == 0o700


def test_the_database_says_what_it_is(folder: Path) -> None:
    create(folder, "demo")
    assert execute(folder, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert execute(folder, "PRAGMA user_version")[0][0] >= 1
    assert execute(folder, "PRAGMA journal_mode") == [("delete",)]
    assert (folder / DATABASE).read_bytes()[68:72] == b"kmst"
    assert sorted(path.name for path in folder.iterdir()) == [DATABASE, ROOT_KEY]


def test_a_newer_format_is_refused_and_left_alone(folder: Path) -> None:
    create(folder, "demo")
    version = execute(folder, "PRAGMA user_version")[0][0]
    execute(folder, f"PRAGMA user_version = {version + 1}")
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(InputError) as caught:
        EmbeddedKms(folder)
    assert str(version + 1) in caught.value.message
    assert "newer" in (caught.value.hint or "")
    assert (folder / DATABASE).read_bytes() == before
    execute(folder, f"PRAGMA user_version = {version}")
    assert keys_of(folder).keys() == {"demo"}


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE cmk (a)"],
        ["CREATE TABLE store (a)", "PRAGMA user_version = 1"],
        ["PRAGMA application_id = 1"],
        ["PRAGMA user_version = 1"],
        ["PRAGMA application_id = 7", "PRAGMA user_version = 1", "CREATE TABLE cmk (a)"],
    ],
)
def test_a_foreign_database_is_refused_and_left_alone(folder: Path, statements: list[str]) -> None:
    folder.mkdir()
    for statement in statements:
        execute(folder, statement)
    before = (folder / DATABASE).read_bytes()
    with pytest.raises(InputError) as caught:
        EmbeddedKms(folder)
    assert str(folder / DATABASE) in caught.value.message
    assert (folder / DATABASE).read_bytes() == before
    assert [path.name for path in folder.iterdir()] == [DATABASE]


def test_a_database_with_our_mark_and_other_tables_is_damaged(folder: Path) -> None:
    create(folder, "demo")
    execute(folder, "DROP TABLE cmk")
    with pytest.raises(IntegrityError):
        keys_of(folder)
    execute(folder, "CREATE TABLE cmk (a)")
    with pytest.raises(IntegrityError):
        keys_of(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"garbage\n" * 1000,
        bytes(4096),
        bytes(100_000),
        b"SQLite format 3\0",
        b"SQLite format 3\0" + b"\xff" * 4080,
    ],
    ids=["text", "zeros", "many zeros", "magic", "magic and ones"],
)
def test_garbage_is_damage_and_is_left_alone(folder: Path, content: bytes) -> None:
    create(folder, "demo")
    (folder / DATABASE).write_bytes(content)
    for _ in range(2):
        with pytest.raises(IntegrityError) as caught:
            keys_of(folder)
        assert str(folder / DATABASE) in caught.value.message
        assert (folder / DATABASE).read_bytes() == content


@pytest.mark.parametrize("mode", ["file", "passphrase"])
@pytest.mark.parametrize("size", [0, 1])
def test_a_database_that_is_gone_but_for_its_name_is_no_new_store(folder: Path, size: int, mode: str) -> None:
    create(folder, "demo")
    if mode == "passphrase":
        with contextlib.closing(EmbeddedKms(folder)) as kms:
            admin.protect(kms, mode, lambda: b"correct horse")
    whole = (folder / DATABASE).read_bytes()
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != DATABASE}
    (folder / DATABASE).write_bytes(whole[:size])
    for _ in range(2):
        with pytest.raises(IntegrityError) as caught:
            EmbeddedKms(folder)
        assert caught.value.exit_code == 5
    assert (folder / DATABASE).read_bytes() == whole[:size]
    assert {path.name: path.read_bytes() for path in folder.iterdir() if path.name != DATABASE} == before


def test_a_root_key_alone_is_a_store_that_is_being_made(folder: Path) -> None:
    """A kill came between the two; and who wants to restore a copy brings its root key like that."""
    create(folder, "demo")
    line = (folder / ROOT_KEY).read_bytes()
    (folder / DATABASE).unlink()
    assert keys_of(folder) == {}
    assert (folder / ROOT_KEY).read_bytes() == line


def test_the_journal_of_a_database_that_is_gone_is_not_rolled_back_into_the_next(folder: Path) -> None:
    create(folder, "demo")
    (folder / DATABASE).unlink()
    (folder / f"{DATABASE}-journal").write_bytes(b"\xd9\xd5\x05\xf9 \xa1c\xd7" + bytes(1016))
    assert usable(folder, create(folder, "new"))
    assert intact(folder)
    assert not (folder / f"{DATABASE}-journal").exists()


def test_a_truncated_database_is_damage(folder: Path) -> None:
    key_id = create(folder, "demo")[0]
    whole = (folder / DATABASE).read_bytes()
    for size in (15, 16, 50, 99, 100, 512, 1024, 4095, 4096, 4097, 8192, len(whole) // 2, len(whole) - 4096):
        (folder / DATABASE).write_bytes(whole[:size])
        with pytest.raises(IntegrityError):
            usable(folder, list(keys_of(folder).values()))
    (folder / DATABASE).write_bytes(whole)
    assert usable(folder, [key_id])


class Damaged:
    """A store whose database is altered again and again, and all that may then be asked of it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / DATABASE
        with contextlib.closing(EmbeddedKms(folder)) as kms:
            more = {"Description": "of the tests", "Tags": [{"TagKey": "team", "TagValue": "a"}]}
            self.key_id = kms.call("CreateKey", {"Alias": "demo", **more})["KeyId"]
            self.blob = kms.call("Encrypt", {"KeyId": self.key_id, "Plaintext": "QUJD"})["CiphertextBlob"]
            kms.call("CreateKey", {"Alias": "other", "Type": 2})
        self.whole = self.path.read_bytes()

    def outcomes(self, altered: bytes) -> set[str]:
        """Ask everything of an altered database and return the kinds of answers."""
        self.path.write_bytes(altered)
        self.path.with_name(f"{DATABASE}-journal").unlink(missing_ok=True)
        found: set[str] = set()
        with contextlib.ExitStack() as stack:
            kms = self._outcome(found, lambda: stack.enter_context(contextlib.closing(EmbeddedKms(self.path.parent))))
            if kms is not None:
                filters = {"KeyUsage": "ALL", "TagFilters": [{"TagKey": "team", "TagValue": ["a"]}]}
                self._outcome(found, lambda: kms.call("ListKeys", {}))
                self._outcome(found, lambda: kms.call("ListKeyDetail", filters))
                self._outcome(found, lambda: kms.call("DescribeKey", {"KeyId": self.key_id}))
                self._outcome(found, lambda: kms.call("Encrypt", {"KeyId": self.key_id, "Plaintext": "QUJD"}))
                self._outcome(found, lambda: kms.call("UpdateAlias", {"KeyId": self.key_id, "Alias": "demo"}))
                self._outcome(found, lambda: kms.call("CreateKey", {"Alias": "more"}))
                answer = self._outcome(found, lambda: kms.call("Decrypt", {"CiphertextBlob": self.blob}))
                if answer is not None and answer["Plaintext"] != "QUJD":
                    found.add("another plaintext")
        return found

    @staticmethod
    def _outcome(found: set[str], ask: Callable[[], Any]) -> Any:
        try:
            answer = ask()
        except KmsToolError as error:
            # The base class is for faults of kmstool itself, which a damaged file is not.
            found.add("KmsToolError" if type(error) is KmsToolError else "refused")
        except Exception as error:  # noqa: BLE001 - that nothing else is raised is what is tested
            found.add(type(error).__name__)
        else:
            found.add("answered")
            return answer
        return None


def test_an_overwritten_page_is_damage_or_not_needed(folder: Path) -> None:
    damaged = Damaged(folder)
    found = damaged.outcomes(damaged.whole)
    assert found == {"answered"}
    for page in range(0, len(damaged.whole), 4096):
        for content in (bytes(4096), b"\xff" * 4096, random.randbytes(4096), damaged.whole[-4096:]):
            found |= damaged.outcomes(damaged.whole[:page] + content + damaged.whole[page + 4096 :])
    assert found == {"answered", "refused"}


def test_a_flipped_bit_is_damage_or_not_needed(folder: Path) -> None:
    damaged = Damaged(folder)
    found: dict[str, tuple[int, int]] = {}
    written = [position for position, byte in enumerate(damaged.whole) if byte]
    # All bits of SQLite's own header, and a choice of the rest.
    bits = [(position, bit) for position in range(100) if damaged.whole[position] for bit in range(8)]
    bits += [(position, random.randrange(8)) for position in random.sample(written, 150)]
    for position, bit in bits:
        altered = bytearray(damaged.whole)
        altered[position] ^= 1 << bit
        found |= dict.fromkeys(damaged.outcomes(bytes(altered)), (position, bit))
    assert found.keys() == {"answered", "refused"}, found


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("cmk", "state", "'enabled'"),
        ("cmk", "state", "CAST(x'ff' AS TEXT)"),
        ("cmk", "alias", "CAST(x'ff' AS TEXT)"),
        ("cmk", "alias", "x'00'"),
        ("cmk", "description", "x'00'"),
        ("cmk", "created", "'x'"),
        ("cmk", "version", "'x'"),
        ("tag", "value", "CAST(x'ff' AS TEXT)"),
        ("tag", "name", "x'00'"),
    ],
)
def test_a_value_that_cannot_be_is_damage(folder: Path, table: str, column: str, value: str) -> None:
    damaged = Damaged(folder)
    # In the first row only: two keys cannot have one alias.
    first = "key_id = (SELECT min(key_id) FROM tag)"
    execute(folder, f"UPDATE {table} SET {column} = {value} WHERE {first}")
    found = damaged.outcomes(damaged.path.read_bytes())
    assert found <= {"answered", "refused"}


def test_below_a_file_there_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for folder in (tmp_path / "file", tmp_path / "file" / "store", tmp_path / "file" / "a" / "store"):
        with pytest.raises(OutputError) as caught:
            EmbeddedKms(folder)
        assert str(folder) in caught.value.message
    assert (tmp_path / "file").read_bytes() == b""


def test_a_folder_is_no_database(folder: Path) -> None:
    (folder / DATABASE).mkdir(parents=True)
    with pytest.raises((InputError, IntegrityError, OutputError)) as caught:
        EmbeddedKms(folder)
    assert str(folder / DATABASE) in caught.value.message


def test_a_store_that_cannot_be_opened_keeps_no_file_open(folder: Path) -> None:
    """Else its space stays taken until memory is tidied up."""
    import gc

    folder.mkdir(mode=0o700)
    (folder / ROOT_KEY).write_bytes(b"damaged")
    (folder / ROOT_KEY).chmod(0o600)
    gc.collect()
    gc.disable()
    try:
        before = sorted(os.listdir("/proc/self/fd"))
        for _ in range(3):
            with pytest.raises(IntegrityError):
                EmbeddedKms(folder)
        assert sorted(os.listdir("/proc/self/fd")) == before
    finally:
        gc.enable()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "256k") as place:
        yield place


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(1024)):
            pass


def test_a_full_disk_is_an_output_error_and_loses_nothing(disk: Path) -> None:
    (disk / "ballast").write_bytes(bytes(100_000))
    acknowledged: dict[str, str] = {}
    with contextlib.closing(EmbeddedKms(disk / "store")) as kms:

        def create_on() -> None:
            for number in range(len(acknowledged), 2000):
                acknowledged[f"demo-{number}"] = kms.call("CreateKey", {"Alias": f"demo-{number}"})["KeyId"]

        with pytest.raises(OutputError) as caught:
            create_on()
        assert "no space left" in caught.value.message
        assert "free some space" in (caught.value.hint or "")
        assert len(acknowledged) > 20
        with pytest.raises(OutputError):
            create_on()
        assert kms.call("ListKeyDetail", {})["TotalCount"] == len(acknowledged)
        assert keys_of(disk / "store") == acknowledged
        assert usable(disk / "store", list(acknowledged.values()))
        (disk / "ballast").unlink()
        acknowledged["more"] = kms.call("CreateKey", {"Alias": "more"})["KeyId"]
    assert intact(disk / "store")
    assert keys_of(disk / "store") == acknowledged
    assert create(disk / "store", "still-more")


def test_a_disk_that_is_full_from_the_beginning_is_an_output_error(disk: Path) -> None:
    fill(disk / "ballast")
    for _ in range(2):
        with pytest.raises(OutputError):
            EmbeddedKms(disk / "store")
    (disk / "ballast").unlink()
    assert usable(disk / "store", create(disk / "store", "demo"))


def test_a_disk_of_every_size_in_between_makes_a_store_or_an_output_error(disk: Path) -> None:
    refused = 0
    for size in range(0, 64 * 1024, 4096):
        shutil.rmtree(disk / "store", ignore_errors=True)
        fill(disk / "ballast")
        with (disk / "ballast").open("r+b") as ballast:
            ballast.truncate((disk / "ballast").stat().st_size - size)
        try:
            create(disk / "store", "demo")
        except OutputError:
            refused += 1
        (disk / "ballast").unlink()
        assert usable(disk / "store", create(disk / "store", "other"))
        assert intact(disk / "store")
    assert refused > 5


def test_a_disk_that_cannot_be_written_is_an_output_error_and_can_be_read(disk: Path) -> None:
    key_id = create(disk / "store", "demo")[0]
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    with pytest.raises(OutputError):
        EmbeddedKms(disk / "other")
    with contextlib.closing(EmbeddedKms(disk / "store")) as kms:
        for action, params in (
            ("CreateKey", {"Alias": "other"}),
            ("UpdateAlias", {"KeyId": key_id, "Alias": "other"}),
        ):
            with pytest.raises(OutputError) as caught:
                kms.call(action, params)
            assert str(disk / "store") in caught.value.message
        assert kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["Alias"] == "demo"
    assert usable(disk / "store", [key_id])


def test_two_processes_see_each_others_keys_at_once(folder: Path) -> None:
    with contextlib.closing(EmbeddedKms(folder)) as one, contextlib.closing(EmbeddedKms(folder)) as other:
        for number in range(5):
            writer, reader = (one, other) if number % 2 else (other, one)
            key_id = writer.call("CreateKey", {"Alias": f"demo-{number}"})["KeyId"]
            blob = reader.call("Encrypt", {"KeyId": key_id, "Plaintext": "QUJD"})["CiphertextBlob"]
            assert writer.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"] == "QUJD"


def test_a_database_that_stays_locked_is_an_output_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    monkeypatch.setattr(database_errors, "WAIT_SECONDS", 0.1)
    key_id = create(folder, "demo")[0]
    with contextlib.closing(EmbeddedKms(folder)) as kms:
        with contextlib.closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as db:
            db.execute("BEGIN IMMEDIATE")
            with pytest.raises(OutputError, match="in use by other processes"):
                kms.call("CreateKey", {"Alias": "other"})
            assert kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]["Alias"] == "demo"
            db.execute("ROLLBACK")
            db.execute("BEGIN EXCLUSIVE")
            with pytest.raises(OutputError, match="in use by other processes"):
                kms.call("DescribeKey", {"KeyId": key_id})
        kms.call("CreateKey", {"Alias": "other"})
    assert keys_of(folder).keys() == {"demo", "other"}


WORKER = """
import sys
from pathlib import Path
from kmstool.errors import ServiceError
from kmstool.server.app import EmbeddedKms
print("ready", flush=True)
sys.stdin.readline()
kms = EmbeddedKms(Path(sys.argv[1]))
for number in range(100):
    alias = f"worker-{sys.argv[2]}-{number}"
    print(alias, kms.call("CreateKey", {"Alias": alias})["KeyId"], flush=True)
    if number % 10 == 0:
        try:
            alias = f"shared-{number}"
            print(alias, kms.call("CreateKey", {"Alias": alias})["KeyId"], flush=True)
        except ServiceError as error:
            if error.kms_code != "InvalidParameterValue.AliasAlreadyExists":
                raise
"""


def test_four_processes_at_once_on_a_new_store_lose_nothing(folder: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(folder), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    # All wait for their line, so that the store's making is part of the race.
    acknowledged: list[tuple[str, str]] = []
    threads = []
    outputs: list[tuple[str, str]] = []
    for process in processes:
        threads.append(threading.Thread(target=lambda one: outputs.append(one.communicate("\n", 120)), args=(process,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert "".join(fault for _, fault in outputs) == ""
    assert [process.returncode for process in processes] == [0] * 4
    for output, _ in outputs:
        acknowledged += [(alias, key_id) for alias, key_id in map(str.split, output.splitlines())]
    assert len(acknowledged) == 4 * 100 + 10
    assert len({alias for alias, _ in acknowledged}) == len({key_id for _, key_id in acknowledged}) == 410
    assert keys_of(folder) == dict(acknowledged)
    assert intact(folder)
    assert usable(folder, [key_id for _, key_id in acknowledged[::20]])


@pytest.mark.parametrize("step", range(1, 10))
def test_a_store_may_be_made_by_another_process_at_any_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Between any two statements of the process that opens it, too."""
    import sqlite3

    connect = sqlite3.connect
    makers: list[subprocess.Popen[str]] = []

    class Interrupted(sqlite3.Connection):
        statements = 0

        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            self.statements += 1
            if self.statements == step and not makers:
                command = [sys.executable, "-c", CREATE, str(folder), "theirs"]
                makers.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
                # If this process holds a lock just now, the other one has to wait for it.
                until(lambda: makers[0].poll() is not None or waits(makers[0], "locks_lock|nanosleep"))
            return super().execute(*arguments)

    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, factory=Interrupted, **more))
    try:
        create(folder, "ours")
    finally:
        outputs = [maker.communicate(timeout=60)[0] for maker in makers]
    assert [output.split()[0] for output in outputs] == ["created"]
    monkeypatch.undo()
    assert keys_of(folder).keys() == {"ours", "theirs"}


# Forks a process that creates keys until it is killed, again and again; prints each acknowledged alias and id.
KILLED = """
import itertools, os, random, signal, sqlite3, sys, time
from pathlib import Path
from kmstool.server.app import EmbeddedKms

def keys(folder, turn, writer):
    kms = EmbeddedKms(folder)
    for number in itertools.count():
        alias = f"turn-{turn}-{number}"
        os.write(writer, f"{alias} {kms.call('CreateKey', {'Alias': alias})['KeyId']}\\n".encode())

for turn in range(int(sys.argv[2])):
    folder = Path(sys.argv[1]) / sys.argv[3].format(turn)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        keys(folder, turn, writer)
    os.close(writer)
    # However slow the machine is, what is killed is at work then.
    begun = os.read(reader, 1).decode() if sys.argv[5] == "begun" else ""
    time.sleep(random.random() * float(sys.argv[4]))
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    with os.fdopen(reader) as acknowledged:
        print(begun + acknowledged.read(), end="")
    if (folder / "kms.sqlite3").exists():
        db = sqlite3.connect(folder / "kms.sqlite3")
        print("integrity", db.execute("PRAGMA integrity_check").fetchall()[0][0])
        db.close()
"""


def kill(folder: Path, turns: int, name: str, seconds: float, since: str) -> list[tuple[str, str]]:
    """Kill as many creating processes, each within some seconds since its start or first key; return what they told."""
    folder.mkdir(mode=0o700, exist_ok=True)
    command = [sys.executable, "-c", KILLED, str(folder), str(turns), name, str(seconds), since]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    lines = [tuple(line.split()) for line in ran.stdout.splitlines()]
    assert {line[1] for line in lines if line[0] == "integrity"} == {"ok"}
    return [(line[0], line[1]) for line in lines if line[0] != "integrity"]


def test_fifty_kills_lose_no_acknowledged_key(folder: Path) -> None:
    acknowledged = kill(folder, 50, "", 0.06, "begun")
    assert len(acknowledged) >= 50
    found = keys_of(folder)
    assert [key for key in acknowledged if found.get(key[0]) != key[1]] == []
    # Each process may have made one more key than it could tell of.
    assert len(found) - len(acknowledged) <= 50
    assert intact(folder)
    assert usable(folder, list(found.values())[::10])
    assert create(folder, "after")


def test_a_kill_while_a_store_is_made_leaves_one_that_can_be_used(folder: Path) -> None:
    acknowledged = kill(folder, 40, "store-{}", 0.1, "started")
    for path in folder.iterdir():
        turn = path.name.removeprefix("store-")
        found = keys_of(path)
        assert {alias for alias, _ in acknowledged if alias.startswith(f"turn-{turn}-")} <= found.keys()
        assert usable(path, [*found.values(), *create(path, "after")])


def creating(folder: Path) -> str:
    """Create a key; return `created` or the class of the refusal."""
    try:
        create(folder, "struck")
    except KmsToolError as error:
        return type(error).__name__
    return "created"


def strike(folder: Path, system_call: str, what: str, count: int) -> Struck:
    """Create a key in another process whose `count`-th call of `system_call` is struck by `what`."""
    options = ("-e", f"trace={system_call}", "-e", f"inject={system_call}:{what}:when={count}")
    return struck(partial(creating, folder), *options)


POINTS = [
    *(("pwrite64", count) for count in range(1, 13)),
    *(("fdatasync", count) for count in range(1, 6)),
    ("unlink", 1),
]


FAULTS = [*((*point, "EIO") for point in POINTS), *(("pwrite64", count, "ENOSPC") for count in (1, 2, 12))]


@pytest.mark.parametrize(("system_call", "count", "fault"), FAULTS)
def test_a_fault_of_the_disk_is_told_as_it_is(folder: Path, system_call: str, count: int, fault: str) -> None:
    before = dict(zip(("one", "two", "three"), create(folder, "one", "two", "three"), strict=True))
    ran = strike(folder, system_call, f"error={fault}", count)
    assert "INJECTED" in ran.trace, "the call was not reached"
    outcome = ran.returned
    assert outcome in {"created", "OutputError", "UnknownOutcomeError"}
    after = keys_of(folder)
    assert {alias: key_id for alias, key_id in after.items() if alias != "struck"} == before
    if outcome != "UnknownOutcomeError":
        assert ("struck" in after) == (outcome == "created")
    assert intact(folder)
    assert usable(folder, list(after.values()))
    assert create(folder, "afterwards")
    assert sorted(path.name for path in folder.iterdir()) == [DATABASE, ROOT_KEY]


@pytest.mark.parametrize(("system_call", "count"), POINTS[::2])
def test_a_kill_at_any_call_leaves_the_key_or_not(folder: Path, system_call: str, count: int) -> None:
    before = dict(zip(("one", "two", "three"), create(folder, "one", "two", "three"), strict=True))
    assert strike(folder, system_call, "signal=SIGKILL", count).exit_code == -signal.SIGKILL
    after = keys_of(folder)
    assert {alias: key_id for alias, key_id in after.items() if alias != "struck"} == before
    assert intact(folder)
    assert usable(folder, list(after.values()))
    assert create(folder, "afterwards")
    assert sorted(path.name for path in folder.iterdir()) == [DATABASE, ROOT_KEY]


MAKING = [
    ("write", 1),
    *(("fsync", count) for count in (1, 2)),
    ("linkat", 1),
    *(("pwrite64", count) for count in (1, 3)),
    *(("fdatasync", count) for count in (1, 2, 4)),
]


@pytest.mark.parametrize(("system_call", "count"), MAKING)
@pytest.mark.parametrize("what", ["error=EIO", "signal=SIGKILL"])
def test_a_fault_while_a_store_is_made_leaves_one_that_can_be_used(
    folder: Path, what: str, system_call: str, count: int
) -> None:
    ran = strike(folder, system_call, what, count)
    if what == "signal=SIGKILL":
        assert ran.exit_code == -signal.SIGKILL
    else:
        assert "INJECTED" in ran.trace, "the call was not reached"
        assert ran.returned in {"created", "OutputError", "UnknownOutcomeError"}, ran
    assert ran.returned != "created" or "struck" in keys_of(folder)
    assert usable(folder, create(folder, "afterwards"))
    assert intact(folder)
    assert mode(folder / ROOT_KEY) == mode(folder / DATABASE) == 0o600


def test_a_refused_change_is_undone(folder: Path) -> None:
    create(folder, "demo")

    def change() -> None:
        with opened.transaction(write=True) as db:
            db.execute("UPDATE cmk SET alias = 'other'")
            raise ValueError("why")

    opened = store.Store(folder)
    with pytest.raises(ValueError, match="why"):
        change()
    with opened.transaction() as db:
        assert db.execute("SELECT alias FROM cmk").fetchall() == [("demo",)]
    opened.close()
    opened.close()


def test_a_closed_store_is_no_traceback(folder: Path) -> None:
    kms = EmbeddedKms(folder)
    kms.close()
    kms.close()
    with pytest.raises(KmsToolError):
        kms.call("ListKeys", {})


@pytest.mark.parametrize("content", [None, b"garbage", b""])
def test_a_reset_removes_everything_whatever_its_state(folder: Path, content: bytes | None) -> None:
    create(folder, "demo")
    if content is not None:
        (folder / DATABASE).write_bytes(content)
        (folder / f"{DATABASE}-journal").write_bytes(content)
    # What an upgrade kept opens with the passphrase, if there is one.
    (folder / f"{DATABASE}.format-1").touch()
    (folder / f"{DATABASE}.format-{schema.VERSION - 1}").touch()
    admin.reset(folder)
    assert list(folder.iterdir()) == []
    admin.reset(folder)
    admin.reset(folder / "nowhere")
    assert keys_of(folder) == {}
    assert create(folder, "demo")


def test_a_reset_that_cannot_be_done_is_an_output_error(folder: Path) -> None:
    (folder / DATABASE).mkdir(parents=True)
    with pytest.raises(OutputError):
        admin.reset(folder)


@pytest.mark.parametrize("made_anew", [False, True])
@pytest.mark.parametrize("action", ["CreateKey", "Encrypt"])
def test_after_a_reset_by_another_process_nothing_is_done_under_the_old_keys(
    folder: Path, made_anew: bool, action: str
) -> None:
    """What is created or encrypted now would be lost as soon as this process ends."""
    with contextlib.closing(EmbeddedKms(folder)) as kms:
        key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
        kms.call("Encrypt", {"KeyId": key_id, "Plaintext": "QUJD"})
        admin.reset(folder)
        if made_anew:
            create(folder, "demo")
        with pytest.raises(OutputError, match="replaced"):
            kms.call(action, {"CreateKey": {"Alias": "o"}, "Encrypt": {"KeyId": key_id, "Plaintext": "QUJD"}}[action])


def test_a_database_that_is_removed_while_it_is_opened_is_not_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reset by another process comes between the look at it and SQLite's own; an empty file would be damage for ever."""
    EmbeddedKms(folder).close()
    check = ownership.check_path

    def check_and_lose(path: Path, *, secret: bool) -> None:
        check(path, secret=secret)
        if path.name == DATABASE:
            path.unlink()

    monkeypatch.setattr(ownership, "check_path", check_and_lose)
    with pytest.raises(OutputError, match="was replaced meanwhile"):
        EmbeddedKms(folder)
    monkeypatch.undo()
    assert not (folder / DATABASE).exists()
    EmbeddedKms(folder).close()
