"""A request goes out once over a connection that stands; what comes back is whole, bounded, and the answer to it.

The services are scripts on loopback: for each connection in turn, what is done with each request.
"""

import contextlib
import gc
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool.errors import InputError, NetworkError, UnreachableError
from kmstool.kms.transport import connection as connections
from kmstool.kms.transport.connection import MAX_ANSWER_BYTES, Answer, Connection
from kmstool.kms.transport.endpoint import Endpoint

TIMEOUT_SECONDS = 30
PASSWORD = "canaryPasswordOfTheProxy"

Deed = Callable[[socket.socket], None]


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def say(data: bytes) -> Deed:
    return lambda client: client.sendall(data)


def good(body: bytes, *headers: str) -> Deed:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return say("\r\n".join([*lines, "", ""]).encode() + body)


def nothing(client: socket.socket) -> None:
    """Take the request and close."""
    client.shutdown(socket.SHUT_RDWR)


class Service:
    """Plays its script; `requests` are those that came, with the number of their connection."""

    def __init__(self, *script: list[Deed]) -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.requests: list[tuple[int, bytes]] = []
        self.ended = [threading.Event() for _ in script]
        """Set as each connection has ended, on whichever side."""
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    @property
    def place(self) -> Endpoint:
        return Endpoint.parse(f"http://127.0.0.1:{self._listener.getsockname()[1]}")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(TIMEOUT_SECONDS)
        self._listener.close()

    def _play(self) -> None:
        for number, deeds in enumerate(self._script):
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            client.settimeout(TIMEOUT_SECONDS)
            with contextlib.suppress(OSError), client:
                for deed in deeds:
                    self.requests.append((number, read_request(client)))
                    deed(client)
                if deeds[-1] is not closes:
                    assert client.recv(1) == b""
            self.ended[number].set()


def closes(client: socket.socket) -> None:
    """Answer, keep the connection by what is said, and close it all the same."""
    good(b"the last")(client)


def read_request(client: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65536)
        if not part:
            raise ConnectionError
        data += part
    return data


@contextlib.contextmanager
def serving(*script: list[Deed], timeout: float = 5) -> Iterator[tuple[Service, Connection]]:
    service = Service(*script)
    try:
        with contextlib.closing(Connection(service.place, timeout)) as connection:
            yield service, connection
    finally:
        service.close()


def ask(connection: Connection, name: str = "a") -> bytes:
    return connection.exchange("GET", {"X-Name": name}).body


def failure(connection: Connection) -> NetworkError:
    with pytest.raises(NetworkError) as caught:
        ask(connection)
    return caught.value


# The connection.


def test_a_connection_is_kept() -> None:
    with serving([good(b"one"), good(b"two"), good(b"three")]) as (service, connection):
        assert [ask(connection) for _ in range(3)] == [b"one", b"two", b"three"]
    assert [number for number, _ in service.requests] == [0, 0, 0]


@pytest.mark.parametrize("status", ["200 OK", "302 Found", "404 Not Found", "500 Oh"])
def test_an_answer_of_any_status_is_read_to_its_end(status: str) -> None:
    other = say(f"HTTP/1.1 {status}\r\nDate: now\r\nLocation: http://a/\r\nContent-Length: 3\r\n\r\none".encode())
    with serving([other, good(b"two")]) as (service, connection):
        assert connection.exchange("GET", {}) == Answer(int(status[:3]), "now", b"one")
        assert ask(connection) == b"two"
    assert len(service.requests) == 2


def test_an_answer_that_ends_the_connection_is_followed_by_a_new_one() -> None:
    with serving([good(b"one", "Connection: close")], [good(b"two")]) as (service, connection):
        assert [ask(connection), ask(connection)] == [b"one", b"two"]
    assert [number for number, _ in service.requests] == [0, 1]


def test_a_connection_that_was_closed_meanwhile_is_opened_anew() -> None:
    """The request is sent for the first time then: the end is seen before anything is written."""
    with serving([closes], [good(b"two")]) as (service, connection):
        assert ask(connection, "first") == b"the last"
        assert service.ended[0].wait(TIMEOUT_SECONDS)
        assert ask(connection, "second") == b"two"
    assert [(number, b"X-Name: second" in head) for number, head in service.requests] == [(0, False), (1, True)]


def test_what_nobody_asked_for_is_no_answer() -> None:
    """A second answer after the first would else be that to the next request."""
    read, sent = threading.Event(), threading.Event()

    def answer_twice(client: socket.socket) -> None:
        good(b"one")(client)
        read.wait(TIMEOUT_SECONDS)
        good(b"unasked")(client)
        sent.set()

    with serving([answer_twice], [good(b"two")]) as (service, connection):
        assert ask(connection) == b"one"
        read.set()
        assert sent.wait(TIMEOUT_SECONDS)
        assert ask(connection) == b"two"
    assert [number for number, _ in service.requests] == [0, 1]


def test_a_request_is_never_sent_twice() -> None:
    """Of a connection that ends after the request has left it is not known whether the service has acted."""
    with serving([good(b"one"), nothing], [good(b"three")]) as (service, connection):
        assert ask(connection) == b"one"
        found = failure(connection)
        assert "the connection was closed without an answer" in found.message
        assert not isinstance(found, UnreachableError)
        assert len(service.requests) == 2
        assert ask(connection) == b"three"


def test_an_answer_that_comes_too_late_is_not_that_to_the_next_request() -> None:
    late = threading.Event()

    def answer_late(client: socket.socket) -> None:
        late.wait(TIMEOUT_SECONDS)
        good(b"the answer to the first")(client)

    with serving([answer_late], [good(b"the answer to the second")], timeout=0.2) as (_, connection):
        assert "no answer in time" in failure(connection).message
        late.set()
        assert ask(connection) == b"the answer to the second"


def test_an_interrupted_answer_is_not_that_to_the_next_request(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> bytes:
        raise KeyboardInterrupt

    with serving([good(b"one")], [good(b"two")]) as (_, connection):
        with monkeypatch.context() as patched:
            patched.setattr(connections, "_body", interrupt)
            with pytest.raises(KeyboardInterrupt):
                ask(connection)
        assert ask(connection) == b"two"


# Answers that are none.


def chunked(*chunks: bytes) -> Deed:
    data = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data + b"0\r\n\r\n")


def test_an_answer_in_chunks_is_put_together() -> None:
    with serving([chunked(b"on", b"e"), chunked(), good(b"two")]) as (service, connection):
        assert [ask(connection) for _ in range(3)] == [b"one", b"", b"two"]
    assert [number for number, _ in service.requests] == [0, 0, 0]


HEAD = b"HTTP/1.1 200 OK\r\n"
NO_ANSWERS = {
    "half a body": HEAD + b"Content-Length: 4\r\n\r\none",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\none",
    "a length and chunks": HEAD + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n",
    "half a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\none",
    "no last chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n",
    "a chunk without a size": HEAD + b"Transfer-Encoding: chunked\r\n\r\none\r\n0\r\n\r\n",
    "a chunk of less than nothing": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\none\r\n0\r\n\r\n",
    "a line without an end": HEAD + b"X-Long: " + b"a" * 70_000,
    "headers without an end": HEAD + b"X-More: a\r\n" * 200,
    "another protocol": b"220 mail ready\r\n\r\n",
    "no status": b"HTTP/1.1 OK\r\n\r\n",
    "no bytes of text": b"\x00\xff" * 100 + b"\r\n\r\n",
}


@pytest.mark.parametrize("data", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_what_is_no_whole_answer_is_refused_and_the_connection_with_it(data: bytes) -> None:
    def send_and_end(client: socket.socket) -> None:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    with serving([send_and_end], [good(b"two")]) as (service, connection):
        found = failure(connection)
        assert not isinstance(found, UnreachableError)
        assert service.place.authority in found.message
        assert ask(connection) == b"two"


WHOLE = b"HTTP/1.1 200 OK\r\nDate: now\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\n\r\n"


@given(
    data=st.binary(max_size=100)
    | st.builds(
        lambda start, put, end: WHOLE[:start] + put + WHOLE[end:],
        st.integers(0, len(WHOLE)), st.binary(max_size=20), st.integers(0, len(WHOLE)),
    )
)  # fmt: skip
def test_any_bytes_are_an_answer_or_a_fault_of_the_way(data: bytes) -> None:
    def send_and_end(client: socket.socket) -> None:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)

    with serving([send_and_end]) as (_, connection), contextlib.suppress(NetworkError):
        assert connection.exchange("GET", {}).status


ENDLESS = {
    "a length": b"Content-Length: 99999999999999\r\n\r\n",
    "no length": b"\r\n",
    "chunks": b"Transfer-Encoding: chunked\r\n\r\nffffffffffff\r\n",
    "a chunk of less than nothing": b"Transfer-Encoding: chunked\r\n\r\n-1\r\n",
}


@pytest.mark.parametrize("head", ENDLESS.values(), ids=ENDLESS)
def test_an_answer_without_end_is_read_up_to_a_limit(head: bytes) -> None:
    sent = []

    def flood(client: socket.socket) -> None:
        client.sendall(HEAD + head)
        with contextlib.suppress(OSError):
            while len(sent) < 1024:
                client.sendall(b"{" * 65536)
                sent.append(65536)

    with serving([flood]) as (_, connection):
        assert "too long" in failure(connection).message
    # What lies in the buffers of the sockets was sent and not read.
    assert MAX_ANSWER_BYTES < sum(sent) + 65536 < MAX_ANSWER_BYTES + 16 * 2**20


def test_an_answer_of_the_longest_length_is_one() -> None:
    body = b"a" * MAX_ANSWER_BYTES
    with serving([good(body)]) as (_, connection):
        assert ask(connection) == body


# What was sent.


def test_the_host_is_named_and_no_compression_asked_for() -> None:
    with serving([good(b"")]) as (service, connection):
        ask(connection)
        authority = service.place.authority
    [(_, head)] = service.requests
    assert b"\r\nAccept-Encoding: identity\r\n" in head
    assert f"\r\nHost: {authority}\r\n".encode() in head


@pytest.mark.parametrize("value", ["a\r\nX-TC-Token: b", "a\nb", "a\x00b", "a\x7f", "名", "\udcff"])
def test_a_value_that_is_no_header_is_refused_and_not_shown(value: str) -> None:
    with serving([good(b"")]) as (service, connection):
        with pytest.raises(InputError, match="X-TC-Token") as caught:
            connection.exchange("GET", {"X-TC-Token": "canary" + value})
        assert "canary" not in str(caught.value) + repr(caught.value)
    assert service.requests == []


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("http://127.0.0.1:1", "connection refused"),
        ("http://127.0.0.1:99999", ""),
        ("nowhere.invalid", "the name "),
        ("a..invalid", "the name is not known"),
        ("a" * 64 + ".invalid", "the name is not known"),
    ],
)
def test_who_is_not_reached_was_sent_nothing(place: str, reason: str) -> None:
    found = failure(Connection(Endpoint.parse(place), 5))
    assert isinstance(found, UnreachableError)
    assert reason in found.message


@pytest.mark.parametrize("content", [None, b"", b"no certificates"], ids=["missing", "empty", "other"])
def test_certificates_that_are_none_are_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_bytes(content)
    with serving([good(b"")]) as (service, _):
        place = Endpoint.parse(f"https://{service.place.authority}")
        with pytest.raises(InputError, match=str(file)):
            Connection(place, 5, str(file)).exchange("GET", {})
    gc.collect()
    assert service.requests == []


def test_what_follows_an_interim_answer_is_not_the_answer_to_the_next_request() -> None:
    def early(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        time.sleep(0.05)
        with contextlib.suppress(OSError):
            good(b"to the first")(client)

    with serving([early], [good(b"to the second")]) as (_, connection):
        assert connection.exchange("GET", {"X-Name": "a"}).status == 103
        assert ask(connection) == b"to the second"


def test_an_answer_that_drips_is_given_up() -> None:
    def drip(client: socket.socket) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(1000):
                client.sendall(b"x")
                time.sleep(0.02)

    with serving([drip], timeout=0.5) as (_, connection):
        assert "no answer in time" in failure(connection).message
