"""Commands that write several files that belong together leave the former ones or the new ones, whatever happens.

Each is killed, stopped, or struck by a fault of the disk, at every system call by which it
changes files. KMSTOOL_CASES is the number of points a command, spread over all; with 1000 it is all of them.
"""

import json
import os
import re
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kmstool import byok
from kmstool.api import protocol
from kmstool.crypto import keys, pem
from kmstool.system import atomic, leftovers
from kmstool.whitebox import bundle
from kmstool.workflows.imports import PARAMETERS, PUBLIC_KEY, TOKEN
from tests.foreign import CASES
from tests.program import kmstool
from tests.striking import program_struck

LOCAL = ("--profile", "local", "--quiet")
CALLS = "write,pwrite64,fsync,fdatasync,fchmod,ftruncate,mkdirat,mkdir,linkat,rename,renameat,renameat2,unlink,unlinkat,rmdir"
STRIKES = {
    "kill": ("signal=SIGKILL", {-9}),
    "stop": ("signal=SIGTERM", {143}),
    "full": ("error=ENOSPC", {0, 1, 6, 7, 8}),
    "fault": ("error=EIO", {0, 1, 6, 7, 8}),
    "interrupted": ("error=EINTR", {0, 1, 6, 7, 8}),
}


@dataclass(frozen=True)
class Command:
    """A command, what a folder holds after it, and a function that raises for a folder whose files do not belong together."""

    words: tuple[str, ...]
    read: Callable[[Path], bytes]


def secret_of(folder: Path) -> bytes:
    found = bundle.read(folder)
    return found.decrypt({}) + found.data


def sealed_of(folder: Path) -> bytes:
    """Return IV and ciphertext, which belong together if they decrypt under the key file that stays."""
    found = bundle.read(folder)
    return found.decrypt({}) + found.ciphertext


def parameters_of(folder: Path) -> bytes:
    data = (folder / PARAMETERS).read_bytes()
    found = byok.Parameters.read(data, "params.json")
    assert (folder / PUBLIC_KEY).read_text() == pem.write_public_key(keys.from_spki(found.wrapping_key))
    assert (folder / TOKEN).read_text() == protocol.encode(found.token) + "\n"
    return data


COMMANDS = {
    "bundle": Command(("whitebox", "bundle", "--key", "app", "secret", "-o", "set", "--force"), secret_of),
    "encrypt": Command(("whitebox", "encrypt", "--key", "app", "secret", "-o", "set", "--force"), sealed_of),
    "params": Command(("material", "params", "--key", "own", "-o", "set", "--force"), parameters_of),
    "new": Command(("whitebox", "bundle", "--key", "app", "secret", "-o", "new"), secret_of),
}


def surroundings(folder: Path) -> dict[str, Any]:
    """Return what a run needs in a folder, which has the store too."""
    home = folder / "home"
    return {"cwd": folder, "HOME": str(home), "KMSTOOL_LOCAL_HOME": str(home / "store")}


def run(folder: Path, *words: str, exit_code: int = 0) -> None:
    kmstool(*LOCAL, *words, exit_code=exit_code, **surroundings(folder))


def strike(folder: Path, words: Sequence[str], *options: str) -> tuple[int, str]:
    return program_struck(options, *LOCAL, *words, **surroundings(folder))


@pytest.fixture(params=COMMANDS)
def command(request: pytest.FixtureRequest) -> Command:
    return COMMANDS[request.param]


@pytest.fixture
def place(tmp_path: Path, command: Command) -> Path:
    """A folder with a store, keys, what is to be encrypted, and the set of files that is to be replaced."""
    folder = tmp_path / "place"
    (folder / "home").mkdir(parents=True)
    (folder / "secret").write_bytes(b"the former secret")
    steps = [("whitebox", "create", "--alias", "app", "--algorithm", "SM4")]
    steps.append(("key", "create", "--alias", "own", "--external"))
    before = command.words if "params" in command.words else COMMANDS["bundle"].words
    for words in (*steps, before):
        run(folder, *words)
    (folder / "set" / "mine.txt").write_bytes(b"mine")
    (folder / "secret").write_bytes(b"the new secret")
    return folder


def points(place: Path, command: Command) -> list[tuple[str, str, int]]:
    """Return where to strike: how, at which system call, and at the how manieth."""
    copy = place.with_name("traced")
    shutil.copytree(place, copy)
    log = place.with_name("log")
    exit_code, said = strike(copy, command.words, "-o", str(log), "-e", f"trace={CALLS}")
    assert exit_code == 0, said
    names = Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE))
    calls = [(name, number) for name, count in names.items() for number in range(1, count + 1)]
    return [(how, *call) for how in STRIKES for call in calls]


def test_a_folder_is_the_former_or_the_new_one(place: Path, command: Command) -> None:
    all_points = points(place, command)
    chosen, outcomes = all_points[:: max(1, len(all_points) // CASES)], Counter[str]()
    name = command.words[command.words.index("-o") + 1]
    for number, (how, call, count) in enumerate(chosen):
        here = place.with_name(f"place{number}")
        shutil.copytree(place, here)
        # Links would be followed by a copy, and are none here.
        before = command.read(here / name) if (here / name).exists() else None
        what, codes = STRIKES[how]
        exit_code, said = strike(here, command.words, "-e", f"trace={call}", "-e", f"inject={call}:{what}:when={count}")
        point = (how, call, count, said)
        assert exit_code in codes, point
        if how == "kill":
            leftovers._swept.clear()
            atomic.write(here / "next", b"")
            (here / "next").unlink()
        assert set(os.listdir(here)) <= {"home", "secret", "set", name}, point
        after = command.read(here / name) if (here / name).exists() else None
        assert exit_code != 0 or after != before, point
        outcomes[f"{how} {'former' if after == before else 'new'}"] += 1
        assert (here / "set" / "mine.txt").read_bytes() == b"mine", point
        assert after is not None or before is None, point
        shutil.rmtree(here)
    print(f"{len(chosen)} of {len(all_points)} points: {dict(outcomes)}")
    assert len(outcomes) >= 5


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - {"new"}), indirect=True)
def test_where_no_names_can_be_exchanged(place: Path, command: Command) -> None:
    """As on file systems over a network: a kill in between takes the folder away, and the next run brings it back.

    Where the folder is new there is nothing to exchange.
    """
    before, outcomes = command.read(place / "set"), Counter[bool]()
    for when in range(1, 5):
        here = place.with_name(f"place{when}")
        shutil.copytree(place, here)
        strikes = ("-e", "inject=renameat2:error=EINVAL", "-e", f"inject=rename,renameat:signal=SIGKILL:when={when}")
        exit_code, said = strike(here, command.words, "-e", "trace=renameat2,rename,renameat", *strikes)
        assert exit_code == (-signal.SIGKILL if when < 4 else 0), (when, said)
        if not (here / "set").exists():
            outcomes[True] += 1
        # Whoever reads it or writes it brings it back.
        after = command.read(here / "set") if "params" not in command.words else before
        run(here, *command.words)
        assert command.read(here / "set") not in (before, after) or after != before
        assert (here / "set" / "mine.txt").read_bytes() == b"mine"
        assert set(os.listdir(here)) == {"home", "secret", "set"}
    assert outcomes[True]


def test_parameters_are_asked_for_when_they_can_be_kept(tmp_path: Path) -> None:
    """KMS voids the older ones, so what would fail afterwards fails before."""
    command = COMMANDS["params"]
    place_ = tmp_path / "place"
    (place_ / "home").mkdir(parents=True)
    run(place_, "key", "create", "--alias", "own", "--external")
    run(place_, *command.words)
    former = json.loads((place_ / "set" / PARAMETERS).read_text())
    (place_ / "material").write_bytes(bytes(16))
    (place_ / "set" / "folder").mkdir()
    run(place_, *command.words, exit_code=8)
    (place_ / "set" / "folder").rmdir()
    full = ("-e", "trace=ftruncate", "-e", "inject=ftruncate:error=ENOSPC:when=1")
    exit_code, said = strike(place_, command.words, *full)
    assert exit_code == 8, said
    assert json.loads((place_ / "set" / PARAMETERS).read_text()) == former
    run(place_, "material", "wrap", "--params", "set", "material", "-o", "wrapped")
    run(place_, "material", "upload", "--params", "set", "wrapped")
