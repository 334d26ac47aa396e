"""The words of the KMS of 2017, the beta (API 2.0): actions, error codes, key ids, and which action which state allows.

Client and server of that API meet only here, as those of today's meet in `protocol`. Sources:
API pages 573/8889 to 8898 and 228/9260, and Tencent's SDKs of that year.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from kmstool import errors, words

PATH = "/v2/index.php"
USAGE = "ENCRYPT/DECRYPT"
STATES = words.DATA_KEY_STATES
REGIONS = {"gz": "ap-guangzhou", "sh": "ap-shanghai", "bj": "ap-beijing"}
"""The regions that it had, by the short name in their hosts and in the parameter Region."""

MAX_ALIAS_CHARACTERS = 32
# A byte under any authenticated cipher: with a nonce of 12 bytes and a tag of 16.
_MIN_BLOB_BYTES = 29
MAX_SKEW_SECONDS = 7200
COMMON = frozenset(
    ("Action", "Region", "Timestamp", "Nonce", "SecretId", "Signature", "SignatureMethod", "Token", "RequestClient")
)
"""The parameters of every request."""

_KEY_ID = re.compile(r"kms-[0-9a-z]{7,8}", re.ASCII)
_HOST = re.compile(r"kms-([a-z]{2})\.api\.(?:qcloud|tencentyun)\.com", re.ASCII)
_HEXADECIMAL = re.compile(r"[0-9a-f]*|[0-9A-F]*", re.ASCII)
_MODULE_CODE = re.compile(r"\((-?[0-9]{1,10})\)", re.ASCII)


class Code(IntEnum):
    """The codes of an answer: those that all services shared, and those of this one (from 4490 to 4590)."""

    PARAMETER = 4000
    SIGNATURE = 4100
    SECRET_ID = 4104
    TOKEN = 4105
    OVER_QUOTA = 4400
    USAGE = 4490
    REPLAY_OR_ALIAS = 4500
    """For CreateKey that the alias is taken; for all, that a request came before or is of another time."""
    TOO_MANY_KEYS = 4510
    KEY_SPEC = 4520
    CONTEXT = 4540
    KEY = 4560
    BLOB = 4580
    PLAINTEXT = 4590
    PROTOCOL = 4600
    NOT_FOUND = 5000
    FAILED = 5100
    INTERNAL = 6000
    NO_SUCH_ACTION = 6100
    CLOSED = 6200


LATER = (str(Code.OVER_QUOTA.value), str(Code.INTERNAL.value), str(Code.CLOSED.value))
"""The codes after which the same request may succeed later."""

_OF_ALL_REQUESTS = range(4100, 4401)

UNKNOWN = (str(Code.INTERNAL.value), str(Code.CLOSED.value))
"""The codes after which the request may have taken effect all the same."""

# The codes of this service alone; of most only the pair is published.
_MODULE_CODES = {
    ("Encrypt", Code.KEY): 10660,
    ("Encrypt", Code.CONTEXT): 10640,
    ("Encrypt", Code.PLAINTEXT): 10690,
    ("Decrypt", Code.KEY): 10670,
    ("Decrypt", Code.BLOB): 10680,
    ("CreateKey", Code.USAGE): 10470,
    ("CreateKey", Code.REPLAY_OR_ALIAS): 10480,
    ("CreateKey", Code.TOO_MANY_KEYS): 10610,
    ("GenerateDataKey", Code.KEY_SPEC): 10620,
}

_NAMES = {
    Code.PARAMETER: "InvalidParameter",
    Code.SIGNATURE: "AuthFailure",
    Code.SECRET_ID: "AuthFailure",
    Code.TOKEN: "AuthFailure",
    Code.OVER_QUOTA: "RequestLimitExceeded",
    Code.NOT_FOUND: "ResourceNotFound",
    Code.INTERNAL: "InternalError",
    Code.NO_SUCH_ACTION: "UnsupportedOperation",
    Code.CLOSED: "ServiceUnavailable",
}

# Every other code is a plain refusal (`ServiceError`).
_CLASSES: dict[Code, type[errors.KmsToolError]] = {
    Code.TOO_MANY_KEYS: errors.LimitError,
    Code.OVER_QUOTA: errors.LimitError,
    Code.KEY: errors.KeyStateError,
    Code.BLOB: errors.IntegrityError,
    Code.NOT_FOUND: errors.NotFoundError,
}
_ACCESS = range(4100, 4400)


@dataclass(frozen=True, slots=True)
class Action:
    """What the API says of one action: its parameters (`text` or `number`, `!` = always there) and what it does.

    `states` has the code with which it is refused on a key in each of `STATES`, None where it works.
    """

    request: Mapping[str, str]
    writes: bool = False
    states: tuple[Code | None, ...] = (None,) * len(STATES)


_ENABLED_ONLY = (None, Code.KEY, Code.KEY)
_KEPT_ONLY = (None, None, Code.FAILED)

ACTIONS: Mapping[str, Action] = {
    "Encrypt": Action({"keyId": "text!", "plaintext": "text!", "encryptionContext": "text"}, states=_ENABLED_ONLY),
    "Decrypt": Action({"ciphertextBlob": "text!", "encryptionContext": "text"}, states=_ENABLED_ONLY),
    "GenerateDataKey": Action(
        {"keyId": "text!", "keySpec": "text", "numberOfBytes": "number", "encryptionContext": "text"},
        states=_ENABLED_ONLY,
    ),
    "CreateKey": Action({"alias": "text!", "description": "text", "keyUsage": "text", "type": "number"}, writes=True),
    "GetKeyAttributes": Action({"keyId": "text!"}),
    "SetKeyAttributes": Action({"keyId": "text!", "alias": "text"}, writes=True, states=_KEPT_ONLY),
    "ListKey": Action({"offset": "number", "limit": "number"}),
    "EnableKey": Action({"keyId": "text!"}, writes=True, states=_KEPT_ONLY),
    "DisableKey": Action({"keyId": "text!"}, writes=True, states=_KEPT_ONLY),
    "ScheduleKeyDeletion": Action({"keyId": "text!", "pendingWindowInDays": "number!"}, writes=True, states=_KEPT_ONLY),
    "CancelKeyDeletion": Action({"keyId": "text!"}, writes=True, states=(Code.FAILED, Code.FAILED, None)),
}


def is_key_id(text: str) -> bool:
    """Return whether `text` has the form of a key id, such as `kms-345sdfk`."""
    return _KEY_ID.fullmatch(text) is not None


def is_blob(text: str) -> bool:
    """Return whether `text` may be a ciphertext blob by its form: base64 as it is written, of what can hold a secret.

    No more is known of it; today's blobs have `-k-` in them and are none, nor is what is hexadecimal.
    """
    if _HEXADECIMAL.fullmatch(text):
        return False
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(data) >= _MIN_BLOB_BYTES and base64.b64encode(data).decode() == text


def concerns_all(code: str) -> bool:
    """Return whether a code says nothing of one blob or key: of who asks, how often, or of the service itself."""
    return code in LATER or (code.isdecimal() and int(code) in _OF_ALL_REQUESTS)


def is_alias(text: str) -> bool:
    """Return whether `text` may be an alias: 1 to 32 characters that show, blanks among them."""
    return 1 <= len(text) <= MAX_ALIAS_CHARACTERS and text.isprintable()


def region_of_host(host: str) -> str | None:
    """Return the region of one of the API's hosts, such as `kms-gz.api.qcloud.com`; None for any other host."""
    match = _HOST.fullmatch(host)
    return REGIONS.get(match[1]) if match else None


def without_module_code(message: str) -> str:
    """Return a message without the module's own code before it."""
    return _MODULE_CODE.sub("", message, count=1) if _MODULE_CODE.match(message) else message


def code_name(code: int) -> str:
    """Return what stands in the field codeDesc beside a code, which some clients show."""
    if code == 0:
        return "Success"
    return next((name for known, name in _NAMES.items() if known == code), "OperationFailed")


def refuse(action: str, code: Code, message: str) -> errors.KmsToolError:
    """Make the refusal of an action; its message begins with the module's own code in brackets, if it has one."""
    module = _MODULE_CODES.get((action, code))
    return error(action, code, f"({module}){message}" if module else message)


def error(action: str, code: int, message: str, request_id: str | None = None) -> errors.KmsToolError:
    """Make the exception for a code that an action was answered with, known or new."""
    known = next((listed for listed in Code if listed == code), None)
    kind = _CLASSES.get(known, errors.ServiceError) if known else errors.ServiceError
    if code in _ACCESS or (known is Code.REPLAY_OR_ALIAS and not _is_alias_taken(action, message)):
        kind = errors.AccessError
    return kind(message, kms_code=str(code), request_id=request_id)


def _is_alias_taken(action: str, message: str) -> bool:
    module = _MODULE_CODE.match(message)
    return (
        action == "CreateKey" and module is not None and int(module[1]) == _MODULE_CODES[action, Code.REPLAY_OR_ALIAS]
    )
