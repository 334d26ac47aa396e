"""Envelopes as text: PEM with 64 columns and the label KMSTOOL ENVELOPE, strict in both directions."""

from __future__ import annotations

import base64
import binascii
import re

from kmstool.envelope.workers import Read, Write
from kmstool.errors import InputError

BEGIN = b"-----BEGIN KMSTOOL ENVELOPE-----"
END = b"-----END KMSTOOL ENVELOPE-----"

_LINE_BYTES = 48
_LINE_CHARACTERS = 64
_LINE = re.compile(rb"[A-Za-z0-9+/]{1,64}={0,2}")


class ArmorWriter:
    """Takes an envelope's bytes piece by piece and writes them as text; `close` writes the last line."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._rest = bytearray()
        self._write(memoryview(BEGIN + b"\n"))

    def write(self, data: memoryview) -> None:
        """Take some bytes."""
        self._rest += data
        whole = len(self._rest) // _LINE_BYTES * _LINE_BYTES
        if whole:
            self._write(memoryview(_lines(bytes(self._rest[:whole]))))
            del self._rest[:whole]

    def close(self) -> None:
        """Write what is left and the end."""
        self._write(memoryview((_lines(bytes(self._rest)) if self._rest else b"") + END + b"\n"))


class ArmorReader:
    """Gives an envelope's bytes out of its text; `read` fills a buffer as an engine's reader does.

    Raises `InputError` for text that `ArmorWriter` does not write, but for white space around
    it and carriage returns at the ends of lines.
    """

    def __init__(self, read: Read, start: bytes = b"") -> None:
        self._read = read
        self._text = bytearray(start)
        self._data = bytearray()
        self._begun = self._short = self._ended = self._finished = False

    def read(self, buffer: memoryview) -> int:
        """Fill the buffer; less than the whole means the end."""
        while len(self._data) < len(buffer) and not self._finished:
            self._more()
        piece = self._data[: len(buffer)]
        buffer[: len(piece)] = piece
        del self._data[: len(piece)]
        return len(piece)

    def _more(self) -> None:
        buffer = memoryview(bytearray(2**16))
        got = self._read(buffer)
        self._text += buffer[:got]
        *lines, rest = bytes(self._text).split(b"\n")
        self._text = bytearray(rest)
        self._finished = got < len(buffer)
        if self._finished:
            lines.append(rest)
            self._text.clear()
        for line in lines:
            self._take(line.removesuffix(b"\r"))
        if self._finished and not self._ended:
            raise InputError("the armor has no end: it is cut short")
        if len(self._text) > _LINE_CHARACTERS + 2:
            raise InputError("the armor has a line over 64 characters")

    def _take(self, line: bytes) -> None:
        if self._ended or not self._begun:
            if line.strip() == b"":
                return
            if self._ended or line != BEGIN:
                raise InputError("there is something else around the armor")
            self._begun = True
        elif line == END:
            self._ended = True
        else:
            self._data += self._decoded(line)

    def _decoded(self, line: bytes) -> bytes:
        # Only the last line may be shorter; anything else could be written in two ways.
        if self._short or len(line) > _LINE_CHARACTERS or not _LINE.fullmatch(line):
            raise InputError("the armor has a malformed line")
        self._short = len(line) < _LINE_CHARACTERS
        try:
            data = base64.b64decode(line, validate=True)
        except binascii.Error as error:
            raise InputError("the armor has a malformed line") from error
        if base64.b64encode(data) != line:
            raise InputError("the armor has a malformed line")
        return data


def _lines(data: bytes) -> bytes:
    return b"".join(
        base64.b64encode(data[start : start + _LINE_BYTES]) + b"\n" for start in range(0, len(data), _LINE_BYTES)
    )
