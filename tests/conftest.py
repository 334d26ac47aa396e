"""Every test has its own home and no credentials; the embedded KMS is the real one."""

import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from kmstool.server.app import EmbeddedKms

if TYPE_CHECKING:
    from tests.object_store import ObjectStore

IN_CI = bool(os.environ.get("CI"))
PROGRAM = (sys.executable, "-m", "kmstool")

# Runs a line of the shell on a terminal of its own, fed from stdin; what the terminal shows goes to stdout.
TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
ON_TERMINAL = (sys.executable, "-S", "-c", TERMINAL, "sh", "-c")
# The same for the program, whose arguments follow.
PROGRAM_ON_TERMINAL = (*ON_TERMINAL, 'stty cols 80 rows 24; exec "$@"', "sh", *PROGRAM)

# A shell lets its jobs in the background ignore Ctrl-C, and nohup the end of the terminal; all that they start would too.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point HOME and everything of kmstool at an empty folder."""
    folder = tmp_path / "home"
    folder.mkdir()
    for name in list(os.environ):
        if name.startswith(("KMSTOOL_", "TENCENTCLOUD_", "XDG_")) and name != "KMSTOOL_VECTORS":
            monkeypatch.delenv(name)
    # There nobody is asked anything.
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture(autouse=True)
def closed_files() -> Iterator[None]:
    """Let what a test writes be for its owner only, as users have to keep what they call a secret."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.fixture(autouse=True)
def quiet_pipes() -> None:
    """Let a pipe without a reader be an error, as in every start of Python: a command that became another one undid that."""
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def stretched_once() -> Iterator[None]:
    """Stretch a passphrase with the same salt once, which gives the same key each time and takes most of a test's time."""
    computed = hashlib.scrypt

    @functools.lru_cache(256)
    def remembered(passphrase: bytes, **settings: Any) -> bytes:
        return computed(passphrase, **settings)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashlib, "scrypt", remembered)
        yield


@pytest.fixture(scope="session")
def s3_server() -> "Iterator[ObjectStore]":
    """An S3 server for all tests of a process that want one; its libraries take a second."""
    from tests import object_store

    with object_store.serving() as store:
        yield store


@pytest.fixture
def s3(s3_server: "ObjectStore", monkeypatch: pytest.MonkeyPatch) -> "Iterator[ObjectStore]":
    """An empty bucket on it, and the variables by which the program finds it."""
    from tests import object_store

    with object_store.empty_bucket(s3_server, monkeypatch) as store:
        yield store


@pytest.fixture
def passable() -> Iterator[Path]:
    """A folder to which every user finds the way; every start of pytest closes the folders that it makes itself."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o711)
        yield Path(folder)


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[EmbeddedKms]:
    """An embedded KMS with an empty store, in the SM region ap-guangzhou."""
    opened = EmbeddedKms(tmp_path / "store")
    yield opened
    opened.close()


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, where kmstool uses the store of `kms`."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    return folder


@pytest.fixture
def uncovered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run programs without measuring coverage, whose start and files would count as theirs."""
    for name in list(os.environ):
        if name.startswith("COVERAGE_"):
            monkeypatch.delenv(name)


@contextmanager
def small_disk(place: Path, size: str) -> Iterator[Path]:
    """Mount a disk of a size such as `3m`, which only root can do."""
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)]
    if os.geteuid() != 0:
        unable("only root can mount a small disk")
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        unable(f"a small disk cannot be mounted: {ran.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def unable(reason: str) -> NoReturn:
    """Skip the test, or let it fail in CI, where everything must be able to run."""
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


def need(program: str) -> str:
    """Return the path of a foreign program; without it the test is skipped, and fails in CI."""
    return shutil.which(program) or unable(f"{program} is not installed")
