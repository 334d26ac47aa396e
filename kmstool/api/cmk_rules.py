"""The words of customer master keys (CMKs) and white-box keys: usages, states, names, which action which state allows.

Shared by client, server and documentation, so that each state table exists once
(API: KeyMetadata, and the descriptions and error lists of the actions).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from kmstool import near, words
from kmstool.errors import ArgumentError
from kmstool.words import USAGES

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ALIAS = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,59}")

_OK = None
_DISABLED = "ResourceUnavailable.CmkDisabled"
_ARCHIVED = "ResourceUnavailable.CmkArchived"
_DELETED = "ResourceUnavailable.KeyPendingDelete"
_STATE = "ResourceUnavailable.CmkStateNotSupport"
_ENABLED = "ResourceUnavailable.CmkShouldBeDisabled"
_KEPT = "ResourceUnavailable.CmkNotPendingDelete"
_USAGE = "InvalidParameterValue.InvalidKeyUsage"
_EXTERNAL = "UnsupportedOperation.ExternalCmkCanNotRotate"
_NOT_EXTERNAL = "UnsupportedOperation.NotExternalCmk"
_NO_ROTATION = "UnsupportedOperation.RotateNotSupported"
_NOT_USERS = "UnsupportedOperation.NotUserCreatedCmk"
_NOT_ROLES = "UnsupportedOperation.NotRoleOperation"
_USED = "FailedOperation.CmkUsedByCloudProduct"


@dataclass(frozen=True, slots=True)
class Rule:
    """With which code an action is refused on which keys; None where it works."""

    states: tuple[str | None, ...] = (_OK,) * len(words.STATES)
    """In the order of `words.STATES`."""
    asymmetric: str | None = None
    """On keys of any usage but ENCRYPT_DECRYPT, or where `usages` is given, but those."""
    usages: tuple[str, ...] = ()
    """The only usages that it works with, where not all asymmetric ones do."""
    symmetric: str | None = None
    """On keys of the usage ENCRYPT_DECRYPT."""
    external: str | None = None
    """On keys with imported material."""
    generated: str | None = None
    """On keys with material that KMS made."""
    product: str | None = None
    """On keys that a cloud product made."""
    bound: str | None = None
    """On keys that a cloud product's resource uses."""


_SIGNING = tuple(usage for usage in words.USAGES.values() if "_SIGN_VERIFY_" in usage)

RULES = {
    "Encrypt": Rule((_OK, _DISABLED, _DISABLED, _DISABLED, _ARCHIVED), asymmetric=_USAGE),
    "Decrypt": Rule((_OK, _DISABLED, _DISABLED, _DISABLED, _OK), asymmetric=_USAGE),
    "GenerateDataKey": Rule((_OK, _DISABLED, _DELETED, _DISABLED, _ARCHIVED), asymmetric=_USAGE),
    "ImportDataKey": Rule((_OK, _DISABLED, _DELETED, _STATE, _ARCHIVED), asymmetric=_USAGE),
    "UpdateAlias": Rule((_OK, _OK, _STATE, _OK, _OK)),
    "UpdateKeyDescription": Rule((_OK, _OK, _STATE, _OK, _OK)),
    "EnableKey": Rule((_OK, _OK, _STATE, _STATE, _STATE)),
    "EnableKeys": Rule((_OK, _OK, _STATE, _STATE, _STATE)),
    "DisableKey": Rule((_OK, _OK, _STATE, _STATE, _STATE), product=_NOT_ROLES, bound=_USED),
    "DisableKeys": Rule((_OK, _OK, _STATE, _STATE, _STATE), product=_NOT_ROLES, bound=_USED),
    "ArchiveKey": Rule((_OK, _OK, _STATE, _STATE, _STATE), product=_NOT_USERS, bound=_USED),
    "CancelKeyArchive": Rule((_STATE, _STATE, _STATE, _STATE, _OK), product=_NOT_USERS),
    "ScheduleKeyDeletion": Rule((_ENABLED, _OK, _STATE, _OK, _STATE), product=_NOT_ROLES, bound=_USED),
    "CancelKeyDeletion": Rule((_KEPT, _KEPT, _OK, _KEPT, _KEPT)),
    "EnableKeyRotation": Rule(
        (_OK, _STATE, _STATE, _STATE, _STATE), asymmetric="InvalidParameterValue", external=_EXTERNAL
    ),
    "DisableKeyRotation": Rule(),
    "GetKeyRotationStatus": Rule(),
    "RotateKey": Rule((_OK, _STATE, _STATE, _STATE, _STATE), asymmetric=_NO_ROTATION, external=_NO_ROTATION),
    "BindCloudResource": Rule((_OK, _STATE, _STATE, _STATE, _STATE)),
    "UnbindCloudResource": Rule(),
    "GetParametersForImport": Rule(asymmetric=_NOT_EXTERNAL, generated=_NOT_EXTERNAL),
    "ImportKeyMaterial": Rule((_OK, _STATE, _STATE, _OK, _STATE), asymmetric=_NOT_EXTERNAL, generated=_NOT_EXTERNAL),
    "DeleteImportedKeyMaterial": Rule(
        (_OK, _OK, _STATE, _STATE, _STATE), asymmetric=_NOT_EXTERNAL, generated=_NOT_EXTERNAL, bound=_USED
    ),
    "GetPublicKey": Rule((_OK, _STATE, _STATE, _STATE, _STATE), symmetric=_STATE),
    "SignByAsymmetricKey": Rule((_OK, _STATE, _STATE, _STATE, _STATE), _USAGE, _SIGNING, _USAGE),
    "VerifyByAsymmetricKey": Rule((_OK, _STATE, _STATE, _STATE, _STATE), _USAGE, _SIGNING, _USAGE),
    "AsymmetricRsaDecrypt": Rule((_OK, _STATE, _STATE, _STATE, _STATE), _USAGE, (words.USAGES["rsa-2048"],), _USAGE),
    "AsymmetricSm2Decrypt": Rule((_OK, _STATE, _STATE, _STATE, _STATE), _USAGE, (words.USAGES["sm2"],), _USAGE),
    "DescribeKey": Rule(),
    "DescribeKeys": Rule(),
}


def refusal(
    action: str,
    state: str,
    *,
    usage: str = words.SYMMETRIC,
    origin: str = words.GENERATED,
    owner: str = words.USER,
    bound: bool = False,
    rules: Mapping[str, Rule] = RULES,
) -> str | None:
    """Return the KMS code with which `action` is refused on such a key, None if it works.

    What the key is made for counts before its state, and its state before who uses it.
    """
    rule = rules[action]
    reasons = (
        rule.symmetric if usage == words.SYMMETRIC else None,
        rule.asymmetric if usage != words.SYMMETRIC and usage not in rule.usages else None,
        rule.external if origin == words.EXTERNAL else rule.generated,
        rule.states[words.STATES.index(state)],
        rule.product if owner != words.USER else None,
        rule.bound if bound else None,
    )
    return next((code for code in reasons if code is not None), None)


# The code with which an action is refused on a white-box key in each of these states, None where it works.
# Bound or not makes no difference: binding changes what a decrypt key opens on, not what KMS does.
WHITE_BOX_RULES: Mapping[str, tuple[str | None, ...]] = {
    "EncryptByWhiteBox": (_OK, "ResourceUnavailable.KeyDisabled"),
    "EnableWhiteBoxKey": (_OK, _OK),
    "EnableWhiteBoxKeys": (_OK, _OK),
    "DisableWhiteBoxKey": (_OK, _OK),
    "DisableWhiteBoxKeys": (_OK, _OK),
    # The API has no code of its own for this.
    "DeleteWhiteBoxKey": ("FailedOperation", _OK),
    "OverwriteWhiteBoxDeviceFingerprints": (_OK, _OK),
    "DescribeWhiteBoxDeviceFingerprints": (_OK, _OK),
    "DescribeWhiteBoxDecryptKey": (_OK, _OK),
    "DescribeWhiteBoxKey": (_OK, _OK),
    "DescribeWhiteBoxKeyDetails": (_OK, _OK),
}


def white_box_refusal(
    action: str, state: str, rules: Mapping[str, tuple[str | None, ...]] = WHITE_BOX_RULES
) -> str | None:
    """Return the KMS code with which `action` is refused on a white-box key in a state, None if it works."""
    return rules[action][words.WHITE_BOX_STATES.index(state)]


def usage_of(name: str) -> str:
    """Return the API's spelling of a key usage given in it or as a short name; raise `ArgumentError`."""
    usage = USAGES.get(name.lower(), name)
    if usage not in USAGES.values():
        raise ArgumentError(f"unknown key usage {name!r}", hint=near.question_or_all(name, USAGES))
    return usage


def is_key_id(text: str) -> bool:
    """Return whether `text` has the form of a key id: a lower-case UUID of 36 characters."""
    return _ID.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    """Return whether `text` may be an alias: 1 to 60 letters, digits, `-` and `_`, the first no sign."""
    return _ALIAS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class KeyAddress:
    """Where a named key is: None means the profile or the region in use."""

    name: str
    """A key id, an alias, or the first 8 or more characters of a key id."""
    region: str | None = None
    profile: str | None = None
    alias_only: bool = False
    """The name was written `alias/NAME`, which a key id is not."""

    @classmethod
    def parse(cls, text: str) -> KeyAddress:
        """Read `NAME`, `alias/NAME`, `REGION:NAME` or `profile/PROFILE/NAME`; raise `ArgumentError`."""
        region = profile = None
        rest = text
        if rest.startswith("profile/"):
            _, profile, rest = (*rest.split("/", 2), "", "")[:3]
            if not profile:
                raise ArgumentError(f"key {text!r} names no profile", hint="write profile/PROFILE/NAME")
        if ":" in rest:
            region, _, rest = rest.partition(":")
            if not region:
                raise ArgumentError(f"key {text!r} names no region", hint="write REGION:NAME")
        name = rest.removeprefix("alias/")
        if not is_alias(name):
            raise ArgumentError(
                f"invalid key name {text!r}",
                hint="give a key id, an alias, alias/NAME, REGION:NAME or profile/PROFILE/NAME",
            )
        return cls(name, region, profile, alias_only=name != rest)

    def __str__(self) -> str:
        name = f"alias/{self.name}" if self.alias_only else self.name
        within = f"{self.region}:{name}" if self.region else name
        return f"profile/{self.profile}/{within}" if self.profile else within
