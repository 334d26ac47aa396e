"""What a run knows of a failure beside the error: names as they were typed, the key's state, the credential's place."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from kmstool import words
from kmstool.cli.code_hints import CODES, By
from kmstool.cli.hints import hint_of
from kmstool.cli.messages import printable
from kmstool.errors import KmsToolError, UsageError

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session
    from kmstool.kms.profiles import Profile
    from kmstool.workflows.connections import Connections

_PLACES = {
    "environment": "set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY",
    "tccli": "tccli auth login, or tccli configure",
    "ini": "write it into ~/.tencentcloud/credentials",
    "cvm-role": "see the role of the CVM in the console",
    "tke": "see the role of the pod in the console",
}


_OTHER_USAGE = "InvalidParameterValue.InvalidKeyUsage"
_USAGES = {
    **dict.fromkeys(("Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "ImportDataKey"), words.SYMMETRIC),
    **dict.fromkeys(("SignByAsymmetricKey", "VerifyByAsymmetricKey"), "ASYMMETRIC_SIGN_VERIFY"),
    "AsymmetricRsaDecrypt": "ASYMMETRIC_DECRYPT_RSA",
    "AsymmetricSm2Decrypt": words.USAGES["sm2"],
}
"""How the usages begin of the keys that an action takes."""
_MOST_KEYS, _MOST_NAMED, _ENABLED = 200, 3, 1


def hint_for(session: Session, error: KmsToolError) -> str | None:
    """Return what to try next after an error of this run, with all that the run knows; None if nothing is known."""
    if error.kms_code == "UnsupportedRegion" and (question := _near_region(error)):
        return question
    hint = hint_of(error, _known(session, error))
    if error.kms_code == _OTHER_USAGE and (names := _fitting(session, error)):
        return f"{hint}; {'these fit' if ',' in names else 'this one fits'}: {names}"
    # What excludes what, and why, the help of the command says.
    return f"see {session.command} --help" if hint is None and isinstance(error, UsageError) else hint


def _near_region(error: KmsToolError) -> str | None:
    from kmstool import near
    from kmstool.server.regions import ELSEWHERE, REGIONS

    return near.question(error.facts.get("asked_region", ""), (*REGIONS, *ELSEWHERE))


def _fitting(session: Session, error: KmsToolError) -> str:
    """Ask KMS for the keys that the action takes, and name some; empty if that fails too."""
    key_id, begin = error.facts.get("key", ""), _USAGES.get(error.facts.get("action", ""))
    connections = session.__dict__.get("connections")
    if connections is None or begin is None or key_id not in connections.named:
        return ""
    try:
        keys = list(islice(connections.named[key_id][1].list_keys(KeyState=_ENABLED), _MOST_KEYS))
    except KmsToolError:
        return ""
    return ", ".join([printable(key.alias) for key in keys if key.usage.startswith(begin)][:_MOST_NAMED])


def _known(session: Session, error: KmsToolError) -> dict[str, str]:
    if "connections" not in session.__dict__:
        # The command reached no KMS.
        return {}
    connections = session.connections
    known = {fact: connections.named[key_id][0] for fact, key_id in _ids(error).items() if key_id in connections.named}
    if _wants(error, "state") and (state := _state(connections, error)):
        known["state"] = state
    if "credential" in error.facts:
        # A profile that a login was to make is not there.
        with suppress(KmsToolError):
            known["replace"] = _replacement(connections.profile())
    return known


def _ids(error: KmsToolError) -> dict[str, str]:
    return {fact: error.facts[fact] for fact in ("key", "data_key") if fact in error.facts}


def _wants(error: KmsToolError, fact: str) -> bool:
    template = CODES.get(error.kms_code or "")
    return isinstance(template, By) and template.fact == fact and fact not in error.facts


def _state(connections: Connections, error: KmsToolError) -> str:
    """Ask KMS for the state of the key, which its refusal does not tell; empty if that fails too."""
    is_data_key = "DataKey" in (error.kms_code or "")
    key_id = _ids(error).get("data_key" if is_data_key else "key", "")
    if key_id not in connections.named:
        return ""
    client = connections.named[key_id][1]
    try:
        return client.describe_data_key(key_id).state if is_data_key else client.describe_key(key_id).state
    except KmsToolError:
        return ""


def _replacement(profile: Profile) -> str:
    if profile.is_local:
        return "kmstool local credentials list"
    return _PLACES.get(profile.credentials, f"kmstool auth login --profile {profile.name}")
