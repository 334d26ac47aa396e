"""TC3-HMAC-SHA256 and the older HmacSHA1/HmacSHA256: sign requests to Tencent's API 3.0, and check them.

Bytes and texts only; who sends them is not known here. Clients sign `content-type` and
`host` alone, so the action's name in `X-TC-Action` is not covered by most signatures.
(API documentation of KMS, "Signature v3" and "Signature v1".)
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from kmstool.errors import InputError

ALGORITHM = "TC3-HMAC-SHA256"
UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
REQUIRED_HEADERS = ("content-type", "host")

_END = "tc3_request"
_AUTHORIZATION = re.compile(
    r"TC3-HMAC-SHA256 +Credential=([^/, ]{1,200})/([0-9]{4}-[0-9]{2}-[0-9]{2})/([^/, ]{1,200})/tc3_request, *"
    r"SignedHeaders=([a-z0-9;-]{1,500}), *Signature=([0-9a-f]{64})",
    re.ASCII,
)
_V1_METHODS = {"HmacSHA1": hashlib.sha1, "HmacSHA256": hashlib.sha256}


@dataclass(frozen=True, slots=True)
class Request:
    """What is signed of an HTTP request: path is always `/`, header names are lower-case.

    `query` is the raw query string of a GET, as sent, and empty for a POST. `body_sha256` is
    the hash of the body in hex for who has it already; it is computed where it is empty.
    """

    method: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    body_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of an `Authorization` header."""

    secret_id: str
    date: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def sign(request: Request, secret_id: str, secret_key: str, timestamp: int, service: str = "kms") -> str:
    """Return the value of the `Authorization` header; content-type and host are signed."""
    date = utc_date(timestamp)
    value = signature(request, REQUIRED_HEADERS, secret_key, timestamp, service)
    return (
        f"{ALGORITHM} Credential={secret_id}/{date}/{service}/{_END},"
        f" SignedHeaders={';'.join(REQUIRED_HEADERS)}, Signature={value}"
    )


def parse_authorization(text: str) -> Authorization:
    """Take an `Authorization` header apart; raise `InputError` for any other form.

    Blanks may follow the scheme (RFC 9110, 11.4; .NET's SDK writes two) and the commas.
    """
    match = _AUTHORIZATION.fullmatch(text)
    if not match:
        raise InputError("the Authorization header is malformed")
    secret_id, date, service, headers, value = match.groups()
    return Authorization(secret_id, date, service, tuple(headers.split(";")), value)


def is_signed_by(request: Request, authorization: Authorization, secret_key: str, timestamp: int) -> bool:
    """Tell, in constant time, whether the signature is that of the key over the request as it stands.

    The page has values of headers in lower case, and clients sign some or all as they send
    them: each spelling is good. False too if content-type or host is not signed, a signed
    header is missing, or the date is not that of the timestamp.
    """
    names = authorization.signed_headers
    if authorization.date != utc_date(timestamp) or not set(REQUIRED_HEADERS) <= set(names) <= set(request.headers):
        return False
    tried = set()
    for spell in _SPELLINGS:
        canonical = canonical_request(request, names, spell)
        if canonical not in tried:
            tried.add(canonical)
            expected = _signed(canonical, secret_key, timestamp, authorization.service)
            if hmac.compare_digest(expected, authorization.signature):
                return True
    return False


def signature(request: Request, signed_headers: Sequence[str], secret_key: str, timestamp: int, service: str) -> str:
    """Return the signature as 64 hex digits."""
    return _signed(canonical_request(request, signed_headers), secret_key, timestamp, service)


def string_to_sign(request: Request, signed_headers: Sequence[str], timestamp: int, service: str) -> str:
    """Return the text under the signature: algorithm, time, scope, hash of the canonical request."""
    return _text(canonical_request(request, signed_headers), timestamp, service)


def _action_in_lower_case(name: str, value: str) -> str:
    return value.lower() if name == "x-tc-action" else value


def _in_lower_case(_: str, value: str) -> str:
    return value.lower()


def _as_sent(_: str, value: str) -> str:
    return value


Spelling = Callable[[str, str], str]
# Most clients first: the SDKs sign content type and host as they send them, and the page's example an action too.
_SPELLINGS: tuple[Spelling, ...] = (_action_in_lower_case, _in_lower_case, _as_sent)


def canonical_request(
    request: Request, signed_headers: Sequence[str], spell: Spelling = _action_in_lower_case
) -> bytes:
    """Return the canonical request; values of headers trimmed and, by default, action names in lower case."""
    unsigned = request.headers.get("x-tc-content-sha256") == UNSIGNED_PAYLOAD
    payload = UNSIGNED_PAYLOAD.encode() if unsigned else request.body
    known = "" if unsigned else request.body_sha256
    lines = [
        request.method,
        "/",
        request.query,
        *(f"{name}:{spell(name, request.headers[name].strip())}" for name in signed_headers),
        "",
        ";".join(signed_headers),
        known or hashlib.sha256(payload).hexdigest(),
    ]
    return "\n".join(lines).encode()


def sign_v1(method: str, host: str, path: str, parameters: Mapping[str, str], secret_key: str) -> str:
    """Return the base64 signature of the older scheme over all parameters but `Signature`.

    Sorted by name, values raw; `SignatureMethod` HmacSHA256 or, when absent, HmacSHA1.
    Raises `InputError` for another method.
    """
    digest = _V1_METHODS.get(parameters.get("SignatureMethod", "HmacSHA1"))
    if digest is None:
        raise InputError("the SignatureMethod must be HmacSHA1 or HmacSHA256")
    names = sorted(name for name in parameters if name != "Signature")
    text = f"{method}{host}{path}?" + "&".join(f"{name}={parameters[name]}" for name in names)
    return base64.b64encode(hmac.digest(secret_key.encode(), text.encode(), digest)).decode()


def is_signed_by_v1(method: str, host: str, path: str, parameters: Mapping[str, str], secret_key: str) -> bool:
    """Tell, in constant time, whether the parameter `Signature` is that of the key; Ruby's SDK ends it with a newline."""
    expected = sign_v1(method, host, path, parameters, secret_key)
    return hmac.compare_digest(expected.encode(), parameters.get("Signature", "").removesuffix("\n").encode())


def hidden_parameter(parameters: Mapping[str, str], known: Collection[str]) -> str | None:
    """Return a parameter that a request of the older scheme could be read as having besides its own, None if there is none.

    The scheme signs names and values as they are, so `A=1&B=2` stands for two parameters and for
    the value `1&B=2` of one. `known` are the names that mean something to the service; of lists
    and objects, such as `Tags.0.TagKey`, the first part counts. A name that holds `&` or `=` is
    returned too.
    """
    for name, value in parameters.items():
        if "&" in name or "=" in name:
            return name
        for part in value.split("&")[1:]:
            hidden, equals, _ = part.partition("=")
            if equals and hidden.partition(".")[0] in known:
                return hidden
    return None


@lru_cache(maxsize=64)
def utc_date(timestamp: int) -> str:
    """Return the UTC date of Unix seconds as YYYY-MM-DD."""
    return time.strftime("%Y-%m-%d", time.gmtime(timestamp))


@lru_cache(maxsize=64)
def _signing_key(secret_key: str, date: str, service: str) -> bytes:
    key = hmac.digest(f"TC3{secret_key}".encode(), date.encode(), "sha256")
    return hmac.digest(hmac.digest(key, service.encode(), "sha256"), _END.encode(), "sha256")


def _signed(canonical: bytes, secret_key: str, timestamp: int, service: str) -> str:
    text, key = _text(canonical, timestamp, service), _signing_key(secret_key, utc_date(timestamp), service)
    return hmac.digest(key, text.encode(), "sha256").hex()


def _text(canonical: bytes, timestamp: int, service: str) -> str:
    digest = hashlib.sha256(canonical).hexdigest()
    return f"{ALGORITHM}\n{timestamp}\n{utc_date(timestamp)}/{service}/{_END}\n{digest}"
