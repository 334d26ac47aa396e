"""A change that was acknowledged is there for good, one that was not is there whole or not at all.

Neither other processes nor kills nor faults of the disk may make it otherwise.
"""

import base64
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import KmsToolError
from kmstool.server.app import EmbeddedKms
from tests import striking

DATABASE = "kms.sqlite3"
PLAINTEXT = base64.b64encode(b"of the tests").decode()
UPDATES = 100
KILLS = 25

# What changes the files of a store; a kill or a fault at any of them must do no harm.
CHANGES = ("pwrite64", "fdatasync", "fsync", "ftruncate", "/^unlink")
FAULTS = ("error=EIO", "error=ENOSPC", "signal=SIGKILL")

# Changes one part of a key that others change at the same time, and sees after each change whether it lasted.
# An action reads the whole row and writes it back, so a lost update would undo the part of another.
UPDATER = """
import json, sys
from pathlib import Path
from kmstool.server.app import EmbeddedKms

folder, key_id, part, updates = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
kms = EmbeddedKms(folder)
lost = []

CHANGES = {
    "Alias": lambda n: ("UpdateAlias", {"Alias": f"alias-{n}"}, f"alias-{n}"),
    "Description": lambda n: ("UpdateKeyDescription", {"Description": str(n)}, str(n)),
    "RotateDays": lambda n: ("EnableKeyRotation", {"RotateDays": 7 + n % 300}, 7 + n % 300),
    "bindings": lambda n: ("BindCloudResource", {"ProductId": "ssm", "ResourceId": str(n)}, None),
}

print("ready", flush=True)
sys.stdin.readline()
for number in range(updates):
    action, parameters, expected = CHANGES[part](number)
    kms.call(action, {"KeyId": key_id, **parameters})
    found = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"].get(part)
    if found != expected:
        lost.append([number, expected, found])
print(json.dumps(lost))
"""

# For each line of its input starts a process that makes and describes keys for ever, noting each one that is done.
WRITERS = """
import os, sys
from pathlib import Path
from kmstool.server.app import EmbeddedKms

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        kms = EmbeddedKms(Path(sys.argv[1]))
        for number in range(100_000):
            alias = f"{line.strip()}-{number}"
            key_id = kms.call("CreateKey", {"Alias": alias})["KeyId"]
            kms.call("UpdateKeyDescription", {"KeyId": key_id, "Description": alias})
            os.write(1, f"done {alias}\\n".encode())
    os.write(1, f"started {child}\\n".encode())
    os.waitpid(child, 0)
    os.write(1, b"ended\\n")
"""


@contextlib.contextmanager
def opened(folder: Path) -> Iterator[EmbeddedKms]:
    """Open a store anew, as the next command would."""
    kms = EmbeddedKms(folder)
    try:
        yield kms
    finally:
        kms.close()


def create(kms: EmbeddedKms, alias: str) -> str:
    return str(kms.call("CreateKey", {"Alias": alias})["KeyId"])


def encrypt(kms: EmbeddedKms, key_id: str) -> str:
    return str(kms.call("Encrypt", {"KeyId": key_id, "Plaintext": PLAINTEXT})["CiphertextBlob"])


def decrypt(kms: EmbeddedKms, blob: str) -> str:
    return str(kms.call("Decrypt", {"CiphertextBlob": blob})["Plaintext"])


def metadata(kms: EmbeddedKms, key_id: str) -> dict[str, Any]:
    found = kms.call("DescribeKey", {"KeyId": key_id})["KeyMetadata"]
    assert isinstance(found, dict)
    return found


def rows(folder: Path, query: str) -> list[Any]:
    with contextlib.closing(sqlite3.connect(folder / DATABASE)) as db:
        return db.execute(query).fetchall()


def intact(folder: Path) -> bool:
    return rows(folder, "PRAGMA integrity_check") == [("ok",)]


def test_four_processes_at_once_lose_no_update_of_one_key(kms: EmbeddedKms) -> None:
    """And none waits for ever: the store would refuse an update that waits too long."""
    key_id = create(kms, "shared")
    blob = encrypt(kms, key_id)
    parts = ("Alias", "Description", "RotateDays", "bindings")
    started = [
        subprocess.Popen(
            [sys.executable, "-c", UPDATER, str(kms.store.folder), key_id, part, str(UPDATES)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in parts
    ]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [json.loads(process.communicate(timeout=120)[0]) for process in started] == [[]] * len(parts)
    found = metadata(kms, key_id)
    last = UPDATES - 1
    assert (found["Alias"], found["Description"], found["RotateDays"]) == (f"alias-{last}", str(last), 7 + last % 300)
    assert len(rows(kms.store.folder, "SELECT * FROM binding")) == UPDATES
    assert decrypt(kms, blob) == PLAINTEXT
    assert intact(kms.store.folder)


@pytest.mark.parametrize("seed", range(4))
def test_a_hundred_kills_lose_nothing_that_was_acknowledged(kms: EmbeddedKms, seed: int) -> None:
    folder = kms.store.folder
    done: set[str] = set()
    chance = random.Random(seed)  # the moments differ anyway
    writers = subprocess.Popen(
        [sys.executable, "-c", WRITERS, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert writers.stdin
    assert writers.stdout
    try:
        for number in range(KILLS):
            print(number, file=writers.stdin, flush=True)
            enough = len(done) + chance.randint(1, 3)
            child = 0
            while not child or len(done) < enough:
                word, value = writers.stdout.readline().split()
                if word == "started":
                    child = int(value)
                else:
                    done.add(value)
            time.sleep(chance.random() * 0.01)
            os.kill(child, signal.SIGKILL)
            while (line := writers.stdout.readline()) != "ended\n":
                done.add(line.split()[1])
            with opened(folder) as other:
                assert other.call("ListKeys", {"Limit": 1})["TotalCount"] >= len(done)
            assert intact(folder)
    finally:
        writers.stdin.close()
        writers.wait(timeout=30)
        writers.stdout.close()
    found = {
        alias: (key_id, text) for alias, key_id, text in rows(folder, "SELECT alias, key_id, description FROM cmk")
    }
    assert done <= set(found)
    assert {alias for alias in done if found[alias][1] != alias} == set()
    # Besides, each killed process may have made one key more that it could not tell of.
    unfinished = Counter(alias.partition("-")[0] for alias in set(found) - done)
    assert set(unfinished.values()) <= {1}
    with opened(folder) as other:
        assert [alias for alias in found if decrypt(other, encrypt(other, found[alias][0])) != PLAINTEXT] == []


@dataclass(frozen=True, slots=True)
class Prepared:
    """A store in which a key can be rotated, and what is known of it."""

    folder: Path
    key_id: str
    blob: str
    other_blob: str

    def copy(self, name: str) -> Path:
        return Path(shutil.copytree(self.folder, self.folder.with_name(name)))


@pytest.fixture
def prepared(kms: EmbeddedKms) -> Prepared:
    key_id, other = create(kms, "demo"), create(kms, "other")
    kms.call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": 30})
    kms.call("UpdateKeyDescription", {"KeyId": other, "Description": "acknowledged"})
    for number in range(20):
        create(kms, f"filler-{number}")
    made = Prepared(kms.store.folder, key_id, encrypt(kms, key_id), encrypt(kms, other))
    kms.close()
    return made


def rotate(folder: Path, key_id: str) -> tuple[str, int, bool]:
    """Rotate a key once; return what became of it and what this process then believes."""
    kms = EmbeddedKms(folder)
    try:
        kms.call("RotateKey", {"KeyId": key_id})
        outcome, code = "done", 0
    except KmsToolError as error:
        outcome, code = type(error).__name__, error.exit_code
    return outcome, code, metadata(kms, key_id)["LastRotateTime"] > 0


def calls_of_a_rotation(prepared: Prepared) -> list[tuple[str, int]]:
    """Return every system call by which one rotation changes the files: name, and the how-manieth of its kind."""
    folder = prepared.copy("counted")
    counts = striking.calls_of(lambda: rotate(folder, prepared.key_id), CHANGES, folder / "log")
    assert metadata(EmbeddedKms(folder), prepared.key_id)["LastRotateTime"] > 0
    assert {"pwrite64", "fdatasync", "unlink"} <= set(counts), counts
    return [(call, number) for call, count in counts.items() for number in range(1, count + 1)]


def rotated(prepared: Prepared, folder: Path) -> bool:
    """Check that the store is sound and has all that was acknowledged; tell whether the key was rotated."""
    with opened(folder) as kms:
        found = metadata(kms, prepared.key_id)
        assert (found["KeyState"], found["KeyRotationEnabled"], found["RotateDays"]) == ("Enabled", True, 30)
        assert decrypt(kms, prepared.blob) == PLAINTEXT
        assert decrypt(kms, prepared.other_blob) == PLAINTEXT
        assert decrypt(kms, encrypt(kms, prepared.key_id)) == PLAINTEXT
        moved = kms.call("ReEncrypt", {"CiphertextBlob": prepared.blob})["ReEncrypted"]
        assert kms.call("ListKeys", {})["TotalCount"] == 22
    versions = rows(folder, f"SELECT version FROM material WHERE key_id = '{prepared.key_id}' ORDER BY version")
    whole = found["LastRotateTime"] > 0
    assert moved == whole
    assert versions == ([(1,), (2,)] if whole else [(1,)])
    assert rows(folder, "SELECT description FROM cmk WHERE alias = 'other'") == [("acknowledged",)]
    assert intact(folder)
    return bool(whole)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_commit_that_is_struck_anywhere_is_there_whole_or_not_at_all(prepared: Prepared, fault: str) -> None:
    points = calls_of_a_rotation(prepared)
    outcomes = Counter[tuple[str, bool]]()
    for call, number in points:
        folder = prepared.copy(f"{call}-{number}")
        options = ("-e", f"trace={call}", "-e", f"inject={call}:{fault}:when={number}")
        ran = striking.struck(partial(rotate, folder, prepared.key_id), *options)
        there = rotated(prepared, folder)
        if fault == "signal=SIGKILL":
            assert ran.exit_code == -signal.SIGKILL, (call, number, ran)
            outcomes["killed", there] += 1
            continue
        assert "INJECTED" in ran.trace, (call, number, ran)
        kind, exit_code, believed = ran.returned
        assert believed == there, (call, number, kind)
        outcomes[kind, there] += 1
        if kind == "done":
            # Whether the journal's name is on disk before the change SQLite does not insist on.
            assert call == "fdatasync", number
            assert there, number
            continue
        assert (kind, exit_code) in {("OutputError", 8), ("UnknownOutcomeError", 7)}, (call, number)
        # Only a fault whose outcome is called unknown may have left the change.
        assert kind == "UnknownOutcomeError" or not there, (call, number)
    print(fault, dict(outcomes))
    assert len(points) > 20
    assert {there for _, there in outcomes} == {False, True}
    assert outcomes["done", True] <= 1
