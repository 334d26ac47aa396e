"""A part is never taken for a whole, though an earlier process left a descriptor non-blocking.

A reader that is handed an empty pipe waits for more as a blocking one would, and a writer for room in a full one.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kmstool.system import descriptors

PARTS = [b"part one, ", b"part two, ", b"part three"]
WHOLE = b"".join(PARTS)
TIMEOUT_SECONDS = 30


@contextmanager
def trickle(parts: list[bytes] = PARTS) -> Iterator[int]:
    """Give a non-blocking descriptor that gets a part only when whoever reads it waits for one."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)

    def feed() -> None:
        for part in parts:
            # The reader is in `poll` or about to be there: all that was written has been read.
            drained(reading)
            os.write(writing, part)
        os.close(writing)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield reading
    finally:
        thread.join(TIMEOUT_SECONDS)
        os.close(reading)


def drained(reading: int) -> None:
    end = time.monotonic() + TIMEOUT_SECONDS
    while select.select([reading], [], [], 0)[0]:
        assert time.monotonic() < end, "nobody reads"
        time.sleep(0.001)


def filled(reading: int, size: int = 100) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: descriptors.fill(reading, memoryview(buffer))])


READERS: dict[str, Callable[[int], bytes]] = {
    "read_up_to": lambda reading: descriptors.read_up_to(reading, 100),
    "chunks": lambda reading: b"".join(descriptors.chunks(reading)),
    "fill": filled,
    "read_line": lambda reading: descriptors.read_line(reading, 100),
}


@pytest.mark.parametrize("name", READERS)
def test_a_reader_waits_for_the_whole(name: str) -> None:
    with trickle() as reading:
        assert READERS[name](reading) == WHOLE


@pytest.mark.parametrize("name", READERS)
def test_an_input_that_ends_is_empty(name: str) -> None:
    with trickle([]) as reading:
        assert READERS[name](reading) == b""


def test_a_limit_is_kept_and_the_rest_stays() -> None:
    with trickle() as reading:
        assert descriptors.read_up_to(reading, 12) == WHOLE[:12]
        assert filled(reading, 3) == WHOLE[12:15]
        assert descriptors.read_up_to(reading, 100) == WHOLE[15:]


def test_lines_are_taken_one_by_one() -> None:
    with trickle([b"one\nt", b"wo\nthr", b"ee"]) as reading:
        assert [descriptors.read_line(reading, 100) for _ in range(4)] == [b"one\n", b"two\n", b"three", b""]
    with trickle([b"one\n"]) as reading:
        assert [descriptors.read_line(reading, 3) for _ in range(2)] == [b"one", b"\n"]


@contextmanager
def slow_pipe(size: int) -> Iterator[tuple[int, bytearray]]:
    """Give a non-blocking descriptor to write to, which is full, and what comes out of it when it is read."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    out = bytearray()

    def drain() -> None:
        while piece := os.read(reading, size):
            out.extend(piece)

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        yield writing, out
        os.close(writing)
        thread.join(TIMEOUT_SECONDS)
    finally:
        os.close(reading)


def test_a_writer_waits_for_room() -> None:
    data = os.urandom(300_000)
    with slow_pipe(1000) as (writing, out):
        descriptors.write_all(writing, data)
    assert out.lstrip(b"\0") == data.lstrip(b"\0")


def test_a_text_stream_waits_for_room() -> None:
    import io

    with slow_pipe(1000) as (writing, out):
        stream = io.TextIOWrapper(io.BufferedWriter(descriptors.Output(writing)), encoding="utf-8")
        assert not stream.isatty()
        assert stream.fileno() == writing
        for number in range(20_000):
            print(number, file=stream)
        stream.flush()
        stream.detach()
    assert out.lstrip(b"\0").decode() == "".join(f"{number}\n" for number in range(20_000))


def test_a_place_of_a_file(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+b") as file:
        descriptors.write_all_at(file.fileno(), b"0123456789", 5)
        buffer = bytearray(20)
        assert descriptors.fill_at(file.fileno(), memoryview(buffer), 3) == 12
        assert buffer[:12] == b"\0\0" + b"0123456789"


def unable_to_select(*_: object) -> None:
    raise ValueError("filedescriptor out of range in select()")


@pytest.mark.parametrize("way", ["select", "pauses"])
def test_where_there_is_no_poll(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second is for numbers over 1,023, which `select` cannot have."""
    monkeypatch.delattr(select, "poll")
    with trickle() as reading:
        real = select.select
        if way == "pauses":
            # What feeds the pipe asks `select` without waiting.
            monkeypatch.setattr(select, "select", lambda *args: real(*args) if args[3:] else unable_to_select())
        assert descriptors.read_up_to(reading, 100) == WHOLE


def test_a_poll_that_knows_no_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Poll:
        def register(self, descriptor: int, _: int) -> None:
            self.descriptor = descriptor

        def poll(self) -> list[tuple[int, int]]:
            return [(self.descriptor, select.POLLNVAL)]

    monkeypatch.setattr(select, "poll", Poll)
    with trickle() as reading:
        assert descriptors.read_up_to(reading, 100) == WHOLE


def test_what_says_it_is_ready_and_is_not_is_asked_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mandatory lock or a file system in user space; else the processor would do nothing but ask."""
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    left = 12

    def read(descriptor: int, size: int) -> bytes:
        nonlocal left
        left -= 1
        if left:
            raise BlockingIOError
        return b""

    monkeypatch.setattr(os, "read", read)
    with Path(os.devnull).open("rb") as file:
        assert descriptors.read_up_to(file.fileno(), 1) == b""
    assert pauses[0] == 0
    assert pauses == sorted(pauses)
    assert pauses[-1] == 0.1


def test_a_fault_of_the_system_is_passed_on() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError):
        descriptors.write_all(writing, b"x")
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"):
        descriptors.read_up_to(writing, 1)
