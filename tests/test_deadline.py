"""A command ends by its deadline, whatever the other side does: a byte now and then must not hold it up for ever.

The peers are real sockets on loopback that send for ever. What is asserted is that the command ends at all, long before they do.
"""

import contextlib
import itertools
import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from kmstool.errors import UnreachableError
from kmstool.kms.transport.connection import Connection
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.endpoint import Endpoint
from tests.conftest import PROGRAM

HANG_SECONDS = 20
"""As long as no command here may take: some times its deadline, for a busy machine."""

PAUSE_SECONDS = 0.05
ROLE = "qcs::cam::uin/1:roleName/a"
KEY_ID = "23e80852-1e38-11e9-b129-5cb9019b4b01"

Peer = Callable[[socket.socket], Iterable[bytes]]


class Dripping:
    """A peer that sends, to everybody who connects, one part after the other with a pause before each, until it is left."""

    def __init__(self, peer: Peer, pause: float) -> None:
        self._peer, self._pause = peer, pause
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._closed = threading.Event()
        self.connections = 0
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def close(self) -> None:
        self._closed.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(HANG_SECONDS)
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self.connections += 1
                self._threads.append(threading.Thread(target=self._drip, args=[client]))
                self._threads[-1].start()

    def _drip(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client:
            client.settimeout(HANG_SECONDS)
            for part in self._peer(client):
                if self._closed.wait(self._pause):
                    return
                client.sendall(part)


@contextlib.contextmanager
def dripping(peer: Peer, pause: float = PAUSE_SECONDS) -> Iterator[Dripping]:
    made = Dripping(peer, pause)
    try:
        yield made
    finally:
        made.close()


def endless(start: bytes, again: bytes) -> Peer:
    """Return a peer that takes a request, and answers with a start and then the same for ever."""

    def answer(client: socket.socket) -> Iterator[bytes]:
        client.recv(65536)
        yield start
        yield from itertools.repeat(again)

    return answer


def unasked(start: bytes, again: bytes) -> Peer:
    """Return a peer of that kind to whom a part of a request is enough."""
    return lambda _: itertools.chain([start], itertools.repeat(again))


def silent(_: socket.socket) -> Iterator[bytes]:
    """Say nothing, for ever."""
    return itertools.repeat(b"")


OK = b"HTTP/1.1 200 OK\r\n"
# A record of TLS 1.2 that claims a handshake message of 16 KiB.
RECORD = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"

ANSWERS = {
    "silence": silent,
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "one long interim answer": endless(b"HTTP/1.1 100 Continue\r\n", b"A: b\r\n"),
    "status line": endless(b"HTTP/1.1 200 ", b"O"),
    "header": endless(OK + b"A: ", b"b"),
    "headers": endless(OK, b"A: b\r\n"),
    "body": endless(OK + b"Content-Length: 100000\r\n\r\n", b"x"),
    "body without a length": endless(OK + b"\r\n", b"x"),
    "chunks": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    "size of a chunk": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers": endless(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n"),
}

ELSEWHERE = ("silence", "interim answers", "headers", "body", "trailers")

PROXIES = {
    "silence": silent,
    "status line": endless(b"HTTP/1.1 200 ", b"O"),
    "headers": endless(OK, b"A: b\r\n"),
    "interim answers": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "handshake behind it": endless(OK + b"\r\n", b"\0"),
}


def run(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    credential = {"TENCENTCLOUD_SECRET_ID": "AKIDofthetests", "TENCENTCLOUD_SECRET_KEY": "ofTheTests"}
    return subprocess.run(
        [*PROGRAM, *arguments],
        env={**clean, **credential, **environ},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=HANG_SECONDS,
        check=False,
    )


def ends(*arguments: str, timeout: str = "0.4", wait: str = "0.5", **environ: str) -> str:
    """Run a command that cannot succeed, with a short deadline; return what it says."""
    done = run(*arguments, "--timeout", timeout, "--max-wait", wait, **environ)
    assert (done.returncode, done.stdout) == (7, ""), done.stderr
    assert "unexpected" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("pause", [PAUSE_SECONDS, 0], ids=["slowly", "fast"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_without_end_is_given_up(answer: Peer, pause: float) -> None:
    with dripping(answer, pause) as peer:
        ends("random", "8", "--endpoint", f"http://{peer.place}")


@pytest.mark.parametrize("pause", [PAUSE_SECONDS, 0], ids=["slowly", "fast"])
@pytest.mark.parametrize("answer", PROXIES.values(), ids=PROXIES)
def test_a_proxy_without_end_is_given_up(answer: Peer, pause: float) -> None:
    with dripping(answer, pause) as peer:
        said = ends("random", "8", "--endpoint", "kms.example.test", HTTPS_PROXY=f"http://{peer.place}")
    assert "cannot reach kms.example.test" in said


@pytest.mark.parametrize(("start", "again"), [(b"", b"\x16"), (RECORD, b"\0")], ids=["head", "record"])
def test_a_handshake_without_end_is_given_up(start: bytes, again: bytes) -> None:
    with dripping(unasked(start, again)) as peer:
        ends("random", "8", "--endpoint", f"https://{peer.place}")


def test_a_request_that_is_not_taken_is_given_up(tmp_path: Path) -> None:
    """More than the system keeps for a reader that does not read."""
    file = tmp_path / "params.json"
    file.write_text(json.dumps({"Plaintext": "A" * 9_000_000}))
    with dripping(silent) as peer:
        ends("api", "Encrypt", "--params", f"@{file}", "--endpoint", f"http://{peer.place}")


@pytest.mark.parametrize("answer", [ANSWERS[name] for name in ELSEWHERE], ids=ELSEWHERE)
def test_a_metadata_service_without_end_is_given_up(answer: Peer) -> None:
    assert run("profile", "set", "machine", "--credentials", "cvm-role").returncode == 0
    with dripping(answer) as peer:
        place = f"http://{peer.place}"
        said = ends("random", "8", "--profile", "machine", "--endpoint", place, KMSTOOL_METADATA_ENDPOINT=place)
    assert "the metadata service does not answer" in said or "the time for this command is used up" in said


@pytest.mark.parametrize("answer", [ANSWERS[name] for name in ELSEWHERE], ids=ELSEWHERE)
def test_an_sts_without_end_is_given_up(answer: Peer) -> None:
    with dripping(answer) as peer:
        place = f"http://{peer.place}"
        ends("random", "8", "--endpoint", place, KMSTOOL_STS_ENDPOINT=place, TENCENTCLOUD_ROLE_ARN=ROLE)


def slow(answers: Callable[[bytes], dict[str, str] | None]) -> Peer:
    """Return a KMS that needs 0.7 seconds for each answer; one of None is lost."""

    def answer(client: socket.socket) -> Iterator[bytes]:
        request = client.recv(65536)
        time.sleep(0.7)
        fields = answers(request)
        if fields is not None:
            body = json.dumps({"Response": {**fields, "RequestId": "1"}}).encode()
            yield OK + f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body

    return answer


def test_all_recipients_together_have_one_deadline(tmp_path: Path) -> None:
    """Each answer comes in time, all of them do not."""
    made = {"KeyId": KEY_ID, "CiphertextBlob": "blob", "Plaintext": "A" * 43 + "="}
    file = tmp_path / "a"
    file.write_bytes(b"secret")
    regions = ("ap-guangzhou", "ap-beijing", "ap-shanghai", "ap-singapore", "ap-hongkong", "ap-tokyo", "ap-seoul")
    keys = [word for region in regions for word in ("--key", f"{region}:{KEY_ID}")]
    with dripping(slow(lambda _: dict(made)), 0) as kms:
        said = ends(
            "envelope", "encrypt", str(file), *keys, "--endpoint", f"http://{kms.place}", timeout="1.5", wait="2"
        )
        assert kms.connections < len(regions)
    assert "the time for this command is used up" in said or "no answer in time" in said
    assert not (tmp_path / "a.kte").exists()


def test_a_look_up_has_what_is_left(tmp_path: Path) -> None:
    def answers(request: bytes) -> dict[str, str] | None:
        return None if b"CreateKey" in request else {"TotalCount": "none"}

    with dripping(slow(answers), 0) as kms:
        said = ends(
            "key",
            "create",
            "--alias",
            "demo",
            "--retries",
            "1000",
            "--endpoint",
            f"http://{kms.place}",
            timeout="1",
            wait="2",
        )
    assert "whether CreateKey took effect is not known" in said


def test_a_name_that_is_never_resolved_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver of the system has no timeout of its own that a caller could set."""
    released = threading.Event()
    real = socket.getaddrinfo

    def hanging(host: str, *arguments: object, **options: object) -> object:
        if host == "kms.example.test" and not options.get("flags"):
            assert released.wait(HANG_SECONDS)
        return real(host, *arguments, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    monkeypatch.setenv("NO_PROXY", "*")
    found: list[Exception] = []

    def ask() -> None:
        try:
            Connection(Endpoint.parse("kms.example.test"), 0.3).exchange("GET", {})
        except UnreachableError as error:
            found.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(HANG_SECONDS / 2)
    ended = not thread.is_alive()
    released.set()
    thread.join(HANG_SECONDS)
    assert ended
    assert "no answer in time" in str(found)


def test_the_first_address_that_says_nothing_leaves_time_for_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with two addresses, of which the first one takes nobody in: its queue is full."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=0) as full,
        dripping(endless(OK + b"Content-Length: 1\r\n\r\n", b"x")) as peer,
        contextlib.ExitStack() as waiting,
    ):
        for _ in range(4):
            sock = waiting.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(full.getsockname())
        host, port = peer.place.split(":")
        found = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in (full.getsockname(), (host, int(port)))
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        with contextlib.closing(Connection(Endpoint.parse("http://localhost"), 4)) as connection:
            assert connection.exchange("GET", {}).body == b"x"


# The clock of the deadline.


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_clock_runs_only_while_something_is_waited_for(clock: Clock) -> None:
    deadline = Deadline(60, 30, clock)
    clock.now += 500
    with deadline.running():
        clock.now += 10
        with deadline.running():
            clock.now += 5
    clock.now += 500
    assert deadline.spent == 15
    with deadline.running():
        assert deadline.end(30) == clock.now + 30
        assert deadline.end(50) == clock.now + 45
        assert deadline.allows(45)
        assert not deadline.allows(46)
        clock.now += 45
        assert deadline.end(30) == clock.now
        deadline.renew()
        assert deadline.end(30) == clock.now + 30


def test_a_first_try_has_its_timeout_however_short_the_wait(clock: Clock) -> None:
    deadline = Deadline(0, 30, clock)
    with deadline.running():
        assert deadline.end(30) == clock.now + 30
        clock.now += 1
        assert not deadline.allows(0)
        assert deadline.end(30) == clock.now + 29


def test_time_that_is_used_up_is_said_so(clock: Clock) -> None:
    clock.now = time.monotonic()
    deadline = Deadline(0, 0, clock)
    with pytest.raises(UnreachableError, match="the time for this command is used up"):
        Connection(Endpoint.parse("http://127.0.0.1:1"), 5, deadline=deadline).exchange("GET", {})
