"""From the choice of a profile to a transport: the embedded KMS, or Tencent Cloud with credentials and retries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from kmstool.errors import AccessError

if TYPE_CHECKING:
    from kmstool.cli.session.session import Session
    from kmstool.kms.credentials.provider import Provider
    from kmstool.kms.profiles import Profile
    from kmstool.kms.transport.port import Transport

ENVIRONMENT = "environment"

_WAYS = (
    "for the embedded KMS run kmstool init --local once, or add --profile local; "
    "for Tencent Cloud run kmstool auth login, or set TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY"
)


def choose(session: Session, name: str | None) -> Profile:
    """Return the profile that is named, or else the one that the environment and the files of this user imply.

    In this order: option, KMSTOOL_PROFILE, credential variables, the profile in use, tccli's
    default profile, the SDKs' INI file. Raises `AccessError` if there is none of them.
    """
    from kmstool.kms.profiles import Profile

    environ = session.environ
    named = name or session.settings.profile or environ.get("KMSTOOL_PROFILE")
    if named:
        return session.profiles.get(named)
    if environ.get("TENCENTCLOUD_SECRET_ID") or environ.get("TENCENTCLOUD_SECRET_KEY"):
        return Profile(ENVIRONMENT, _region(environ), credentials="environment")
    profiles = session.profiles
    if profiles.current:
        return profiles.get(profiles.current)
    if (session.home / ".tccli" / f"{tccli_profile(environ)}.credential").exists():
        from kmstool.kms.credentials.tool_files import tccli_region

        region = tccli_region(session.home, tccli_profile(environ)) or _region(environ)
        return Profile("tccli", region, credentials="tccli")
    from kmstool.kms.credentials.tool_files import INI_FILES

    if any((session.home / path).exists() for path in INI_FILES):
        return Profile("ini", _region(environ), credentials="ini")
    raise AccessError("no profile and no credentials: which KMS is meant is not known", hint=_WAYS)


def warn_if_overruled(session: Session, name: str) -> None:
    """Tell whoever put a profile to use that something else in the environment comes before it."""
    session.settings.profile = None
    chosen = choose(session, None)
    if chosen.name != name:
        session.warn(
            f"the environment comes before it: commands use {chosen.name} here, "
            f"unless its variables are unset or --profile {name} is given"
        )


def transport(session: Session, profile: Profile, region: str) -> Transport:
    """Return the transport to the KMS that a profile means."""
    endpoint = session.endpoint(profile)
    if profile.is_local and not endpoint:
        return session.traced(session.local_kms(region))
    return cloud(session, profile, region, provider(session, profile))


def cloud(session: Session, profile: Profile, region: str, credentials: Provider) -> Transport:
    """Return the transport to Tencent Cloud, or to what the endpoint names, with retries."""
    from kmstool.kms.transport.cloud import CloudTransport
    from kmstool.kms.transport.limiter import Limited
    from kmstool.kms.transport.retry import Retrying

    settings = session.settings
    endpoint = session.endpoint(profile)
    client = CloudTransport(credentials, region, endpoint=endpoint, timeout=settings.timeout, deadline=session.deadline)
    limited = Limited(session.traced(client), session.limiter)
    return Retrying(limited, retries=settings.retries, deadline=session.deadline)


def provider(session: Session, profile: Profile) -> Provider:
    """Return where a profile's credentials come from; raise `AccessError` if they are not there."""
    base = _base_provider(session, profile)
    if base is None:
        raise AccessError(
            f"the profile {profile.name} has no credentials ({profile.credentials or 'none were set'})", hint=_WAYS
        )
    role = profile.role_arn or (session.environ.get("TENCENTCLOUD_ROLE_ARN") if profile.name == ENVIRONMENT else None)
    if not role:
        return base
    from kmstool.kms.credentials import roles

    name = session.environ.get("TENCENTCLOUD_ROLE_SESSION_NAME", "")
    return roles.assume_role(base, role, name, _Sts(session, profile))


def tccli_profile(environ: Mapping[str, str]) -> str:
    """Return the name of tccli's profile in use."""
    return environ.get("TCCLI_PROFILE") or "default"


def _base_provider(session: Session, profile: Profile) -> Provider | None:
    from kmstool.kms.credentials.provider import from_environment

    if profile.is_local:
        return _local_provider(session)
    sources: dict[str, Callable[[], Provider | None]] = {
        "keyring": lambda: _kept_provider(session, profile),
        "file": lambda: _kept_provider(session, profile),
        "whitebox": lambda: _white_box_provider(session, profile),
        "environment": lambda: from_environment(session.environ),
        "tccli": lambda: _file_provider(session, "tccli"),
        "ini": lambda: _file_provider(session, "ini"),
        "cvm-role": lambda: _role_provider(session, profile),
        "tke": lambda: _role_provider(session, profile),
    }
    source = sources.get(profile.credentials)
    return source() if source else None


def _file_provider(session: Session, tool: str) -> Provider | None:
    from kmstool.kms.credentials import tool_files

    if tool == "ini":
        return tool_files.from_ini(session.home)
    return tool_files.from_tccli(session.home, tccli_profile(session.environ))


def _role_provider(session: Session, profile: Profile) -> Provider | None:
    from kmstool.kms.credentials import roles

    if profile.credentials == "tke":
        return roles.from_tke(session.environ, _Sts(session, profile))
    metadata = session.environ.get("KMSTOOL_METADATA_ENDPOINT") or roles.METADATA
    return roles.from_cvm_role(metadata, session.deadline)


def _kept_provider(session: Session, profile: Profile) -> Provider:
    from kmstool.kms.credentials import store
    from kmstool.kms.credentials.provider import Fixed

    place, name = profile.credentials, profile.name
    kept = store.load(
        place, session.config_folder, name, lambda: session.passphrase_of(f"the credential of the profile {name}")
    )
    return Fixed(kept, f"the {place} of profile {name}")


def _white_box_provider(session: Session, profile: Profile) -> Provider:
    from kmstool.kms.credentials import store
    from kmstool.kms.credentials.provider import Fixed
    from kmstool.whitebox import bundle

    found = bundle.read(store.white_box_folder(profile))
    found.require_mac()
    kept = store.from_white_box(profile, found, session.environ)
    return Fixed(kept, store.white_box_source(profile))


def _local_provider(session: Session) -> Provider:
    """Return the API key of the embedded KMS, with which its own clients sign over the network."""
    from kmstool.kms.credentials.provider import Credential, Fixed
    from kmstool.server import admin

    found = admin.lasting_credential(session.local_kms())
    return Fixed(Credential(found.secret_id, found.secret_key), "the store of the local KMS")


class _Sts:
    """Calls STS where this session's environment says it is."""

    def __init__(self, session: Session, profile: Profile) -> None:
        self._session = session
        self._profile = profile

    def __call__(self, action: str, params: Mapping[str, Any], signer: Provider | None) -> Mapping[str, Any]:
        from kmstool.kms.credentials import roles
        from kmstool.kms.transport.cloud import CloudTransport

        session = self._session
        region = session.environ.get("TKE_REGION") or session.region(self._profile)
        endpoint = session.environ.get("KMSTOOL_STS_ENDPOINT") or roles.STS_HOST
        client = CloudTransport(
            signer,
            region,
            endpoint=endpoint,
            timeout=session.settings.timeout,
            deadline=session.deadline,
            service="sts",
            version=roles.STS_VERSION,
        )
        return session.traced(client).call(action, params)


def _region(environ: Mapping[str, str]) -> str:
    from kmstool.kms.profiles import DEFAULT_REGION

    return environ.get("TENCENTCLOUD_REGION") or DEFAULT_REGION
