"""Can the endpoint be reached, and what time is it there? One request without a signature, which KMS refuses."""

from __future__ import annotations

import contextlib
import ssl
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from kmstool.errors import NetworkError
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
    server = Endpoint.parse(endpoint or DEFAULT_HOST)
    start = time.monotonic()
    with contextlib.closing(Connection(server, timeout)) as connection:
        answer = connection.exchange("GET", {})
    return Reached(server.shown, (time.monotonic() - start) * 1000, _skew(answer.date))


def strict_fault(endpoint: str | None, timeout: float) -> str | None:
    """Return what is wrong with the endpoint's certificates for who reads them strictly (RFC 5280), in OpenSSL's words.

    None if nothing is, or if it is reached without TLS. Raises `NetworkError` if it cannot be reached so or otherwise.
    """
    server = Endpoint.parse(endpoint or DEFAULT_HOST)
    try:
        with contextlib.closing(Connection(server, timeout, strict=True)) as connection:
            connection.exchange("GET", {})
    except NetworkError as error:
        if isinstance(error.__cause__, ssl.SSLCertVerificationError):
            return str(error.__cause__.verify_message)
        raise
    return None


def _skew(date: str | None) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date).timestamp() if date else None
    except (ValueError, OverflowError):
        return None
