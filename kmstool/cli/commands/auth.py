"""`kmstool auth`: credentials for Tencent Cloud, in the keyring, encrypted or as white-box ciphertext, never in clear."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.io import outputs, times
from kmstool.cli.session import connect, passphrases
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import AccessError, InputError, UsageError

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile
    from kmstool.kms.provider import Credential

STORES = ("keyring", "file")
WHITE_BOX = "whitebox"
DEFAULT_PROFILE = "cloud"

_STORE = click.option(
    "--store", type=click.Choice(STORES), default="keyring", show_default=True, help="Where to keep the credential."
)
_PASSPHRASE = options.file_option("--passphrase-file", help="With --store file: its passphrase; /dev/fd/N too.")
_NO_VERIFY = click.option("--no-verify", is_flag=True, help="Do not try the credential on KMS first.")


@click.group(cls=options.Group)
def auth() -> None:
    """Log in to Tencent Cloud and out again."""


@auth.command(example="kmstool auth login --profile work")
@click.option(
    "--secret-id",
    metavar="ID",
    callback=options.not_empty,
    help="The SecretId; else asked for, or the first line of stdin.",
)
@_STORE
@_PASSPHRASE
@passphrases.weak_option
@options.folder_option("--whitebox", help="Folder made by kmstool whitebox bundle with the SecretKey in it.")
@_NO_VERIFY
@pass_session
def login(
    session: Session,
    secret_id: str | None,
    store: str,
    passphrase_file: str | None,
    whitebox: str | None,
    no_verify: bool,
) -> None:
    """Keep a SecretId and SecretKey for a profile.

    The SecretKey is asked for without showing it, or read from stdin as the next line. It
    is tried on KMS before it is kept, and the profile is in use afterwards.

    With --whitebox nothing is kept but the SecretId and the name of the folder. The
    SecretKey is decrypted there whenever it is used, and exists in memory only. A folder
    without mac.base64 gets one when KMS has accepted the SecretKey, and is refused with
    --no-verify; afterwards it is used only as it was then.
    """
    if whitebox is not None:
        if passphrase_file or session.weak or store != STORES[0]:
            raise UsageError("the white-box ciphertext stays where it is", hint="give --whitebox without --store")
        _login_white_box(session, secret_id, whitebox, verify=not no_verify)
        return
    profile = _probed(session, store, passphrase_file)
    credential = _asked(session, secret_id)
    _keep(session, credential, profile, store, passphrase_file, verify=not no_verify)


@auth.command("import-tccli", example="kmstool auth import-tccli --profile work")
@click.option("--from", "source", default="default", show_default=True, metavar="NAME", help="Profile of tccli.")
@_STORE
@_PASSPHRASE
@passphrases.weak_option
@_NO_VERIFY
@pass_session
def import_tccli(session: Session, source: str, store: str, passphrase_file: str | None, no_verify: bool) -> None:
    """Take over the credential of a profile of tccli.

    The file of tccli holds it in clear and is not touched: delete it when all works.
    """
    from kmstool.kms.credentials.tool_files import from_tccli, tccli_region

    profile = _probed(session, store, passphrase_file)
    found = from_tccli(session.home, source)
    if found is None:
        raise AccessError(f"tccli has no profile {source!r}", hint=f"looked in {session.home / '.tccli'}")
    session.settings.region = session.settings.region or tccli_region(session.home, source)
    _keep(session, found.get(), profile, store, passphrase_file, verify=not no_verify)
    session.note(f"{session.home / '.tccli' / source}.credential still holds the SecretKey in clear: delete it")


@auth.command(example="kmstool auth status --profile local")
@pass_session
def status(session: Session) -> None:
    """Show who you are to KMS, by which credential."""
    profile = session.profile()
    region, endpoint = session.region(profile), session.endpoint(profile)
    answer: dict[str, object] = {"Profile": profile.name, "Region": region, "Endpoint": endpoint or ""}
    if profile.is_local and not endpoint:
        session.used_local = True
        answer |= {"Source": "none needed: the embedded KMS, in process"}
    else:
        provider = connect.provider(session, profile)
        credential = provider.get()
        answer |= {
            "SecretId": credential.masked_id,
            "Source": provider.source,
            "Expires": times.shown(credential.expires_unix) if credential.expires_unix else "never",
        }
    outputs.answer(
        session, answer, lambda: outputs.fields({name.lower(): str(value) for name, value in answer.items()})
    )


@auth.command(example="kmstool auth logout --profile work --yes")
@pass_session
def logout(session: Session) -> None:
    """Forget the credential of a profile."""
    from kmstool.kms.credentials import store

    profile = session.profile()
    if profile.credentials not in (*store.STORES, WHITE_BOX):
        source = profile.credentials or "nothing"
        raise UsageError(f"the profile {profile.name} keeps no credential: it uses {source}")
    if profile.credentials == WHITE_BOX and not profile.whitebox:
        session.note(f"nothing to do: no credential is kept for the profile {profile.name}")
        return
    session.confirm(f"the credential of the profile {profile.name} will be forgotten")
    if session.settings.dry_run:
        session.note(f"dry run: the credential of the profile {profile.name} would be forgotten")
        return
    if profile.credentials == WHITE_BOX:
        session.profiles.put(replace(profile, secret_id="", whitebox=""))
        session.note(f"the files in {profile.whitebox} are left as they are")
    else:
        store.remove(profile.credentials, session.config_folder, profile.name)
    session.note(f"the credential of the profile {profile.name} is gone")


def _probed(session: Session, store: str, passphrase_file: str | None) -> str:
    """Return the name of the profile to log in to, after making sure that the store works and takes the options."""
    from kmstool.system import keychain

    if (passphrase_file is not None or session.weak) and store != "file":
        option = "--weak" if passphrase_file is None else "--passphrase-file"
        raise UsageError(f"{option} goes with --store file", hint="the keyring has its own lock")
    name = _profile_name(session)
    if store == "keyring" and not session.settings.dry_run:
        try:
            keychain.probe()
        except AccessError as error:
            raise AccessError(
                error.message,
                hint="keep it in an encrypted file: --store file; or keep nothing: set TENCENTCLOUD_SECRET_ID and "
                "TENCENTCLOUD_SECRET_KEY, or use a CVM or TKE role (kmstool profile set NAME --credentials cvm-role)",
            ) from error
    return name


def _profile_name(session: Session) -> str:
    from kmstool.kms.profiles import LOCAL

    name = session.settings.profile or session.environ.get("KMSTOOL_PROFILE") or DEFAULT_PROFILE
    if name == LOCAL:
        raise UsageError("the profile local needs no login", hint="name another one: --profile NAME")
    return name


def _login_white_box(session: Session, secret_id: str | None, folder: str, *, verify: bool) -> None:
    from kmstool.kms.credentials import store
    from kmstool.whitebox import bundle

    secret_id = secret_id or _asked_id(session)
    place = Path(folder).absolute()
    changed = _changed(session, _profile_name(session), WHITE_BOX)
    profile = replace(changed, secret_id=secret_id, whitebox=str(place))
    found = bundle.read(place)
    credential = store.from_white_box(profile, found, session.environ)
    if found.opens_anywhere:
        session.warn(
            f"the key file in {folder} is bound to no device: whoever can read the folder has the SecretKey; "
            "bind this device (kmstool fingerprint), then make the folder anew"
        )
    if verify:
        _verify(session, profile, credential)
    else:
        # Nothing else would tell whether it is the SecretKey that was put there.
        found.require_mac()
    if found.mac is None and not session.settings.dry_run:
        bundle.add_mac(found)
    _put(session, profile, credential, f"in {profile.whitebox}")


def _asked_id(session: Session) -> str:
    if session.interactive:
        return str(click.prompt("SecretId", err=True))
    if sys.stdin.isatty():
        raise UsageError("the SecretId is needed", hint="give it with --secret-id, or pipe it in as a line")
    return _line().strip()


def _asked(session: Session, secret_id: str | None) -> Credential:
    from kmstool.kms.provider import checked

    if session.interactive:
        secret_id = secret_id or str(click.prompt("SecretId", err=True))
        secret_key = str(click.prompt("SecretKey", hide_input=True, err=True))
    elif sys.stdin.isatty():
        raise UsageError("the SecretKey is needed", hint="pipe it in as a line, after a line with the SecretId")
    else:
        secret_id, secret_key = secret_id or _line(), _line()
    return checked(secret_id, secret_key, source="the input")


def _line() -> str:
    """Read a line of stdin, at most 8,192 bytes; raise `InputError` if it is not UTF-8, whatever the locale is."""
    try:
        return sys.stdin.buffer.readline(8192).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        # Not chained, because the other error holds the line.
        raise InputError("a line of stdin is not UTF-8 text") from None


def _keep(
    session: Session, credential: Credential, name: str, place: str, passphrase_file: str | None, *, verify: bool
) -> None:
    from kmstool.kms.credentials import store

    profile = _changed(session, name, place)
    if verify:
        _verify(session, profile, credential)
    if not session.settings.dry_run:
        store.save(place, session.config_folder, name, credential, lambda: session.new_passphrase(passphrase_file))
    _put(session, profile, credential, f"in the {place}")


def _changed(session: Session, name: str, store: str) -> Profile:
    """Return the profile to log in to as it is to be, with its credential in that store."""
    from kmstool.kms.profiles import Profile

    former = session.profiles.get(name) if name in session.profiles.names() else Profile(name)
    region = session.settings.region or session.environ.get("KMSTOOL_REGION") or former.region
    endpoint = session.settings.endpoint or former.endpoint
    return replace(former, region=region, endpoint=endpoint, credentials=store, secret_id="", whitebox="")


def _put(session: Session, profile: Profile, credential: Credential, place: str) -> None:
    """Put a profile to use, and forget what was kept for it in another store."""
    from kmstool.kms.credentials import store

    if session.settings.dry_run:
        session.note(f"dry run: the credential would be kept {place} for the profile {profile.name}")
        return
    name, profiles = profile.name, session.profiles
    former = profiles.get(name).credentials if name in profiles.names() else ""
    profiles.put(profile)
    profiles.use(name)
    if former in store.STORES and former != profile.credentials:
        try:
            store.remove(former, session.config_folder, name)
        except AccessError as error:
            session.warn(f"what was kept in the {former} before may still be there: {error.message}")
    session.note(f"the profile {name} is in use, with {credential.masked_id} kept {place}")


def _verify(session: Session, profile: Profile, credential: Credential) -> None:
    from kmstool.kms.provider import Fixed

    kms = connect.cloud(session, profile, profile.region, Fixed(credential, "the input"))
    try:
        kms.call("GetServiceStatus", {})
    except AccessError as error:
        if not (error.kms_code or "").startswith("UnauthorizedOperation"):
            raise
        session.note("the credential is good, but may not ask for the status of KMS")
