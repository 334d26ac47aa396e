"""Can the endpoint be reached, and what time is it there? One request without a signature, which KMS refuses."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from kmstool.kms.transport.connection import Connection
from kmstool.kms.transport.endpoint import Endpoint

DEFAULT_HOST = "kms.tencentcloudapi.com"


@dataclass(frozen=True, slots=True)
class Reached:
    """What an endpoint's answer told; `skew_seconds` is by how much this machine's clock is ahead."""

    host: str
    milliseconds: float
    skew_seconds: float | None


def probe(endpoint: str | None, timeout: float) -> Reached:
    """Ask the endpoint for anything; raise `NetworkError` if it does not answer."""
    place = Endpoint.parse(endpoint or DEFAULT_HOST)
    start = time.monotonic()
    with contextlib.closing(Connection(place, timeout)) as connection:
        answer = connection.exchange("GET", {})
    return Reached(place.shown, (time.monotonic() - start) * 1000, _skew(answer.date))


def _skew(date: str | None) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None
