"""How a credential is tried on KMS and kept for a profile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session
from kmstool.errors import AccessError, UsageError

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile
    from kmstool.kms.provider import Credential, Provider

WHITE_BOX = "whitebox"
DEFAULT_PROFILE = "cloud"
store_option = click.option(
    "--store",
    type=Choice(words.STORES),
    default=words.KEYRING,
    show_default=True,
    help="Where to keep the credential.",
)
passphrase_option = options.file_option("--passphrase-file", help="With --store file: its passphrase; /dev/fd/N too.")
no_verify_option = click.option("--no-verify", is_flag=True, help="Do not try the credential on KMS first.")


def check_passphrase_options(session: Session, store: str, passphrase_file: str | None) -> None:
    """Raise `UsageError` for options of a passphrase beside a store that takes none."""
    if (passphrase_file is not None or session.weak) and store != words.FILE:
        option = "--weak" if passphrase_file is None else "--passphrase-file"
        raise UsageError(f"{option} goes with --store file", hint="the keyring has its own lock")


def probed(session: Session, store: str, passphrase_file: str | None) -> str:
    """Return the name of the profile to log in to, after making sure that the store works and takes the options."""
    from kmstool.system import keychain

    check_passphrase_options(session, store, passphrase_file)
    name = profile_name(session)
    if store == words.KEYRING:
        try:
            session.changes.trial(keychain.probe)
        except AccessError as error:
            raise AccessError(
                error.message,
                hint="keep it in an encrypted file: --store file; or keep nothing: set TENCENTCLOUD_SECRET_ID and "
                "TENCENTCLOUD_SECRET_KEY, or use a CVM or TKE role (kmstool profile set NAME --credentials cvm-role)",
            ) from error
    return name


def profile_name(session: Session) -> str:
    """Return the name of the profile to log in to; raise `UsageError` for the local one."""
    from kmstool.kms.profiles import LOCAL

    name = session.settings.profile or session.environ.get("KMSTOOL_PROFILE") or DEFAULT_PROFILE
    if name == LOCAL:
        raise UsageError("the profile local needs no login", hint="name another one: --profile NAME")
    return name


def keep(
    session: Session, credential: Credential, profile: Profile, passphrase_file: str | None, *, verify: bool
) -> None:
    """Keep a credential for a profile, after trying it on KMS if asked to, and put the profile to use."""
    from kmstool.kms.credentials import store

    name, storage = profile.name, profile.credentials
    if verify:
        try_credential(session, profile, credential)
    session.changes.run(
        lambda: store.save(
            storage, session.config_folder, name, credential, lambda: session.new_passphrase(passphrase_file)
        ),
        f"keep the credential of the profile {name} in the {storage}",
    )
    put(session, profile, credential, f"in the {storage}")


def changed_profile(session: Session, name: str, store: str) -> Profile:
    """Return the profile to log in to as it is to be, with its credential in that store."""
    from kmstool.kms.profiles import Profile

    former = session.profiles.get(name) if name in session.profiles.names() else Profile(name)
    region = session.settings.region or session.environ.get("KMSTOOL_REGION") or former.region
    endpoint = session.settings.endpoint or former.endpoint
    return replace(former, region=region, endpoint=endpoint, credentials=store, secret_id="", whitebox="")


def put(session: Session, profile: Profile, credential: Credential | None, source: str) -> None:
    """Put a profile to use, and forget what was kept for it in another store.

    `source` says where the credential is kept or, where none is, what gives one.
    """
    used = f"{credential.masked_id} kept {source}" if credential else source
    session.changes.run(lambda: _put(session, profile), f"use the profile {profile.name}, with {used}")
    session.note(f"the profile {profile.name} is in use, with {used}")


def _put(session: Session, profile: Profile) -> None:
    from kmstool.kms.credentials import store

    name, profiles = profile.name, session.profiles
    former = profiles.get(name).credentials if name in profiles.names() else ""
    profiles.put(profile)
    profiles.use(name)
    if former in words.STORES and former != profile.credentials:
        try:
            store.remove(former, session.config_folder, name)
        except AccessError as error:
            session.warn(f"what was kept in the {former} before may still be there: {error.message}")


def try_credential(session: Session, profile: Profile, credential: Credential) -> None:
    """Try it by itself or, where the profile names one, in its role; raise as `try_provider` does."""
    from kmstool.kms.provider import FixedProvider

    try_provider(session, profile, session.connections.in_role(profile, FixedProvider(credential, "the input")))


def try_provider(session: Session, profile: Profile, provider: Provider) -> None:
    """Ask KMS for something that changes nothing; raise `AccessError` if it does not accept the credential."""
    kms = session.connections.cloud(profile, profile.region, provider)
    try:
        kms.call("GetServiceStatus", {})
    except AccessError as error:
        if not (error.kms_code or "").startswith("UnauthorizedOperation"):
            raise
        session.note("the credential is valid but lacks permission for GetServiceStatus")
