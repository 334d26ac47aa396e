"""What the gateway of API 3.0 refuses before any action is performed, in its own words.

Tencent's pages list the codes alone; the sentences are those that its users reported:
tencentcloud-sdk-go #37 and #89, -java #62, -nodejs #56 and #99, -php #46, -python #21 and #42.
"""

from __future__ import annotations

from kmstool.errors import KmsToolError
from kmstool.server.call import refuse


def missing(name: str) -> KmsToolError:
    """Make the refusal of a request without a common parameter, such as `Region`."""
    return refuse("MissingParameter", f"The request is missing a required parameter `{name}`.")


def invalid_region(name: str) -> KmsToolError:
    """Make the refusal of what is no region at all; `name` is where it stood: `X-TC-Region`, or `Region` of a form."""
    message = f"A value specified in `{name}` is not valid, is unsupported, or cannot be used."
    return refuse("InvalidParameterValue", message)


def unsupported_region() -> KmsToolError:
    """Make the refusal of a region of the cloud in which there is no KMS."""
    return refuse("UnsupportedRegion", "The action not support this region.")


def wrong_signature() -> KmsToolError:
    """Make the refusal of a signature that is not the one of this request."""
    message = "The provided credentials could not be validated. Please check your signature is correct."
    return refuse("AuthFailure.SignatureFailure", message)


def long_form() -> KmsToolError:
    """Make the refusal of a form that is too long for the older signatures."""
    return refuse(
        "AuthFailure.SignatureFailure",
        "The provided credentials could not be validated because of exceeding request size limit,"
        " please use new signature method `TC3-HMAC-SHA256`.",
    )


def long_request(limit: str) -> KmsToolError:
    """Make the refusal of a request over a limit of its size."""
    return refuse("RequestSizeLimitExceeded", f"The request size exceeds the limit of {limit}.")


def unsupported_protocol(reason: str) -> KmsToolError:
    """Make the refusal of a method or a content type that the API does not know."""
    return refuse("UnsupportedProtocol", f"HTTP request protocol error: {reason}.")


def unsigned() -> KmsToolError:
    """Make the refusal of a request that has no signature."""
    return refuse("AuthFailure.InvalidAuthorization", "the request is not signed")


def malformed_authorization(reason: str) -> KmsToolError:
    """Make the refusal of an Authorization header; `reason` goes on after a colon."""
    message = f"The request `Authorization` header does not conform to tencentcloud standards: {reason}."
    return refuse("AuthFailure.InvalidAuthorization", message)


def malformed_form() -> KmsToolError:
    """Make the refusal of a query or form that is none."""
    return refuse("InvalidParameter", "Url key and value should be splited by `=`.")
