"""The three standard streams of the program, whatever state they were left in by who started it."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from kmstool.system.descriptors import Output, UnbufferedWriter
from kmstool.system.utf8 import encoding_of_output


def prepare_streams() -> None:
    """Make sure that the three standard descriptors are open, and that no text is too foreign for them.

    A closed one would be taken by the next file that is opened, and messages written into
    that. In its place comes one that fails as a closed one does; messages may be lost.
    """
    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)
    sys.stdin = sys.stdin or os.fdopen(0, "r", closefd=False)
    # Those of a test or of a program that imports this one stay.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text_output(sys.__stdout__, 1)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _text_output(sys.__stderr__, 2)


def _text_output(stream: TextIO | None, descriptor: int) -> TextIO:
    """Return a text stream that waits where Python's own gives up, with the settings of that."""
    if not isinstance(stream, io.TextIOWrapper):
        return io.TextIOWrapper(io.BufferedWriter(Output(descriptor)), errors="backslashreplace")
    stream.flush()
    # Who wants no buffer (PYTHONUNBUFFERED) has the order of what comes by both streams from that.
    kind = UnbufferedWriter if stream.write_through else io.BufferedWriter
    buffer, settings = kind(Output(descriptor)), (stream.line_buffering, stream.write_through)
    return io.TextIOWrapper(buffer, encoding_of_output(stream.encoding), "backslashreplace", None, *settings)
