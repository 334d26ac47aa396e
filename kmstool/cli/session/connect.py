"""From the choice of a profile to a transport: the embedded KMS, or Tencent Cloud with credentials and retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kmstool.errors import AccessError

if TYPE_CHECKING:
    from kmstool.cli.session.environment import Environment
    from kmstool.kms.port import Transport
    from kmstool.kms.profiles import Profile
    from kmstool.kms.provider import Provider

ENVIRONMENT = "environment"

_WAYS = (
    "for the embedded KMS run kmstool init --local once, or add --profile local; "
    "for Tencent Cloud run kmstool auth login, or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
)


def choose(environment: Environment, name: str | None) -> Profile:
    """Return the profile that is named, or else the one that the environment and the files of this user imply.

    In this order: option, KMSTOOL_PROFILE, credential variables, the profile in use, tccli's
    default profile, the SDKs' INI file. Raises `AccessError` if there is none of them.
    """
    from kmstool.kms.profiles import Profile

    environ = environment.environ
    named = name or environment.settings.profile or environ.get("KMSTOOL_PROFILE")
    if named:
        return environment.profiles.get(named)
    if environ.get("TENCENTCLOUD_SECRET_ID") or environ.get("TENCENTCLOUD_SECRET_KEY"):
        return Profile(ENVIRONMENT, _region(environ), credentials="environment")
    profiles = environment.profiles
    if profiles.current:
        return profiles.get(profiles.current)
    if (environment.home / ".tccli" / f"{tccli_profile(environ)}.credential").exists():
        from kmstool.kms.credentials.tool_files import tccli_region

        region = tccli_region(environment.home, tccli_profile(environ)) or _region(environ)
        return Profile("tccli", region, credentials="tccli")
    from kmstool.kms.credentials.tool_files import INI_FILES

    if any((environment.home / path).exists() for path in INI_FILES):
        return Profile("ini", _region(environ), credentials="ini")
    raise AccessError("no profile and no credentials: which KMS is meant is not known", hint=_WAYS)


def warn_if_overruled(environment: Environment, name: str) -> None:
    """Tell whoever put a profile to use that something else in the environment comes before it."""
    environment.settings.profile = None
    chosen = choose(environment, None)
    if chosen.name != name:
        environment.warn(
            f"the environment comes before it: commands use {chosen.name} here, "
            f"unless its variables are unset or --profile {name} is given"
        )


def transport(environment: Environment, profile: Profile, region: str) -> Transport:
    """Return the transport to the KMS that a profile means."""
    endpoint = environment.endpoint(profile)
    if profile.is_local and not endpoint:
        return environment.traced(environment.local_kms(region))
    return cloud(environment, profile, region, provider(environment, profile))


def cloud(environment: Environment, profile: Profile, region: str, credentials: Provider) -> Transport:
    """Return the transport to Tencent Cloud, or to what the endpoint names, with retries."""
    from kmstool.kms.transport.cloud import CloudTransport
    from kmstool.kms.transport.limiter import Limited
    from kmstool.kms.transport.retry import Retrying

    settings = environment.settings
    endpoint = environment.endpoint(profile)
    client = CloudTransport(
        credentials, region, endpoint=endpoint, timeout=settings.timeout, deadline=environment.deadline
    )
    limited = Limited(environment.traced(client), environment.limiter)
    return Retrying(limited, retries=settings.retries, deadline=environment.deadline)


def provider(environment: Environment, profile: Profile) -> Provider:
    """Return where a profile's credentials come from; raise `AccessError` if they are not there."""
    base = _base_provider(environment, profile)
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

    name = environment.environ.get("TENCENTCLOUD_ROLE_SESSION_NAME", "")
    return roles.assume_role(base, role, name, _Sts(environment, profile))


def tccli_profile(environ: Mapping[str, str]) -> str:
    """Return the name of tccli's profile in use."""
    return environ.get("TCCLI_PROFILE") or "default"


def _base_provider(environment: Environment, profile: Profile) -> Provider | None:
    from kmstool.kms.provider import from_environment

    if profile.is_local:
        return _local_provider(environment)
    sources: dict[str, Callable[[], Provider | None]] = {
        "keyring": lambda: _kept_provider(environment, profile),
        "file": lambda: _kept_provider(environment, profile),
        "whitebox": lambda: _white_box_provider(environment, profile),
        "environment": lambda: from_environment(environment.environ),
        "tccli": lambda: _file_provider(environment, "tccli"),
        "ini": lambda: _file_provider(environment, "ini"),
        "cvm-role": lambda: _role_provider(environment, profile),
        "tke": lambda: _role_provider(environment, profile),
    }
    source = sources.get(profile.credentials)
    return source() if source else None


def _file_provider(environment: Environment, tool: str) -> Provider | None:
    from kmstool.kms.credentials import tool_files

    if tool == "ini":
        return tool_files.from_ini(environment.home)
    return tool_files.from_tccli(environment.home, tccli_profile(environment.environ))


def _role_provider(environment: Environment, profile: Profile) -> Provider | None:
    from kmstool.kms.credentials import roles

    if profile.credentials == "tke":
        return roles.from_tke(environment.environ, _Sts(environment, profile))
    metadata = environment.environ.get("KMSTOOL_METADATA_ENDPOINT") or roles.METADATA
    return roles.from_cvm_role(metadata, environment.deadline)


def _kept_provider(environment: Environment, profile: Profile) -> Provider:
    from kmstool.kms.credentials import store
    from kmstool.kms.provider import Fixed

    place, name = profile.credentials, profile.name
    kept = store.load(
        place,
        environment.config_folder,
        name,
        lambda: environment.passphrase_of(f"the credential of the profile {name}"),
    )
    return Fixed(kept, f"the {place} of profile {name}")


def _white_box_provider(environment: Environment, profile: Profile) -> Provider:
    from kmstool.kms.credentials import store
    from kmstool.kms.provider import Fixed
    from kmstool.whitebox import bundle

    found = bundle.read(store.white_box_folder(profile))
    found.require_mac()
    kept = store.from_white_box(profile, found, environment.environ)
    return Fixed(kept, store.white_box_source(profile))


def _local_provider(environment: Environment) -> Provider:
    """Return the API key of the embedded KMS, with which its own clients sign over the network."""
    from kmstool.kms.provider import Credential, Fixed
    from kmstool.server import admin

    found = admin.lasting_credential(environment.local_kms())
    return Fixed(Credential(found.secret_id, found.secret_key), "the store of the local KMS")


class _Sts:
    """Calls STS where this session's environment says it is."""

    def __init__(self, environment: Environment, profile: Profile) -> None:
        self._environment = environment
        self._profile = profile

    def __call__(self, action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        from kmstool.kms.credentials import roles
        from kmstool.kms.transport.cloud import CloudTransport

        environment = self._environment
        region = environment.environ.get("TKE_REGION") or environment.region(self._profile)
        endpoint = environment.environ.get("KMSTOOL_STS_ENDPOINT") or roles.STS_HOST
        client = CloudTransport(
            signer,
            region,
            endpoint=endpoint,
            timeout=environment.settings.timeout,
            deadline=environment.deadline,
            service="sts",
            version=roles.STS_VERSION,
        )
        return environment.traced(client).call(action, params)


def _region(environ: Mapping[str, str]) -> str:
    from kmstool.kms.profiles import DEFAULT_REGION

    return environ.get("TENCENTCLOUD_REGION") or DEFAULT_REGION
