"""Nothing of a process of kmstool can be read from outside, not even by its own user, and it leaves no core."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import PROGRAM, unable

USER = 65534
AS_USER = ("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups")
LOOK = """
import os, sys
process = sys.argv[1]
for name in ("mem", "environ", "maps"):
    try:
        open(f"/proc/{process}/{name}", "rb").close()
        print(name, "open")
    except PermissionError:
        print(name, "closed")
"""


@pytest.fixture
def users_home(passable: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if sys.platform != "linux" or os.geteuid() != 0:
        unable("only root of Linux can be another user who looks")
    folder = passable / "users-home"
    folder.mkdir()
    os.chown(folder, USER, USER)
    monkeypatch.setenv("HOME", str(folder))
    return folder


def seen_by_its_user(process: int) -> list[str]:
    command = [*AS_USER, sys.executable, "-I", "-S", "-c", LOOK, str(process)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*AS_USER, *PROGRAM, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_look_is_one_that_sees(users_home: Path) -> None:
    with subprocess.Popen([*AS_USER, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdout.read(1)
        assert seen_by_its_user(process.pid) == ["mem open", "environ open", "maps open"]


def test_the_served_kms_is_closed(users_home: Path) -> None:
    with running("local", "serve") as process:
        assert process.stdout
        assert process.stdout.readline().startswith("listening on")
        assert seen_by_its_user(process.pid) == ["mem closed", "environ closed", "maps closed"]
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert next(line.split()[4] for line in limits.splitlines() if line.startswith("Max core")) == "0"


def test_a_command_that_waits_for_its_input_is_closed(users_home: Path) -> None:
    with running("digest", "--algorithm", "sha256", "-") as process:
        assert process.stdin
        # What does not fit into a pipe is taken by the command itself, which has begun then.
        process.stdin.write("x" * 2**20)
        process.stdin.flush()
        assert seen_by_its_user(process.pid) == ["mem closed", "environ closed", "maps closed"]


def test_a_crash_leaves_no_core(users_home: Path, tmp_path: Path) -> None:
    with subprocess.Popen(
        ["bash", "-c", 'ulimit -c unlimited; exec "$@"', "sh", *AS_USER, *PROGRAM, "local", "serve"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=users_home,
    ) as process:
        assert process.stdout
        assert process.stdout.readline().startswith("listening on")
        process.send_signal(signal.SIGSEGV)
        status = os.waitpid(process.pid, 0)[1]
        process.returncode = -os.WTERMSIG(status)
        assert not os.WCOREDUMP(status)


def test_the_command_of_exec_has_its_limit_and_its_memory_back(users_home: Path) -> None:
    def run(*arguments: str, given: str = "") -> str:
        command = ["bash", "-c", 'ulimit -S -c 1024; exec "$@"', "sh", *AS_USER, *PROGRAM, *arguments]
        return subprocess.run(command, input=given, capture_output=True, text=True, check=True).stdout

    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        unable("core dumps are forbidden here")
    run("init", "--local")
    blob = users_home / "blob"
    run("encrypt", "--key", "alias/default", "-o", str(blob), given="secret")
    look = "ulimit -S -c; exec 3< /proc/self/mem && echo open"
    assert run("exec", "--env", f"A=@{blob}", "--", "bash", "-c", look) == "1024\nopen\n"


def test_files_are_made_and_passphrases_read_though_proc_is_closed(users_home: Path) -> None:
    """A closed process's own /proc is root's; files without a name get theirs through it, and /dev/fd leads there."""

    def run(*arguments: str, given: str = "") -> str:
        end, start = os.pipe()
        os.fchown(end, USER, USER)
        os.write(start, b"correct horse battery")
        os.close(start)
        environ = {**os.environ, "KMSTOOL_PASSPHRASE_FILE": f"/dev/fd/{end}"}
        command = [*AS_USER, *PROGRAM, *(word.replace("PASSPHRASE", f"/dev/fd/{end}") for word in arguments)]
        done = subprocess.run(
            command, input=given, capture_output=True, text=True, env=environ, pass_fds=[end], check=False
        )
        os.close(end)
        assert done.returncode == 0, done.stderr
        return done.stdout

    run("init", "--local")
    run("random", "32", "-o", str(users_home / "random"))
    assert (users_home / "random").stat().st_size == 65
    run("local", "protect", "passphrase", "--yes", "--passphrase-file", "PASSPHRASE")
    assert "-k-" in run("encrypt", "--key", "alias/default", given="text")
