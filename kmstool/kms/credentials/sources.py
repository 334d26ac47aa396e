"""Which profile is meant, and where its credentials come from."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kmstool.errors import AccessError, NoHomeError, Reason
from kmstool.kms.environment import ENVIRONMENT, Environment
from kmstool.kms.profiles import Profile
from kmstool.kms.provider import FixedProvider, Provider, from_environment
from kmstool.kms.transport.deadline import Deadline

if TYPE_CHECKING:
    # It brings the code of HTTP and TLS, which the embedded KMS in process needs none of.
    from kmstool.kms.credentials.roles import Sts

TCCLI = "tccli"
"""The name of the profile that the files of tccli make."""

AskPassphrase = Callable[[str], bytes]
"""Returns the passphrase of a thing that it names to the user; raises `AccessError` where nobody can be asked."""


def choose_profile(environment: Environment, name: str | None = None) -> Profile:
    """Return the profile that is named, or else the one that the environment and the files of this user imply.

    In this order: the name, KMSTOOL_PROFILE, credential variables, the profile in use, tccli's
    default profile, the SDKs' INI file. Raises `AccessError` if there is none of them, and `NoHomeError`.
    """
    environ = environment.environ
    named = name or environ.get("KMSTOOL_PROFILE")
    if named:
        return _completed(environment, environment.profiles.get(named))
    if environ.get("TENCENTCLOUD_SECRET_ID") or environ.get("TENCENTCLOUD_SECRET_KEY"):
        return Profile(ENVIRONMENT, environment.region, credentials="environment")
    profiles = environment.profiles
    if profiles.current:
        return _completed(environment, profiles.get(profiles.current))
    if environment.home and (profile := _profile_of_tool(environment, environment.home)):
        return profile
    if profiles.folder is None:
        raise NoHomeError
    raise AccessError("no profile or credentials configured", reason=Reason.NO_CREDENTIALS)


def _profile_of_tool(environment: Environment, home: Path) -> Profile | None:
    # Not the methods of Path, which raise for the home of another user.
    if os.path.isdir(home / ".tccli"):
        from kmstool.kms.credentials import tccli

        if settings := tccli.read(home, environment.tccli_profile, environment.environ):
            return Profile(
                TCCLI,
                settings.region or environment.region,
                endpoint=settings.endpoint,
                credentials="tccli",
                sts_endpoint=settings.sts_endpoint,
            )
    from kmstool.kms.credentials.tool_files import INI_FILES

    if any(os.path.exists(home / path) for path in INI_FILES):
        return Profile("ini", environment.region, credentials="ini")
    return None


def _completed(environment: Environment, profile: Profile) -> Profile:
    """Return a profile that asks STS where tccli's profile does, if its credentials are from there."""
    if profile.credentials != TCCLI or profile.sts_endpoint:
        return profile
    from kmstool.kms.credentials import tccli

    settings = tccli.read(environment.needed_home, environment.tccli_profile)
    return replace(profile, sts_endpoint=settings.sts_endpoint) if settings else profile


def provider_of(
    environment: Environment, profile: Profile, ask_passphrase: AskPassphrase, sts: Sts, deadline: Deadline
) -> Provider:
    """Return where a profile's credentials come from; raise `AccessError` if they are not there."""
    base = _base(environment, profile, ask_passphrase, sts, deadline)
    if base is None:
        raise AccessError(
            f"the profile {profile.name} has no credentials ({profile.credentials or 'none were set'})",
            reason=Reason.NO_CREDENTIALS,
        )
    return in_role(environment, profile, base, sts)


def in_role(environment: Environment, profile: Profile, base: Provider, sts: Sts) -> Provider:
    """Return what signs for a profile: the credential itself, or the role that is named, which it assumes."""
    role = profile.role_arn or (
        environment.environ.get("TENCENTCLOUD_ROLE_ARN") if profile.name == ENVIRONMENT else None
    )
    if not role:
        return base
    from kmstool.kms.credentials import roles

    session = environment.environ.get("TENCENTCLOUD_ROLE_SESSION_NAME") or profile.role_session
    return roles.assume_role(base, role, session, sts)


def _base(
    environment: Environment, profile: Profile, ask_passphrase: AskPassphrase, sts: Sts, deadline: Deadline
) -> Provider | None:
    sources: dict[str, Callable[[], Provider | None]] = {
        "keyring": lambda: _kept(environment, profile, ask_passphrase),
        "file": lambda: _kept(environment, profile, ask_passphrase),
        "whitebox": lambda: _white_box(environment, profile),
        "environment": lambda: from_environment(environment.environ),
        "tccli": lambda: _of_tccli(environment, profile, sts, deadline),
        "ini": lambda: _of_ini(environment),
        "cvm-role": lambda: _of_cvm(environment, deadline),
        "tke": lambda: _of_pod(environment, sts),
    }
    source = sources.get(profile.credentials)
    return source() if source else None


def _of_tccli(environment: Environment, profile: Profile, sts: Sts, deadline: Deadline) -> Provider | None:
    from kmstool.kms.credentials import tccli

    settings = tccli.read(environment.needed_home, environment.tccli_profile, _unnamed(environment, profile))
    if settings is None:
        return None
    return settings.provider(environment.environ, sts, lambda: _of_cvm(environment, deadline))


def _unnamed(environment: Environment, profile: Profile) -> Mapping[str, str]:
    """Return the variables, of which tccli passes over those for the role and the region where a profile is named."""
    implied = profile.name == TCCLI and TCCLI not in environment.profiles.names()
    return environment.environ if implied else {}


def _of_ini(environment: Environment) -> Provider | None:
    from kmstool.kms.credentials import tool_files

    return tool_files.from_ini(environment.needed_home)


def _of_pod(environment: Environment, sts: Sts) -> Provider | None:
    from kmstool.kms.credentials import roles

    return roles.from_tke(environment.environ, sts)


def _of_cvm(environment: Environment, deadline: Deadline) -> Provider:
    from kmstool.kms.credentials import roles

    metadata = environment.environ.get("KMSTOOL_METADATA_ENDPOINT") or roles.METADATA
    return roles.from_cvm_role(metadata, deadline)


def _kept(environment: Environment, profile: Profile, ask_passphrase: AskPassphrase) -> Provider:
    from kmstool.kms.credentials import store

    location, name = profile.credentials, profile.name
    credential = store.load(
        location,
        environment.config_folder,
        name,
        lambda: ask_passphrase(f"the credential of the profile {name}"),
    )
    return FixedProvider(credential, f"the {location} of profile {name}")


def _white_box(environment: Environment, profile: Profile) -> Provider:
    from kmstool.kms.credentials import store
    from kmstool.whitebox import bundle

    sealed = bundle.read(store.white_box_folder(profile))
    sealed.require_mac()
    credential = store.from_white_box(profile, sealed, environment.environ)
    return FixedProvider(credential, store.white_box_source(profile))
