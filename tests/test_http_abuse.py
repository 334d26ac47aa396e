"""Who has no credential can neither lock others out of the served KMS, nor make them wait, nor take its memory.

Some attacks meet the real program in a process of its own; where it matters what is done
in which order, the server runs in a thread with a handler that writes it down. Nothing
here depends on how long something takes, but that it ends.
"""

import asyncio
import itertools
import json
import re
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kmstool.api import protocol, tc3
from kmstool.errors import KmsToolError
from kmstool.server import requests
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.web import bodies, connection, http, http_server, incoming, parameters
from kmstool.server.web.authentication import authenticate, is_addressed_by_loopback
from kmstool.server.web.http import Answer, HttpAnswer, HttpError, HttpRequest, parse_head
from kmstool.server.web.incoming import Budget, Incoming
from kmstool.server.web.parameters import unflatten
from tests.running import TIMEOUT_SECONDS, answers, connect, exchange, last, read_all, running
from tests.served import Served, serving

MIB = 2**20
MAX_MIB = 128
PLACES = http_server.MAX_CONNECTIONS

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
TRUSTED = HttpAnswer(b"{}", trusted=True)


@pytest.fixture
def kms(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path) as server:
        yield server


def address(server: Served) -> tuple[str, int]:
    host, _, port = server.netloc.rpartition(":")
    return host, int(port)


def signed(server: Served, body: bytes = b'{"NumberOfBytes": 8}', *, key: str = "", connection: str = "close") -> bytes:
    """Return a whole request, signed with the server's key or another one."""
    variables, now = server.variables, int(time.time())
    headers = {"content-type": "application/json", "host": server.netloc}
    secret = variables["TENCENTCLOUD_SECRET_ID"], key or variables["TENCENTCLOUD_SECRET_KEY"]
    more = {
        "authorization": tc3.sign(tc3.Request("POST", "", headers, body), *secret, now),
        "x-tc-action": "GenerateRandom",
        "x-tc-version": protocol.VERSION,
        "x-tc-timestamp": str(now),
        "x-tc-region": "ap-guangzhou",
        "content-length": str(len(body)),
        "connection": connection,
    }
    lines = [f"{name}: {value}\r\n" for name, value in (headers | more).items()]
    return b"POST / HTTP/1.1\r\n" + "".join(lines).encode() + b"\r\n" + body


def assert_served(server: Served) -> None:
    """Fail unless a client that comes now gets what it asks for."""
    with closing(socket.create_connection(address(server), timeout=TIMEOUT_SECONDS)) as client:
        client.sendall(signed(server))
        [(status, _, body)] = answers(read_all(client))
    assert status == 200
    assert "Plaintext" in json.loads(body)["Response"]


def peak_mib(server: Served) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{server.process.pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


@contextmanager
def clients(where: tuple[str, int], count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(closing(socket.create_connection(where, timeout=TIMEOUT_SECONDS))) for _ in range(count)
        ]


# Places.


@pytest.mark.parametrize(
    "start", [b"", GET[:-3], POST % 1000 + b"a", GET + GET[:-3]], ids=["nothing", "half a head", "half a body", "more"]
)
def test_who_takes_all_places_and_asks_nothing_locks_nobody_out(kms: Served, start: bytes) -> None:
    with clients(address(kms), PLACES) as crowd:
        for client in crowd:
            client.sendall(start)
        for _ in range(3):
            assert_served(kms)


def test_who_comes_again_and_again_locks_nobody_out(kms: Served) -> None:
    for _ in range(3):
        with clients(address(kms), PLACES + 50) as crowd:
            for client in crowd:
                with suppress(ConnectionError):
                    client.sendall(GET[:-3])
            assert_served(kms)


def test_strangers_take_no_place_of_who_proved_who_they_are(kms: Served) -> None:
    with clients(address(kms), 1) as [known]:
        request = signed(kms, connection="keep-alive")
        known.sendall(request)
        assert known.recv(65536).startswith(b"HTTP/1.1 200 ")
        with clients(address(kms), 2 * PLACES):
            known.sendall(request)
            assert b"Plaintext" in known.recv(65536)


def test_the_oldest_gives_way_first_and_is_told() -> None:
    with running(lambda _: TRUSTED) as server, clients(("127.0.0.1", server.port), PLACES) as crowd:
        for client in crowd:
            client.sendall(GET[:-3])
        # The last one is accepted before a further one can be.
        crowd[-1].sendall(GET[-3:])
        assert crowd[-1].recv(100).startswith(b"HTTP/1.1 200 ")
        with connect(server) as new:
            new.sendall(last(b"GET / HTTP/1.1"))
            assert [status for status, _, _ in answers(read_all(new))] == [200]
        assert [status for status, _, _ in answers(read_all(crowd[0]))] == [503]
        crowd[1].sendall(GET[-3:])
        assert crowd[1].recv(100).startswith(b"HTTP/1.1 200 ")


def test_what_is_being_answered_gives_no_way() -> None:
    waiting: list[asyncio.Future[HttpAnswer]] = []

    def handle(_: HttpRequest) -> Answer:
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    with running(handle) as server, clients(("127.0.0.1", server.port), PLACES) as crowd:
        for client in crowd:
            client.sendall(GET)
        wait_until(lambda: len(waiting) == PLACES)
        with connect(server) as surplus:
            [(status, connection, _)] = answers(read_all(surplus))
        assert (status, connection) == (503, "close")
        server.later(lambda: [future.set_result(TRUSTED) for future in waiting])
        for client in crowd:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Deadlines.


@pytest.mark.parametrize(
    ("constant", "start"), [("HEAD_SECONDS", GET[:-3]), ("BODY_SECONDS", POST % 10_000)], ids=["head", "body"]
)
def test_no_number_of_bytes_moves_a_deadline(monkeypatch: pytest.MonkeyPatch, constant: str, start: bytes) -> None:
    monkeypatch.setattr(incoming, constant, 0.5)
    with running(lambda _: TRUSTED) as server, connect(server) as client:
        client.sendall(start)
        data, end = b"", time.monotonic() + TIMEOUT_SECONDS
        client.settimeout(0.02)
        while not data:
            assert time.monotonic() < end
            with suppress(TimeoutError):
                data = client.recv(100)
            with suppress(ConnectionError):
                client.send(b"a")
        assert data.startswith(b"HTTP/1.1 408 ")


def test_who_never_reads_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.5)
    handled = []

    def handle(request: HttpRequest) -> Answer:
        handled.append(request)
        return HttpAnswer(bytes(16 * MIB))

    with running(handle) as server, connect(server) as client:
        client.sendall(GET)
        wait_until(lambda: handled and not server.server.shared.connections)
        assert len(read_all(client)) < 16 * MIB


def test_who_never_reads_does_not_hold_up_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "STOP_SECONDS", 0.5)
    handled = []

    def handle(request: HttpRequest) -> Answer:
        handled.append(request)
        return HttpAnswer(bytes(16 * MIB))

    with running(handle) as server, connect(server) as client:
        client.sendall(last(b"GET / HTTP/1.1"))
        wait_until(lambda: handled)
        server.stop()
        server.join()


# Turns.


def test_nobody_waits_for_the_pipeline_of_another() -> None:
    """What counts is how many requests of the one are answered before the other's."""
    order: list[str] = []

    with ExitStack() as stack:

        def handle(request: HttpRequest) -> Answer:
            if not order:
                other.sendall(GET.replace(b"/ ", b"/other "))
            order.append(request.path)
            return HttpAnswer(b"{}")

        server = stack.enter_context(running(handle))
        greedy, other = (stack.enter_context(connect(server)) for _ in range(2))
        greedy.sendall(GET * 400)
        assert other.recv(100).startswith(b"HTTP/1.1 200 ")
        before = order.index("/other")
        greedy.close()
    assert before <= 2 * 16


def test_a_pipeline_does_not_hold_up_a_signed_request(kms: Served) -> None:
    with clients(address(kms), 64) as crowd:
        for client in crowd:
            client.setblocking(False)
            with suppress(BlockingIOError):
                client.send(GET * 5000)
        for _ in range(5):
            assert_served(kms)


# Answers that are not read, and requests that nobody can answer yet.


def push(client: socket.socket, data: bytes, most: int) -> int:
    """Send the same bytes until the other side takes no more for a second; return how many went."""
    client.setblocking(False)
    sent = 0
    with selectors.DefaultSelector() as selector:
        selector.register(client, selectors.EVENT_WRITE)
        while sent < most and selector.select(1):
            sent += client.send(data)
    return sent


def test_who_does_not_read_is_not_read_from() -> None:
    """Sockets buffer some MiB in the kernel; what is beyond that would be memory of the server."""
    handled = 0

    def handle(_: HttpRequest) -> Answer:
        nonlocal handled
        handled += 1
        return HttpAnswer(bytes(1000))

    with running(handle) as server, connect(server) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        most = 32 * MIB
        assert push(client, GET * 1000, most) < most
        [client_side] = server.server.shared.connections
        assert client_side.unread_bytes <= 2 * connection.MAX_UNREAD_BYTES


def test_who_waits_for_an_answer_is_not_read_from() -> None:
    futures: list[asyncio.Future[HttpAnswer]] = []

    def later(_: HttpRequest) -> Answer:
        futures.append(asyncio.get_running_loop().create_future())
        return futures[-1]

    with running(later) as server, connect(server) as client:
        most = 32 * MIB
        sent = push(client, GET, 10 * len(GET)) + push(client, bytes(MIB), most)
        assert sent < most
        assert len(futures) == 1
        server.later(lambda: futures[0].set_result(TRUSTED))
        client.setblocking(True)
        client.settimeout(TIMEOUT_SECONDS)
        assert client.recv(100).startswith(b"HTTP/1.1 200 ")
        wait_until(lambda: len(futures) == 2)
        server.later(lambda: futures[1].set_result(HttpAnswer(b"", drop=True)))


# Memory.


def large(server: Served, who: str) -> bytes:
    """Return a request of the largest size that is not signed, by nobody known, or wrongly."""
    body = b"[" * (10 * MIB)
    request = signed(server, body, key="wrong", connection="keep-alive")
    if who == "nobody":
        return POST % len(body) + body
    if who.endswith("chunks"):
        chunks = (b"10000\r\n" + bytes(2**16) + b"\r\n") * (len(body) // 2**16) + b"0\r\n\r\n"
        request = re.sub(rb"content-length: \d+", b"Transfer-Encoding: chunked", request[: -len(body)]) + chunks
    if who == "nobody in chunks":
        return re.sub(rb"authorization: .*\r\n", b"", request)
    return re.sub(rb"AKID\w+", b"AKIDnobody", request) if who.startswith("stranger") else request


@pytest.mark.parametrize("who", ["nobody", "nobody in chunks", "stranger", "stranger in chunks", "wrong key"])
@pytest.mark.parametrize("short", [0, 1], ids=["whole", "held"])
def test_large_bodies_of_strangers_take_little_memory(kms: Served, who: str, short: int) -> None:
    request = large(kms, who)
    request = request[: len(request) - short]
    with clients(address(kms), 24) as crowd:
        with selectors.DefaultSelector() as selector:
            for client in crowd:
                client.setblocking(False)
                selector.register(client, selectors.EVENT_WRITE, [0])
            while selector.get_map():
                ready = selector.select(TIMEOUT_SECONDS)
                assert ready
                for key, _ in ready:
                    assert isinstance(key.fileobj, socket.socket)
                    key.data[0] += key.fileobj.send(memoryview(request)[key.data[0] : key.data[0] + MIB])
                    if key.data[0] == len(request):
                        selector.unregister(key.fileobj)
        assert_served(kms)
        if not short:
            for client in crowd:
                client.settimeout(TIMEOUT_SECONDS)
                answer = client.recv(1000)
                assert b"AuthFailure." in answer or answer.startswith(b"HTTP/1.1 503 ")
        assert peak_mib(kms) < MAX_MIB


def test_many_small_bodies_take_little_memory(kms: Served) -> None:
    size = incoming.SMALL_BODY_BYTES
    with clients(address(kms), PLACES) as crowd:
        for client in crowd:
            with suppress(ConnectionError):
                client.sendall(POST % size + bytes(size - 1))
        assert_served(kms)
        assert peak_mib(kms) < MAX_MIB


def test_large_bodies_share_a_budget() -> None:
    lengths = []

    def handle(request: HttpRequest) -> Answer:
        lengths.append(len(request.body))
        return TRUSTED

    length = http.MAX_BODY_BYTES
    whole = last(b"POST / HTTP/1.1\r\nContent-Length: %d" % length) + bytes(length)
    with running(handle) as server:
        with connect(server) as first, connect(server) as second:
            for client in (first, second):
                client.sendall(whole[:-1])
            wait_until(lambda: server.server.shared.budget.taken == 2 * length)
            assert [status for status, _, _ in exchange(server, whole)] == [503]
            first.sendall(whole[-1:])
            assert [status for status, _, _ in answers(read_all(first))] == [200]
            assert [status for status, _, _ in exchange(server, whole)] == [200]
        # Who goes away leaves nothing behind.
        wait_until(lambda: server.server.shared.budget.taken == 0)
    assert lengths == [length, length]


def test_what_will_be_refused_is_not_kept_but_may_be_sent() -> None:
    """Many clients read no answer before they have sent all."""
    handled = []

    def handle(request: HttpRequest) -> Answer:
        handled.append(request.path)
        return TRUSTED

    def admit(request: HttpRequest, _: int) -> HttpAnswer | None:
        return None if request.path == "/good" else HttpAnswer(b"refused", 200)

    length = incoming.SMALL_BODY_BYTES + 1
    head = b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
    with running(handle, admit) as server:
        bodies = [
            body
            for _, _, body in exchange(
                server,
                head % (b"bad", length) + bytes(length) + head % (b"good", length) + bytes(length),
                head % (b"small", length - 1) + bytes(length - 1) + last(b"GET /end HTTP/1.1"),
            )
        ]
        assert bodies == [b"refused", b"{}", b"{}", b"{}"]
        # Who asks before it sends is told not to.
        asked = b"POST /bad HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n" % length
        assert exchange(server, asked) == [(200, "close", b"refused")]
    assert handled == ["/good", "/small", "/end"]


# Nothing takes longer than its length.

LENGTH = 10**6
PATTERNS: dict[str, re.Pattern[Any]] = {
    f"{module.__name__}.{name}": pattern
    for module in (http, bodies, parameters, requests, tc3)
    for name, pattern in vars(module).items()
    if isinstance(pattern, re.Pattern)
}
STARTS = (
    "", "GET ", "GET /", "http://a", "A:", "SecretId=", "&SecretId=", "-",
    "TC3-HMAC-SHA256 Credential=a/2026-01-01/kms/tc3_request, SignedHeaders=",
    "TC3-HMAC-SHA256 Credential=",
)  # fmt: skip
REPEATED = ("a", "A", "9", " ", "\t", "/", "?", "&", "=", ";", ".", "%41", "http://", "a/", "&SecretId=", "a ", "\r\n")
ENDS = ("", "\0", "#")


def thread_seconds(call: Callable[[], object]) -> float:
    start = time.thread_time()
    with suppress(HttpError, KmsToolError):
        call()
    return time.thread_time() - start


def assert_linear(call: Callable[[int], Callable[[], object]]) -> None:
    """Fail if 64 times as much takes more than ten times as long as 64 times; a quadratic one would take 64 times."""
    part = thread_seconds(call(LENGTH // 64))
    assert part < 1
    assert thread_seconds(call(LENGTH)) < 10 * 64 * max(part, 0.0005)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_regular_expression_takes_long(name: str) -> None:
    pattern = PATTERNS[name]
    for start, piece, end in itertools.product(STARTS, REPEATED, ENDS):

        def match(length: int, parts: tuple[str, str, str] = (start, piece, end)) -> Callable[[], object]:
            text = parts[0] + parts[1] * (length // len(parts[1])) + parts[2]
            return partial(pattern.fullmatch, text.encode() if isinstance(pattern.pattern, bytes) else text)

        assert_linear(match)


def request(**fields: Any) -> HttpRequest:
    return HttpRequest(**{"method": "POST", "path": "/", "query": "", "headers": {}, **fields})


PARSERS: dict[str, Callable[[int], Callable[[], object]]] = {
    "lines of a head": lambda length: partial(parse_head, GET[:-4] + b"\r\nA" * (length // 3)),
    "headers": lambda length: partial(parse_head, GET[:-4] + b"\r\nA: b" * (length // 6)),
    "value of a header": lambda length: partial(parse_head, GET[:-4] + b"\r\nA:" + b" " * length + b"\0"),
    "words of a connection": lambda length: partial(
        parse_head, GET[:-4] + b"\r\nConnection: " + b"a, " * (length // 3)
    ),
    "target": lambda length: partial(parse_head, b"GET " + b"http://" * (length // 7) + b" HTTP/1.1\r\nHost: a"),
    "host": lambda length: partial(is_addressed_by_loopback, request(headers={"host": "a://" * (length // 4)})),
    "hosts": lambda length: partial(refused, headers=stranger() | {"host": "http://a:1/" * (length // 11)}),
    "authorization": lambda length: partial(refused, headers={"authorization": "TC3-HMAC-SHA256 " * (length // 16)}),
    "names with dots": lambda length: partial(unflatten, {"a." * (length // 2): ""}),
    "names that share a start": lambda length: partial(unflatten, {f"a.b.c.{n}": "" for n in range(length // 250)}),
    "query of nobody": lambda length: partial(refused, method="GET", query="a=%41&" * (length // 6)),
    "query of somebody": lambda length: partial(refused, method="GET", query="SecretId=a&" + "a=%41&" * (length // 6)),
    "form of somebody": lambda length: partial(refused, headers=FORM, body=b"SecretId=a&" + b"a=%41&" * (length // 6)),
    "form without an end": lambda length: partial(refused, headers=FORM, body=b"SecretId=a&" + b"%" * length),
    "a list": lambda length: partial(requests.check, "DescribeKeys", {"KeyIds": ["a"] * (length // 4)}),
    "a list of what is wrong": lambda length: partial(requests.check, "CreateKey", {"Tags": [{}] * (length // 4)}),
    "a name that is not known": lambda length: partial(requests.check, "CreateKey", {"a" * length: ""}),
    "digits": lambda length: partial(requests.check, "GenerateRandom", {"NumberOfBytes": "9" * length}),
}
FORM = {"content-type": "application/x-www-form-urlencoded", "host": "a"}
KNOWN = ServedCredential("a", "key")


def stranger() -> dict[str, str]:
    """Return headers that are right but for the signature."""
    now = int(time.time())
    signed = {"content-type": "a", "host": "a", "x-tc-action": "a", "x-tc-version": "a", "x-tc-timestamp": str(now)}
    return signed | {"authorization": tc3.sign(tc3.Request("POST", "", signed, b""), "a", "wrong", now)}


def refused(**fields: Any) -> None:
    with pytest.raises(KmsToolError):
        authenticate(request(**fields), lambda _: KNOWN)


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
def test_no_parser_takes_long(parse: Callable[[int], Callable[[], object]]) -> None:
    assert_linear(parse)


def test_what_was_searched_for_the_end_of_a_head_is_not_searched_again() -> None:
    """A head that comes byte by byte is as quickly found complete as one that comes at once."""
    bytes_in = Incoming(lambda _, __: None, Budget())
    head = GET[:-4] + b"".join(b"\r\nX-%d: " % number + b"a" * 150 for number in range(99)) + b"\r\n\r\n"
    for place in range(len(head)):
        assert bytes_in.take() is None
        bytes_in.add(memoryview(head)[place : place + 1])
    taken = bytes_in.take()
    assert taken is not None
    assert len(taken.headers) == 100
    assert not bytes_in
