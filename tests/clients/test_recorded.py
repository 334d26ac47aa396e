"""Requests that Tencent's SDKs for Go, Java, PHP and Ruby sent are understood byte for byte, and any change to them is noticed.

No registry that CI knows has these SDKs, so what they send is recorded: `recorded/CLIENT.json`
holds the requests of a life of a key by each way of signing, with API keys of a store that is gone.
They are replayed at the time at which they were signed. What each SDK cannot do is left out: PHP's
signs lists wrongly by the older schemes, Ruby's fails there without parameters.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from kmstool.errors import KmsToolError
from kmstool.server import requests
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.web import claims, limits
from kmstool.server.web.authentication import authenticate
from kmstool.server.web.claims import SignedCall
from kmstool.server.web.http import HttpError, HttpRequest
from kmstool.server.web.incoming import Budget, Incoming

FOLDER = Path(__file__).with_name("recorded")
CLIENTS = ("go", "java", "php", "ruby")
LEAST = 190
TIMESTAMP = re.compile(rb"(?i)timestamp[=:] ?([0-9]{10})")


@dataclass(frozen=True)
class Recorded:
    """One request: what was asked of the SDK, the key it signed with, and the bytes that it sent."""

    way: str
    action: str
    params: dict[str, Any]
    key: ServedCredential
    sent: bytes
    is_unsigned_payload: bool

    def __str__(self) -> str:
        return f"{self.way} {self.action}"

    @property
    def signed_at(self) -> int:
        found = TIMESTAMP.search(self.sent)
        assert found
        return int(found[1])


def recorded() -> Iterator[Recorded]:
    for client in CLIENTS:
        told = json.loads((FOLDER / f"{client}.json").read_text("utf-8"))
        for way in told["ways"]:
            key = ServedCredential(way["secret_id"], way["secret_key"], way["token"])
            more = ["unsigned payload"] * way["unsigned_payload"] + ["token"] * bool(way["token"])
            for one in way["requests"]:
                words = " ".join((client, way["signing"], way["method"], *more))
                sent = one["sent"].encode("latin-1")
                yield Recorded(words, one["action"], one["params"], key, sent, way["unsigned_payload"])


REQUESTS = list(recorded())


def understood(one: Recorded, sent: bytes) -> SignedCall:
    """Return the call in some bytes; raise as the gateway does for what it does not take."""
    incoming = Incoming(lambda _, __: None, Budget())
    incoming.add(memoryview(sent))
    request = incoming.take()
    assert isinstance(request, HttpRequest)
    assert not incoming
    limits.check(request)
    return authenticate(request, {one.key.secret_id: one.key}.get)


def test_the_corpus_is_whole() -> None:
    assert len(REQUESTS) >= LEAST
    ways = {one.way for one in REQUESTS}
    for client in CLIENTS:
        assert sum(way.startswith(f"{client} ") for way in ways) == 9
    assert {one.action for one in REQUESTS} >= {
        "GetRegions",
        "ListKeys",
        "CreateKey",
        "DescribeKeys",
        "Encrypt",
        "Decrypt",
    }


@pytest.mark.parametrize("one", REQUESTS, ids=str)
def test_what_was_sent_is_what_was_asked(one: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims.time, "time", lambda: float(one.signed_at))
    call = understood(one, one.sent)
    assert (call.action, call.version, call.region) == (one.action, "2019-01-18", "ap-guangzhou")
    assert call.secret_id == one.key.secret_id
    # Forms know nothing but text: compared is what the API's model makes of it.
    assert requests.check(call.action, call.params) == requests.check(one.action, one.params)


def alterations(one: Recorded) -> Iterator[bytes]:
    """Yield the request with one byte of what is signed altered: in its parameters, and in the host."""
    head, mark, body = one.sent.partition(b"\r\n\r\n")
    first, end, rest = head.partition(b"\r\n")
    for name in (b"ap-guangzhou", b"team", b"tests", b"2019-01-18", b"NumberOfBytes", b"Plaintext"):
        if name in body and not one.is_unsigned_payload:
            yield head + mark + body.replace(name, name[:-1] + b"x", 1)
        if name in first:
            yield first.replace(name, name[:-1] + b"x", 1) + end + rest + mark + body
    yield re.sub(rb"(?i)(\r\nhost: )[a-z0-9]", rb"\1x", head, count=1) + mark + body


@pytest.mark.parametrize("one", REQUESTS, ids=str)
def test_what_was_altered_on_the_way_is_refused(one: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims.time, "time", lambda: float(one.signed_at))
    altered = list(alterations(one))
    assert altered
    for sent in altered:
        assert sent != one.sent
        with pytest.raises((KmsToolError, HttpError)) as caught:
            understood(one, sent)
        assert isinstance(caught.value, KmsToolError)
        assert str(caught.value.kms_code).startswith("AuthFailure."), caught.value


@pytest.mark.parametrize("later", [-301, 301])
def test_they_are_good_for_five_minutes(later: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in REQUESTS[::20]:
        now = one.signed_at + later
        monkeypatch.setattr(claims.time, "time", lambda now=now: float(now))
        with pytest.raises(KmsToolError) as caught:
            understood(one, one.sent)
        assert caught.value.kms_code == "AuthFailure.SignatureExpire"
