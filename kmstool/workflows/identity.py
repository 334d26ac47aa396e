"""Who a profile is to the cloud, and what its credential may do: found out with calls that change nothing.

STS tells the account (GetCallerIdentity, version 2018-08-13, which needs no permission); where it does not answer, a key
that is listed does. What is allowed only trying tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import AccessError, KmsToolError, NetworkError, ServiceError
from kmstool.workflows.tag_connections import endpoint_of

if TYPE_CHECKING:
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile
    from kmstool.kms.provider import Provider
    from kmstool.workflows.connections import Connections

_STS_SECONDS = 5
"""So much is waited for a name that is worth no more."""
_NOT_ALLOWED = ("UnauthorizedOperation", "AuthFailure.UnauthorizedOperation")
_PROBES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "list keys": ("ListKeyDetail", {"Limit": 1, "KeyUsage": words.ANY}),
    "list data keys": ("ListDataKeyDetail", {"Limit": 1}),
    "list white-box keys": ("DescribeWhiteBoxKeyDetails", {"Limit": 1}),
    "get random bytes": ("GenerateRandom", {"NumberOfBytes": 1}),
}
_PROBE = b"kmstool auth status"


@dataclass(frozen=True, slots=True)
class Ability:
    """Something that was tried; `refusal` is empty where it is allowed."""

    text: str
    action: str
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed; what is not known is empty."""

    account: str = ""
    user: str = ""
    kind: str = ""
    arn: str = ""


def abilities(kms: Connections, profile: Profile) -> Iterator[tuple[Ability, Mapping[str, Any]]]:
    """Yield what the credential of the profile in use was found to be allowed or not, each with the answer.

    Raises `AccessError` if the credential itself is refused, and `NetworkError` if nobody answers.
    """
    transport = kms.transport()
    for text, (action, params) in _PROBES.items():
        yield _tried(transport, text, action, params)
    if not profile.key:
        return
    key = kms.key(profile.key)
    seen, answer = _tried(transport, f"see {profile.key}", "DescribeKey", {"KeyId": key.key_id})
    yield seen, answer
    metadata = answer.get("KeyMetadata", {})
    if (metadata.get("KeyUsage"), metadata.get("KeyState")) != (words.SYMMETRIC, words.ENABLED):
        return
    params = {"KeyId": key.key_id, "Plaintext": protocol.encode(_PROBE)}
    encrypted, answer = _tried(transport, f"encrypt with {profile.key}", "Encrypt", params)
    yield encrypted, answer
    if blob := answer.get("CiphertextBlob"):
        yield _tried(transport, f"decrypt with {profile.key}", "Decrypt", {"CiphertextBlob": blob})


def _tried(
    transport: Transport, text: str, action: str, params: Mapping[str, Any]
) -> tuple[Ability, Mapping[str, Any]]:
    try:
        return Ability(text, action), transport.call(action, params)
    except AccessError as error:
        if error.kms_code not in _NOT_ALLOWED:
            raise
        return Ability(text, action, error.kms_code or ""), {}
    except NetworkError:
        raise
    except ServiceError as error:
        return Ability(text, action, error.kms_code or error.message), {}


def caller(kms: Connections, profile: Profile, provider: Provider, listed: Mapping[str, Any]) -> Caller:
    """Return who signs for a profile, as STS says, or else as far as an answer of ListKeyDetail tells."""
    try:
        answer = _sts(kms, profile, provider).call("GetCallerIdentity", {})
    except KmsToolError:
        keys = listed.get("KeyMetadatas") or [{}]
        return Caller(account=str(keys[0].get("AccountUin") or keys[0].get("CreatorUin") or ""))
    return Caller(*(str(answer.get(name) or "") for name in ("AccountId", "UserId", "Type", "Arn")))


def _sts(kms: Connections, profile: Profile, provider: Provider) -> Transport:
    from kmstool.kms.credentials import roles  # noqa: PLC0415 - where the network is meant
    from kmstool.kms.transport.cloud import CloudTransport  # noqa: PLC0415

    endpoint = kms.environment.environ.get("KMSTOOL_STS_ENDPOINT") or profile.sts_endpoint
    client = CloudTransport(
        provider,
        kms.region(profile),
        endpoint=endpoint or endpoint_of(kms.endpoint(profile), "sts"),
        timeout=min(kms.options.timeout, _STS_SECONDS),
        deadline=kms.deadline,
        service="sts",
        version=roles.STS_VERSION,
    )
    return kms.traced(client)
