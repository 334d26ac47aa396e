"""Can the endpoint be reached, and what time is it there? One request without a signature, which KMS refuses."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from kmstool.errors import NetworkError
from kmstool.kms.transport import LOOPBACK

DEFAULT_HOST = "kms.tencentcloudapi.com"


@dataclass(frozen=True, slots=True)
class Reached:
    """What an endpoint's answer told; `skew_seconds` is by how much this machine's clock is ahead."""

    host: str
    milliseconds: float
    skew_seconds: float | None


def probe(endpoint: str | None, timeout: float) -> Reached:
    """Ask the endpoint for anything; raise `NetworkError` if it does not answer."""
    url = endpoint or DEFAULT_HOST
    url = url if "://" in url else f"https://{url}"
    host = urlsplit(url).netloc
    # Loopback is never behind a proxy, whatever the environment says.
    loopback = urlsplit(url).hostname in LOOPBACK
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if loopback else []))
    start = time.monotonic()
    try:
        with opener.open(url, timeout=timeout) as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        with error:
            date = error.headers.get("Date")
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise NetworkError(f"cannot reach {host}: {reason}", hint="check the network, proxy and endpoint") from error
    return Reached(host, (time.monotonic() - start) * 1000, _skew(date))


def _skew(date: str | None) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None
