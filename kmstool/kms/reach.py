"""Can the endpoint be reached, and what time is it there? One request without a signature, which KMS refuses."""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

from kmstool.errors import NetworkError
from kmstool.kms.endpoint import Endpoint, certificates

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
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler(dict(place.proxies))]
    if place.scheme == "https":
        handlers.append(urllib.request.HTTPSHandler(context=_trusting(certificates())))
    opener = urllib.request.build_opener(*handlers)
    start = time.monotonic()
    try:
        with opener.open(place.url, timeout=timeout) as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        with error:
            date = error.headers.get("Date")
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise NetworkError(
            f"cannot reach {place.authority}: {reason}", hint="check the network, proxy and endpoint"
        ) from error
    return Reached(place.authority, (time.monotonic() - start) * 1000, _skew(date))


def _trusting(place: str | None) -> ssl.SSLContext:
    if place and Path(place).is_dir():
        return ssl.create_default_context(capath=place)
    return ssl.create_default_context(cafile=place)


def _skew(date: str | None) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
