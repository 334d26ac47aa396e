"""The words of customer master keys (CMKs): usages, states, names, and which action which state allows.

Shared by client, server and documentation, so that the state table exists once
(API: KeyMetadata, and the descriptions and error lists of the actions).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kmstool.errors import UsageError

SYMMETRIC = "ENCRYPT_DECRYPT"

# The short names of the command line and the API's spelling of each.
USAGES = {
    "symmetric": SYMMETRIC,
    "rsa-2048": "ASYMMETRIC_DECRYPT_RSA_2048",
    "sm2": "ASYMMETRIC_DECRYPT_SM2",
    "sign-sm2": "ASYMMETRIC_SIGN_VERIFY_SM2",
    "sign-rsa-2048": "ASYMMETRIC_SIGN_VERIFY_RSA_2048",
    "sign-rsa-3072": "ASYMMETRIC_SIGN_VERIFY_RSA_3072",
    "sign-ecc": "ASYMMETRIC_SIGN_VERIFY_ECC",
    "sign-ecc-p384": "ASYMMETRIC_SIGN_VERIFY_ECDSA384",
    "kyber": "ASYMMETRIC_Encrypt_Decrypt_Kyber_AES",
    "dilithium": "ASYMMETRIC_SIGN_VERIFY_DILITHIUM",
}

STATES = ("Enabled", "Disabled", "PendingDelete", "PendingImport", "Archived")

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_ALIAS = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,59}")

_OK = None
_DISABLED = "ResourceUnavailable.CmkDisabled"
_ARCHIVED = "ResourceUnavailable.CmkArchived"
_PENDING = "ResourceUnavailable.KeyPendingDelete"
_STATE = "ResourceUnavailable.CmkStateNotSupport"

# One row an action: the code it is refused with in each of STATES, None where it works.
_REFUSALS: dict[str, tuple[str | None, ...]] = {
    "Encrypt": (_OK, _DISABLED, _DISABLED, _DISABLED, _ARCHIVED),
    "GenerateDataKey": (_OK, _DISABLED, _PENDING, _DISABLED, _ARCHIVED),
    "Decrypt": (_OK, _DISABLED, _DISABLED, _DISABLED, _OK),
    "UpdateAlias": (_OK, _OK, _STATE, _OK, _OK),
    "UpdateKeyDescription": (_OK, _OK, _STATE, _OK, _OK),
}


def refusal(action: str, state: str) -> str | None:
    """Return the KMS code with which `action` is refused on a key in `state`, None if it works."""
    return _REFUSALS[action][STATES.index(state)]


def usage_of(name: str) -> str:
    """Return the API's spelling of a key usage given in it or as a short name; raise `UsageError`."""
    usage = USAGES.get(name.lower(), name)
    if usage not in USAGES.values():
        raise UsageError(f"unknown key usage {name!r}", hint="one of: " + ", ".join(USAGES))
    return usage


def is_key_id(text: str) -> bool:
    """Tell whether `text` has the form of a key id: a lower-case UUID of 36 characters."""
    return _ID.fullmatch(text) is not None


def is_alias(text: str) -> bool:
    """Tell whether `text` may be an alias: 1 to 60 letters, digits, `-` and `_`, the first no sign."""
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
        """Read `NAME`, `alias/NAME`, `REGION:NAME` or `profile/PROFILE/NAME`; raise `UsageError`."""
        region = profile = None
        rest = text
        if rest.startswith("profile/"):
            _, profile, rest = (*rest.split("/", 2), "", "")[:3]
            if not profile:
                raise UsageError(f"key {text!r} names no profile", hint="write profile/PROFILE/NAME")
        if ":" in rest:
            region, _, rest = rest.partition(":")
            if not region:
                raise UsageError(f"key {text!r} names no region", hint="write REGION:NAME")
        name = rest.removeprefix("alias/")
        if not is_alias(name):
            raise UsageError(
                f"{text!r} names no key",
                hint="give a key id, an alias, alias/NAME, REGION:NAME or profile/PROFILE/NAME",
            )
        return cls(name, region, profile, alias_only=name != rest)

    def __str__(self) -> str:
        name = f"alias/{self.name}" if self.alias_only else self.name
        place = f"{self.region}:{name}" if self.region else name
        return f"profile/{self.profile}/{place}" if self.profile else place
