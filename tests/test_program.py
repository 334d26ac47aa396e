"""A run in the tests' own process is what it is in a process of its own, and leaves nothing behind.

This is about `tests.program`; that users' start-up, signals and terminals are as they should be, `test_main` shows.
"""

import ast
import importlib
import os
import pkgutil
import signal
import sys
import threading
from pathlib import Path

import pytest

import kmstool as kmstool_package
from tests.program import REMEMBERED, HungError, kmstool, on_terminal

WAYS: dict[str, dict[str, bool]] = {"here": {}, "fork": {"fork": True}, "process": {"process": True}}
all_ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


@pytest.fixture(autouse=True)
def demo(workplace: Path) -> None:
    kmstool("key", "create", "--alias", "demo")


@all_ways
@pytest.mark.parametrize("size", [0, 4096], ids=str)
def test_bytes_go_through(size: int, way: dict[str, bool]) -> None:
    data = bytes(range(256)) * (size // 256)
    blob = kmstool("encrypt", "--key", "demo", stdin=data or b"-", **way).stdout
    assert kmstool("decrypt", stdin=blob, **way).stdout == (data or b"-")


@all_ways
def test_a_large_input_that_nobody_reads_to_its_end(way: dict[str, bool]) -> None:
    assert "4,096" in kmstool("encrypt", "--key", "demo", stdin=bytes(2**20), exit_code=3, **way).err


@all_ways
def test_stdin_may_be_a_file(way: dict[str, bool]) -> None:
    Path("data").write_bytes(b"data")
    with Path("data").open("rb") as file:
        blob = kmstool("encrypt", "--key", "demo", stdin=file.fileno(), **way).out
    assert kmstool("decrypt", stdin=blob, **way).out == "data"


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (("--version",), 0),
        (("--help",), 0),
        ((), 2),
        (("key", "show", "alias/demo", "--format", "json"), 0),
        (("key", "show"), 2),
        (("key", "show", "--format", "json"), 2),
        (("key", "show", "missing"), 6),
        (("decrypt", "--format", "json"), 3),
        (("decrypt", "missing"), 3),
        (("local", "reset"), 2),
        (("key", "disable", "demo", "--dry-run"), 0),
        (("exec", "--env", "A=@missing", "--", "true"), 3),
    ],
)
def test_a_run_is_the_same_in_a_process(words: tuple[str, ...], exit_code: int) -> None:
    here = kmstool(*words, exit_code=exit_code)
    assert here == kmstool(*words, exit_code=exit_code, fork=True) == kmstool(*words, exit_code=exit_code, process=True)


@all_ways
def test_variables_are_added_or_take_the_place_of_all(way: dict[str, bool], tmp_path: Path) -> None:
    words = ("key", "list", "--query", "TotalCount")
    assert kmstool(*words, **way).out == "1\n"
    assert kmstool(*words, KMSTOOL_LOCAL_HOME=str(tmp_path / "other"), **way).out == "0\n"
    few = {"KMSTOOL_HOME": str(tmp_path / "none"), "PATH": os.environ["PATH"]}
    assert "no profile" in kmstool(*words, env=few, exit_code=4, **way).err


@all_ways
def test_it_runs_in_another_folder_with_another_umask(way: dict[str, bool], tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data")
    kmstool("encrypt", "--key", "demo", "data", "-o", "blob", cwd=tmp_path, umask=0o037, **way)
    assert (tmp_path / "blob").stat().st_mode & 0o777 == 0o640


def state() -> tuple[object, ...]:
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)]
    os.umask(umask := os.umask(0))
    files = [(found.st_dev, found.st_ino) for found in map(os.fstat, range(3))]
    streams = (sys.stdin, sys.stdout, sys.stderr)
    open_files = len(os.listdir("/proc/self/fd"))
    return (handlers, umask, files, streams, open_files, dict(os.environ), Path.cwd(), list(sys.argv))


@pytest.mark.parametrize(
    ("words", "exit_code"), [(("random", "8"), 0), (("decrypt", "missing"), 3), (("key", "nonsense"), 2)], ids=str
)
def test_nothing_is_left_behind(words: tuple[str, ...], exit_code: int, tmp_path: Path) -> None:
    before = state()
    kmstool(*words, exit_code=exit_code, cwd=tmp_path, umask=0, NEW="variable")
    assert state() == before


def test_another_exit_code_fails_with_what_was_said() -> None:
    with pytest.raises(AssertionError, match=r"exit code 6: kmstool: error: .*missing"):
        kmstool("key", "show", "missing")
    with pytest.raises(AssertionError, match="exit code 0"):
        kmstool("random", "8", exit_code=6)


def test_only_the_main_thread_runs_it_here() -> None:
    refused: list[bool] = []

    def run() -> None:
        with pytest.raises(AssertionError, match="of all threads"):
            kmstool("random", "8")
        refused.append(len(kmstool("random", "8", process=True).out) == 17)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert refused == [True]


def test_only_a_fork_becomes_another_program() -> None:
    Path("blob").write_bytes(kmstool("encrypt", "--key", "demo", stdin=b"secret").stdout)
    words = ("exec", "--env", "A=@blob", "printenv", "A")
    assert kmstool(*words, fork=True).out == kmstool(*words, process=True).out == "secret\n"
    with pytest.raises(HungError, match="another program"):
        kmstool(*words)


def test_a_fork_that_is_killed_or_hangs() -> None:
    Path("blob").write_bytes(kmstool("encrypt", "--key", "demo", stdin=b"secret").stdout)
    words = ("exec", "--env", "A=@blob", "--", "sh", "-c")
    kmstool(*words, "kill -9 $$", fork=True, exit_code=-signal.SIGKILL)
    with pytest.raises(AssertionError, match="did not come back"):
        kmstool(*words, "exec sleep 60", fork=True, timeout=0.1)


def test_a_terminal_is_one() -> None:
    assert b"Encrypt up to 4,096 bytes" in on_terminal("--help").stdout
    assert b"no FILE was named and stdin is a terminal" in on_terminal("decrypt", "--no-input", exit_code=2).stdout
    shown = on_terminal("encrypt", "--key", "demo", "-", "-o", "blob", typed="a secret\n\x04").stdout
    assert shown.startswith(b"a secret\r\n")
    assert kmstool("decrypt", "blob").out == "a secret\n"


def test_a_dialogue_is_typed_when_it_is_asked_for() -> None:
    dialogue = [("Type local to go on:", "local")]
    assert b"can never be read again" in on_terminal("local", "reset", dialogue=dialogue).stdout
    with pytest.raises(AssertionError, match="nothing was done"):
        on_terminal("local", "reset", dialogue=[("Type local", "n"), ("and again?", "y")])


def test_a_command_that_hangs_is_ended() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(HungError):
            kmstool("encrypt", "--key", "demo", stdin=reading, timeout=0.1)
    finally:
        os.close(writing)
        os.close(reading)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


# Of the process and not of a run: the limit that core dumps had, what a fork is given, what a worker keeps, connections.
OF_THE_PROCESS = {
    "kmstool.storage.objects._stores",
    "kmstool.system.memory._former",
    "kmstool.workflows.keeping._jobs",
    "kmstool.workflows.many._inherited",
}


def test_all_that_a_process_remembers_is_forgotten() -> None:
    """A module's own collection that is empty at first is filled by what runs."""
    modules = [name for _, name, _ in pkgutil.walk_packages(kmstool_package.__path__, "kmstool.")]
    found = {
        f"{module}.{name}": value
        for module in modules
        if module != "kmstool.__main__"
        for name, value in vars(importlib.import_module(module)).items()
        if isinstance(value, set | dict | list) and name in first_empty(module)
    }
    assert {id(value) for name, value in found.items() if name not in OF_THE_PROCESS} == set(map(id, REMEMBERED))
    assert found.keys() >= OF_THE_PROCESS


def first_empty(module: str) -> set[str]:
    """Return the names that a module binds to an empty collection."""
    tree = ast.parse(Path(str(importlib.import_module(module).__file__)).read_text("utf-8"))
    return {
        ast.unparse(line.target)
        for line in tree.body
        if isinstance(line, ast.AnnAssign) and line.value and ast.unparse(line.value) in {"set()", "[]", "{}"}
    }
