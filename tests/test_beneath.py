"""Whatever lies below a folder, and whatever happens there meanwhile, no path leads out of it."""

import errno
import os
from pathlib import Path

import pytest

from kmstool.system.beneath import Beneath


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("outside", "root/sub"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text(name)
    return tmp_path / "root"


def read(beneath: Beneath, path: str) -> str:
    descriptor = beneath.open(path)
    try:
        return os.read(descriptor, 100).decode()
    finally:
        os.close(descriptor)


def test_a_file_is_read_at_its_place(root: Path) -> None:
    beneath = Beneath(root)
    assert read(beneath, "sub/file") == "root/sub"
    (root / "top").write_text("top")
    assert read(beneath, "top") == "top"
    assert read(beneath, "sub/file") == "root/sub"
    beneath.close()
    assert read(beneath, "top") == "top"
    beneath.close()


@pytest.mark.parametrize("make", [False, True])
@pytest.mark.parametrize("target", ["../outside", "sub", "missing", "/etc"])
def test_a_link_is_refused_wherever_it_stands(root: Path, target: str, make: bool) -> None:
    (root / "link").symlink_to(target)
    (root / "sub" / "link").symlink_to(target)
    for path in ("link/file", "sub/link/file", "sub/link/more/file"):
        with pytest.raises(OSError, match="links are not followed") as caught:
            Beneath(root).folder_of(path, make=make)
        assert caught.value.errno == errno.ELOOP
    for path in ("link", "sub/link"):
        with pytest.raises(OSError, match="symbolic links"):
            Beneath(root).open(path)


@pytest.mark.parametrize(
    "path", ["../outside/file", "sub/../../outside/file", "./sub/file", "sub//file", "/etc/passwd"]
)
def test_a_path_that_leads_elsewhere_is_refused(root: Path, path: str) -> None:
    for make in (False, True):
        with pytest.raises(OSError, match="leads elsewhere"):
            Beneath(root).folder_of(path, make=make)


def test_a_pipe_is_refused_and_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe")
    for path in ("pipe", "sub"):
        with pytest.raises(OSError, match="not a regular file"):
            Beneath(root).open(path)


def test_folders_are_made_where_they_are_missing(root: Path) -> None:
    beneath = Beneath(root / "new" / "root")
    with pytest.raises(FileNotFoundError):
        beneath.folder_of("a")
    assert os.listdir(beneath.folder_of("a/b/c", make=True)) == []
    assert (root / "new" / "root" / "a" / "b").is_dir()
    beneath.close()


def test_a_folder_that_was_opened_stays_that_folder(root: Path) -> None:
    """What is put in its place meanwhile is not entered."""
    beneath = Beneath(root)
    assert read(beneath, "sub/file") == "root/sub"
    (root / "sub").rename(root / "moved")
    (root / "sub").symlink_to("../outside")
    assert read(beneath, "sub/file") == "root/sub"
    assert read(beneath, "moved/file") == "root/sub"
    with pytest.raises(OSError, match="links are not followed"):
        beneath.open("sub/file")
    beneath.close()


def test_a_folder_that_nobody_uses_any_more_is_closed(tmp_path: Path) -> None:
    descriptor = Beneath(tmp_path).folder_of("file")
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)
