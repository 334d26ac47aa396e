"""A pipe that an earlier process left non-blocking changes nothing: the whole is read, and the whole is written.

Node and others set O_NONBLOCK, which belongs to the open pipe and so to everyone who has it, and do not always put it
back.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import socket
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.conftest import ON_TERMINAL, PROGRAM
from tests.program import kmstool

TIMEOUT_SECONDS = 60
# What the program finds under the names of what is open.
STDIN_NAMES = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
PARTS = (b"part one, ", b"part two\n")
WHOLE = b"".join(PARTS)


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in a folder with the keys `demo` and `signer` in the store, and a message whole and in part."""
    kms.call("CreateKey", {"Alias": "demo"})
    kms.call("CreateKey", {"Alias": "signer", "KeyUsage": "ASYMMETRIC_SIGN_VERIFY_SM2"})
    Path("whole").write_bytes(WHOLE)
    Path("part").write_bytes(PARTS[0])
    return workplace


def run(*arguments: str, data: bytes = b"") -> bytes:
    done = subprocess.run([*PROGRAM, *arguments], input=data, capture_output=True, check=False, timeout=TIMEOUT_SECONDS)
    assert done.returncode == 0, done.stderr
    return done.stdout


def waiting(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether the process sleeps: in `poll`, once it has nothing else to do."""
    state = Path(f"/proc/{process.pid}/stat").read_text("ascii").rpartition(")")[2].split()[0]
    return state == "S" or process.poll() is not None


def stuck(process: subprocess.Popen[bytes]) -> bool:
    """Tell whether the process waits for room in a pipe, or its main thread for the one that does."""
    return re.search("poll|futex", Path(f"/proc/{process.pid}/wchan").read_text("ascii")) is not None or (
        process.poll() is not None
    )


def unread(pipe: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))
    return int(count)


@contextlib.contextmanager
def nonblocking(parts: tuple[bytes, ...], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command whose stdin is non-blocking, and give it one part after the other, each when it has read the last."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    process = subprocess.Popen([*PROGRAM, *arguments], stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        for part in parts:
            end = time.monotonic() + TIMEOUT_SECONDS
            while unread(reading) or not waiting(process):
                assert time.monotonic() < end
                time.sleep(0.01)
            with contextlib.suppress(BrokenPipeError):
                os.write(writing, part)
        os.close(writing)
        yield process
    finally:
        os.close(reading)
        process.kill()
        process.wait()


def trickled(*arguments: str, parts: tuple[bytes, ...] = PARTS) -> bytes:
    with nonblocking(parts, *arguments) as process:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, err
    return out


def halves(data: bytes) -> tuple[bytes, bytes]:
    return data[: len(data) // 2], data[len(data) // 2 :]


def test_a_digest_is_of_the_whole() -> None:
    assert trickled("digest", "--algorithm", "sha256").decode().strip() == hashlib.sha256(WHOLE).hexdigest()


def test_a_signature_is_of_the_whole() -> None:
    Path("signature").write_bytes(trickled("sign", "--key", "signer", "-"))
    assert run("verify", "--key", "signer", "--signature", "signature", "whole") == b"signature valid\n"
    part = [*PROGRAM, "verify", "--key", "signer", "--signature", "signature", "part"]
    assert subprocess.run(part, capture_output=True, check=False).returncode == 5


def test_what_is_verified_is_the_whole() -> None:
    run("sign", "--key", "signer", "-o", "of-part", "part")
    with nonblocking(PARTS, "verify", "--key", "signer", "--signature", "of-part") as process:
        out, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert (process.returncode, out) == (5, b"")


def test_nothing_there_yet_is_no_end() -> None:
    assert trickled("digest", "--algorithm", "sha256", parts=(WHOLE,)).split() == [
        hashlib.sha256(WHOLE).hexdigest().encode()
    ]


def test_all_that_is_encrypted_is_the_whole() -> None:
    blob = trickled("encrypt", "--key", "demo")
    assert trickled("decrypt", parts=halves(blob)) == WHOLE


def test_an_envelope_is_of_the_whole() -> None:
    envelope = trickled("envelope", "encrypt", "--key", "demo")
    assert trickled("envelope", "decrypt", parts=halves(envelope)) == WHOLE
    armored = trickled("envelope", "encrypt", "--key", "demo", "-a")
    assert trickled("envelope", "verify", parts=halves(armored)) == b"envelope valid\n"


def test_a_request_is_the_whole() -> None:
    params = json.dumps({"Limit": 1}).encode()
    assert json.loads(trickled("api", "ListKeys", "--params", "-", parts=halves(params)))["TotalCount"] == 2


def test_lines_of_a_login_are_whole() -> None:
    Path("passphrase").write_text("a passphrase")
    arguments = ("auth", "login", "--profile", "work", "--store", "file", "--passphrase-file", "passphrase")
    out = trickled(*arguments, "--no-verify", parts=(b"AKIDtes", b"ts0123456789\nthe-", b"k", b"\n"))
    assert out == b""


def full_pipe() -> tuple[int, int, int]:
    """Return a pipe, the writing end non-blocking, that has no room left, and how much is in it."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    filled = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += os.write(writing, b"#" * 4096)
    return reading, writing, filled


def through_full_pipe(*arguments: str, stream: str = "stdout") -> bytes:
    """Run a command whose stdout or stderr is non-blocking and full, empty that once it waits, and return what it wrote."""
    reading, writing, filled = full_pipe()
    out, err = (writing if name == stream else subprocess.DEVNULL for name in ("stdout", "stderr"))
    with subprocess.Popen([*PROGRAM, *arguments], stdin=subprocess.DEVNULL, stdout=out, stderr=err) as process:
        os.close(writing)
        end = time.monotonic() + TIMEOUT_SECONDS
        while not stuck(process):
            assert time.monotonic() < end
            time.sleep(0.01)
        data = b""
        while piece := os.read(reading, 65536):
            data += piece
        os.close(reading)
        process.wait(TIMEOUT_SECONDS)
    assert len(data) >= filled
    return data[filled:]


def test_what_is_decrypted_is_written_whole() -> None:
    plaintext = bytes(range(256)) * 16
    Path("blob").write_bytes(run("encrypt", "--key", "demo", data=plaintext))
    assert through_full_pipe("decrypt", "blob") == plaintext


def test_the_payload_of_an_envelope_is_written_whole() -> None:
    plaintext = os.urandom(500_000)
    Path("plain").write_bytes(plaintext)
    run("envelope", "encrypt", "--key", "demo", "plain")
    assert through_full_pipe("envelope", "decrypt", "plain.kte", "-o", "-") == plaintext


@pytest.mark.parametrize(
    "arguments", [("key", "list"), ("key", "list", "--format", "json"), ("--version",), ("--help",)]
)
def test_what_is_printed_is_written_whole(arguments: tuple[str, ...]) -> None:
    assert through_full_pipe(*arguments) == run(*arguments)


def test_a_message_is_written_whole() -> None:
    assert through_full_pipe("key", "show", "nothing", stream="stderr").startswith(b"kmstool: error: ")


def test_a_terminal_that_was_left_non_blocking_is_asked() -> None:
    code = "import os, sys; os.set_blocking(0, False); os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    command = [*ON_TERMINAL, 'exec "$@"', "sh", sys.executable, "-c", code, *PROGRAM[1:], "key", "disable", "demo"]
    done = subprocess.run(command, input=b"y\n", capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    assert done.returncode == 0, done.stdout
    assert b"Go on?" in done.stdout
    assert b"disabled" in run("key", "list", "--format", "json").lower()


def test_nothing_is_kept_back_where_no_buffer_is_wanted() -> None:
    """What comes by stdout and by stderr is in the order in which it was said then."""
    script = "import sys; from kmstool.cli.streams import prepare_streams; prepare_streams(); print('first'); print('second', file=sys.stderr)"
    for unbuffered, expected in (("1", b"first\nsecond\n"), ("", b"second\nfirst\n")):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
            timeout=60,
        )
        assert done.stdout == expected


@pytest.mark.parametrize("name", STDIN_NAMES)
def test_a_stdin_that_is_a_socket_is_read(name: str) -> None:
    """Case 20: Node gives one to each program that it starts, and the system opens no socket by a name."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(WHOLE)
        ours.shutdown(socket.SHUT_WR)
        digest = kmstool("digest", "--algorithm", "sha256", name, stdin=theirs.fileno())
    assert digest.out.strip() == hashlib.sha256(WHOLE).hexdigest()


def test_no_other_socket_is_opened_by_its_name() -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket")
        ran = kmstool("digest", "--algorithm", "sha256", "socket", exit_code=3)
    assert "cannot read socket: no such device or address" in ran.err


@pytest.mark.parametrize("name", ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"])
def test_what_is_open_already_goes_to_stdout(name: str) -> None:
    """As of <(command), whose name in /dev says nothing: `envelope encrypt <(mysqldump ...) | ...`."""
    sealed = kmstool("envelope", "encrypt", "--key", "demo", name, stdin=WHOLE).stdout
    assert kmstool("envelope", "decrypt", name, stdin=sealed).stdout == WHOLE
