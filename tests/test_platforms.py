"""Each call that Linux alone has is taken away, and what uses it does without; docs/platforms.md has the list.

mypy for macOS, which CI runs too, finds a call that is used unasked.
"""

import ast
import builtins
import contextlib
import ctypes
import errno
import fcntl
import importlib
import os
import re
import select
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kmstool.envelope import workers
from kmstool.kms.transport import connection
from kmstool.server.web import peers
from kmstool.system import atomic, copying, memory, mounts, renaming
from tests.everything import write_everything

DOCUMENT = Path(__file__).parent.parent / "docs" / "platforms.md"
# By the manual of Python and typeshed: not there on macOS, or not for files.
LINUX_ONLY = {
    "copy_file_range", "sendfile", "splice", "O_TMPFILE", "O_PATH", "O_NOATIME", "O_DIRECT", "sched_getaffinity",
    "posix_fadvise", "posix_fallocate", "fdatasync", "memfd_create", "eventfd", "pidfd_open", "pipe2", "getrandom",
    "getxattr", "setxattr", "setns", "unshare", "epoll", "F_OFD_SETLK", "F_ADD_SEALS", "SO_PEERCRED", "SO_PASSCRED",
    "AF_NETLINK", "AF_ALG", "SOCK_CLOEXEC", "SOCK_NONBLOCK", "MSG_NOSIGNAL", "sigtimedwait", "sigwaitinfo", "waitid",
    "prctl", "renameat2", "poll",
}  # fmt: skip


def uses() -> dict[str, set[str]]:
    """Return the calls of Linux alone that the package names, in code or as a text, with the files that do."""
    found: dict[str, set[str]] = {}
    root = Path(importlib.import_module("kmstool").__path__[0])
    for path in root.rglob("*.py"):
        text = path.read_text()
        for node in ast.walk(ast.parse(text)):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                names = [node.value] if node.value in LINUX_ONLY else re.findall(r"^/?proc/[a-z0-9_/]+", node.value)
            for name in names:
                if name in LINUX_ONLY or "proc/" in name:
                    found.setdefault(f"/{name.strip('/')}" if "proc/" in name else name, set()).add(
                        str(path.relative_to(root))
                    )
    return found


def test_the_list_is_whole() -> None:
    """Each has a row, with the file that uses it and what is done without."""
    rows = re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", DOCUMENT.read_text(), re.MULTILINE)
    listed: dict[str, set[str]] = {}
    for name, path in rows:
        listed.setdefault(name, set()).add(path)
    assert listed == uses()


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away all that macOS has not, as far as a running system lets it be taken away."""
    for module, names in (
        (os, ("copy_file_range", "sendfile", "O_TMPFILE", "O_PATH", "sched_getaffinity")),
        (select, ("poll", "epoll")),
        (socket, ("SO_PEERCRED",)),
    ):
        for name in names:
            monkeypatch.delattr(module, name, raising=False)
    load = ctypes.CDLL

    class Without:
        """A library without renameat2."""

        def __init__(self, *arguments: Any, **settings: Any) -> None:
            self._library = load(*arguments, **settings)

        def __getattr__(self, name: str) -> Any:
            if name == "renameat2":
                raise AttributeError(name)
            return getattr(self._library, name)

    monkeypatch.setattr(ctypes, "CDLL", Without)
    _hide_proc(monkeypatch)


def _hide_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be found in /proc by those functions that the package looks with."""

    def hidden(path: object) -> bool:
        return isinstance(path, (str, os.PathLike)) and str(path).startswith("/proc")

    def hiding(function: Callable[..., Any], instead: Callable[[object], Any]) -> Callable[..., Any]:
        def call(path: Any, *arguments: Any, **settings: Any) -> Any:
            return instead(path) if hidden(path) else function(path, *arguments, **settings)

        return call

    def missing(path: object) -> Any:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))

    for name in ("isdir", "exists", "lexists", "isfile"):
        monkeypatch.setattr(os.path, name, hiding(getattr(os.path, name), lambda _: False))
    for module, name in ((os, "open"), (os, "stat"), (os, "listdir"), (builtins, "open")):
        monkeypatch.setattr(module, name, hiding(getattr(module, name), missing))


@pytest.mark.usefixtures("bare")
def test_every_command_that_writes_does_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KMSTOOL_HOME", str(tmp_path / "kmstool"))
    write_everything(tmp_path)


@pytest.mark.parametrize("taken", [(), ("copy_file_range",), ("sendfile",), ("copy_file_range", "sendfile")], ids=str)
def test_files_are_copied_by_any_call_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: tuple[str, ...]
) -> None:
    data = os.urandom(3_000_001)
    (tmp_path / "source").write_bytes(data)
    for name in taken:
        monkeypatch.delattr(os, name)
    with open(tmp_path / "source", "rb") as source, open(tmp_path / "target", "wb") as target:
        target.write(b"before")
        target.flush()
        copying.copy(source.fileno(), 1000, target.fileno())
    assert (tmp_path / "target").read_bytes() == b"before" + data[1000:]


@pytest.mark.parametrize("number", [errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO])
def test_a_call_that_copies_a_part_and_fails_is_followed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    (tmp_path / "source").write_bytes(b"0123456789" * 1000)
    copy, send, calls = os.copy_file_range, os.sendfile, []

    def part(source: int, target: int, _: int) -> int:
        calls.append("copy")
        if len(calls) > 1:
            raise OSError(number, os.strerror(number))
        return copy(source, target, 1234)

    def nothing(target: int, source: int, offset: None, count: int) -> int:
        calls.append("send")
        return 0 if len(calls) > 3 else send(target, source, offset, 77)

    monkeypatch.setattr(os, "copy_file_range", part)
    monkeypatch.setattr(os, "sendfile", nothing)
    with open(tmp_path / "source", "rb") as source, open(tmp_path / "target", "wb") as target:
        copying.copy(source.fileno(), 0, target.fileno())
    # What came after a false end was read and written.
    assert (tmp_path / "target").read_bytes() == b"0123456789" * 1000
    assert calls == ["copy", "copy", "send", "send"]


@pytest.mark.usefixtures("bare")
def test_names_are_not_exchanged_in_one_step_without_the_call(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        assert not renaming.exchange(folder, "a", "b")
        assert not renaming.rename_new(folder, "a", "b")
    finally:
        os.close(folder)


@pytest.mark.usefixtures("bare")
def test_a_folder_that_may_not_be_read_is_refused_without_the_way_round_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise PermissionError(errno.EACCES, "permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(PermissionError):
        mounts.open_folder(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="the way is that of Linux")
def test_a_folder_that_may_be_written_and_not_read_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As drop boxes are; root reads all of them."""
    real = os.open

    def closed(path: Any, flags: int, *arguments: Any, **settings: Any) -> int:
        if path == tmp_path and not flags & os.O_PATH:
            raise PermissionError(errno.EACCES, "permission denied")
        return real(path, flags, *arguments, **settings)

    monkeypatch.setattr(os, "open", closed)
    atomic.write(tmp_path / "out", b"data")
    atomic.write(tmp_path / "out", b"other", replace=True)
    assert (tmp_path / "out").read_bytes() == b"other"


@pytest.mark.usefixtures("bare")
def test_cores_are_counted_by_another_call() -> None:
    assert workers.threads_for(2**40) == min(os.cpu_count() or 1, workers.MAX_THREADS)


@pytest.mark.usefixtures("bare")
def test_a_connection_is_looked_at_by_another_call() -> None:
    near, far = socket.socketpair()
    with near, far:
        assert connection._stands(near)
        far.send(b"x")
        assert not connection._stands(near)


def test_who_is_at_the_other_end_is_not_asked_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    near, far = socket.socketpair()
    with near, far:
        monkeypatch.delattr(socket, "SO_PEERCRED", raising=False)
        assert peers.is_own(near)


def test_memory_is_closed_as_far_as_the_system_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    asked: list[int] = []
    monkeypatch.setattr(memory, "_set_dumpable", asked.append)
    memory.close()
    assert asked == []


@contextlib.contextmanager
def flushing(monkeypatch: pytest.MonkeyPatch, answer: Callable[[], int]) -> Iterator[list[str]]:
    calls: list[str] = []
    sync = os.fsync

    def control(descriptor: int, request: int, *_: Any) -> int:
        assert request == 51
        calls.append("full")
        return answer()

    def plain(descriptor: int) -> None:
        calls.append("plain")
        sync(descriptor)

    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", control)
    monkeypatch.setattr(os, "fsync", plain)
    yield calls


def test_on_macos_a_file_goes_through_the_disks_own_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flushing(monkeypatch, lambda: 0) as calls:
        atomic.write(tmp_path / "out", b"data")
    assert calls == ["full", "full"]


def test_where_that_is_not_known_it_is_synced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> int:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    with flushing(monkeypatch, refuse) as calls:
        atomic.write(tmp_path / "out", b"data")
    assert calls == ["full", "plain", "full", "plain"]
