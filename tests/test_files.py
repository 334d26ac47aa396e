"""Input comes from a file, a pipe or a terminal that was named; output appears whole, private, or not at all."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.program import kmstool, on_terminal

ENCRYPT = ("encrypt", "--key", "demo")


# Root may read and write everything, unless it gives up the capabilities for it.
BOUND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in a folder that holds `secret.txt`, with a store that holds the key `demo`."""
    (workplace / "secret.txt").write_bytes(b"a secret")
    kms.call("CreateKey", {"Alias": "demo"})
    return workplace


def blob_of(data: bytes, name: str = "made.blob") -> str:
    """Encrypt data into a file and return its name."""
    Path(name).write_bytes(kmstool(*ENCRYPT, stdin=data).stdout)
    return name


def decrypted(blob: bytes) -> bytes:
    done = kmstool("decrypt", stdin=blob)
    return done.stdout


def mode_of(name: str) -> int:
    return stat.S_IMODE(os.lstat(name).st_mode)


@pytest.mark.parametrize("arguments", [(), ("-",), ("secret.txt",), ("./secret.txt",), ("--", "secret.txt")])
def test_input_is_a_file_or_stdin(arguments: tuple[str, ...]) -> None:
    done = kmstool(*ENCRYPT, *arguments, stdin=b"a secret")
    assert done.stderr == b""
    assert decrypted(done.stdout) == b"a secret"


def test_input_may_be_a_pipe_with_a_name(work: Path) -> None:
    """`kmstool encrypt <(producer)` names such a pipe."""
    os.mkfifo("pipe")
    with subprocess.Popen(["sh", "-c", "(printf 'a sec'; sleep 0.1; printf ret) > pipe"]):
        done = kmstool(*ENCRYPT, "pipe")
    assert decrypted(done.stdout) == b"a secret"


@pytest.mark.parametrize(
    ("name", "reason"), [("missing.txt", "no such file"), (".", "is a directory"), ("secret.txt/x", "not a directory")]
)
def test_input_that_cannot_be_read(name: str, reason: str) -> None:
    done = kmstool(*ENCRYPT, name, exit_code=3)
    assert done.stdout == b""
    assert f"cannot read {name}: {reason}" in done.stderr.decode()


@pytest.mark.parametrize(
    "command", [ENCRYPT, ("digest", "--algorithm", "sha256"), ("envelope", *ENCRYPT)], ids=" ".join
)
def test_an_empty_name_is_no_input(command: tuple[str, ...]) -> None:
    """`"$FILE"` with a variable that is not set."""
    done = kmstool(*command, "", stdin=b"a secret", exit_code=2)
    assert done.stdout == b""
    assert b"an empty name is no file" in done.stderr


def test_input_that_may_not_be_read() -> None:
    Path("secret.txt").chmod(0)
    done = kmstool(*ENCRYPT, "secret.txt", before=BOUND, exit_code=3)
    assert b"permission denied" in done.stderr


@pytest.mark.parametrize("command", [ENCRYPT, ("decrypt",), ("reencrypt",)])
def test_endless_input_is_refused_at_its_limit(command: tuple[str, ...]) -> None:
    done = kmstool(*command, "/dev/zero", exit_code=3)
    assert done.stdout == b""
    with Path("/dev/zero").open("rb") as zeros:
        kmstool(*command, stdin=zeros, exit_code=3)


def test_a_terminal_is_read_only_if_it_was_named() -> None:
    shown = on_terminal("encrypt", "--no-input", "--key", "demo", typed="a secret\n\x04", exit_code=2).stdout
    assert b"stdin is a terminal" in shown
    assert b"-k-" not in shown


def test_a_terminal_that_was_named_is_read() -> None:
    on_terminal("encrypt", "--key", "demo", "-", "-o", "typed.blob", typed="a secret\n\x04")
    assert decrypted(Path("typed.blob").read_bytes()) == b"a secret\n"


def test_binary_data_is_not_sent_to_a_terminal() -> None:
    shown = on_terminal("decrypt", blob_of(b"\x00\xff\x1b[31m"), exit_code=8).stdout
    assert b"\x1b" not in shown
    assert b"\xff" not in shown
    assert b"-o -" in shown


@pytest.mark.parametrize("data", [b"\x1b]0;title\x07", b"red \x1b[31m", "c1 \x9b31m".encode(), b"nul \x00", b"\xc3"])
def test_text_with_control_characters_is_binary_data(data: bytes) -> None:
    shown = on_terminal("decrypt", blob_of(data), exit_code=8).stdout
    assert data not in shown


def test_binary_data_is_sent_to_a_terminal_that_was_named() -> None:
    shown = on_terminal("decrypt", "-o", "-", blob_of(b"\x00\xff\x1b[31m")).stdout
    assert shown == b"\x00\xff\x1b[31m"


@pytest.mark.parametrize("text", ["a secret", "two\nlines\n", "tab\tand päss wörd 密钥"])
def test_text_is_sent_to_a_terminal(text: str) -> None:
    shown = on_terminal("decrypt", blob_of(text.encode())).out
    assert shown == text.replace("\n", "\r\n")


def test_text_made_of_blobs_and_digits_is_sent_to_a_terminal() -> None:
    assert re.fullmatch(rb"\S+-k-\S+-k-\S+\r\n", on_terminal(*ENCRYPT, "secret.txt").stdout)
    assert re.fullmatch(rb"[0-9a-f]{16}\r\n", on_terminal("random", "8").stdout)
    on_terminal("random", "64", "--encoding", "raw", exit_code=8)


@pytest.mark.parametrize("data", [b"\r\n", bytes(range(256))])
def test_bytes_pass_through_unchanged(data: bytes) -> None:
    blob_of(data)
    assert kmstool("decrypt", "made.blob").stdout == data
    assert kmstool("decrypt", "made.blob", "-o", "-").stdout == data
    assert kmstool("decrypt", "made.blob", "-o", "out").stdout == b""
    assert Path("out").read_bytes() == data


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_a_file_is_for_its_owner_whatever_the_umask(umask: int) -> None:
    kmstool("decrypt", blob_of(b"a secret"), "-o", "out", umask=umask)
    assert mode_of("out") == 0o600


def test_a_file_that_is_replaced_is_for_its_owner_from_then_on() -> None:
    Path("out").touch(mode=0o666)
    kmstool("decrypt", blob_of(b"a secret"), "-o", "out", "--force")
    assert mode_of("out") == 0o600


@pytest.mark.parametrize("kind", ["file", "empty file", "folder", "link", "dangling link", "pipe"])
def test_nothing_that_exists_is_overwritten(kind: str, work: Path) -> None:
    make: dict[str, Callable[[], object]] = {
        "file": lambda: Path("out").write_text("precious"),
        "empty file": lambda: Path("out").touch(),
        "folder": lambda: Path("out").mkdir(),
        "link": lambda: Path("out").symlink_to("secret.txt"),
        "dangling link": lambda: Path("out").symlink_to("missing"),
        "pipe": lambda: os.mkfifo("out"),
    }
    make[kind]()
    before = os.lstat("out")
    done = kmstool("random", "8", "-o", "out", exit_code=8)
    assert done.stdout == b""
    assert {"folder": b"it is a folder", "pipe": b"not a regular file"}.get(kind, b"exists already") in done.stderr
    after = os.lstat("out")
    assert (after.st_ino, after.st_size, after.st_mode) == (before.st_ino, before.st_size, before.st_mode)
    assert sorted(os.listdir()) == ["out", "secret.txt"]


def test_force_replaces_a_link_and_not_what_it_points_to() -> None:
    Path("out").symlink_to("secret.txt")
    kmstool("random", "8", "-o", "out", "--force")
    assert not Path("out").is_symlink()
    assert Path("secret.txt").read_bytes() == b"a secret"


@pytest.mark.parametrize("name", ["folder", "pipe", "/dev/null"])
def test_force_replaces_files_only(name: str) -> None:
    Path("folder").mkdir()
    os.mkfifo("pipe")
    done = kmstool("random", "8", "-o", name, "--force", exit_code=8)
    assert (b"it is a folder" if name == "folder" else b"not a regular file") in done.stderr
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize(
    ("name", "reason"), [("missing/out", "no such file or directory"), ("secret.txt/out", "not a directory")]
)
def test_a_folder_that_cannot_be_written_to(name: str, reason: str) -> None:
    done = kmstool("random", "8", "-o", name, exit_code=8)
    assert f"cannot write {name}: {reason}" in done.stderr.decode()


def test_a_folder_that_may_not_be_written_to() -> None:
    Path("closed").mkdir(mode=0o500)
    done = kmstool("random", "8", "-o", "closed/out", before=BOUND, exit_code=8)
    assert b"permission denied" in done.stderr


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize("out", ["secret.txt", "./secret.txt", "linked.txt", "link.txt"])
def test_input_and_output_are_two_files(out: str, force: tuple[str, ...]) -> None:
    """By whatever name: the plaintext would be gone, and with it the only copy if the key is deleted."""
    os.link("secret.txt", "linked.txt")
    Path("link.txt").symlink_to("secret.txt")
    done = kmstool(*ENCRYPT, "secret.txt", "-o", out, *force, exit_code=None)
    assert done.exit_code in (2, 8)
    assert Path("secret.txt").read_bytes() == b"a secret"
    assert Path("link.txt").is_symlink()


def test_input_from_stdin_and_output_are_two_files() -> None:
    with Path("secret.txt").open("rb") as secret:
        kmstool(*ENCRYPT, "-o", "secret.txt", "--force", stdin=secret, exit_code=2)
    assert Path("secret.txt").read_bytes() == b"a secret"


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_failure_leaves_no_file(force: tuple[str, ...]) -> None:
    Path("altered.blob").write_text("AA==-k-AA==-k-AA==\n")
    kmstool("decrypt", "altered.blob", "-o", "out", *force, exit_code=5)
    assert sorted(os.listdir()) == ["altered.blob", "secret.txt"]


def test_a_failure_leaves_the_old_file() -> None:
    Path("altered.blob").write_text("AA==-k-AA==-k-AA==\n")
    Path("out").write_text("precious")
    kmstool("decrypt", "altered.blob", "-o", "out", "--force", exit_code=5)
    assert Path("out").read_text() == "precious"


@pytest.mark.parametrize("target", ["new", "old"])
@pytest.mark.usefixtures("uncovered")
def test_a_disk_that_takes_no_more_leaves_what_was_there(target: str) -> None:
    """A limit of no bytes a file stands for the full disk; the store is only read meanwhile."""
    blob_of(b"a secret")
    Path("old").write_text("precious")
    before = sorted(os.listdir())
    shell = shutil.which("bash") or "sh"
    full = (shell, "-c", 'ulimit -f 0; "$@"', "sh")
    done = kmstool("decrypt", "made.blob", "-o", target, "--force", before=full, exit_code=8)
    assert f"cannot write {target}: ".encode() in done.stderr
    assert sorted(os.listdir()) == before
    assert Path("old").read_text() == "precious"


def test_an_empty_name_is_no_file() -> None:
    """`-o "$OUT"` with a variable that is not set."""
    done = kmstool("random", "8", "-o", "", exit_code=None)
    assert done.exit_code in (2, 8)
    assert b"cannot write .:" not in done.stderr
    assert os.listdir() == ["secret.txt"]


@pytest.mark.parametrize(
    "arguments", [("random", "8", "-o", "-"), ("random", "8", "--out", "-"), ("random", "8", "--out=-")]
)
def test_a_dash_is_stdout(arguments: tuple[str, ...]) -> None:
    done = kmstool(*arguments)
    assert re.fullmatch(rb"[0-9a-f]{16}\n", done.stdout)
    assert os.listdir() == ["secret.txt"]
