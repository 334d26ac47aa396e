"""Where `auth login` keeps the credentials of a profile: the operating system's keyring, or an encrypted file.

Never in clear, and never in another place than the one that was chosen. The file is
one line of JSON: scrypt (RFC 7914) makes a key from a passphrase, AES-256-GCM seals the
credential with the file's own parameters and the profile's name as associated data.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable
from pathlib import Path

from kmstool import atomic, keychain, protocol
from kmstool.crypto import aead
from kmstool.errors import AccessError, InputError, IntegrityError
from kmstool.kms.credentials import Credential, checked

STORES = ("keyring", "file")

_SERVICE = "kmstool"
_COST, _BLOCK, _PARALLEL = 2**16, 8, 1
_SALT_BYTES, _KEY_BYTES = 16, 32
_FORMAT = "kmstool-credential-1"

Passphrase = Callable[[], bytes]


def file_of(folder: Path, profile: str) -> Path:
    """Return the path of a profile's encrypted file."""
    return folder / f"{profile}.credential"


def save(store: str, folder: Path, profile: str, credential: Credential, passphrase: Passphrase) -> None:
    """Keep a credential; raise `AccessError` if the keyring cannot be used."""
    text = json.dumps([credential.secret_id, credential.secret_key, credential.token, credential.expires_unix])
    if store == "keyring":
        keychain.write(_SERVICE, profile, text)
        return
    salt = secrets.token_bytes(_SALT_BYTES)
    parameters = {"format": _FORMAT, "n": _COST, "r": _BLOCK, "p": _PARALLEL, "salt": protocol.encode(salt)}
    key = _stretched(passphrase(), salt)
    sealed = aead.seal("AES_256", key, text.encode(), _associated(parameters, profile))
    line = json.dumps({**parameters, "sealed": protocol.encode(sealed)}) + "\n"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write(file_of(folder, profile), line.encode(), replace=True)


def load(store: str, folder: Path, profile: str, passphrase: Passphrase) -> Credential:
    """Return the kept credential.

    Raises `AccessError` if there is none, the keyring is locked or the passphrase is wrong,
    and `InputError` for a malformed file.
    """
    if store == "keyring":
        text = keychain.read(_SERVICE, profile)
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
    """Forget the credential of a profile, if there is one."""
    if store == "keyring":
        keychain.delete(_SERVICE, profile)
    else:
        file_of(folder, profile).unlink(missing_ok=True)


def _open(path: Path, profile: str, passphrase: Passphrase) -> str:
    malformed = InputError(f"{path} is not an encrypted credential", hint="log in again: kmstool auth login")
    try:
        fields = json.loads(path.read_text("utf-8"))
        salt, sealed = protocol.decode(fields["salt"]), protocol.decode(fields.pop("sealed"))
        parameters = (fields["format"], fields["n"], fields["r"], fields["p"])
    except FileNotFoundError as error:
        raise _none(profile) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise malformed from error
    if parameters != (_FORMAT, _COST, _BLOCK, _PARALLEL):
        raise malformed
    try:
        return aead.unseal("AES_256", _stretched(passphrase(), salt), sealed, _associated(fields, profile)).decode()
    except IntegrityError as error:
        raise AccessError(f"the passphrase for {path} is wrong, or the file was altered", hint="try again") from error


def _stretched(passphrase: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase, salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=256 * _COST * _BLOCK, dklen=_KEY_BYTES
    )


def _associated(parameters: dict[str, object], profile: str) -> bytes:
    return aead.encode_parts(json.dumps(parameters, sort_keys=True).encode(), profile.encode())


def _none(profile: str) -> AccessError:
    return AccessError(
        f"no credential is kept for the profile {profile}", hint=f"kmstool auth login --profile {profile}"
    )
