"""Where `auth login` keeps the credentials of a profile: keyring, encrypted file, or white-box ciphertext.

Never in plaintext, and never in another place than the one that was chosen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kmstool import passphrase_file, words
from kmstool.errors import AccessError, InputError, Reason
from kmstool.kms.provider import Credential, checked
from kmstool.passphrase_file import Passphrase
from kmstool.system import atomic, keychain, ownership

if TYPE_CHECKING:
    from kmstool.kms.profiles import Profile
    from kmstool.whitebox.bundle import Bundle


_SERVICE = "kmstool"
_FORMAT = "kmstool-credential-1"
# More than any such document has.
_MAX_BYTES = 2**16


def file_of(folder: Path, profile: str) -> Path:
    """Return the path of a profile's encrypted file."""
    return folder / f"{profile}.credential"


def save(store: str, folder: Path, profile: str, credential: Credential, passphrase: Passphrase) -> None:
    """Keep a credential; raise `AccessError` if the keyring cannot be used."""
    text = json.dumps([credential.secret_id, credential.secret_key, credential.token, credential.expires_unix])
    if store == words.KEYRING:
        keychain.write(_SERVICE, profile, text)
        return
    document = passphrase_file.seal(_FORMAT, profile, text.encode(), passphrase())
    atomic.make_own_folder(folder)
    ownership.check_path(folder, secret=False)
    atomic.write(file_of(folder, profile), document, replace=True)


def load(store: str, folder: Path, profile: str, passphrase: Passphrase) -> Credential:
    """Return the kept credential.

    Raises `AccessError` if there is none, the keyring is locked or the passphrase is wrong,
    and `InputError` for a malformed file.
    """
    if store == words.KEYRING:
        text: str | bytes | None = keychain.read(_SERVICE, profile)
        if text is None:
            raise _none(profile)
    else:
        text = _open(file_of(folder, profile), profile, passphrase)
    try:
        secret_id, secret_key, token, expires = json.loads(text)
    except ValueError as error:
        raise InputError(f"the credential kept for the profile {profile} is malformed", hint="log in again") from error
    return checked(secret_id, secret_key, token, expires, source=f"the {store} of profile {profile}")


def remove(store: str, folder: Path, profile: str) -> None:
    """Forget the credential of a profile, if there is one; raise `AccessError` if it cannot be removed."""
    if store == words.KEYRING:
        keychain.delete(_SERVICE, profile)
        return
    path = file_of(folder, profile)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise AccessError(
            f"cannot remove {path}: {(error.strerror or '').lower()}", hint="remove it by hand"
        ) from error


def white_box_folder(profile: Profile) -> Path:
    """Return the folder with the SecretKey as white-box ciphertext; raise `AccessError` if the profile has none."""
    if not profile.whitebox:
        raise _none(profile.name)
    return Path(profile.whitebox)


def from_white_box(profile: Profile, bundle: Bundle, environ: Mapping[str, str]) -> Credential:
    """Return the credential whose SecretKey a bundle holds.

    It is decrypted on this device at each call, and kept nowhere. Raises what decrypting a
    bundle raises, and `AccessError` if there is no SecretKey in it.
    """
    secret_key = bundle.decrypt(environ)
    # None ends in a newline, but what `echo` and `base64` make of one does, in Tencent's guide too.
    text = secret_key.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
    return checked(profile.secret_id, text, source=white_box_source(profile))


def white_box_source(profile: Profile) -> str:
    """Return for people where the SecretKey of such a profile is."""
    return f"the white-box ciphertext in {profile.whitebox}"


def _open(path: Path, profile: str, passphrase: Passphrase) -> bytes:
    again, named = Reason.CREDENTIAL_UNREADABLE, {"profile": profile}
    try:
        data = ownership.read(path, _MAX_BYTES)
    except FileNotFoundError as error:
        raise _none(profile) from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {(error.strerror or '').lower()}", reason=again, facts=named) from error
    return passphrase_file.unseal(_FORMAT, profile, data, passphrase, str(path), reason=again, facts=named)


def _none(profile: str) -> AccessError:
    return AccessError(
        f"no credential is kept for the profile {profile}",
        reason=Reason.CREDENTIAL_MISSING,
        facts={"profile": profile},
    )
