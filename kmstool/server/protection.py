"""Where the root key of a store is kept: a file beside it, the operating system's keyring, or a passphrase.

Each mode says by its name what it protects against; none is chosen silently.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from kmstool import atomic, keychain, ownership, protocol
from kmstool.crypto import kdf
from kmstool.errors import AccessError, IntegrityError

MODES = {
    "file": "a root key in a file beside the database: guards copies of the database, not this folder",
    "keyring": "a root key in the keyring of the operating system: guards the folder while the keyring is locked",
    "passphrase": "a root key made from a passphrase (scrypt): guards the folder as well as the passphrase is good",
}

ROOT_KEY_FILE = "root.key"
KEY_BYTES = 32

_PREFIX = "kmstool-root-key-1 "
_SERVICE = "kmstool local KMS"
_SCRYPT_TEXT = " ".join(str(number) for number in kdf.SCRYPT.values())

Passphrase = Callable[[], bytes]


def no_passphrase() -> bytes:
    """Stand for a caller that can give none."""
    raise AccessError(
        "the store of the local KMS is locked with a passphrase",
        hint="run the command on a terminal, or put the passphrase into a file and set KMSTOOL_PASSPHRASE_FILE",
    )


def create(mode: str, folder: Path, store_id: bytes, passphrase: Passphrase) -> tuple[bytes, str]:
    """Make or find a root key for `mode` and return it with the parameters to keep in the database."""
    if mode == "passphrase":
        parameters = f"{_SCRYPT_TEXT} {protocol.encode(secrets.token_bytes(kdf.SALT_BYTES))}"
        return _stretched(parameters, passphrase()), parameters
    line = _PREFIX + protocol.encode(secrets.token_bytes(KEY_BYTES)) + "\n"
    if mode == "keyring":
        keychain.write(_SERVICE, store_id.hex(), line)
        return load(mode, "", folder, store_id, passphrase), keychain.backend_name()
    # A key file that is there already may be the only key to a copy of the database: it is kept.
    if not (folder / ROOT_KEY_FILE).exists():
        atomic.write(folder / ROOT_KEY_FILE, line.encode())
    return load(mode, "", folder, store_id, passphrase), ""


def load(mode: str, parameters: str, folder: Path, store_id: bytes, passphrase: Passphrase) -> bytes:
    """Return the root key, 32 bytes.

    Raises `AccessError` for one that is missing, locked or readable by others, `IntegrityError`
    for one that is damaged. Whether it is the right one only the canary tells.
    """
    if mode == "passphrase":
        return _stretched(parameters, passphrase())
    if mode == "keyring":
        line = keychain.read(_SERVICE, store_id.hex())
        if line is None:
            raise AccessError(
                "the keyring has no root key for this store",
                hint="unlock the keyring that has it; without it the keys are lost, and kmstool local reset begins anew",
            )
        return _parsed(line, "the root key in the keyring")
    if mode == "file":
        return _parsed(_read(folder / ROOT_KEY_FILE), f"the root key {folder / ROOT_KEY_FILE}")
    raise IntegrityError(f"the store has the unknown protection {mode!r}")


def discard(mode: str, folder: Path, store_id: bytes) -> None:
    """Remove the root key of a mode that is no longer in use."""
    if mode == "keyring":
        keychain.delete(_SERVICE, store_id.hex())
    elif mode == "file":
        (folder / ROOT_KEY_FILE).unlink(missing_ok=True)


def _stretched(parameters: str, passphrase: bytes) -> bytes:
    damaged = IntegrityError("the passphrase parameters of the store are damaged")
    cost, _, encoded = parameters.rpartition(" ")
    try:
        salt = protocol.decode(encoded)
    except ValueError as error:
        raise damaged from error
    # Only what was once written here: other numbers could keep a command busy for hours.
    if cost != _SCRYPT_TEXT or len(salt) != kdf.SALT_BYTES:
        raise damaged
    return kdf.stretch(passphrase, salt)


def _read(path: Path) -> str:
    try:
        if path.is_symlink():
            raise AccessError(f"the root key {path} is a symbolic link", hint="put the file itself in its place")
        return ownership.read(path, 200).decode("ascii", "replace")
    except FileNotFoundError as error:
        raise AccessError(
            f"the root key {path} is missing",
            hint="put it back from a copy; without it the keys are lost, and kmstool local reset begins anew",
        ) from error
    except OSError as error:
        raise AccessError(f"cannot read the root key {path}: {(error.strerror or '').lower()}") from error


def _parsed(line: str, what: str) -> bytes:
    try:
        key = protocol.decode(line.removeprefix(_PREFIX).removesuffix("\n"))
    except ValueError:
        key = b""
    if not line.startswith(_PREFIX) or len(key) != KEY_BYTES:
        raise IntegrityError(f"{what} is damaged", hint="put it back from a copy")
    return key
