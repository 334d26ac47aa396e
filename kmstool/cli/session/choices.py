"""What there is to choose for a parameter of a command: of the keys, those that it can do something with."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import click

from kmstool import words
from kmstool.cli.io.pickers import Choice
from kmstool.cli.parameter_kinds import Kind

if TYPE_CHECKING:
    from kmstool.kms.answers import Key
    from kmstool.kms.client import KmsClient
    from kmstool.kms.profiles import Profile, Profiles
    from kmstool.server.app import EmbeddedKms


class Kms(Protocol):
    """A session, as far as it lists things."""

    @property
    def profiles(self) -> Profiles:
        """All profiles."""
        ...

    def profile(self) -> Profile:
        """Return the profile in use."""
        ...

    def region(self, profile: Profile) -> str:
        """Return the region in use."""
        ...

    def client(self) -> KmsClient:
        """Return the client of the KMS in use."""
        ...

    def local_kms(self) -> EmbeddedKms:
        """Open the embedded KMS of this machine."""
        ...


_DECRYPTING = ("AsymmetricRsaDecrypt", "AsymmetricSm2Decrypt")
ACTIONS = {
    "asymmetric decrypt": _DECRYPTING,
    "asymmetric encrypt": _DECRYPTING,
    "batch encrypt": ("Encrypt",),
    "batch reencrypt": ("Encrypt",),
    "data-key generate": ("GenerateDataKey",),
    "data-key import": ("ImportDataKey",),
    "encrypt": ("Encrypt",),
    "envelope encrypt": ("Encrypt",),
    "envelope import-legacy": ("Encrypt",),
    "envelope rewrap": ("Encrypt",),
    "import-material": ("ImportKeyMaterial",),
    "key archive": ("ArchiveKey",),
    "key bind": ("BindCloudResource",),
    "key cancel-deletion": ("CancelKeyDeletion",),
    "key disable": ("DisableKey",),
    "key enable": ("EnableKey",),
    "key rename": ("UpdateAlias",),
    "key replace": ("GetPublicKey",),
    "key rotate": ("RotateKey",),
    "key rotation": ("EnableKeyRotation",),
    "key schedule-deletion": ("ScheduleKeyDeletion",),
    "key set-description": ("UpdateKeyDescription",),
    "key unarchive": ("CancelKeyArchive",),
    "material delete": ("DeleteImportedKeyMaterial",),
    "material params": ("GetParametersForImport",),
    "migrate plan": ("Encrypt",),
    "public-key": ("GetPublicKey",),
    "reencrypt": ("Encrypt",),
    "rotate plan": ("Decrypt",),
    "sign": ("SignByAsymmetricKey",),
    "verify": ("VerifyByAsymmetricKey",),
}
"""The actions of the API by which a command uses a key, one of which has to work; one that is not here takes any key."""
_STATES = {
    "archive": (words.ENABLED, words.DISABLED),
    "cancel-deletion": (words.PENDING_DELETE,),
    "delete": (words.DISABLED,),
    "disable": (words.ENABLED,),
    "enable": (words.DISABLED,),
    "schedule-deletion": (words.DISABLED, words.PENDING_IMPORT),
}
"""By a command's last word, the states out of which it leads: KMS takes it where there is nothing to do, too."""


def choices(kms: Kms, path: str, kind: Kind, param: click.Parameter | None = None) -> list[Choice]:
    """Return what a parameter of the command at `path` can be, none where nothing lists that; raise as KMS does."""
    if param is not None and isinstance(param.type, click.Choice):
        return [Choice(str(word)) for word in param.type.choices]
    return list(_LISTS[kind](kms, path)) if kind in _LISTS else []


def _cmks(kms: Kms, path: str) -> Iterable[Choice]:
    region = kms.region(kms.profile())
    for key in kms.client().list_keys():
        if _fits(key, path) and _leads_out(path, key.state):
            yield Choice(key.alias or key.key_id, (key.state, _usage(key.usage), region))


def _fits(key: Key, path: str) -> bool:
    from kmstool.api.cmk_rules import refusal

    return path not in ACTIONS or any(
        refusal(action, key.state, usage=key.usage, origin=key.origin, owner=key.owner) is None
        for action in ACTIONS[path]
    )


def _leads_out(path: str, state: str) -> bool:
    last = path.rpartition(" ")[2]
    return path.startswith("material ") or last not in _STATES or state in _STATES[last]


def _usage(usage: str) -> str:
    return next((name for name, spelling in words.USAGES.items() if spelling == usage), usage)


def _data_keys(kms: Kms, path: str) -> Iterable[Choice]:
    region = kms.region(kms.profile())
    for key in kms.client().list_data_keys():
        if _leads_out(path, key.state):
            yield Choice(key.name, (key.state, region))


def _white_box_keys(kms: Kms, path: str) -> Iterable[Choice]:
    region = kms.region(kms.profile())
    for key in kms.client().list_white_box_keys():
        if _leads_out(path, key.status):
            yield Choice(key.alias, (key.status, key.algorithm, region))


def _profiles(kms: Kms, path: str) -> Iterable[Choice]:
    for profile in map(kms.profiles.get, kms.profiles.names()):
        if not (profile.is_local and path == "profile remove"):
            yield Choice(profile.name, (profile.region, profile.credentials))


def _api_keys(kms: Kms, path: str) -> Iterable[Choice]:
    from kmstool.server import admin

    del path
    return (Choice(item.secret_id, (item.kind,)) for item in admin.list_credentials(kms.local_kms()))


def _actions(kms: Kms, path: str) -> Iterable[Choice]:
    from kmstool.api import protocol

    del kms, path
    return map(Choice, sorted(protocol.actions()))


_LISTS = {
    Kind.CMK: _cmks,
    Kind.DATA_KEY: _data_keys,
    Kind.WHITE_BOX_KEY: _white_box_keys,
    Kind.PROFILE: _profiles,
    Kind.API_KEY: _api_keys,
    Kind.ACTION: _actions,
}
