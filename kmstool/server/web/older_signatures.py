"""Requests that are signed by HmacSHA1 or HmacSHA256: everything stands in one form, which is read before it is known whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote_plus

from kmstool.api import protocol, tc3
from kmstool.errors import InputError
from kmstool.server.call import refuse
from kmstool.server.web import claims, limits, parameters, refusals, sts
from kmstool.server.web.claims import Lookup, SignedCall
from kmstool.server.web.http import HttpRequest

_COMMON = {
    "Action", "Version", "Region", "Timestamp", "Nonce", "SecretId", "Signature", "SignatureMethod", "Token",
    "Language", "RequestClient",
}  # fmt: skip
_MAX_SHOWN, _MAX_SECRET_ID = 80, 200


def authenticate(request: HttpRequest, lookup: Lookup, *, lenient: bool, max_skew: int) -> SignedCall:
    """Return the call if its signature is good; raise the API's error for each way in which it is not."""
    fields = form(request, lookup)
    for name in ("Signature", "SecretId", "Timestamp", "Action", "Version", "Nonce"):
        if name not in fields:
            raise refusals.unsigned() if name == "Signature" else refusals.missing(name)
    claims.timestamp(fields["Timestamp"], max_skew)
    credential = claims.credential(lookup, fields["SecretId"], fields.get("Token", ""))
    try:
        key, method, path = credential.secret_key, request.method, request.path
        hosts = claims.hosts(request.headers.get("host", ""))
        good = any(tc3.is_signed_by_v1(method, host, path, fields, key) for host in hosts)
    except InputError as error:
        raise refuse("AuthFailure.InvalidAuthorization", error.message) from error
    if not good:
        raise refusals.wrong_signature()
    _refuse_ambiguous(request, fields)
    region = claims.region(fields.get("Region"), "Region", lenient=lenient)
    own = {name: value for name, value in fields.items() if name not in _COMMON}
    params = parameters.unflatten(own)
    return SignedCall(fields["Action"], fields["Version"], region, params, credential.secret_id, is_form=True)


def is_form(request: HttpRequest) -> bool:
    """Return whether a request says that its body is a form."""
    return limits.media_type(request) == limits.FORM


def form(request: HttpRequest, lookup: Lookup) -> Mapping[str, str]:
    """Return the fields of a request, whose signature has not been looked at; raise for one that names no key of ours."""
    if request.method != "GET" and not is_form(request):
        raise refusals.unsigned()
    limits.check_length(request, len(request.body))
    text = request.query if request.method == "GET" else request.body.decode("utf-8", "replace")
    # A form has to be parsed before its signature can be checked. Who names no key of ours is told so without that.
    _, names_one, rest = f"&{text}".partition("&SecretId=")
    if not names_one:
        raise refusals.unsigned()
    if lookup(unquote_plus(rest.partition("&")[0][:_MAX_SECRET_ID])) is None:
        raise refuse("AuthFailure.SecretIdNotFound", "the SecretId is not known")
    return parameters.from_form(text)


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
