"""Armor reads back what was written, and takes nothing that could be written in another way."""

import base64
import contextlib
import io
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.envelope.armor import BEGIN, END, ArmorReader, ArmorWriter
from kmstool.errors import InputError

DATA = bytes(range(256)) * 2


def armored(data: bytes, piece: int = 1000) -> bytes:
    out = bytearray()
    writer = ArmorWriter(out.extend)
    for place in range(0, len(data), piece):
        writer.write(memoryview(data)[place : place + piece])
    writer.close()
    return bytes(out)


def unarmored(text: bytes, piece: int = 1000, start: int = 0) -> bytes:
    """Read all of an armor in pieces, with so many bytes of it already read."""
    reader = ArmorReader(io.BytesIO(text[start:]).readinto, text[:start])
    found = bytearray()
    buffer = memoryview(bytearray(piece))
    while True:
        got = reader.read(buffer)
        found += buffer[:got]
        if got < piece:
            return bytes(found)


def lines_of(data: bytes = DATA) -> list[bytes]:
    return armored(data).split(b"\n")[1:-2]


def pem(*lines: bytes) -> bytes:
    return b"\n".join((BEGIN, *lines, END, b""))


@given(st.binary(max_size=400), st.integers(1, 120), st.integers(1, 120), st.integers(0, 40))
@settings(deadline=None, max_examples=300)
def test_what_is_written_reads_back(data: bytes, written: int, read: int, start: int) -> None:
    text = armored(data, written)
    assert text == armored(data)
    assert unarmored(text, read, start) == data


@pytest.mark.parametrize("size", [0, 1, 47, 48, 49, 2**16 - 1, 2**16, 3 * 2**16 + 7, 2**20])
def test_sizes(size: int) -> None:
    data = os.urandom(size)
    assert unarmored(armored(data), 2**20) == data


@pytest.mark.parametrize("size", [1, 47, 48, 49, 96, 500])
def test_the_form_is_that_of_pem(size: int) -> None:
    begin, *lines, end, nothing = armored(bytes(size)).split(b"\n")
    assert (begin, end, nothing) == (BEGIN, END, b"")
    assert BEGIN == b"-----BEGIN KMSTOOL ENVELOPE-----"
    assert END == b"-----END KMSTOOL ENVELOPE-----"
    assert all(len(line) == 64 for line in lines[:-1])
    assert 0 < len(lines[-1]) <= 64
    assert base64.b64decode(b"".join(lines), validate=True) == bytes(size)


def test_carriage_returns_and_white_space_around() -> None:
    text = armored(DATA)
    for harmless in (
        text.replace(b"\n", b"\r\n"),
        b"\n\n" + text,
        b" \t\r\n" * 20 + text,
        text + b"\r\n \t\n\n",
        text + b" " * 5,
        text.removesuffix(b"\n"),
        text.removesuffix(b"\n") + b"\r",
        text + b"\n" * 200_000,
    ):
        assert unarmored(harmless) == DATA


@given(st.integers(0), st.integers(0, 255))
@settings(deadline=None, max_examples=500)
def test_any_altered_character_is_seen(place: int, value: int) -> None:
    """What still reads is other data, or a carriage return where one does no harm."""
    text = bytearray(armored(DATA))
    place %= len(text)
    same = text[place] == value
    text[place] = value
    with contextlib.suppress(InputError):
        assert same or unarmored(bytes(text)) != DATA or value in b" \t\r\n"


@given(st.binary(max_size=300), st.booleans())
@settings(deadline=None, max_examples=300)
def test_any_bytes_are_armor_or_an_input_error(data: bytes, marked: bool) -> None:
    text = BEGIN + b"\n" + data if marked else data
    with contextlib.suppress(InputError):
        found = unarmored(text)
        assert armored(found).split() == text.split()


def test_every_cut_is_refused() -> None:
    text = armored(DATA).removesuffix(b"\n")
    for size in range(len(text)):
        with pytest.raises(InputError, match=r"cut short|malformed|around"):
            unarmored(text[:size])


JUNK = [b"x", b"-", b"\0", b"text\n", END + b"\n", BEGIN + b"\n", armored(b"a")]


@pytest.mark.parametrize("junk", JUNK)
@pytest.mark.parametrize("distance", [0, 1, 50])
def test_something_around_the_armor_is_refused(junk: bytes, distance: int) -> None:
    space = b"\n" * distance
    for text in (armored(DATA) + space + junk, junk + space + armored(DATA)):
        with pytest.raises(InputError):
            unarmored(text)


@pytest.mark.parametrize("distance", [2**16, 200_000])
def test_something_far_behind_the_armor_is_refused(distance: int) -> None:
    """Nobody shall be able to hide a second envelope there."""
    for junk in (b"x", armored(b"a")):
        with pytest.raises(InputError):
            unarmored(armored(DATA) + b"\n" * distance + junk)


@pytest.mark.parametrize("start", [0, 32])
def test_something_behind_a_long_armor_is_refused(start: int) -> None:
    """Wherever the end lies in the pieces that are read."""
    lengths = set()
    for size in range(48_280, 48_420, 3):
        text = armored(bytes(size))
        lengths.add(len(text) > 2**16)
        assert unarmored(text, 2**20, start) == bytes(size)
        for junk in (b"junk", b"junk\n", b"\n" * 40 + b"junk"):
            with pytest.raises(InputError):
                unarmored(text + junk, 2**20, start)
    assert lengths == {True, False}


FULL, SHORT = b"A" * 64, b"QUJD"


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" \n",
        pem(b""),
        pem(FULL, b""),
        pem(b"", FULL),
        pem(FULL, b"", FULL),
        pem(SHORT, FULL),
        pem(SHORT, SHORT),
        pem(FULL + b"A"),
        pem(FULL + b"AAAA"),
        pem(b"A"),
        pem(b"AA"),
        pem(b"AAA"),
        pem(b"A==="),
        pem(b"===="),
        pem(b"QQ=="[:-1]),
        pem(b"QR=="),
        pem(b"QUE=QQ=="),
        pem(b"QUJ="),
        pem(b"QUJ C"),
        pem(b" QUJD"),
        pem(b"QUJD "),
        pem(b"QUJD\r\r"),
        pem(b"QUJD\t"),
        pem(b"QUJ\rD"),
        pem(b"QU_-"),
        pem(b"QU\xffD"),
        pem(b"Comment: x", b"", SHORT),
        pem(SHORT, b"=abcd"),
        pem(BEGIN, SHORT),
        pem(SHORT, BEGIN),
        pem(b"A" * 200_000),
        BEGIN + b" \n" + SHORT + b"\n" + END,
        b" " + pem(SHORT),
        BEGIN + b"\n" + SHORT + END + b"\n",
        BEGIN + b"\n" + SHORT + b"\n " + END + b"\n",
        BEGIN + b"\n" + SHORT + b"\n" + END[:-1] + b"\n",
        BEGIN + b"\n" + SHORT + b"\n" + END + b"-\n",
        BEGIN.replace(b"ENVELOPE", b"MESSAGE") + b"\n" + SHORT + b"\n" + END + b"\n",
        BEGIN + b"\r" + SHORT + b"\r" + END + b"\r",
        BEGIN.lower() + b"\n" + SHORT + b"\n" + END,
    ],
    ids=lambda text: repr(text[33:60]),
)
def test_armor_that_nobody_writes(text: bytes) -> None:
    with pytest.raises(InputError):
        unarmored(text)


def test_armor_of_nothing() -> None:
    assert unarmored(pem()) == b""
    assert unarmored(pem(FULL)) == bytes(48)
    assert unarmored(pem(FULL, SHORT)) == bytes(48) + b"ABC"


def test_lines_in_another_order_are_other_data() -> None:
    one, other, *rest = lines_of()
    assert unarmored(pem(other, one, *rest)) != DATA


def test_an_endless_line_is_refused_at_once() -> None:
    asked: list[int] = []

    def endless(buffer: memoryview) -> int:
        asked.append(len(buffer))
        buffer[:] = b"A" * len(buffer)
        return len(buffer)

    with pytest.raises(InputError):
        ArmorReader(endless, BEGIN + b"\n").read(memoryview(bytearray(10)))
    assert sum(asked) < 2**18


def test_a_failure_of_the_reader_is_the_readers() -> None:
    def failing(_: memoryview) -> int:
        raise InputError("cannot read the input: input/output error")

    with pytest.raises(InputError, match="input/output error"):
        ArmorReader(failing).read(memoryview(bytearray(10)))
