"""What a kill leaves is removed by the next write in that folder, and nothing else is; a signal leaves nothing."""

import fcntl
import itertools
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

import pytest

from kmstool.system import atomic, folders, leftovers

NAME = ".kmstool-0123456789abcdef"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which this process has not swept, whatever had its inode before."""
    monkeypatch.setattr(leftovers, "_swept", set())
    made = tmp_path / "folder"
    made.mkdir()
    return made


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def put(folder: Path, name: str, *files: str) -> Path:
    """Make a leftover: a file, or a folder with these files."""
    if not files:
        (folder / name).write_bytes(b"left behind")
        return folder / name
    (folder / name).mkdir()
    for file in files:
        (folder / name / file).write_bytes(b"left behind")
    return folder / name


def test_the_next_write_removes_what_a_kill_left(folder: Path) -> None:
    put(folder, NAME)
    put(folder, NAME[::-1].replace("-", "")[::-1] + "0")
    put(folder, ".kmstool-" + "a" * 16, "iv.base64", "params.json")
    atomic.write(folder / "out", b"new")
    assert names(folder) == [".kmstool0123456789abcdef0", "out"]


@pytest.mark.parametrize(
    "name", ["kmstool-0123456789abcdef", NAME.upper(), NAME[:-1], NAME + "0", NAME + "\n", ".kmstool-" + "g" * 16, "x"]
)
def test_other_names_are_left_alone(folder: Path, name: str) -> None:
    put(folder, name)
    atomic.write(folder / "out", b"new")
    assert names(folder) == sorted([name, "out"])


@pytest.mark.parametrize("files", [(), ("iv.base64",)])
def test_what_a_process_holds_is_left_alone(folder: Path, files: tuple[str, ...]) -> None:
    descriptor = os.open(put(folder, NAME, *files), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        atomic.write(folder / "out", b"new")
        assert names(folder) == [NAME, "out"]
    finally:
        os.close(descriptor)
    leftovers._swept.clear()
    atomic.write(folder / "other", b"new")
    assert names(folder) == ["other", "out"]


def test_a_folder_with_a_file_of_somebody_is_left_alone(folder: Path) -> None:
    left = put(folder, NAME, "iv.base64", "mine.txt")
    (folder / "kept").hardlink_to(put(left, "linked"))
    atomic.write(folder / "out", b"new")
    assert names(folder) == [NAME, "kept", "out"]
    assert names(left) == ["mine.txt"]
    assert (folder / "kept").read_bytes() == b"left behind"


def test_links_pipes_and_folders_in_folders_are_left_alone(folder: Path) -> None:
    (folder / "victim").write_bytes(b"mine")
    (folder / NAME).symlink_to("victim")
    os.mkfifo(folder / NAME.replace("0", "1"))
    (folder / NAME.replace("0", "2") / "iv.base64").mkdir(parents=True)
    before = names(folder)
    atomic.write(folder / "out", b"new")
    assert names(folder) == sorted([*before, "out"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
@pytest.mark.parametrize("files", [(), ("iv.base64",)])
def test_what_another_user_has_is_left_alone(folder: Path, files: tuple[str, ...]) -> None:
    os.chown(put(folder, NAME, *files), 65534, 65534)
    atomic.write(folder / "out", b"new")
    assert names(folder) == [NAME, "out"]


def test_a_dry_run_removes_nothing(folder: Path) -> None:
    put(folder, NAME)
    with atomic.create(folder / "out", publish=False) as out:
        out.write(b"new")
    assert names(folder) == [NAME]


def test_a_folder_is_looked_at_once(folder: Path) -> None:
    atomic.write(folder / "out", b"new")
    put(folder, NAME)
    atomic.write(folder / "other", b"new")
    assert NAME in names(folder)
    leftovers._swept.update((0, number) for number in range(2000))
    atomic.write(folder / "third", b"new")
    assert NAME in names(folder)
    # The memory of folders is bounded: it was full, and began anew.
    other = folder / "other-folder"
    other.mkdir()
    atomic.write(other / "out", b"new")
    assert len(leftovers._swept) == 1


def test_a_writer_whose_file_was_taken_for_a_leftover_makes_another(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep may come between the making of a file or folder and its lock."""
    taken: list[str] = []

    def flock(descriptor: int, operation: int, real: Callable[[int, int], None] = fcntl.flock) -> None:
        if not taken:
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            taken.append(path.name)
            path.rmdir() if path.is_dir() else path.unlink()
        real(descriptor, operation)

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(fcntl, "flock", flock)
    atomic.write(folder / "out", b"new")
    assert (folder / "out").read_bytes() == b"new"
    taken.clear()
    with folders.changed(folder / "set", {"iv.base64"}) as contents:
        contents["iv.base64"] = b"new"
    assert (folder / "set" / "iv.base64").read_bytes() == b"new"
    assert names(folder) == ["out", "set"]


class Stopped(BaseException):
    """As the one that a signal raises in kmstool."""


class StoppedAt:
    """Raises once where Python raises for a signal: when a function begins, and after each call of one in C."""

    modules = "/atomic.py", "/folders.py", "/leftovers.py", "/contextlib.py"

    def __init__(self, step: int) -> None:
        self.step, self.steps, self.place = step, 0, ""

    def __enter__(self) -> Self:
        sys.setprofile(self.profile)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def profile(self, frame: FrameType, event: str, function: Any) -> None:
        if event not in {"call", "c_return"} or not frame.f_code.co_filename.endswith(self.modules):
            return
        self.steps += 1
        if self.steps == self.step:
            sys.setprofile(None)
            self.place = f"{frame.f_code.co_filename}:{frame.f_lineno} {event} {function}"
            raise Stopped


def write_file(folder: Path) -> None:
    atomic.write(folder / "out", b"new", replace=True)


def write_folder(folder: Path) -> None:
    with folders.changed(folder / "set", {"iv.base64"}, replace=True, room=100) as contents:
        contents["iv.base64"] = b"new"


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("write", [write_file, write_folder])
def test_a_signal_at_any_step_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], None], named: bool
) -> None:
    """Also where a signal comes while what failed is cleaned up; the step of a second one would end the process."""
    if named:
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (folder / "out").write_bytes(b"old")
    (folder / "set").mkdir()
    (folder / "set" / "iv.base64").write_bytes(b"old")
    paths = folder / "out", folder / "set" / "iv.base64"
    # The first one looks for leftovers too.
    write(folder)
    before, after = (b"old", b"old"), tuple(path.read_bytes() for path in paths)
    outcomes, open_before = set(), set(map(int, os.listdir("/proc/self/fd")))
    for step in itertools.count(1):
        for path in paths:
            path.write_bytes(b"old")
        stopped = StoppedAt(step)
        try:
            with stopped:
                write(folder)
            break
        except Stopped:
            pass
        # A lock would be held until the end of the process, which is this one.
        for descriptor in set(map(int, os.listdir("/proc/self/fd"))) - open_before:
            with suppress(OSError):
                os.close(descriptor)
        assert names(folder) == ["out", "set"], stopped.place
        assert names(folder / "set") == ["iv.base64"], stopped.place
        outcomes.add(tuple(path.read_bytes() for path in paths))
    assert outcomes == {before, after}
    assert step > 40


def test_a_fault_of_the_file_system_in_a_sweep_stops_nobody(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(folder, NAME)

    def fail(*_: Any, **__: Any) -> Any:
        raise PermissionError(13, "permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", fail)
        atomic.write(folder / "out", b"new")
    leftovers._swept.clear()
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", fail)
        atomic.write(folder / "other", b"new")
    assert names(folder) == [NAME, "other", "out"]


def test_a_file_that_a_sweep_may_not_see_is_no_file_of_a_set(folder: Path) -> None:
    """A folder with a file that a sweep does not know would stay for ever."""
    with pytest.raises(ValueError, match="unknown"), folders.changed(folder / "set", {"unknown"}):
        pass


def test_many_processes_sweep_and_write_at_once(folder: Path) -> None:
    """Nobody takes the temporary file of another that lives."""
    script = (
        "import os, sys; from pathlib import Path; from kmstool.system import atomic, leftovers\n"
        "if sys.argv[2] == 'named': del os.O_TMPFILE\n"
        "for number in range(200):\n"
        "    leftovers._swept.clear()\n"
        "    atomic.write(Path(sys.argv[1]), b'x' * 100, replace=True, durable=False)\n"
    ).replace(", durable=False", "")
    words = [sys.executable, "-c", script, str(folder / "out")]
    processes = [subprocess.Popen([*words, way]) for way in ("named", "unnamed", "named", "unnamed")]
    assert [process.wait(120) for process in processes] == [0] * 4
    assert names(folder) == ["out"]
