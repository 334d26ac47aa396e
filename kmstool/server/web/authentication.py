"""Who sent a request, and is it as it was sent? TC3 and the older signatures, with the quirks of real clients.

Node's SDK signs the host without its port and names the service after the host, and
tccli sends a Host with a scheme; both are accepted, each signature still being checked
over all that it covers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from kmstool.api import protocol, tc3
from kmstool.errors import InputError
from kmstool.server.call import refuse
from kmstool.server.tables.credentials import ServedCredential
from kmstool.server.web import claims, limits, older_signatures, parameters, refusals, sts
from kmstool.server.web.claims import Lookup, SignedCall
from kmstool.server.web.http import HttpRequest
from kmstool.system import hosts

_SERVICES_OF = {protocol.VERSION: ("kms",), sts.VERSION: ("sts", "tag")}
_SERVICES = ("kms", "sts", "tag")
_REQUIRED = {"x-tc-action": "Action", "x-tc-version": "Version", "x-tc-timestamp": "Timestamp"}


def authenticate(
    request: HttpRequest,
    lookup: Lookup,
    *,
    web_identity: bool = False,
    lenient: bool = False,
    max_skew: int = claims.MAX_SKEW_SECONDS,
) -> SignedCall:
    """Return the call if its signature is good; raise the API's error for each way in which it is not.

    With `web_identity` a call for a web identity may come without: its token is not looked at
    here. Who is `lenient` takes the default region where a request names none.
    """
    if "authorization" in request.headers:
        return _tc3(request, lookup, web_identity=web_identity, lenient=lenient, max_skew=max_skew)
    return older_signatures.authenticate(request, lookup, lenient=lenient, max_skew=max_skew)


def check_head(request: HttpRequest, lookup: Lookup, max_skew: int = claims.MAX_SKEW_SECONDS) -> None:
    """Raise the API's error for a request that will be refused whatever its body is: nobody needs to wait for that.

    Only TC3 tells who sends before the body is there.
    """
    if "authorization" in request.headers:
        _claim(request, lookup, max_skew)
    elif not older_signatures.is_form(request):
        raise refusals.unsigned()


def is_web_identity(call: SignedCall) -> bool:
    """Return whether a call is the one that may show a web identity token in place of a signature."""
    return call.action == sts.WEB_IDENTITY and call.version == sts.VERSION


def is_addressed_by_loopback(request: HttpRequest) -> bool:
    """Return whether the Host is a loopback one.

    What needs no signature is given to such requests only: a web page could ask for it
    under a name of its own that leads here.
    """
    authority = hosts.parts(request.headers.get("host", "").rpartition("://")[2])
    return authority is not None and hosts.is_loopback(authority[0])


def _tc3(request: HttpRequest, lookup: Lookup, *, web_identity: bool, lenient: bool, max_skew: int) -> SignedCall:
    headers = request.headers
    for name, parameter in _REQUIRED.items():
        if name not in headers:
            raise refusals.missing(parameter)
    action = headers["x-tc-action"][:1].upper() + headers["x-tc-action"][1:]
    call = SignedCall(action, headers["x-tc-version"], "", {})
    unsigned = web_identity and headers["authorization"] == "SKIP" and is_web_identity(call)
    secret_id = "" if unsigned and is_addressed_by_loopback(request) else _signer(request, lookup, max_skew)
    limits.check_content_type(request)
    region = claims.region(headers.get("x-tc-region"), "X-TC-Region", lenient=lenient)
    # Not before: a parser is the last thing that strangers should reach.
    is_form = request.method == "GET"
    return SignedCall(action, call.version, region, _parameters(request), secret_id, is_form)


def _signer(request: HttpRequest, lookup: Lookup, max_skew: int) -> str:
    """Return the SecretId whose key signed the request and its body."""
    authorization, timestamp, credential = _claim(request, lookup, max_skew)
    query, digest = request.query if request.method == "GET" else "", hashlib.sha256(request.body).hexdigest()
    signed = tc3.Request(request.method, query, request.headers, request.body, digest)
    for host in claims.hosts(request.headers.get("host", "")):
        candidate = (
            signed if host == signed.headers.get("host") else replace(signed, headers={**signed.headers, "host": host})
        )
        if tc3.is_signed_by(candidate, authorization, credential.secret_key, timestamp):
            return authorization.secret_id
    raise refusals.wrong_signature()


def _claim(request: HttpRequest, lookup: Lookup, max_skew: int) -> tuple[tc3.Authorization, int, ServedCredential]:
    """Return who a head says that it is from, and when; nothing is proved by that yet."""
    try:
        authorization = tc3.parse_authorization(request.headers["authorization"])
    except InputError as error:
        raise refuse("AuthFailure.InvalidAuthorization", error.message) from error
    if authorization.service not in _services(request):
        raise refusals.malformed_authorization("`Service` in Credential not valid")
    timestamp = claims.timestamp(request.headers.get("x-tc-timestamp", ""), max_skew)
    credential = claims.credential(lookup, authorization.secret_id, request.headers.get("x-tc-token", ""))
    return authorization, timestamp, credential


def _services(request: HttpRequest) -> Iterator[str]:
    """Yield the names of the service that a scope may have: its own, or the first label of its host as Node's SDK has it."""
    version = request.headers.get("x-tc-version", "")
    yield from _SERVICES_OF.get(version, _SERVICES)
    for host in claims.hosts(request.headers.get("host", "")):
        yield host.partition(".")[0]


def _parameters(request: HttpRequest) -> Mapping[str, Any]:
    if request.method == "GET":
        return parameters.unflatten(parameters.from_form(request.query))
    return parameters.from_json(request.body)
