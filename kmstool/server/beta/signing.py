"""The proof that a request of the API of 2017 is as its sender signed it, of this time, and here for the first time.

Tencent's clients of that year leave values out of the signature of a POST that begin with `@`,
where curl would read a file; so both texts are taken.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Iterable, Mapping

from kmstool.api import beta, tc3
from kmstool.api.beta import Code
from kmstool.errors import InputError
from kmstool.server.tables.credentials import ServedCredential

Lookup = Callable[[str], ServedCredential | None]

MAX_REMEMBERED = 50_000

_REQUIRED = ("Action", "SecretId", "Nonce", "Timestamp", "Signature")
_DIGEST_BYTES = 8
_MAX_DIGITS, _MAX_SHOWN = 12, 80


class Nonces:
    """What was asked before, so that nobody asks it again; forgotten from the oldest second on when it becomes too much.

    What is as old as something forgotten is refused, since it may be the same. A new server knows nothing.
    """

    def __init__(self, most: int = MAX_REMEMBERED) -> None:
        self._most = most
        self._by_second: dict[int, set[bytes]] = {}
        self._count = 0
        self._forgotten = 0

    def take(self, secret_id: str, nonce: str, timestamp: int) -> bool:
        """Take note of a request; tell whether it is a new one."""
        if timestamp <= self._forgotten:
            return False
        seen = self._by_second.setdefault(timestamp, set())
        digest = hashlib.sha256(f"{secret_id}\0{nonce}".encode()).digest()[:_DIGEST_BYTES]
        if digest in seen:
            return False
        seen.add(digest)
        self._count += 1
        self._forget()
        return True

    def _forget(self) -> None:
        too_old = int(time.time()) - beta.MAX_SKEW_SECONDS
        while len(self._by_second) > 1 and (min(self._by_second) < too_old or self._count > self._most):
            self._forgotten = min(self._by_second)
            self._count -= len(self._by_second.pop(self._forgotten))


def check(method: str, hosts: Iterable[str], fields: Mapping[str, str], lookup: Lookup, nonces: Nonces) -> str:
    """Return the SecretId whose key signed all fields of a form for one of the hosts; refuse in every other case."""
    action = fields.get("Action", "")
    for name in _REQUIRED:
        if not fields.get(name):
            code = Code.SIGNATURE if name == "Signature" else Code.PARAMETER
            raise beta.refuse(action, code, f"the parameter {name} is missing")
    credential = lookup(fields["SecretId"])
    if credential is None:
        raise beta.refuse(action, Code.SECRET_ID, "the SecretId is not known")
    token = fields.get("Token", "").encode("utf-8", "replace")
    if credential.expired or not hmac.compare_digest(credential.token.encode(), token):
        raise beta.refuse(action, Code.TOKEN, "the Token is wrong or expired")
    timestamp = _timestamp(action, fields["Timestamp"])
    if not _is_signed(method, hosts, fields, credential.secret_key):
        raise beta.refuse(action, Code.SIGNATURE, "the signature does not match the request")
    _refuse_ambiguous(action, fields)
    if not nonces.take(credential.secret_id, fields["Nonce"], timestamp):
        raise beta.refuse(action, Code.REPLAY_OR_ALIAS, "this request came before, or is older than what is remembered")
    return credential.secret_id


def _is_signed(method: str, hosts: Iterable[str], fields: Mapping[str, str], secret_key: str) -> bool:
    texts = [fields]
    if method == "POST" and any(value.startswith("@") for value in fields.values()):
        texts.append({name: value for name, value in fields.items() if not value.startswith("@")})
    try:
        return any(tc3.is_signed_by_v1(method, host, beta.PATH, text, secret_key) for host in hosts for text in texts)
    except InputError as error:
        raise beta.refuse(fields["Action"], Code.SIGNATURE, error.message) from error


def _refuse_ambiguous(action: str, fields: Mapping[str, str]) -> None:
    """Refuse a request that has the same text under its signature as one with other parameters."""
    model = beta.ACTIONS.get(action)
    hidden = tc3.hidden_parameter(fields, beta.COMMON.union(model.request if model else ()))
    if hidden is not None:
        shown = hidden[:_MAX_SHOWN]
        raise beta.refuse(
            action, Code.PARAMETER, f"the signature cannot tell a value from the parameter {shown}: leave out the &"
        )


def _timestamp(action: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise beta.refuse(action, Code.PARAMETER, "the Timestamp is not in Unix seconds")
    # The real clock: what is moved in the embedded KMS are the lives of keys.
    skew = int(text) - int(time.time())
    if abs(skew) > beta.MAX_SKEW_SECONDS:
        raise beta.refuse(
            action,
            Code.REPLAY_OR_ALIAS,
            f"the Timestamp is {skew:+} s off; {beta.MAX_SKEW_SECONDS} s are allowed",
        )
    return int(text)
