"""The messages of HTTP/1.1, strict and small: heads of requests in, one form of answer out. It knows nothing of KMS.

Limits on everything; what is ambiguous in RFC 9112 is refused here.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache

# A query of the longest request that is taken, with as much again of what is refused with a reason, and the headers.
MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 10 * 2**20
MAX_HEADERS = 100

_MAX_DIGITS = 10

_REQUEST_LINE = re.compile(rb"([A-Z]{1,10}) ([!-~]{1,65536}) HTTP/1\.([01])")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
_TARGET = re.compile(r"(?:https?://[^/?#]*)?(/[^?#]*)?(?:\?([^#]*))?")
_REASONS = {
    100: "Continue", 200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 413: "Content Too Large", 417: "Expectation Failed",
    431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
    503: "Service Unavailable",
}  # fmt: skip
# A proxy may write these in several lines, which mean the same as one (RFC 9110, 5.3; RFC 6265, 5.4 for cookies).
_LISTS = {
    "accept", "accept-charset", "accept-encoding", "accept-language", "baggage", "cache-control", "connection",
    "cookie", "forwarded", "pragma", "te", "tracestate", "trailer", "upgrade", "via", "warning", "x-forwarded-for",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; header names are lower-case, values as sent, decoded as Latin-1."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = field(repr=False, default=b"")
    keep_alive: bool = True
    is_from_own_user: Callable[[], bool] = field(repr=False, compare=False, default=lambda: False)
    """Whether this process's user sent it, as `peers.is_own` tells; not free, so asked where it matters."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer; the last four fields are for faults that are asked for on purpose.

    `trusted` says that the request proved who sent it.
    """

    body: bytes = field(repr=False)
    status: int = 200
    content_type: str = "application/json"
    trusted: bool = False
    delay_seconds: float = 0
    drop: bool = False
    truncate: bool = False


class HttpError(Exception):
    """A request that is not understood; the connection is closed after the answer."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


Answer = HttpAnswer | asyncio.Future[HttpAnswer]


def parse_head(head: bytes) -> tuple[HttpRequest, int | None]:
    """Parse request line and headers, without the empty line; return the request and its body's length, None if chunked.

    Raises `HttpError`, and nothing else, for whatever is not a request that this server takes.
    """
    first, *lines = head.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if not line:
        raise HttpError(400, "malformed request line")
    if len(lines) > MAX_HEADERS:
        raise HttpError(431, "too many headers")
    headers = _headers(lines)
    target = _TARGET.fullmatch(line[2].decode("ascii"))
    if not target:
        raise HttpError(400, "malformed target")
    method = line[1].decode("ascii")
    if line[3] == b"1" and "host" not in headers:
        raise HttpError(400, "header host is missing")
    if line[3] == b"0":
        # Version 1.0 has no interim answers.
        headers.pop("expect", None)
    wishes = {wish.strip().lower() for wish in headers.get("connection", "").split(",")}
    keep_alive = "close" not in wishes and (line[3] == b"1" or "keep-alive" in wishes)
    request = HttpRequest(method, target[1] or "/", target[2] or "", headers, keep_alive=keep_alive)
    if headers.get("expect", "100-continue").lower() != "100-continue":
        raise HttpError(417, "unknown expectation")
    return request, _body_length(headers, is_old=line[3] == b"0")


def _headers(lines: list[bytes]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for text in lines:
        raw_name, colon, value = text.partition(b":")
        if not colon or not _NAME.fullmatch(raw_name) or not _VALUE.fullmatch(value):
            raise HttpError(400, "malformed header")
        name = raw_name.decode("ascii").lower()
        if name == "origin" or name.startswith("sec-fetch-"):
            # Browsers add these to what web pages ask for; no client of an API does.
            raise HttpError(403, "web pages are not answered")
        worth = value.strip(b" \t").decode("latin-1")
        if name not in headers:
            headers[name] = worth
        elif name in _LISTS:
            headers[name] += ("; " if name == "cookie" else ", ") + worth
        else:
            # Two answers to one question are how requests are smuggled.
            raise HttpError(400, f"header {name} given twice")
    return headers


def _body_length(headers: Mapping[str, str], *, is_old: bool) -> int | None:
    coding = headers.get("transfer-encoding")
    if coding is not None:
        # Both lengths, or a coding of a version that has none, are how requests are smuggled (RFC 9112, 6.1).
        if "content-length" in headers or is_old:
            raise HttpError(400, "Transfer-Encoding beside Content-Length, or in HTTP/1.0")
        if coding.lower() != "chunked":
            raise HttpError(501, "the only known Transfer-Encoding is chunked")
        return None
    text = headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise HttpError(400, "malformed Content-Length")
    return int(text)


@lru_cache(maxsize=2)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)


def refusal(fault: HttpError) -> HttpAnswer:
    """Return the answer that tells what is wrong with a request."""
    return HttpAnswer(f"{fault}\n".encode("latin-1", "replace"), fault.status, "text/plain")


def written(answer: HttpAnswer, *, keep: bool, has_body: bool = True) -> bytes:
    """Return an answer as it goes over the wire; `keep` says whether the connection stays.

    That to HEAD has no body, and the length that it would have (RFC 9110, 9.3.2).
    """
    reason = _REASONS.get(answer.status, "Unknown")
    head = (
        f"HTTP/1.1 {answer.status} {reason}\r\nDate: {_date(int(time.time()))}\r\nContent-Type: {answer.content_type}\r\n"
        f"Content-Length: {len(answer.body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    ).encode("latin-1")
    if not has_body:
        return head
    return head + (answer.body[: len(answer.body) // 2] if answer.truncate else answer.body)
