"""Which methods, content types and sizes the API takes (page "Request Structure": 1030/32174, 1278/46710; "Signature v3")."""

from __future__ import annotations

from kmstool.server.web import refusals
from kmstool.server.web.http import MAX_BODY_BYTES, HttpRequest

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MAX_QUERY_BYTES = 32 * 1024
MAX_FORM_BYTES = 2**20

_METHODS = ("GET", "POST")


def check(request: HttpRequest) -> None:
    """Raise the API's error for a method that there is not, and for a query that is too long."""
    if request.method not in _METHODS:
        raise refusals.unsupported_protocol("only GET and POST requests are supported")
    if len(request.query) > MAX_QUERY_BYTES:
        raise refusals.long_request("32 KB for a GET request")


def check_length(request: HttpRequest, length: int) -> None:
    """Raise the API's error for a body that is too long for the scheme by which its request is signed."""
    if length > MAX_BODY_BYTES:
        raise refusals.long_request("10 MB")
    if length > MAX_FORM_BYTES and "authorization" not in request.headers and media_type(request) == FORM:
        raise refusals.long_form()


def check_content_type(request: HttpRequest) -> None:
    """Raise the API's error for a content type that no action of KMS takes under TC3.

    A POST is JSON and a GET a form; multipart is for actions of other services, and a form
    that is posted is signed by the older schemes.
    """
    wanted = FORM if request.method == "GET" else JSON
    if media_type(request) != wanted:
        raise refusals.unsupported_protocol(f"the content type of a {request.method} request must be {wanted}")


def media_type(request: HttpRequest) -> str:
    """Return the content type of a request without its parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
