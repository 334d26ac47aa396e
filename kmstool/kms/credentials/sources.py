"""Which profile is meant, and where its credentials come from."""

from __future__ import annotations

from collections.abc import Callable

from kmstool.errors import AccessError
from kmstool.kms.credentials.roles import Sts
from kmstool.kms.environment import ENVIRONMENT, Environment
from kmstool.kms.profiles import Profile
from kmstool.kms.provider import Fixed, Provider, from_environment
from kmstool.kms.transport.deadline import Deadline

_WAYS = (
    "for the embedded KMS run kmstool init --local once, or add --profile local; "
    "for Tencent Cloud run kmstool auth login, or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
)

AskPassphrase = Callable[[str], bytes]
"""Returns the passphrase of a thing that it names to the user; raises `AccessError` where nobody can be asked."""


def choose_profile(environment: Environment, name: str | None = None) -> Profile:
    """Return the profile that is named, or else the one that the environment and the files of this user imply.

    In this order: the name, KMSTOOL_PROFILE, credential variables, the profile in use, tccli's
    default profile, the SDKs' INI file. Raises `AccessError` if there is none of them.
    """
    environ = environment.environ
    named = name or environ.get("KMSTOOL_PROFILE")
    if named:
        return environment.profiles.get(named)
    if environ.get("TENCENTCLOUD_SECRET_ID") or environ.get("TENCENTCLOUD_SECRET_KEY"):
        return Profile(ENVIRONMENT, environment.region, credentials="environment")
    profiles = environment.profiles
    if profiles.current:
        return profiles.get(profiles.current)
    tccli = environment.tccli_profile
    if (environment.home / ".tccli" / f"{tccli}.credential").exists():
        from kmstool.kms.credentials.tool_files import tccli_region

        return Profile("tccli", tccli_region(environment.home, tccli) or environment.region, credentials="tccli")
    from kmstool.kms.credentials.tool_files import INI_FILES

    if any((environment.home / path).exists() for path in INI_FILES):
        return Profile("ini", environment.region, credentials="ini")
    raise AccessError("no profile and no credentials: which KMS is meant is not known", hint=_WAYS)


def provider_of(
    environment: Environment, profile: Profile, ask_passphrase: AskPassphrase, sts: Sts, deadline: Deadline
) -> Provider:
    """Return where a profile's credentials come from; raise `AccessError` if they are not there."""
    base = _base(environment, profile, ask_passphrase, sts, deadline)
    if base is None:
        raise AccessError(
            f"the profile {profile.name} has no credentials ({profile.credentials or 'none were set'})", hint=_WAYS
        )
    role = profile.role_arn or (
        environment.environ.get("TENCENTCLOUD_ROLE_ARN") if profile.name == ENVIRONMENT else None
    )
    if not role:
        return base
    from kmstool.kms.credentials import roles

    return roles.assume_role(base, role, environment.environ.get("TENCENTCLOUD_ROLE_SESSION_NAME", ""), sts)


def _base(
    environment: Environment, profile: Profile, ask_passphrase: AskPassphrase, sts: Sts, deadline: Deadline
) -> Provider | None:
    sources: dict[str, Callable[[], Provider | None]] = {
        "keyring": lambda: _kept(environment, profile, ask_passphrase),
        "file": lambda: _kept(environment, profile, ask_passphrase),
        "whitebox": lambda: _white_box(environment, profile),
        "environment": lambda: from_environment(environment.environ),
        "tccli": lambda: _of_tool(environment, "tccli"),
        "ini": lambda: _of_tool(environment, "ini"),
        "cvm-role": lambda: _of_role(environment, profile, sts, deadline),
        "tke": lambda: _of_role(environment, profile, sts, deadline),
    }
    source = sources.get(profile.credentials)
    return source() if source else None


def _of_tool(environment: Environment, tool: str) -> Provider | None:
    from kmstool.kms.credentials import tool_files

    if tool == "ini":
        return tool_files.from_ini(environment.home)
    return tool_files.from_tccli(environment.home, environment.tccli_profile)


def _of_role(environment: Environment, profile: Profile, sts: Sts, deadline: Deadline) -> Provider | None:
    from kmstool.kms.credentials import roles

    if profile.credentials == "tke":
        return roles.from_tke(environment.environ, sts)
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
    return Fixed(credential, f"the {location} of profile {name}")


def _white_box(environment: Environment, profile: Profile) -> Provider:
    from kmstool.kms.credentials import store
    from kmstool.whitebox import bundle

    sealed = bundle.read(store.white_box_folder(profile))
    sealed.require_mac()
    credential = store.from_white_box(profile, sealed, environment.environ)
    return Fixed(credential, store.white_box_source(profile))
