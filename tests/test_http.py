"""Whatever bytes arrive, the HTTP server answers in order, refuses what is ambiguous or too large, and stays up."""

import asyncio
import http.client
import itertools
import json
import os
import random
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.server.web import bodies, connection
from kmstool.server.web import http as served
from kmstool.server.web.http import HttpAnswer, HttpError, HttpRequest, parse_head
from kmstool.server.web.http_server import HttpServer
from tests.running import TIMEOUT_SECONDS, Running, answers, connect, exchange, last, read_all, running

FUZZ = int(os.environ.get("KMSTOOL_FUZZ", "20000"))
# A request of the largest size may not hold up the others for longer than this.
MAX_PARSE_SECONDS = 0.25
STATUSES = {400, 413, 417, 431, 501}

POST = b"POST / HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Type: application/json\r\nContent-Length: 2"
CHUNKED = POST.replace(b"Content-Length: 2", b"Transfer-Encoding: chunked")
VALID = (
    POST,
    CHUNKED,
    b"GET /?A.0=1&B=%41 HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\nExpect: 100-continue",
    b"GET http://kms.example.com:80/a/b?c=d HTTP/1.0\r\nHost: kms.example.com\r\nX-Empty:\r\nX-Tab:\t a\tb \r\nX-High: \xe9",
)

MALFORMED = {
    "blank": (b" ", 400),
    "no version": (b"GET /", 400),
    "version 2": (b"GET / HTTP/2.0\r\nHost: a", 400),
    "version 1.2": (b"GET / HTTP/1.2\r\nHost: a", 400),
    "method in lower case": (b"get / HTTP/1.1\r\nHost: a", 400),
    "two blanks": (b"GET  / HTTP/1.1\r\nHost: a", 400),
    "blank at the end": (b"GET / HTTP/1.1 \r\nHost: a", 400),
    "target of control characters": (b"GET /\x00 HTTP/1.1\r\nHost: a", 400),
    "target beyond ASCII": (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: a", 400),
    "target with a fragment": (b"GET /#a HTTP/1.1\r\nHost: a", 400),
    "target of an authority": (b"CONNECT a:443 HTTP/1.1\r\nHost: a", 400),
    "target of another scheme": (b"GET ftp://a/ HTTP/1.1\r\nHost: a", 400),
    "bare line feed": (b"GET / HTTP/1.1\nHost: a", 400),
    "line feed in a value": (b"GET / HTTP/1.1\r\nHost: a\nX: b", 400),
    "carriage return in a value": (b"GET / HTTP/1.1\r\nHost: a\rX: b", 400),
    "null in a value": (b"GET / HTTP/1.1\r\nHost: a\x00", 400),
    "continued line": (b"GET / HTTP/1.1\r\nHost: a\r\n b", 400),
    "no colon": (b"GET / HTTP/1.1\r\nHost", 400),
    "no name": (b"GET / HTTP/1.1\r\n: a", 400),
    "blank before the colon": (b"GET / HTTP/1.1\r\nHost : a", 400),
    "blank in a name": (b"GET / HTTP/1.1\r\nHo st: a", 400),
    "name beyond ASCII": (b"GET / HTTP/1.1\r\nHost: a\r\nX-\xe9: a", 400),
    "two hosts": (POST + b"\r\nHost: 127.0.0.1:1", 400),
    "two hosts, other case": (POST + b"\r\nhOST: b", 400),
    "two lengths": (POST + b"\r\nContent-Length: 2", 400),
    "two lengths, one line": (POST.replace(b": 2", b": 2, 2"), 400),
    "two other headers": (POST + b"\r\nX-A: 1\r\nx-a: 2", 400),
    "no length": (POST.replace(b": 2", b":"), 400),
    "negative length": (POST.replace(b": 2", b": -2"), 400),
    "signed length": (POST.replace(b": 2", b": +2"), 400),
    "hexadecimal length": (POST.replace(b": 2", b": 0x2"), 400),
    "length with underscore": (POST.replace(b": 2", b": 1_0"), 400),
    "length in other digits": (POST.replace(b": 2", b": \xb2"), 400),
    "length of 300 digits": (POST.replace(b": 2", b": " + b"0" * 299 + b"2"), 400),
    "chunked and a length": (POST + b"\r\nTransfer-Encoding: chunked", 400),
    "chunked and twice": (CHUNKED + b"\r\nTransfer-Encoding: chunked", 400),
    "chunked in HTTP/1.0": (CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    "compressed and chunked": (CHUNKED.replace(b": chunked", b": gzip, chunked"), 501),
    "chunked, and what follows it": (CHUNKED.replace(b": chunked", b": chunked, identity"), 501),
    "encoded with nothing": (CHUNKED.replace(b": chunked", b": identity"), 501),
    "encoded": (CHUNKED.replace(b": chunked", b":"), 501),
    "other expectation": (POST + b"\r\nExpect: 200-ok", 417),
    "101 headers": (b"GET / HTTP/1.1" + b"".join(b"\r\nX-%d: a" % number for number in range(101)), 431),
    # RFC 9112 section 3.2: a server MUST refuse this.
    "no host": (b"GET / HTTP/1.1\r\nX-A: 1", 400),
}

SLOW = {
    "blanks before what no value has": b"GET / HTTP/1.1\r\nHost: a\r\nA:" + b" " * 16000 + b"\x00",
    "tabs before what no value has": b"GET / HTTP/1.1\r\nHost: a\r\nA:" + b"\t" * 16000 + b"\x00",
    "letters and blanks": b"GET / HTTP/1.1\r\nHost: a\r\nA:" + b"a " * 8000 + b"\x00",
    "blanks at the end": b"GET / HTTP/1.1\r\nHost: a\r\nA: a" + b" " * 16000,
    "a long name": b"GET / HTTP/1.1\r\nHost: a\r\n" + b"a" * 16000,
    "a long target": b"GET " + b"/" * 16000 + b" HTTP/1.1",
    "schemes": b"GET " + b"http://" * 1100 + b"? HTTP/1.1\r\nHost: a",
    "a long method": b"G" * 16000 + b" / HTTP/1.1",
    "many lines": b"GET / HTTP/1.1" + b"\r\nA" * 5000,
}


def echo(request: HttpRequest) -> served.Answer:
    """Tell what arrived; `/later` is answered by a future, as what is written to disk is."""
    fields = [request.method, request.path, request.query, len(request.body), request.headers.get("x-number", "")]
    answer = HttpAnswer(json.dumps(fields).encode())
    if request.path != "/later":
        return answer
    loop = asyncio.get_running_loop()
    future: asyncio.Future[HttpAnswer] = loop.create_future()
    loop.call_later(0.01, future.set_result, answer)
    return future


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with running(echo) as found:
        yield found


def is_alive(server: Running) -> bool:
    [(status, _, body)] = exchange(server, last(b"GET /alive HTTP/1.1"))
    return status == 200 and json.loads(body)[1] == "/alive"


def attempt(head: bytes) -> tuple[HttpRequest, int | None] | HttpError:
    try:
        return parse_head(head)
    except HttpError as error:
        return error


def is_sound(head: bytes) -> bool:
    """Parse a head and tell whether it was taken; fail unless it becomes a sound request or an `HttpError`."""
    parsed = attempt(head)
    if isinstance(parsed, HttpError):
        assert parsed.status in STATUSES
        assert str(parsed).isascii()
        return False
    request, length = parsed
    assert re.fullmatch(r"[A-Z]{1,10}", request.method)
    assert request.path.startswith("/")
    assert not {"?", "#"} & set(request.path)
    coding = request.headers.get("transfer-encoding", "").lower()
    assert coding == "chunked" if length is None else coding == "" and 0 <= length < 10**10
    assert len(request.headers) <= served.MAX_HEADERS
    for name, value in request.headers.items():
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9a-z-]+", name)
        assert value == value.strip(" \t")
        assert not {"\r", "\n", "\0"} & set(value)
    return True


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_request_or_refused(head: bytes) -> None:
    is_sound(head)


@settings(deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from([b"GET", b"/", b" ", b"HTTP/1.1", b"\r\n", b"\n", b":", b"Host: a", b"Content-Length: 1"]),
            st.binary(max_size=6),
        ),
        max_size=30,
    )
)
def test_any_words_of_a_request_are_one_or_refused(words: list[bytes]) -> None:
    is_sound(b"".join(words))


NAMES = st.text("abcXYZ019-_!~", min_size=1, max_size=20).map(lambda name: "x" + name)
VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=40)


@settings(deadline=None)
@given(
    method=st.text("ABCXYZ", min_size=1, max_size=10),
    path=st.text("abc/%.0", max_size=30),
    query=st.text("ab=&%0?/.", max_size=30),
    headers=st.dictionaries(NAMES, VALUES, max_size=20),
    version=st.sampled_from(["1.0", "1.1"]),
    length=st.integers(0, served.MAX_BODY_BYTES),
)
def test_what_is_written_by_the_rules_is_read(
    method: str, path: str, query: str, headers: dict[str, str], version: str, length: int
) -> None:
    expected = {name.lower(): value.strip(" ") for name, value in headers.items()}
    lines = {**{name.lower(): value for name, value in headers.items()}, "host": "a", "content-length": str(length)}
    first = f"{method} /{path}?{query} HTTP/{version}"
    head = "\r\n".join([first, *(f"{name.upper()}:{value}" for name, value in lines.items())]).encode("latin-1")
    request, found = parse_head(head)
    assert (request.method, request.path, request.query, found) == (method, f"/{path}", query, length)
    assert {name: request.headers[name] for name in expected} == expected
    assert request.keep_alive == (version == "1.1")


@pytest.mark.parametrize(("head", "status"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_ambiguous_or_too_much_is_refused(head: bytes, status: int) -> None:
    with pytest.raises(HttpError) as caught:
        parse_head(head)
    assert caught.value.status == status


@pytest.mark.parametrize("head", SLOW.values(), ids=SLOW)
def test_no_head_takes_long(head: bytes) -> None:
    """A head that is understood slowly would hold up every other client."""
    assert len(head) <= served.MAX_HEAD_BYTES
    start = time.thread_time()
    is_sound(head)
    assert time.thread_time() - start < MAX_PARSE_SECONDS


@pytest.mark.parametrize(
    ("version", "connection", "kept"),
    [
        ("1.1", None, True),
        ("1.1", "keep-alive", True),
        ("1.1", "close", False),
        ("1.1", "Close", False),
        ("1.1", "TE, close", False),
        ("1.1", "close, TE", False),
        ("1.0", None, False),
        ("1.0", "Keep-Alive", True),
        ("1.0", "close", False),
    ],
)
def test_who_keeps_the_connection(version: str, connection: str | None, kept: bool) -> None:
    """Connection is a list of words (RFC 9110 section 7.6.1), and `close` anywhere in it counts."""
    head = f"GET / HTTP/{version}\r\nHost: a" + (f"\r\nConnection: {connection}" if connection else "")
    assert parse_head(head.encode())[0].keep_alive == kept


def test_mutated_requests_are_requests_or_refused() -> None:
    """As many mutations as KMSTOOL_FUZZ says; the message of a failure names the head that did it."""
    chance = random.Random(random.getrandbits(64))
    taken = 0
    for _ in range(FUZZ):
        head = bytearray(chance.choice(VALID))
        for _ in range(chance.randint(1, 6)):
            mutate(head, chance)
        try:
            taken += is_sound(bytes(head))
        except Exception as error:
            raise AssertionError(f"{bytes(head)!r}: {error!r}") from error
    # Were nearly all refused at the first byte, the loop would try nothing.
    assert 0.02 * FUZZ < taken < 0.98 * FUZZ


PIECES = (b"\r\n", b"\n", b"\r", b":", b" ", b"\t", b"\x00", b"\xff", b",", b"HTTP/1.1", b"Content-Length: ", b"Host: a",
          b"Transfer-Encoding: chunked", b"chunked", b"99999999999", b"-1", b"%", b"#", b"?", b"http://", b"close")  # fmt: skip


def mutate(head: bytearray, chance: random.Random) -> None:
    """Change a head in one place: a bit, a cut, a copy of a part, or a piece of the grammar."""
    start = chance.randrange(len(head) + 1)
    end = min(len(head), start + chance.randint(1, 12))
    kind = chance.randrange(5)
    if kind == 0 and start < len(head):
        head[start] ^= 1 << chance.randrange(8)
    elif kind == 1:
        del head[start:end]
    elif kind == 2:
        place = chance.randrange(len(head) + 1)
        head[place:place] = head[start:end]
    elif kind == 3:
        head[start:start] = chance.choice(PIECES)
    else:
        head[start:end] = chance.choice(PIECES)


def test_the_form_of_an_answer(server: Running) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)) as client:
        client.request("POST", "/a/b?c=d&e", b"1234", {"X-Number": "7"})
        answer = client.getresponse()
        body = answer.read()
    assert (answer.status, answer.reason, answer.version) == (200, "OK", 11)
    assert answer.getheader("Content-Type") == "application/json"
    assert answer.getheader("Content-Length") == str(len(body))
    assert re.fullmatch(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} GMT", answer.getheader("Date") or "")
    assert json.loads(body) == ["POST", "/a/b", "c=d&e", 4, "7"]


@pytest.mark.parametrize("path", ["/", "/later"])
def test_a_connection_is_kept(server: Running, path: str) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)) as client:
        client.connect()
        here = client.sock.getsockname()
        for number in range(20):
            client.request("POST", path, b"x" * number)
            answer = client.getresponse()
            assert json.loads(answer.read())[3] == number
            assert answer.getheader("Connection") == "keep-alive"
            assert client.sock.getsockname() == here


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ],
    ids=["HTTP/1.0", "HTTP/1.0 without host", "close"],
)
def test_a_connection_ends_if_the_client_says_so(server: Running, head: bytes) -> None:
    [(status, connection, _)] = exchange(server, head)
    assert (status, connection) == (200, "close")


def test_http_1_0_may_be_kept(server: Running) -> None:
    kept = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    found = exchange(server, kept + kept + b"GET / HTTP/1.0\r\n\r\n")
    assert [connection for _, connection, _ in found] == ["keep-alive", "keep-alive", "close"]


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    requests = []
    for number in range(60):
        path = b"/later" if number % 3 == 0 else b"/"
        requests.append(
            b"POST %b HTTP/1.1\r\nHost: a\r\nX-Number: %d\r\nContent-Length: %d\r\n\r\n" % (path, number, number)
            + b"x" * number
        )
    found = exchange(server, b"".join(requests) + last(b"GET / HTTP/1.1"))
    bodies = [json.loads(body) for _, _, body in found]
    assert [body[4] for body in bodies] == [*(str(number) for number in range(60)), ""]
    assert [body[3] for body in bodies] == [*range(60), 0]


def test_nothing_is_answered_after_the_last_request(server: Running) -> None:
    assert len(exchange(server, last(b"GET / HTTP/1.1") + last(b"GET /second HTTP/1.1"))) == 1


def test_one_byte_at_a_time(server: Running) -> None:
    data = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\n12345"
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for number in range(len(data)):
            client.sendall(data[number : number + 1])
        [(status, _, body)] = answers(read_all(client))
    assert (status, json.loads(body)[3]) == (200, 5)


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 400), max_size=6))
def test_how_the_bytes_are_cut_does_not_matter(server: Running, cuts: list[int]) -> None:
    one = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n" + b"\r\n" * 15
    data = one * 3 + last(b"GET / HTTP/1.1")
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    with connect(server) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start, end in itertools.pairwise(places):
            client.sendall(data[start:end])
        found = [json.loads(body)[3] for _, _, body in answers(read_all(client))]
    assert found == [30, 30, 30, 0]


@pytest.mark.parametrize("path", [b"/", b"/later"])
def test_a_client_that_waits_for_continue_is_told(server: Running, path: bytes) -> None:
    with connect(server) as client:
        client.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n" % path)
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"abc" + last(b"GET / HTTP/1.1"))
        found = answers(read_all(client))
    assert [json.loads(body)[3] for _, _, body in found] == [3, 0]


def test_a_client_that_does_not_wait_for_continue_is_not_told(server: Running) -> None:
    with connect(server) as client:
        client.sendall(
            b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc"
        )
        assert read_all(client).startswith(b"HTTP/1.1 200 OK\r\n")


def test_http_1_0_knows_no_continue(server: Running) -> None:
    """RFC 9110 section 10.1.1: the expectation of an HTTP/1.0 client MUST be ignored; it would take it as the answer."""
    with connect(server) as client:
        client.sendall(b"POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
        time.sleep(0.1)
        client.sendall(b"abc")
        assert read_all(client).startswith(b"HTTP/1.1 200 OK\r\n")


def test_continue_is_not_promised_to_what_will_be_refused(server: Running) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10485761\r\n\r\n"
    with connect(server) as client:
        client.sendall(head)
        data = read_all(client)
    assert data.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(("head", "status"), MALFORMED.values(), ids=MALFORMED)
def test_a_refusal_is_an_answer_and_ends_the_connection(server: Running, head: bytes, status: int) -> None:
    [(found, connection, body), *more] = exchange(server, head + b"\r\n\r\n" + last(b"GET / HTTP/1.1"))
    assert (found, connection, more) == (status, "close", [])
    assert body.endswith(b"\n")


def test_a_good_request_before_a_bad_one_is_answered(server: Running) -> None:
    found = exchange(server, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + b"nonsense\r\n\r\n")
    assert [status for status, _, _ in found] == [200, 400]


def head_of(length: int) -> bytes:
    """Return a head of so many bytes."""
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close"
    rest = length - len(head)
    number = 0
    while rest > 0:
        size = min(rest, 4000) if rest - min(rest, 4000) > 20 or rest <= 4000 else rest - 2000
        line = b"\r\nX-%02d: " % number
        head += line + b"a" * (size - len(line))
        rest, number = rest - size, number + 1
    assert len(head) == length
    return head


def test_a_head_of_64_kib_is_the_longest(server: Running) -> None:
    [(status, _, _)] = exchange(server, head_of(served.MAX_HEAD_BYTES) + b"\r\n\r\n")
    assert status == 200
    [(status, _, _)] = exchange(server, head_of(served.MAX_HEAD_BYTES + 1) + b"\r\n\r\n")
    assert status == 431


def test_a_head_without_an_end_is_cut_off(server: Running) -> None:
    [(status, _, _)] = exchange(server, b"GET / HTTP/1.1\r\nX: " + b"a" * 70000)
    assert status == 431


@pytest.mark.parametrize("short", range(5))
def test_how_the_longest_head_is_cut_does_not_matter(server: Running, short: int) -> None:
    data = head_of(served.MAX_HEAD_BYTES - short) + b"\r\n\r\n"
    [(whole, _, _)] = exchange(server, data)
    [(cut, _, _)] = exchange(server, data[: served.MAX_HEAD_BYTES], data[served.MAX_HEAD_BYTES :])
    assert (whole, cut) == (200, 200)


def test_a_body_of_10_mib_is_the_largest(server: Running) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    [(status, _, body)] = exchange(server, head % served.MAX_BODY_BYTES + bytes(served.MAX_BODY_BYTES))
    assert (status, json.loads(body)[3]) == (200, served.MAX_BODY_BYTES)
    for length in (served.MAX_BODY_BYTES + 1, 3 * served.MAX_BODY_BYTES):
        # Sent as most clients do it: first all of it, and then they read.
        [(status, _, _)] = exchange(server, head % length + bytes(length))
        assert status == 413


def chunked(*parts: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    return CHUNKED + b"\r\n\r\n" + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + end


CHUNKS = {
    "none": (chunked(), 0),
    "one": (chunked(b"abc"), 3),
    "some": (chunked(b"abc", b"\r\n" * 20, b"0" * 0x1F), 74),
    "capitals and zeros": (CHUNKED + b"\r\n\r\n0000001F\r\n" + b"0" * 31 + b"\r\n000\r\n\r\n", 31),
    "extensions": (CHUNKED + b'\r\n\r\n3;a=b;c="d"\r\nabc\r\n0 ; e\r\n\r\n', 3),
    "trailers": (chunked(b"abc", end=b"0\r\nX-A: b\r\nContent-Length: 9\r\n\r\n"), 3),
    "a large one": (chunked(b"a" * 200_000, b"b" * 100_000), 300_000),
    "the largest": (chunked(*[b"a" * 2**16] * 160), served.MAX_BODY_BYTES),
}
NO_CHUNKS = {
    "no length": b"\r\nabc\r\n",
    "a negative length": b"-1\r\n",
    "a length of words": b"three\r\nabc\r\n",
    "0x": b"0x3\r\nabc\r\n",
    "a blank before": b" 3\r\nabc\r\n",
    "a long length": b"000000003\r\nabc\r\n",
    "a length in other digits": b"\xb2\r\nab\r\n",
    "a longer chunk": b"3\r\nabcd\r\n",
    "a shorter chunk": b"3\r\nab\r\n\r\n",
    "a bare line feed": b"3\nabc\n0\n\n" + bytes(300),
    "a long extension": b"3;" + b"a" * 300,
    "a line feed in an extension": b"3;a\nb\r\nabc\r\n",
    "a null in a trailer": b"0\r\nA: \0\r\n\r\n",
    "a long trailer": b"0\r\nA: " + b"a" * 300,
    "many trailers": b"0\r\n" + b"A: b\r\n" * 200,
    "many chunks": b"1\r\na\r\n" * 20_000,
}


@pytest.mark.parametrize(("data", "length"), CHUNKS.values(), ids=CHUNKS)
def test_a_body_may_come_in_chunks(server: Running, data: bytes, length: int) -> None:
    found = exchange(server, data + data + last(b"GET / HTTP/1.1"))
    assert [(status, json.loads(body)[3]) for status, _, body in found] == [(200, length), (200, length), (200, 0)]


@pytest.mark.parametrize("body", NO_CHUNKS.values(), ids=NO_CHUNKS)
def test_what_is_no_chunk_is_refused(server: Running, body: bytes) -> None:
    [(status, connection, _)] = exchange(server, CHUNKED + b"\r\n\r\n" + body)
    assert (status, connection) == (400, "close")


def test_chunks_over_10_mib_are_refused_by_an_answer(server: Running) -> None:
    data = chunked(*[b"a" * 2**16] * 161)
    found = exchange(server, data + last(b"GET / HTTP/1.1"))
    assert [status for status, _, _ in found] == [413, 200]


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    cuts=st.lists(st.integers(0, 600), max_size=8),
    keep=st.booleans(),
)
def test_how_chunks_are_cut_does_not_matter(parts: list[bytes], cuts: list[int], keep: bool) -> None:
    data = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\nA: b\r\n\r\nrest"
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    body, buffer, ended = bodies.ChunkedBody(), bytearray(), False
    for start, end in itertools.pairwise(places):
        buffer += data[start:end]
        ended = ended or body.take(buffer, keep=keep)
    assert ended
    assert (body.data, bytes(buffer)) == (b"".join(parts) if keep else b"", b"rest")


@given(
    st.lists(st.sampled_from([b"3", b"0", b"\r\n", b"\n", b"abc", b";", b"A: b", b" ", b"\xff", b"ff"]), max_size=20)
)
def test_any_bytes_are_chunks_or_refused(pieces: list[bytes]) -> None:
    body, buffer = bodies.ChunkedBody(), bytearray(b"".join(pieces))
    before = len(buffer)
    with suppress(HttpError):
        body.take(buffer, keep=True)
    assert len(body.data) + len(buffer) <= before


@pytest.mark.parametrize("lines", [b"\r\n", b"\r\n" * 3, b"\r\n" * 40_000])
def test_empty_lines_before_a_request_mean_nothing(server: Running, lines: bytes) -> None:
    """RFC 9112 section 2.2: one at least SHOULD be ignored; some clients write one after a body."""
    found = exchange(server, lines + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + lines + last(b"GET / HTTP/1.1"))
    assert [status for status, _, _ in found] == [200, 200]


@pytest.mark.parametrize("name", ["Accept", "via", "COOKIE", "X-Forwarded-For"])
def test_lists_may_come_in_several_lines(name: str) -> None:
    head = f"GET / HTTP/1.1\r\nHost: a\r\n{name}: a\r\nX-A: 1\r\n{name.swapcase()}: b"
    joined = "a; b" if name == "COOKIE" else "a, b"
    assert parse_head(head.encode())[0].headers[name.lower()] == joined


SINGLE = (
    "Authorization",
    "Content-Type",
    "Host",
    "Content-Length",
    "Expect",
    "X-TC-Action",
    "X-TC-Token",
    "X-TC-Region",
)


@pytest.mark.parametrize("name", SINGLE)
def test_what_means_something_here_stands_once(name: str) -> None:
    head = POST + f"\r\n{name}: 1\r\n{name}: 1".encode()
    with pytest.raises(HttpError, match="twice"):
        parse_head(head)


def test_an_answer_to_head_has_no_body(server: Running) -> None:
    """RFC 9110 section 9.3.2; whoever keeps the connection would take one for the next answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)) as client:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            client.request(method, "/a")
            answer = client.getresponse()
            body = answer.read()
            assert int(answer.getheader("Content-Length") or 0) > 0
            assert (body == b"") == (method == "HEAD")


def test_a_refused_client_can_read_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 9112 section 9.6: a server that closes at once resets the connection of who is still sending."""
    monkeypatch.setattr(connection, "LINGER_SECONDS", 0.5)
    with running(echo) as server, connect(server) as client:
        client.sendall(b"nonsense\r\n\r\n" + bytes(2**20))
        client.sendall(bytes(2**20))
        data = client.recv(65536)
        while part := client.recv(65536):
            data += part
        assert data.startswith(b"HTTP/1.1 400 ")
        # It ends all the same.
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while server.server.shared.connections:
            assert time.monotonic() < deadline
            time.sleep(0.02)


@settings(max_examples=40, deadline=None)
@given(st.one_of(st.binary(max_size=3000), st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join)))
def test_garbage_is_refused_and_nothing_else_happens(server: Running, data: bytes) -> None:
    with connect(server) as client:
        client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
        assert {status for status, _, _ in answers(read_all(client))} <= STATUSES | {200}
    assert is_alive(server)


def test_a_client_that_goes_away_disturbs_nobody(server: Running) -> None:
    for data in (
        b"",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
        b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        with connect(server) as client:
            client.sendall(data)
            # With this a close is a reset.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert is_alive(server)


def test_idle_connections_are_closed_and_busy_ones_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks every five seconds."""
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.5)
    waiting: list[asyncio.Future[HttpAnswer]] = []

    def handle(_: HttpRequest) -> served.Answer:
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    with running(handle) as server, connect(server) as idle, connect(server) as busy:
        busy.sendall(last(b"GET / HTTP/1.1"))
        assert read_all(idle) == b""
        server.later(lambda: waiting[0].set_result(HttpAnswer(b"at last")))
        [(status, _, body)] = answers(read_all(busy))
        assert (status, body) == (200, b"at last")


def test_a_stop_answers_what_has_begun_and_nothing_else() -> None:
    begun = threading.Event()
    waiting: list[asyncio.Future[HttpAnswer]] = []

    def handle(_: HttpRequest) -> served.Answer:
        waiting.append(asyncio.get_running_loop().create_future())
        begun.set()
        return waiting[-1]

    with running(handle) as server, connect(server) as busy, connect(server) as idle:
        busy.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 2)
        assert begun.wait(TIMEOUT_SECONDS)
        server.stop()
        wait_until_closed(server)
        assert server.server.stopping
        server.later(lambda: waiting[0].set_result(HttpAnswer(b"done")))
        [(status, connection, body)] = answers(read_all(busy))
        assert (status, connection, body) == (200, "close", b"done")
        assert len(waiting) == 1
        assert read_all(idle) == b""
        server.join()


def wait_until_closed(server: Running) -> None:
    """Wait until no new connection is taken."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        try:
            with connect(server):
                time.sleep(0.02)
        except ConnectionRefusedError:
            return
    pytest.fail("the server still listens")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (HttpAnswer(b"12345678", status=500), (500, b"12345678")),
        (HttpAnswer(b"12345678", status=599), (599, b"12345678")),
        (HttpAnswer(b"12345678", content_type="text/html"), (200, b"12345678")),
        (HttpAnswer(b"12345678", delay_seconds=0.3), (200, b"12345678")),
    ],
    ids=["status", "status without a name", "content type", "delay"],
)
def test_answers_may_be_spoiled_on_purpose(answer: HttpAnswer, expected: tuple[int, bytes]) -> None:
    with running(lambda _: answer) as server:
        start = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)) as client:
            client.request("GET", "/")
            found = client.getresponse()
            assert (found.status, found.read()) == expected
        assert found.getheader("Content-Type") == answer.content_type
        assert time.monotonic() - start >= answer.delay_seconds


def test_answers_may_be_lost_on_purpose() -> None:
    with running(lambda _: HttpAnswer(b"12345678", drop=True)) as server, connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_all(client) == b""


def test_answers_may_be_cut_on_purpose() -> None:
    with running(lambda _: HttpAnswer(b"12345678", truncate=True)) as server, connect(server) as client:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        data = read_all(client)
    assert b"Content-Length: 8\r\n" in data
    assert data.endswith(b"\r\n\r\n1234")


def test_an_address_in_use_is_an_error(server: Running) -> None:
    async def serve() -> None:
        await HttpServer(echo).serve("127.0.0.1", server.port, lambda _: None, asyncio.Event())

    with pytest.raises(OSError, match="in use"):
        asyncio.run(serve())


def test_bodies_are_not_shown() -> None:
    secret = b"a-secret-of-the-tests"
    request = HttpRequest("POST", "/", "", {}, secret)
    assert "secret" not in repr(request)
    assert "secret" not in repr(HttpAnswer(secret))
