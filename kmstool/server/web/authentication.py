"""Who sent a request, and is it as it was sent? TC3 and the older signatures, with the quirks of real clients.

Node's SDK signs the host without its port and names the service after the host, and
tccli sends a Host with a scheme; both are accepted, each signature still being checked
over all that it covers.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

from kmstool.api import protocol, tc3
from kmstool.errors import InputError, KmsToolError
from kmstool.server.call import refuse
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.web import sts
from kmstool.server.web.http import HttpRequest

MAX_SKEW_SECONDS = 300
MAX_FIELDS = 5000
# No action needs as much, and parsing it holds up others before the signature can be checked.
MAX_FORM_BYTES = 32 * 1024

_COMMON = {
    "Action", "Version", "Region", "Timestamp", "Nonce", "SecretId", "Signature", "SignatureMethod", "Token",
    "Language", "RequestClient",
}  # fmt: skip
_FORM = "application/x-www-form-urlencoded"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_MAX_DEPTH, _MAX_DIGITS, _MAX_SHOWN, _MAX_SECRET_ID = 5, 12, 80, 200
_INDEX = re.compile(r"[0-9]{1,4}", re.ASCII)

Lookup = Callable[[str], ServedCredential | None]


@dataclass(frozen=True, slots=True)
class SignedCall:
    """A request taken apart: what is asked for, and the proof of who asks.

    `secret_id` is empty for the only action that needs no signature.
    """

    action: str
    version: str
    region: str
    params: Mapping[str, Any] = field(repr=False)
    secret_id: str = ""


def authenticate(request: HttpRequest, lookup: Lookup, *, web_identity: bool = False) -> SignedCall:
    """Return the call if its signature is good; raise the API's error for each way in which it is not.

    With `web_identity` a call for a web identity may come without: its token is not looked at here.
    """
    if "authorization" in request.headers:
        return _tc3(request, lookup, web_identity=web_identity)
    return _v1(request, lookup)


def check_head(request: HttpRequest, lookup: Lookup) -> None:
    """Raise the API's error for a request that will be refused whatever its body is: nobody needs to wait for that.

    Only TC3 tells who sends before the body is there.
    """
    if "authorization" not in request.headers:
        raise refuse("AuthFailure.InvalidAuthorization", "a body as large must be signed by TC3-HMAC-SHA256")
    _claim(request, lookup)


def is_web_identity(call: SignedCall) -> bool:
    """Tell whether a call is the one that may show a web identity token in place of a signature."""
    return call.action == sts.WEB_IDENTITY and call.version == sts.VERSION


def is_addressed_by_loopback(request: HttpRequest) -> bool:
    """Tell whether the Host is a loopback one.

    What needs no signature is given to such requests only: a web page could ask for it
    under a name of its own that leads here.
    """
    host = request.headers.get("host", "").rpartition("://")[2]
    return host in _LOOPBACK or host.rpartition(":")[0] in _LOOPBACK


def unflatten(fields: Mapping[str, str]) -> dict[str, Any]:
    """Turn the names of a form, such as `Tags.0.TagKey`, into lists and objects.

    Raises the API's `InvalidParameter` for names that contradict each other or leave gaps.
    """
    if len(fields) > MAX_FIELDS:
        raise refuse("InvalidParameter", f"a form has at most {MAX_FIELDS} fields")
    tree: dict[str, Any] = {}
    for name, value in fields.items():
        node, parts, shown = tree, name.split(".", _MAX_DEPTH), name[:_MAX_SHOWN]
        if len(parts) > _MAX_DEPTH:
            raise refuse("InvalidParameter", f"the parameter {shown} is nested too deeply")
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                raise refuse("InvalidParameter", f"the parameter {shown} contradicts another one")
        if node.setdefault(parts[-1], value) is not value:
            raise refuse("InvalidParameter", f"the parameter {shown} contradicts another one")
    return {name: _lists(value) for name, value in tree.items()}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    if all(_INDEX.fullmatch(name) for name in node):
        by_number = sorted(node.items(), key=lambda item: int(item[0]))
        if [int(name) for name, _ in by_number] != list(range(len(node))):
            raise refuse("InvalidParameter", "the numbers of a list do not run from 0")
        return [_lists(value) for _, value in by_number]
    return {name: _lists(value) for name, value in node.items()}


def _tc3(request: HttpRequest, lookup: Lookup, *, web_identity: bool) -> SignedCall:
    headers = request.headers
    for name in ("x-tc-action", "x-tc-version", "x-tc-timestamp"):
        if name not in headers:
            raise refuse("MissingParameter", f"the header {name} is missing")
    action = headers["x-tc-action"][:1].upper() + headers["x-tc-action"][1:]
    call = SignedCall(action, headers["x-tc-version"], headers.get("x-tc-region", ""), {})
    unsigned = web_identity and headers["authorization"] == "SKIP" and is_web_identity(call)
    secret_id = "" if unsigned and is_addressed_by_loopback(request) else _signer(request, lookup)
    # Not before: a parser is the last thing that strangers should reach.
    return SignedCall(action, call.version, call.region, _parameters(request), secret_id)


def _signer(request: HttpRequest, lookup: Lookup) -> str:
    """Return the SecretId whose key signed the request and its body."""
    authorization, timestamp, credential = _claim(request, lookup)
    query, digest = request.query if request.method == "GET" else "", hashlib.sha256(request.body).hexdigest()
    signed = tc3.Request(request.method, query, request.headers, request.body, digest)
    hosts = _hosts(request.headers.get("host", ""))
    for host in hosts:
        candidate = (
            signed if host == signed.headers.get("host") else replace(signed, headers={**signed.headers, "host": host})
        )
        if tc3.is_signed_by(candidate, authorization, credential.secret_key, timestamp):
            return authorization.secret_id
    raise _wrong_signature()


def _claim(request: HttpRequest, lookup: Lookup) -> tuple[tc3.Authorization, int, ServedCredential]:
    """Return who a head says that it is from, and when; nothing is proved by that yet."""
    try:
        authorization = tc3.parse_authorization(request.headers["authorization"])
    except InputError as error:
        raise refuse("AuthFailure.InvalidAuthorization", error.message) from error
    timestamp = _timestamp(request.headers.get("x-tc-timestamp", ""))
    credential = _credential(lookup, authorization.secret_id, request.headers.get("x-tc-token", ""))
    return authorization, timestamp, credential


def _v1(request: HttpRequest, lookup: Lookup) -> SignedCall:
    if request.method != "GET" and not request.headers.get("content-type", "").startswith(_FORM):
        raise refuse("AuthFailure.InvalidAuthorization", "the request is not signed")
    if len(request.body) > MAX_FORM_BYTES:
        raise refuse("AuthFailure.InvalidAuthorization", f"a form has at most {MAX_FORM_BYTES // 1024} KiB")
    text = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
    # A form has to be parsed before its signature can be checked. Who names no key of ours is told so without that.
    _, names_one, rest = f"&{text}".partition("&SecretId=")
    if not names_one:
        raise refuse("AuthFailure.InvalidAuthorization", "the request is not signed")
    if lookup(unquote_plus(rest.partition("&")[0][:_MAX_SECRET_ID])) is None:
        raise refuse("AuthFailure.SecretIdNotFound", "the SecretId is not known")
    fields = _form(text)
    for name in ("Signature", "SecretId", "Timestamp", "Action", "Version", "Nonce"):
        if name not in fields:
            if name == "Signature":
                raise refuse("AuthFailure.InvalidAuthorization", "the request is not signed")
            raise refuse("MissingParameter", f"the parameter {name} is missing")
    _timestamp(fields["Timestamp"])
    credential = _credential(lookup, fields["SecretId"], fields.get("Token", ""))
    hosts = _hosts(request.headers.get("host", ""))
    try:
        key, method, path = credential.secret_key, request.method, request.path
        good = any(tc3.is_signed_by_v1(method, host, path, fields, key) for host in hosts)
    except InputError as error:
        raise refuse("AuthFailure.InvalidAuthorization", error.message) from error
    if not good:
        raise _wrong_signature()
    _refuse_ambiguous(request, fields)
    own = {name: value for name, value in fields.items() if name not in _COMMON}
    return SignedCall(
        fields["Action"], fields["Version"], fields.get("Region", ""), unflatten(own), credential.secret_id
    )


def _refuse_ambiguous(request: HttpRequest, fields: Mapping[str, str]) -> None:
    """Refuse a request that has the same text under its signature as one with other parameters."""
    action = protocol.actions().get(fields["Action"])
    names = (action.request if action else ()), sts.PARAMETERS.get(fields["Action"], ()), _COMMON
    hidden = tc3.hidden_parameter(fields, frozenset().union(*names))
    if hidden is not None:
        shown = hidden[:_MAX_SHOWN]
        raise refuse("InvalidParameter", f"this signature cannot tell a value from the parameter {shown}: use TC3")
    if "?" in request.headers.get("host", ""):
        raise refuse("InvalidParameter", "the header host is malformed")


def _parameters(request: HttpRequest) -> Mapping[str, Any]:
    if request.method == "GET":
        return unflatten(_form(request.query))
    try:
        params = json.loads(request.body or b"{}")
    except (ValueError, RecursionError) as error:
        raise refuse("InvalidParameter", "the body is not JSON") from error
    if not isinstance(params, dict):
        raise refuse("InvalidParameter", "the body is not a JSON object")
    return params


def _form(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise refuse("InvalidParameter", "the form is malformed") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise refuse("InvalidParameter", "a parameter is given twice")
    return fields


def _timestamp(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise refuse("InvalidParameter", "the timestamp is not in Unix seconds")
    # The real clock: what is moved in the embedded KMS are the lives of keys.
    skew = int(text) - int(time.time())
    if abs(skew) > MAX_SKEW_SECONDS:
        raise refuse(
            "AuthFailure.SignatureExpire", f"the timestamp is {skew:+} s off; {MAX_SKEW_SECONDS} s are allowed"
        )
    return int(text)


def _credential(lookup: Lookup, secret_id: str, token: str) -> ServedCredential:
    found = lookup(secret_id)
    if found is None:
        raise refuse("AuthFailure.SecretIdNotFound", "the SecretId is not known")
    if found.expired or not hmac.compare_digest(found.token.encode(), token.encode("utf-8", "replace")):
        raise refuse("AuthFailure.TokenFailure", "the token is wrong or expired")
    return found


def _hosts(host: str) -> Iterator[str]:
    """Yield what clients may have signed for a Host header: as sent, without scheme, without port, in lower case."""
    seen = set()
    bare = host.rpartition("://")[2].partition("/")[0]
    for candidate in (host, bare, bare.rpartition(":")[0] or bare, bare.lower()):
        if candidate not in seen:
            seen.add(candidate)
            yield candidate


def _wrong_signature() -> KmsToolError:
    return refuse("AuthFailure.SignatureFailure", "the signature does not match the request")
