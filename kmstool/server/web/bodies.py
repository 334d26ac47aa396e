"""Bodies of requests as they arrive: of a length that is told first, or in chunks (RFC 9112, 7.1).

What is not kept is read all the same: many clients read no answer before they have sent all.
"""

from __future__ import annotations

import re

from kmstool.server.web.http import HttpError

# A client that writes 1 KiB at a time needs 10,240 of them for the largest body.
MAX_CHUNKS = 16_384
MAX_LINE_BYTES = 256
MAX_TRAILER_LINES = 100

# Extensions have no meaning to anybody, and are left out.
_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[\t\x20-\x7e]*)?")
_TRAILER = re.compile(rb"[\t\x20-\x7e\x80-\xff]+")


class SizedBody:
    """A body whose length is known; `data` is empty until it is complete, and stays so where it is not kept."""

    def __init__(self, length: int) -> None:
        self._missing = length
        self.data = b""

    @property
    def growth(self) -> int:
        """How many bytes it has taken that were not announced: none."""
        return 0

    def take(self, buffer: bytearray, *, keep: bool) -> bool:
        """Take from the front of a buffer what belongs to the body; tell whether that is all of it."""
        if keep:
            if len(buffer) < self._missing:
                return False
            self.data = bytes(buffer[: self._missing])
            del buffer[: self._missing]
            return True
        gone = min(self._missing, len(buffer))
        del buffer[:gone]
        self._missing -= gone
        return not self._missing


class ChunkedBody:
    """A body in chunks: lines that tell a length, each before as many bytes; a length of 0 and trailers end it."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._missing = 0
        self._chunks = self._trailers = 0
        self._ends_chunk = self._ends = False

    @property
    def data(self) -> bytes:
        """What has been kept of it."""
        return bytes(self._kept)

    @property
    def growth(self) -> int:
        """How many bytes it has taken, of which nothing was known before."""
        return len(self._kept)

    def take(self, buffer: bytearray, *, keep: bool) -> bool:
        """Take from the front of a buffer what belongs to the body; tell whether that is all of it.

        Raises `HttpError` for what is no chunk.
        """
        if not keep:
            self._kept = bytearray()
        start = 0
        try:
            while True:
                if self._missing:
                    part = buffer[start : start + self._missing]
                    if keep:
                        self._kept += part
                    start += len(part)
                    self._missing -= len(part)
                    if self._missing:
                        return False
                end = buffer.find(b"\r\n", start, start + MAX_LINE_BYTES + 2)
                if end < 0:
                    if len(buffer) - start > MAX_LINE_BYTES + 1:
                        raise HttpError(400, "malformed chunk")
                    return False
                line, start = bytes(buffer[start:end]), end + 2
                if self._read(line):
                    return True
        finally:
            del buffer[:start]

    def _read(self, line: bytes) -> bool:
        """Read a line between bytes of the body; tell whether it is the last one."""
        if self._ends:
            self._trailers += 1
            if line and (self._trailers > MAX_TRAILER_LINES or not _TRAILER.fullmatch(line)):
                raise HttpError(400, "malformed trailer")
            return not line
        if self._ends_chunk:
            self._ends_chunk = False
            if line:
                raise HttpError(400, "malformed chunk")
            return False
        size = _SIZE.fullmatch(line)
        self._chunks += 1
        if size is None or self._chunks > MAX_CHUNKS:
            raise HttpError(400, "malformed chunk" if size is None else "too many chunks")
        self._missing = int(size[1], 16)
        self._ends_chunk, self._ends = self._missing > 0, self._missing == 0
        return False


Body = SizedBody | ChunkedBody
