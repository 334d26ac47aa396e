"""What a file system lacks is done in another way or passed over: on real ones that lack one thing after the other."""

import errno
import os
import stat
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmstool.errors import MountWarning, OutputError
from kmstool.system import atomic, folders, mounts
from tests.conftest import need
from tests.everything import write_everything
from tests.lossy_disk import mounted
from tests.program import kmstool

OLD, NEW = b"the old content\n", b"the new content\n" * 65536
NAME, OTHER = "params.json", "notes.txt"

NO_LINKS = [
    f"link={name}" for name in ("EPERM", "ENOSYS", "EOPNOTSUPP", "EMLINK", "EACCES", "EROFS", "EXDEV", "EINVAL")
]
# What one lacks alone, and then with hard links gone, so that the next step of the ladder has to do without it.
LACKS = [
    (),
    *((lack,) for lack in NO_LINKS),
    ("chmod=EPERM",),
    ("chmod=EOPNOTSUPP",),
    ("chmod=EROFS",),
    ("chown=EPERM",),
    ("fsyncdir=EINVAL",),
    ("fsyncdir=EOPNOTSUPP",),
    ("fsyncdir=ENOSYS",),
    ("fsync=EINVAL",),
    ("flock=EOPNOTSUPP",),
    ("flock=ENOLCK",),
    ("utimens=EPERM",),
    ("symlink=EPERM",),
    ("nlink=0",),
    ("exchange=EINVAL",),
    ("link=EPERM", "noreplace=EINVAL"),
    ("link=EPERM", "noreplace=EINVAL", "exchange=EINVAL", "chmod=EPERM", "fsyncdir=EINVAL", "flock=ENOSYS"),
]


@pytest.fixture(autouse=True)
def _nothing_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_told", set())


@pytest.fixture(params=LACKS, ids="-".join)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path, *request.param) as place:
        yield place


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_whole_and_alone_and_is_replaced_only_when_asked(disk: Path) -> None:
    atomic.write(disk / "out", NEW)
    assert (disk / "out").read_bytes() == NEW
    with pytest.raises(OutputError, match="it exists already"):
        atomic.write(disk / "out", OLD)
    assert (disk / "out").read_bytes() == NEW
    atomic.write(disk / "out", OLD, replace=True)
    assert (disk / "out").read_bytes() == OLD
    atomic.rename(disk / "out", "other")
    atomic.remove(disk / "other")
    assert names(disk) == []


def test_a_file_that_appears_meanwhile_is_not_replaced(disk: Path) -> None:
    def write_while_another_does() -> None:
        with atomic.create(disk / "out") as out:
            out.write(NEW)
            (disk / "out").write_bytes(OLD)

    with pytest.raises(OutputError, match="it exists already"):
        write_while_another_does()
    assert (disk / "out").read_bytes() == OLD
    assert names(disk) == ["out"]


def test_a_folder_changes_as_one_and_keeps_other_files(disk: Path) -> None:
    for content in (OLD, NEW):
        with folders.changed(disk / "set", {NAME}, replace=True, room=100) as contents:
            contents[NAME] = content
        assert (disk / "set" / NAME).read_bytes() == content
        (disk / "set" / OTHER).write_bytes(OLD)
    with folders.changed(disk / "set", {NAME}, replace=True) as contents:
        contents[NAME] = OLD
        (disk / "set" / "late.txt").write_bytes(NEW)
    assert {name: (disk / "set" / name).read_bytes() for name in names(disk / "set")} == {
        NAME: OLD, OTHER: OLD, "late.txt": NEW,
    }  # fmt: skip
    assert names(disk) == ["set"]


@pytest.mark.parametrize("lack", ["rename=ENOSYS", "rename=EPERM", "rename=EBUSY"])
def test_where_nothing_can_be_renamed_the_name_is_taken_and_filled(tmp_path: Path, lack: str) -> None:
    with mounted(tmp_path, "link=EPERM", lack) as disk:
        for replace in (False, True):
            atomic.write(disk / "out", NEW, replace=replace, mode=0o640)
            assert (disk / "out").read_bytes() == NEW
            assert stat.S_IMODE((disk / "out").stat().st_mode) == 0o640
            assert names(disk) == ["out"]
            with pytest.raises(OutputError, match="it exists already"):
                atomic.write(disk / "out", OLD)
            with pytest.raises(OutputError, match="cannot put a file in the place of another") as caught:
                atomic.write(disk / "out", OLD, replace=True)
            assert "remove the former one" in (caught.value.hint or "")
            assert (disk / "out").read_bytes() == NEW
            (disk / "out").unlink()


def test_a_name_that_was_taken_and_cannot_be_filled_is_given_up(tmp_path: Path) -> None:
    with mounted(tmp_path, "link=EPERM", "rename=EPERM", "open=EIO") as disk:
        with pytest.raises(OutputError, match="input/output error"):
            atomic.write(disk / "out", NEW)
        assert names(disk) == []
    (tmp_path / "second").mkdir()
    with mounted(tmp_path / "second", "link=EPERM", "noreplace=EINVAL", "rename=EIO") as disk:
        with pytest.raises(OutputError, match="input/output error"):
            atomic.write(disk / "out", NEW)
        assert names(disk) == []


def test_a_fault_that_only_closing_tells_leaves_nothing(tmp_path: Path) -> None:
    """Network file systems keep what is written until the file is closed, and may find only then that the disk is full."""
    with mounted(tmp_path, "flush=EDQUOT") as disk:
        with pytest.raises(OutputError, match=r"cannot write .*quota"):
            atomic.write(disk / "out", NEW)
        assert names(disk) == []


def test_a_fault_after_the_name_is_there_is_not_told_as_one_of_writing(tmp_path: Path) -> None:
    with mounted(tmp_path, "fsyncdir=EIO") as disk:
        with pytest.raises(OutputError, match="out is written, but its folder did not get to the disk") as caught:
            atomic.write(disk / "out", NEW)
        assert "may undo it" in (caught.value.hint or "")
        assert (disk / "out").read_bytes() == NEW
        with pytest.raises(OutputError, match="is called other now, but"):
            atomic.rename(disk / "out", "other")
        with pytest.raises(OutputError, match="is removed, but"):
            atomic.remove(disk / "other")
        assert names(disk) == []


def test_a_fault_after_a_folder_has_changed_is_not_told_as_one_of_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = tmp_path.stat()

    def fail(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), parent):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    def change() -> None:
        with folders.changed(tmp_path / "set", {NAME}) as contents:
            contents[NAME] = NEW

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="set is written, but its folder did not get to the disk"):
        change()
    assert (tmp_path / "set" / NAME).read_bytes() == NEW


@pytest.mark.parametrize(
    ("mode", "may"), [("0755", "read"), ("0777", "read and change"), ("0644", "read"), ("0700", ""), ("0600", "")]
)
@pytest.mark.parametrize("lack", ["chmod=EPERM", "utimens=EPERM"], ids=["refused", "ignored"])
def test_a_mount_without_modes_is_said_once_and_not_refused(tmp_path: Path, mode: str, may: str, lack: str) -> None:
    with mounted(tmp_path, f"mode={mode}", lack) as disk, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for number in range(2):
            atomic.write(disk / f"out{number}", NEW)
            assert (disk / f"out{number}").read_bytes() == NEW
            with folders.changed(disk / "set", {NAME}, replace=True) as contents:
                contents[NAME] = NEW
    texts = [f"the file system of {disk} keeps no modes: others may {may} what is written there"] if may else []
    assert [str(one.message) for one in said] == texts
    assert all(one.category is MountWarning for one in said)


def test_a_user_hears_of_a_mount_without_modes(tmp_path: Path, workplace: Path) -> None:
    with mounted(tmp_path, "mode=0755", "chmod=EPERM", "link=EPERM") as disk:
        for quiet in ((), ("--quiet",), ("--format", "json")):
            mounts._told.clear()
            out = disk / "out"
            ran = kmstool(*quiet, "random", "16", "-o", out, "--force", PYTHONWARNINGS="error", process=not quiet)
            assert f"kmstool: the file system of {disk} keeps no modes: others may read" in ran.err
            assert out.stat().st_size


NOTHING = (
    "link=EPERM",
    "noreplace=EINVAL",
    "exchange=EINVAL",
    "chmod=EPERM",
    "chown=EPERM",
    "fsyncdir=EINVAL",
    "utimens=EPERM",
)


@pytest.mark.parametrize(
    "lacks", [("link=EPERM",), ("fsyncdir=EINVAL",), NOTHING], ids=["no-links", "no-sync-of-folders", "nothing"]
)
def test_every_command_that_writes_works_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacks: tuple[str, ...]
) -> None:
    """A memory stick, a share, a folder of the host; kmstool's own folders are there as well."""
    with mounted(tmp_path, *lacks) as disk, monkeypatch.context() as patch:
        patch.chdir(disk)
        patch.setenv("HOME", str(disk))
        patch.setenv("KMSTOOL_HOME", str(disk / "kmstool"))
        write_everything(disk)


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize("refused", ["linkat", "linkat,renameat2"])
def test_a_file_without_a_name_that_cannot_get_one_is_copied(tmp_path: Path, refused: str, *, replace: bool) -> None:
    out = tmp_path / "out"
    out.write_bytes(OLD) if replace else None
    script = (
        "import sys; from pathlib import Path; from kmstool.system import atomic\n"
        "atomic.write(Path(sys.argv[1]), b'x' * 3_000_000, replace=len(sys.argv) > 2, mode=0o640)"
    )
    command = [
        need("strace"),
        "-f",
        "-o",
        "/dev/null",
        "-e",
        f"inject={refused}:error=EPERM",
        sys.executable,
        "-B",
        "-c",
    ]
    subprocess.run([*command, script, str(out), *(["replace"] if replace else [])], check=True)
    assert out.read_bytes() == b"x" * 3_000_000
    assert stat.S_IMODE(out.stat().st_mode) == 0o640
    assert names(tmp_path) == ["home", "out"]
