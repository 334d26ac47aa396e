"""What a request says of itself before its signature is checked: when, by whom, for which host and region.

What has been read here proves nothing yet.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kmstool import words
from kmstool.server.call import refuse
from kmstool.server.regions import ELSEWHERE, REGIONS
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.web import refusals

MAX_SKEW_SECONDS, MORE_SKEW_SECONDS = 300, 600

_MAX_DIGITS = 12

Lookup = Callable[[str], ServedCredential | None]


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A request taken apart: what is asked for, and the proof of who asks.

    `secret_id` is empty for the only action that needs no signature. In a form all parameters are texts.
    """

    action: str
    version: str
    region: str
    params: Mapping[str, Any] = field(repr=False)
    secret_id: str = ""
    is_form: bool = False


def timestamp(text: str, max_skew: int = MAX_SKEW_SECONDS) -> int:
    """Return Unix seconds that are near enough to now."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise refuse("InvalidParameter", "the timestamp is not in Unix seconds")
    # The real clock: what is moved in the embedded KMS are the lives of keys.
    skew = int(text) - int(time.time())
    if abs(skew) > max_skew:
        raise refuse("AuthFailure.SignatureExpire", f"the timestamp is {skew:+} s off; {max_skew} s are allowed")
    return int(text)


def credential(lookup: Lookup, secret_id: str, token: str) -> ServedCredential:
    """Return the credential that a request names, with its token."""
    known = lookup(secret_id)
    if known is None:
        raise refuse("AuthFailure.SecretIdNotFound", "the SecretId is not known")
    if known.expired or not hmac.compare_digest(known.token.encode(), token.encode("utf-8", "replace")):
        raise refuse("AuthFailure.TokenFailure", "the token is wrong or expired")
    return known


def hosts(host: str) -> Iterator[str]:
    """Yield what clients may have signed for a Host header: as sent, without scheme, without port, in lower case."""
    seen = set()
    bare = host.rpartition("://")[2].partition("/")[0]
    for candidate in (host, bare, bare.rpartition(":")[0] or bare, bare.lower()):
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def region(value: str | None, name: str, *, lenient: bool) -> str:
    """Return the region that a request is for; `name` is how its sender calls the parameter.

    Every action wants one, GetRegions too (API pages 573/34420, 1030/32189 and 1030/38196); who
    is `lenient` takes the default where none is named.
    """
    if lenient and not value:
        return words.REGION
    if value is None:
        raise refusals.missing("Region")
    if value in REGIONS:
        return value
    raise refusals.unsupported_region() if value in ELSEWHERE else refusals.invalid_region(name)
