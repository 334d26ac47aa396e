"""The terminal that a person sits at: a line can be asked for there while stdin and stdout carry data."""

from __future__ import annotations

import os
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from kmstool.system import descriptors

PATH = "/dev/tty"
"""What the system calls the terminal of a process."""
_LINE_BYTES = 4096


def is_there() -> bool:
    """Return whether a question can be asked and answered."""
    with _opened() as pair:
        return pair is not None


def ask(question: str, *, hidden: bool = False) -> bytes:
    """Show a question and return the line that is typed, which with `hidden` is not shown.

    Raises `EOFError` if no line comes: an end of input was typed, or the terminal is gone.
    """
    with _opened() as pair:
        if pair is None:
            raise EOFError
        reading, writing = pair
        try:
            descriptors.write_all(writing, question.encode("utf-8", "replace"))
            with _hidden(reading) if hidden else _shown():
                line = descriptors.read_line(reading, _LINE_BYTES)
            if hidden or not line.endswith(b"\n"):
                # Neither showed the end of the line.
                descriptors.write_all(writing, b"\n")
        except OSError as error:
            raise EOFError from error
    if not line:
        raise EOFError
    return line.rstrip(b"\r\n")


def tell(message: str) -> None:
    """Show a line where the questions are."""
    with _opened() as pair:
        if pair is not None:
            descriptors.write_all(pair[1], f"{message}\n".encode("utf-8", "replace"))


@contextmanager
def opened_as_text() -> Iterator[tuple[TextIO, TextIO]]:
    """Give the terminal as two texts, to read from and to write to; raise `EOFError` without one."""
    with _opened() as pair:
        if pair is None:
            raise EOFError
        with os.fdopen(pair[0], closefd=False) as reading, os.fdopen(pair[1], "w", closefd=False) as writing:
            yield reading, writing


@contextmanager
def _opened() -> Iterator[tuple[int, int] | None]:
    """Give the descriptors to read from and to write to, None without a terminal."""
    try:
        descriptor = os.open(PATH, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        # A terminal that was handed over need not be that of the session.
        yield (0, 2) if os.isatty(0) and os.isatty(2) else None
        return
    try:
        yield descriptor, descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _shown() -> Iterator[None]:
    yield


@contextmanager
def _hidden(descriptor: int) -> Iterator[None]:
    try:
        before = termios.tcgetattr(descriptor)
        after = [*before[:3], before[3] & ~termios.ECHO, *before[4:]]
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, after)
    except termios.error as error:
        # Never ask for a secret that everybody would see.
        raise OSError(*error.args) from error
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)
