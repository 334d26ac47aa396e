"""Where the root key of a store is kept: a file beside it, the operating system's keyring, or a passphrase.

Each mode says by its name what it protects against; none is chosen silently.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from kmstool import words
from kmstool.api import protocol
from kmstool.crypto import kdf
from kmstool.errors import AccessError, IntegrityError, Reason
from kmstool.server.store_row import StoreRow
from kmstool.system import keychain, ownership

MODES = {
    words.FILE: "a root key in a file beside the database: guards copies of the database, not this folder",
    words.KEYRING: "a root key in the keyring of the operating system: guards the folder while the keyring is locked",
    words.PASSPHRASE: "a root key made from a passphrase (scrypt): guards the folder as well as the passphrase is good",
}

ROOT_KEY_FILE = "root.key"
SPARE_FILES = NEXT_FILE, FORMER_FILE = "root.key.next", "root.key.former"
"""A root key before the store is under it, and after; `root_key` tells how they come and go."""
KEY_BYTES = words.KEY_BYTES[words.AES_256]

_PREFIX = "kmstool-root-key-1 "
_SERVICE = "kmstool local KMS"
_IN_KEYRING = "the root key in the keyring"
_SCRYPT_TEXT = " ".join(str(number) for number in kdf.SCRYPT.values())

Passphrase = Callable[[], bytes]


def no_passphrase() -> bytes:
    """Stand for a caller that can give none."""
    raise AccessError(
        "the store of the local KMS is locked with a passphrase",
        hint="run the command on a terminal, or put the passphrase into a file and set KMSTOOL_PASSPHRASE_FILE",
    )


@dataclass(frozen=True, slots=True)
class RootKey:
    """A root key of 32 bytes, how it is kept, and the parameters for that which stand in the database."""

    mode: str
    parameters: str
    key: bytes = field(repr=False)

    @property
    def line(self) -> str:
        """The text by which a file or a keyring keeps it."""
        return _PREFIX + protocol.encode(self.key) + "\n"


def make(mode: str, passphrase: Passphrase) -> RootKey:
    """Make a root key, which is kept nowhere yet; for a passphrase asks for that."""
    if mode == words.PASSPHRASE:
        parameters = f"{_SCRYPT_TEXT} {protocol.encode(secrets.token_bytes(kdf.SALT_BYTES))}"
        return RootKey(mode, parameters, _stretched(parameters, passphrase()))
    parameters = keychain.backend_name() if mode == words.KEYRING else ""
    return RootKey(mode, parameters, secrets.token_bytes(KEY_BYTES))


def candidates(row: StoreRow, folder: Path, passphrase: Passphrase) -> Iterator[Callable[[], bytes]]:
    """Yield what loads each root key that may be the store's, the usual one first.

    Each raises `AccessError` for one that is missing, locked or readable by others, and
    `IntegrityError` for one that is damaged. Whether it is the right one only the canary tells.
    """
    if row.protection == words.PASSPHRASE:
        yield lambda: _stretched(row.parameters, passphrase())
    elif row.protection == words.KEYRING:
        lines = 0
        for name in keyring_names(row.store_id):
            # One that does not answer is not asked twice.
            line = keychain.read(_SERVICE, name)
            if line is not None:
                lines += 1
                yield partial(_parsed, line, _IN_KEYRING)
        if not lines:
            raise _not_in_keyring()
    elif row.protection == words.FILE:
        for name in (ROOT_KEY_FILE, *SPARE_FILES):
            if name == ROOT_KEY_FILE or os.path.lexists(folder / name):
                yield partial(from_file, folder / name)
    else:
        raise IntegrityError(f"the store has the unknown protection {row.protection!r}")


def from_file(path: Path) -> bytes:
    """Return the root key in a file; raise as `candidates` says."""
    return _parsed(_read(path), f"the root key {path}")


def keyring_names(store_id: bytes) -> tuple[str, str]:
    """Return the two names under which a keyring may have the root key of a store; a new one takes the free one."""
    return store_id.hex(), f"{store_id.hex()} second"


def into_keyring(name: str, root: RootKey) -> None:
    """Keep a root key in the keyring; raise `AccessError` unless it is there afterwards."""
    keychain.write(_SERVICE, name, root.line)
    if from_keyring(name) != root.key:
        raise AccessError("the keyring did not return the value just stored")


def out_of_keyring(name: str) -> None:
    """Remove a root key from the keyring if it is there."""
    keychain.delete(_SERVICE, name)


def from_keyring(name: str) -> bytes:
    """Return the root key that the keyring has under a name; raise as `candidates` says."""
    line = keychain.read(_SERVICE, name)
    if line is None:
        raise _not_in_keyring()
    return _parsed(line, _IN_KEYRING)


def _not_in_keyring() -> AccessError:
    return AccessError(
        "the keyring has no root key for this store",
        reason=Reason.ROOT_KEY_NOT_IN_KEYRING,
    )


def _stretched(parameters: str, passphrase: bytes) -> bytes:
    damaged = IntegrityError("the passphrase parameters of the store are damaged", reason=Reason.STORE_DAMAGED)
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
            reason=Reason.ROOT_KEY_FILE_MISSING,
        ) from error
    except OSError as error:
        raise AccessError(f"cannot read the root key {path}: {(error.strerror or '').lower()}") from error


def _parsed(line: str, name: str) -> bytes:
    try:
        key = protocol.decode(line.removeprefix(_PREFIX).removesuffix("\n"))
    except ValueError:
        key = b""
    if not line.startswith(_PREFIX) or len(key) != KEY_BYTES:
        raise IntegrityError(f"{name} is damaged", hint="put it back from a copy")
    return key
