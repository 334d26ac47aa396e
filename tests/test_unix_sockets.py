"""`local serve --socket`: a way to the served KMS that the file system closes to every other user."""

import http.client
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kmstool.api import protocol, tc3
from kmstool.errors import AccessError, InputError, OutputError
from kmstool.kms.transport.endpoint import Endpoint
from kmstool.server.web import unix_sockets
from tests.conftest import need, unable
from tests.program import kmstool
from tests.served import Served, serving

NOBODY = 65534
TIMEOUT_SECONDS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir(mode=0o700)
    return made


@pytest.fixture
def server(tmp_path: Path, folder: Path) -> Iterator[Served]:
    with serving(tmp_path, "--socket", str(folder / "kms")) as found:
        yield found


def ask(path: Path, headers: dict[str, str], body: bytes) -> dict[str, Any]:
    with closing(http.client.HTTPConnection("localhost", timeout=TIMEOUT_SECONDS)) as client:
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.connect(str(path))
        client.request("POST", "/", body, headers)
        found: dict[str, Any] = json.loads(client.getresponse().read())["Response"]
        return found


def signed(server: Served, action: str, body: bytes) -> dict[str, str]:
    now = int(time.time())
    headers = {"content-type": "application/json", "host": "localhost"}
    secret_id, secret_key = (server.variables[f"TENCENTCLOUD_SECRET_{part}"] for part in ("ID", "KEY"))
    return {
        **headers,
        "authorization": tc3.sign(tc3.Request("POST", "", headers, body), secret_id, secret_key, now),
        "x-tc-action": action,
        "x-tc-version": protocol.VERSION,
        "x-tc-timestamp": str(now),
        "x-tc-region": "ap-guangzhou",
    }


def test_it_is_for_its_user_alone_and_wants_a_signature_too(server: Served, folder: Path) -> None:
    path, body = folder / "kms", b'{"NumberOfBytes": 8}'
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    headers = signed(server, "GenerateRandom", body)
    assert "Plaintext" in ask(path, headers, body)
    headers["authorization"] = "SKIP"
    assert ask(path, headers, body)["Error"]["Code"] == "AuthFailure.InvalidAuthorization"
    status = server.run("local", "status", "--format", "json").json["Served"]
    expected = {"Address": server.netloc, "Socket": str(path), "Tls": False, "Metadata": False, "WebIdentity": False}
    assert status == expected
    server.stop()
    assert not path.exists()
    assert server.run("local", "status", "--format", "json").json["Served"] is None


def test_another_user_cannot_even_connect(server: Served, folder: Path) -> None:
    """Not because of the folder alone."""
    if os.geteuid() != 0:
        unable("only root can become another user")
    path = folder / "kms"
    for place in (folder, *folder.parents[:3]):
        place.chmod(place.stat().st_mode | 0o055)
    python = os.path.realpath(sys.executable)
    code = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
    words = [need("setpriv"), "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--", python]
    done = subprocess.run([*words, "-c", code], capture_output=True, text=True, cwd="/", check=False)
    assert (done.returncode, "PermissionError" in done.stderr) == (1, True), done.stderr


def test_what_a_dead_server_left_is_replaced_and_a_live_one_refused(tmp_path: Path, folder: Path) -> None:
    path = folder / "kms"
    with serving(tmp_path, "--socket", str(path)) as server:
        other = str(tmp_path / "other")
        done = kmstool("local", "serve", "--socket", path, exit_code=8, env=server.environ, KMSTOOL_LOCAL_HOME=other)
        assert done.out == ""
        assert "a server listens" in done.err
        server.process.send_signal(signal.SIGKILL)
        server.process.wait(TIMEOUT_SECONDS)
    assert path.is_socket()
    with serving(tmp_path, "--socket", str(path)) as server:
        body = b'{"NumberOfBytes": 8}'
        assert "Plaintext" in ask(path, signed(server, "GenerateRandom", body), body)


def test_only_the_socket_that_was_made_is_removed(folder: Path) -> None:
    path = folder / "kms"
    with unix_sockets.listening(path):
        path.unlink()
        path.write_text("another file")
    assert path.read_text() == "another file"
    path.unlink()
    with unix_sockets.listening(path):
        path.unlink()
    assert not path.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link", "link to a socket", "pipe"])
def test_what_is_no_socket_stays(folder: Path, kind: str) -> None:
    path = folder / "kms"
    if kind == "file":
        path.write_text("kept")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("elsewhere")
        if kind == "link to a socket":
            with socket.socket(socket.AF_UNIX) as dead:
                dead.bind(str(folder / "elsewhere"))
    before = path.lstat()
    with pytest.raises(OutputError, match="no socket of yours"), unix_sockets.listening(path):
        pass
    assert os.path.samestat(path.lstat(), before)


def test_a_socket_whose_queue_is_full_is_alive(folder: Path) -> None:
    path = folder / "kms"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(str(path))
        with pytest.raises(OutputError, match="listens"), unix_sockets.listening(path):
            pass
        for client in waiting:
            client.close()


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_can_change_is_refused(folder: Path, mode: int) -> None:
    """They could put a socket of their own in its place, and clients would send them their requests."""
    folder.chmod(mode)
    with pytest.raises(AccessError, match="others may write"), unix_sockets.listening(folder / "kms"):
        pass
    assert list(folder.iterdir()) == []


def test_nobody_is_told_to_close_a_folder_that_is_there_for_all(folder: Path) -> None:
    """`chmod 700 /tmp`, which root could do, would stop other programs of the machine."""
    folder.chmod(0o1777)
    with pytest.raises(AccessError) as caught, unix_sockets.listening(folder / "kms"):
        pass
    assert caught.value.hint == "use a folder of your own"


def test_a_folder_above_that_others_can_change_is_refused(folder: Path) -> None:
    folder.parent.chmod(0o777)
    with pytest.raises(AccessError, match="others may exchange"), unix_sockets.listening(folder / "kms"):
        pass


def test_a_folder_of_another_user_is_refused(folder: Path) -> None:
    if os.geteuid() != 0:
        unable("only root can give a folder away")
    os.chown(folder, NOBODY, NOBODY)
    with pytest.raises(AccessError, match="belongs to another user"), unix_sockets.listening(folder / "kms"):
        pass


def test_a_folder_by_a_link_is_the_folder_itself(folder: Path) -> None:
    link = folder.parent / "link"
    link.symlink_to(folder)
    with unix_sockets.listening(link / "kms"):
        link.unlink()
        assert (folder / "kms").is_socket()
    assert list(folder.iterdir()) == []


def test_a_name_that_no_socket_can_have(folder: Path) -> None:
    with pytest.raises(InputError, match="too long"), unix_sockets.listening(folder / ("k" * 120)):
        pass
    with pytest.raises(OutputError), unix_sockets.listening(folder / "missing" / "kms"):
        pass
    assert list(folder.iterdir()) == []


def test_two_servers_that_find_the_same_dead_socket(folder: Path) -> None:
    """Only one of them may have it; the other must not remove what the first has just made."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folder / "kms"))
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom kmstool.errors import OutputError\n"
        "from kmstool.server.web import unix_sockets\n"
        "try:\n"
        "    with unix_sockets.listening(Path(sys.argv[1])):\n"
        "        print('listening', flush=True)\n"
        "        sys.stdin.read()\n"
        "except OutputError as error:\n"
        "    print(error.message, flush=True)\n"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(folder / "kms")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    try:
        said = [process.stdout.readline() for process in started if process.stdout]
    finally:
        for process in started:
            process.communicate(timeout=TIMEOUT_SECONDS)
    assert said.count("listening\n") == 1
    assert all(re.search("listens on", line) for line in said if line != "listening\n")


def test_kmstool_itself_can_use_it(server: Served, folder: Path) -> None:
    endpoint = f"unix://{folder / 'kms'}"
    key_id = server.run("--profile", "local", "key", "create", "--alias", "by-socket", "--endpoint", endpoint).out
    assert key_id.strip()
    blob = server.run("--profile", "local", "encrypt", "--key", "by-socket", "--endpoint", endpoint, stdin="a secret")
    back = server.run("--profile", "local", "decrypt", "--endpoint", server.endpoint, stdin=blob.stdout)
    assert back.out == "a secret"
    done = server.run("--profile", "local", "doctor", "--endpoint", endpoint)
    assert f"{folder / 'kms'} answers" in done.out
    server.stop()
    done = server.run("--profile", "local", "random", "8", "--endpoint", endpoint, "--retries", "0", exit_code=7)
    assert f"cannot reach {folder / 'kms'}" in done.err


@pytest.mark.parametrize("text", ["unix://kms", "unix:kms", "unix:///a\0b", "unix://user@host/a", "unix://"])
def test_what_names_no_unix_socket(text: str) -> None:
    with pytest.raises(InputError, match="is no endpoint"):
        Endpoint.parse(text)
