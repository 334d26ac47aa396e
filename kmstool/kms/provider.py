"""Credentials for Tencent Cloud as the client uses them, and the sources that stand in the environment.

A provider gives a credential whenever a request is signed, so that temporary ones are
renewed in time. Secrets are never part of a `repr`, a message or a command line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kmstool.errors import AccessError

PERMANENT, TEMPORARY, ROLE, MACHINE, POD = KINDS = "permanent", "temporary", "role", "metadata", "pod"
"""Of credentials: lasting, with a token, of a role that was assumed, of the role of a machine, of the role of a pod."""

_RENEW_SECONDS = 300
_VARIABLES = (
    "TENCENTCLOUD_SECRET_ID", "TENCENTCLOUD_SECRET_KEY", "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN",
)  # fmt: skip
# Of a shorter SecretId the two ends together would show most.
_LONG_ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Credential:
    """A SecretId and its key; `token` is empty and `expires_unix` 0 unless it is temporary."""

    secret_id: str
    secret_key: str = field(repr=False)
    token: str = field(repr=False, default="")
    expires_unix: int = 0

    @property
    def masked_id(self) -> str:
        """The SecretId with its middle left out."""
        if len(self.secret_id) > _LONG_ID_CHARACTERS:
            return f"{self.secret_id[:8]}…{self.secret_id[-4:]}"
        return f"{self.secret_id[:4]}…"


class Provider(Protocol):
    """Where credentials come from."""

    source: str
    """For people: the environment, a file, a keyring, a role."""
    kind: str
    """What sort of credential it gives: one of `KINDS`."""

    def get(self) -> Credential:
        """Return a credential that is valid now; raise `AccessError` or `NetworkError`."""
        ...

    def renew(self) -> bool:
        """Forget a temporary credential that KMS refused; tell whether there can be another one."""
        ...


class FixedProvider:
    """A provider of one credential."""

    def __init__(self, credential: Credential, source: str) -> None:
        self.source = source
        self.kind = TEMPORARY if credential.token else PERMANENT
        self._credential = credential

    def get(self) -> Credential:
        """Return it; raise `AccessError` once it has expired."""
        if 0 < self._credential.expires_unix <= time.time():
            raise AccessError(f"the credential from {self.source} has expired", hint="log in again where it comes from")
        return self._credential

    def renew(self) -> bool:
        """Return false: there is no other one."""
        return False


class RenewedProvider:
    """A provider of temporary credentials, fetched at first use and again five minutes before they expire."""

    def __init__(self, fetch: Callable[[], Credential], source: str, kind: str = TEMPORARY) -> None:
        self.source = source
        self.kind = kind
        self._fetch = fetch
        self._credential: Credential | None = None

    def get(self) -> Credential:
        """Return a credential that is valid for some time yet."""
        if self._credential is None or self._credential.expires_unix - time.time() < self._margin:
            self._credential = self._fetch()
            # A short-lived credential must not be fetched anew for every request.
            lifetime = self._credential.expires_unix - time.time()
            self._margin = min(_RENEW_SECONDS, lifetime / 10)
        return self._credential

    def renew(self) -> bool:
        """Fetch another one at the next use."""
        self._credential = None
        return True

    _margin: float = _RENEW_SECONDS


def from_environment(environ: Mapping[str, str]) -> Provider | None:
    """Return the credential of TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY, with either token variable.

    Raises `AccessError` if only one of the two is set.
    """
    secret_id, secret_key = environ.get("TENCENTCLOUD_SECRET_ID"), environ.get("TENCENTCLOUD_SECRET_KEY")
    if not secret_id and not secret_key:
        return None
    if not secret_id or not secret_key:
        missing = "TENCENTCLOUD_SECRET_KEY" if secret_id else "TENCENTCLOUD_SECRET_ID"
        raise AccessError(f"the environment has no {missing}", hint="set both variables or neither")
    # tccli reads the first of these and Terraform the second.
    token = environ.get("TENCENTCLOUD_TOKEN") or environ.get("TENCENTCLOUD_SECURITY_TOKEN") or ""
    for name in _VARIABLES:
        if not _is_plain(environ.get(name, "")):
            raise AccessError(
                f"the variable {name} has characters that no credential has, such as the end of a line",
                hint="set it anew, without blanks and line breaks",
            )
    return FixedProvider(checked(secret_id, secret_key, token, source="the environment"), "the environment")


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def checked(secret_id: str, secret_key: str, token: str = "", expires_unix: int = 0, *, source: str) -> Credential:
    """Return a credential; raise `AccessError` for parts that cannot be ones, without showing them."""
    if not all(isinstance(value, str) for value in (secret_id, secret_key, token)):
        raise AccessError(f"the credential from {source} is no text")
    for name, value in (("SecretId", secret_id), ("SecretKey", secret_key)):
        if not value or not _is_plain(value):
            raise AccessError(f"the {name} from {source} is empty or has characters that none has")
    if not _is_plain(token):
        raise AccessError(f"the token from {source} has characters that none has")
    return Credential(secret_id, secret_key, token, expires_unix)
