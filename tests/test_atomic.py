"""A file is the old one or the complete new one, whatever happens, and nothing else is left beside it."""

import errno
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kmstool.cli.hints import hint_of
from kmstool.errors import OutputError
from kmstool.system import atomic
from tests.conftest import need

OLD = b"the old content\n"
NEW = b"the new content\n" * 65536
# Writes NEW in four parts, or stops at the first fault and says its class and message.
WRITER = """
import sys
from pathlib import Path
from kmstool import errors
from kmstool.system import atomic
try:
    with atomic.create(Path(sys.argv[1]), replace=sys.argv[2] == "replace") as out:
        for _ in range(4):
            out.write(b"the new content\\n" * 16384)
except errors.KmsToolError as error:
    print(type(error).__name__, error.message)
"""


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Write through a file without a name, or as on systems that know none of that."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("this system has no files without a name")
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    made.mkdir()
    return made


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_is_complete_and_alone(way: str, folder: Path) -> None:
    atomic.write(folder / "out", NEW)
    assert (folder / "out").read_bytes() == NEW
    assert names(folder) == ["out"]
    assert (folder / "out").stat().st_nlink == 1


def test_an_empty_file_can_be_written(way: str, folder: Path) -> None:
    atomic.write(folder / "out", b"")
    assert (folder / "out").read_bytes() == b""


def test_nothing_has_the_name_before_the_last_byte(way: str, folder: Path) -> None:
    with atomic.create(folder / "out") as out:
        out.write(NEW)
        out.flush()
        assert not (folder / "out").exists()
        assert len(names(folder)) == (0 if way == "unnamed" else 1)
        assert all(mode(folder / name) == 0o600 for name in names(folder))
    assert names(folder) == ["out"]


def test_a_file_that_exists_is_not_overwritten(way: str, folder: Path) -> None:
    (folder / "out").write_bytes(OLD)
    with pytest.raises(OutputError, match="exists already") as caught:
        atomic.write(folder / "out", NEW)
    assert str(folder / "out") in caught.value.message
    assert "--force" in (hint_of(caught.value) or "")
    assert (folder / "out").read_bytes() == OLD
    assert names(folder) == ["out"]


def test_a_file_that_appears_meanwhile_is_not_overwritten(way: str, folder: Path) -> None:
    def write_while_another_does() -> None:
        with atomic.create(folder / "out") as out:
            out.write(NEW)
            (folder / "out").write_bytes(OLD)

    with pytest.raises(OutputError, match="exists already"):
        write_while_another_does()
    assert (folder / "out").read_bytes() == OLD
    assert names(folder) == ["out"]


def test_a_file_is_replaced_when_asked(way: str, folder: Path) -> None:
    (folder / "out").write_bytes(OLD)
    (folder / "out").chmod(0o644)
    with (folder / "out").open("rb") as reader:
        atomic.write(folder / "out", NEW, replace=True)
        assert reader.read() == OLD
    assert (folder / "out").read_bytes() == NEW
    assert mode(folder / "out") == 0o600
    assert names(folder) == ["out"]


def test_replacing_works_where_nothing_was(way: str, folder: Path) -> None:
    atomic.write(folder / "out", NEW, replace=True)
    assert (folder / "out").read_bytes() == NEW
    assert names(folder) == ["out"]


@pytest.mark.parametrize("target", ["victim", "nowhere", "out", "."])
def test_a_symbolic_link_is_replaced_and_never_followed(way: str, folder: Path, target: str) -> None:
    (folder / "victim").write_bytes(OLD)
    (folder / "out").symlink_to(target)
    with pytest.raises(OutputError, match="exists already"):
        atomic.write(folder / "out", NEW)
    assert (folder / "out").is_symlink()
    atomic.write(folder / "out", NEW, replace=True)
    assert not (folder / "out").is_symlink()
    assert (folder / "out").read_bytes() == NEW
    assert (folder / "victim").read_bytes() == OLD
    assert names(folder) == ["out", "victim"]


@pytest.mark.parametrize("replace", [False, True])
def test_a_link_to_what_is_no_file_is_kept(folder: Path, *, replace: bool) -> None:
    """As root `-o /dev/stdout --force` would take that name from every program of the machine."""
    reading, writing = os.pipe()
    try:
        for target in ("/dev/null", f"/proc/self/fd/{writing}"):
            (folder / "out").symlink_to(target)
            with pytest.raises(OutputError, match="not a regular file"):
                atomic.write(folder / "out", NEW, replace=replace)
            assert os.readlink(folder / "out") == target
            (folder / "out").unlink()
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize("replace", [False, True])
def test_the_names_of_devices_are_kept(monkeypatch: pytest.MonkeyPatch, folder: Path, *, replace: bool) -> None:
    """/dev/stdout leads to a regular file where a shell has redirected it."""
    (folder / "victim").write_bytes(OLD)
    (folder / "stdout").symlink_to("victim")
    monkeypatch.setattr(os.path, "realpath", lambda path: "/dev" if path == folder else str(path))
    with pytest.raises(OutputError, match="not a regular file"):
        atomic.write(folder / "stdout", NEW, replace=replace)
    assert (folder / "stdout").is_symlink()


def test_the_other_name_of_a_hard_link_keeps_its_content(way: str, folder: Path) -> None:
    (folder / "victim").write_bytes(OLD)
    (folder / "out").hardlink_to(folder / "victim")
    atomic.write(folder / "out", NEW, replace=True)
    assert (folder / "victim").read_bytes() == OLD


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_replaced(way: str, folder: Path, kind: str) -> None:
    if kind == "folder":
        (folder / "out").mkdir()
    else:
        os.mkfifo(folder / "out")
    before = (folder / "out").lstat()
    for replace in (False, True):
        with pytest.raises(OutputError):
            atomic.write(folder / "out", NEW, replace=replace)
    assert (folder / "out").lstat().st_ino == before.st_ino
    assert names(folder) == ["out"]


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
@pytest.mark.parametrize("wanted", [0o600, 0o644, 0o400])
def test_the_mode_is_the_one_asked_for_whatever_the_umask(way: str, folder: Path, umask: int, wanted: int) -> None:
    before = os.umask(umask)
    try:
        atomic.write(folder / "new", NEW, mode=wanted)
        atomic.write(folder / "new", NEW, mode=wanted, replace=True)
    finally:
        os.umask(before)
    assert mode(folder / "new") == wanted


def test_the_mode_is_0600_unless_another_is_asked_for(way: str, folder: Path) -> None:
    atomic.write(folder / "out", NEW)
    assert mode(folder / "out") == 0o600


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("raised", [ValueError("why"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_leaves_nothing_and_goes_on(way: str, folder: Path, replace: bool, raised: BaseException) -> None:
    if replace:
        (folder / "out").write_bytes(OLD)

    def write() -> None:
        with atomic.create(folder / "out", replace=replace) as out:
            out.write(NEW)
            raise raised

    with pytest.raises(type(raised)) as caught:
        write()
    assert caught.value is raised
    assert names(folder) == (["out"] if replace else [])
    assert not replace or (folder / "out").read_bytes() == OLD


def test_a_fault_of_the_file_system_in_the_block_is_an_output_error(way: str, folder: Path) -> None:
    def write() -> None:
        with atomic.create(folder / "out") as out:
            out.write(NEW)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(OutputError, match="no space left") as caught:
        write()
    assert "space" in (hint_of(caught.value) or "")
    assert names(folder) == []


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_that_is_none_is_an_output_error(way: str, folder: Path, replace: bool) -> None:
    (folder / "file").write_bytes(OLD)
    for path in (folder / "nowhere" / "out", folder / "file" / "out", folder / "file" / "folder" / "out"):
        with pytest.raises(OutputError) as caught:
            atomic.write(path, NEW, replace=replace)
        assert str(path) in caught.value.message
    assert names(folder) == ["file"]


@pytest.mark.parametrize(
    "name",
    ["n" * 255, "名" * 85, "é" * 127, "-rf", ".hidden", "a b\nc", "\udcff\udcfe"],
    ids=["long", "long-of-3-bytes", "long-of-2-bytes", "option", "hidden", "blanks", "no-unicode"],
)
@pytest.mark.parametrize("replace", [False, True])
def test_every_name_that_the_file_system_takes_can_be_written(way: str, folder: Path, name: str, replace: bool) -> None:
    if replace:
        (folder / name).write_bytes(OLD)
    atomic.write(folder / name, NEW, replace=replace)
    assert (folder / name).read_bytes() == NEW
    assert names(folder) == [name]


def test_a_name_that_is_too_long_is_an_output_error(way: str, folder: Path) -> None:
    with pytest.raises(OutputError, match="too long"):
        atomic.write(folder / ("n" * 256), NEW)


def test_a_path_without_a_folder_is_in_the_working_directory(
    way: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    atomic.write(Path("out"), NEW)
    atomic.write(Path("out"), OLD, replace=True)
    assert (folder / "out").read_bytes() == OLD
    with pytest.raises(OutputError):
        atomic.write(Path(), NEW, replace=True)


def test_no_descriptor_stays_open(way: str, folder: Path) -> None:
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("this system does not tell which descriptors are open")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(5):
        atomic.write(folder / f"{number}", NEW)
        with pytest.raises(OutputError):
            atomic.write(folder / f"{number}", NEW)
        with pytest.raises(OutputError):
            atomic.write(folder / "nowhere" / "out", NEW)
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    ("number", "said", "hint"),
    [
        (errno.EEXIST, "it exists already", "--force"),
        (errno.ENOSPC, "no space left on device", "free some space"),
        (errno.EDQUOT, "quota", "free some space"),
        (errno.EACCES, "permission denied", "may write"),
        (errno.EROFS, "read-only file system", "may write"),
        (errno.ENOENT, "no such file or directory", "make the folder"),
        (errno.EIO, "input/output error", "choose another place"),
    ],
)
def test_a_fault_names_the_file_the_reason_and_the_way_out(number: int, said: str, hint: str) -> None:
    error = atomic.fault(Path("/some/file"), OSError(number, os.strerror(number)))
    assert error.exit_code == 8
    assert error.message.startswith("cannot write /some/file: ")
    assert said in error.message
    assert hint in (hint_of(error) or "")


def inject(folder: Path, replace: bool, system_call: str, what: str, count: int) -> subprocess.CompletedProcess[str]:
    """Write a file in another process whose `count`-th call of `system_call` is struck by `what`."""
    command = [
        need("strace"),
        "-f",
        "-qq",
        "-e",
        f"trace={system_call}",
        "-e",
        f"inject={system_call}:{what}:when={count}",
    ]
    # Without -B a first import would write and rename compiled modules.
    writer = [sys.executable, "-B", "-c", WRITER, str(folder / "out"), "replace" if replace else "new"]
    # Coverage, if it is measured, would count its own writing of files.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run([*command, *writer], capture_output=True, text=True, check=False, timeout=60, env=environment)


# How often each system call happens while one file is written: first without, then with replacing.
CALLS = [
    *(
        (False, call, count)
        for call, most in (("write", 4), ("fsync", 2), ("linkat", 1))
        for count in range(1, most + 1)
    ),
    *(
        (True, call, count)
        for call, most in (("write", 4), ("fsync", 2), ("linkat", 1), ("/^rename", 1))
        for count in range(1, most + 1)
    ),
]


FAULTS = [
    *((*call, "EIO") for call in CALLS),
    *((replace, "write", 2, fault) for replace in (False, True) for fault in ("ENOSPC", "EDQUOT", "EFBIG")),
]


def content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize(("replace", "system_call", "count"), CALLS)
def test_a_kill_leaves_the_old_file_or_the_new_one(folder: Path, replace: bool, system_call: str, count: int) -> None:
    if replace:
        (folder / "out").write_bytes(OLD)
    before = content(folder / "out")
    ran = inject(folder, replace, system_call, "signal=SIGKILL", count)
    assert ran.returncode == -9, ran
    early = system_call == "write" or (system_call, count) == ("fsync", 1)
    assert content(folder / "out") in ([before] if early else [before, NEW])
    # Between the link and the renaming the complete file may have another name; a part of it never has one.
    for name in set(names(folder)) - {"out"}:
        assert system_call in {"linkat", "/^rename"}
        assert content(folder / name) == NEW
        assert mode(folder / name) == 0o600
    atomic.write(folder / "out", NEW, replace=True)
    assert content(folder / "out") == NEW


@pytest.mark.parametrize(("replace", "system_call", "count", "fault"), FAULTS)
def test_a_fault_is_reported_and_leaves_the_old_file_or_the_new_one(
    folder: Path, replace: bool, system_call: str, count: int, fault: str
) -> None:
    if replace:
        (folder / "out").write_bytes(OLD)
    before = content(folder / "out")
    ran = inject(folder, replace, system_call, f"error={fault}", count)
    assert "INJECTED" in ran.stderr, ran
    published = (system_call, count) == ("fsync", 2)
    assert re.match(rf"OutputError {'.*/out is written, but' if published else 'cannot write .*/out: '}", ran.stdout), (
        ran
    )
    assert "Traceback" not in ran.stderr
    assert content(folder / "out") == (NEW if published else before)
    assert set(names(folder)) <= {"out"}


def test_a_file_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"former")
    (tmp_path / "link").symlink_to("elsewhere")
    for name in ("file", "file", "link"):
        atomic.remove(tmp_path / name)
    assert list(tmp_path.iterdir()) in ([], [tmp_path / "home"])
    with pytest.raises(OutputError, match="cannot write"):
        atomic.remove(tmp_path)
