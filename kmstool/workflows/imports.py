"""Bring your own key: give a key its material, at once with a backup, or in steps of which one needs no network."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kmstool import byok, documents, passphrase_file, words
from kmstool.api import protocol
from kmstool.api.context import Context
from kmstool.byok import Parameters, WrappedMaterial
from kmstool.crypto import keys, pem
from kmstool.errors import ArgumentError, InputError, IntegrityError, KeyStateError, OutputError, Reason
from kmstool.kms.answers import Key
from kmstool.kms.client import KmsClient
from kmstool.system import atomic, descriptors, folders
from kmstool.workflows.changes import Changes
from kmstool.workflows.connections import KeyPlace
from kmstool.workflows.folders import Report, say_nothing
from kmstool.workflows.sources import unreadable

PARAMETERS, PUBLIC_KEY, TOKEN = "params.json", "wrapping-key.pem", "import-token.base64"
FILES = (PARAMETERS, PUBLIC_KEY, TOKEN)
"""What is in a folder of parameters: one document, and what openssl and tccli need of it as files of their own."""
MAX_BYTES = 16 * 1024
"""No material, backup, parameters or wrapped material is larger."""

_BACKUP = "kmstool-material-backup-1"
_SOUND = "is the disk sound?"

ValidTo = Callable[[int], int]
"""Returns the end of the material in Unix seconds, from what the clock of KMS shows now."""


@dataclass(frozen=True, slots=True)
class ImportTarget:
    """A key that takes material, as KMS describes it, and where it is."""

    client: KmsClient
    key: Key
    region: str

    @classmethod
    def of(cls, key: KeyPlace) -> ImportTarget:
        """Ask KMS for the key at a place."""
        return cls(key.client, key.client.describe_key(key.key_id), key.region)

    @property
    def material_bytes(self) -> int:
        """16 or 32; 0 where KMS does not let us know."""
        return byok.SIZES.get(self.key.type, 0)


@dataclass(frozen=True, slots=True)
class NewMaterial:
    """Material that is made here; it is sent when its backup, in plaintext or under a passphrase, is on disk."""

    backup: Path
    passphrase: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class OldBlob:
    """A ciphertext blob of before, and its context: it must open when the material is there again."""

    text: str
    context: Context = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How material is wrapped, how long it is valid, for ever if nothing is said, and what must open afterwards."""

    algorithm: str = words.RSA_ALGORITHMS[0]
    valid_to: ValidTo | None = None
    old: OldBlob | None = None


@dataclass(frozen=True, slots=True)
class IssuedParameters:
    """Import parameters as KMS gave them out, and its answer."""

    parameters: Parameters
    answer: Mapping[str, Any] = field(repr=False)


def import_material(
    target: ImportTarget,
    material: bytes | NewMaterial,
    options: ImportOptions = ImportOptions(),
    *,
    report: Report = say_nothing,
) -> Mapping[str, Any]:
    """Give a key its material and prove that it works; return the API's answer.

    Raises as `check_new_material` does, `InputError` for material of another length, and `IntegrityError` if
    the key does not decrypt afterwards.
    """
    if isinstance(material, NewMaterial):
        check_new_material(target, material.backup)
    else:
        byok.check(material, target.material_bytes)
    parameters = issue_parameters(target, options.algorithm).parameters
    valid_to_unix = _end(parameters, options.valid_to)
    # Only now is anything written, and nothing is sent before it is safe on disk.
    if isinstance(material, NewMaterial):
        material = make_material(material, target.material_bytes, report)
    wrapped = byok.wrap(parameters, material)
    return _send(target.client, parameters, wrapped, valid_to_unix, options.old, report)


def upload(
    client: KmsClient,
    parameters: Parameters,
    wrapped: WrappedMaterial,
    options: ImportOptions,
    *,
    report: Report = say_nothing,
) -> Mapping[str, Any]:
    """Give material to KMS that was wrapped with its parameters; return the API's answer.

    Raises `InputError` for parameters that are over 24 hours old, and `IntegrityError` as `import_material` does.
    """
    parameters.check_valid(int(time.time()))
    valid_to_unix = _end(parameters, options.valid_to)
    return _send(client, parameters, wrapped, valid_to_unix, options.old, report)


def issue_parameters(target: ImportTarget, algorithm: str) -> IssuedParameters:
    """Let KMS give out import parameters for a key, which voids those of before."""
    issued = target.client.import_parameters(target.key.key_id, algorithm)
    parameters = Parameters(
        key_id=target.key.key_id,
        region=target.region,
        algorithm=byok.algorithm(algorithm),
        material_bytes=target.material_bytes,
        wrapping_key=issued.wrapping_key,
        token=issued.token,
        valid_to_unix=issued.valid_to_unix,
        received_unix=int(time.time()),
    )
    return IssuedParameters(parameters, dict(issued.answer))


def write_parameters(
    target: ImportTarget, algorithm: str, folder: Path, *, replace: bool = False, changes: Changes | None = None
) -> IssuedParameters:
    """Let KMS give out parameters for a key, and put them into a folder.

    All that can fail there fails before KMS voids the older parameters: the room is taken on disk. Raises
    `OutputError`, also for a folder that has parameters and is not to get others.
    """
    with _parameters_folder(folder, changes or Changes(), replace=replace) as contents:
        issued = issue_parameters(target, algorithm)
        contents[PUBLIC_KEY] = pem.write_public_key(keys.from_spki(issued.parameters.wrapping_key)).encode()
        contents[TOKEN] = f"{protocol.encode(issued.parameters.token)}\n".encode()
        contents[PARAMETERS] = issued.parameters.write()
    return issued


def read_parameters(folder: Path) -> Parameters:
    """Return the parameters in a folder; raise `InputError` for none or malformed ones."""
    folders.recover(folder)
    path = folder / PARAMETERS
    return Parameters.read(_read(path, "{size} bytes are no import parameters"), str(path))


def is_backup(data: bytes) -> bool:
    """Return whether the bytes are material under a passphrase, as `make_material` writes it."""
    return documents.is_a(_BACKUP, data)


def open_backup(data: bytes, size: int, passphrase: Callable[[], bytes], name: str) -> bytes:
    """Return the material of `size` bytes in a backup that `name` names; raise as `passphrase_file.unseal` does."""
    material = passphrase_file.unseal(_BACKUP, "", data, passphrase, name, "use another copy of it")
    byok.check(material, size)
    return material


def check_new_material(target: ImportTarget, backup: Path) -> None:
    """Raise unless new material can be made for a key, and kept in a file that is not there yet.

    `ArgumentError` for a key whose material's length is not known, `KeyStateError` for one that waits for none,
    `OutputError` for the file.
    """
    key = target.key
    if not target.material_bytes:
        raise ArgumentError(
            "KMS does not say how long the material of this key must be", hint="make 16 or 32 bytes: FILE"
        )
    if key.origin == words.EXTERNAL and key.state != words.PENDING_IMPORT:
        raise KeyStateError(
            f"the key {key.key_id} is {key.state} and does not wait for new material",
            hint="give the FILE with its material to import that again",
        )
    if os.path.lexists(backup):
        raise OutputError(
            f"cannot write {backup}: it exists already",
            hint="choose another name: a backup is never replaced, it may be the only copy of a key",
        )


def make_material(new: NewMaterial, size: int, report: Report = say_nothing) -> bytes:
    """Make key material; return it when its backup (0600) is on disk and was read back.

    Raises `OutputError` for a name that is taken or cannot be written, `IntegrityError` if the file holds
    something else than was written.
    """
    secret, passphrase = secrets.token_bytes(size), new.passphrase
    content = secret if passphrase is None else passphrase_file.seal(_BACKUP, "", secret, passphrase)
    atomic.write(new.backup, content)
    kept = _read(new.backup, "the backup has grown to {size} bytes", _SOUND)
    if passphrase is not None:
        kept = passphrase_file.unseal(_BACKUP, "", kept, lambda: passphrase, f"the backup {new.backup}", _SOUND)
    if not secrets.compare_digest(kept, secret):
        raise IntegrityError(f"the backup {new.backup} holds something else than was written", hint=_SOUND)
    report(f"the key material is kept in {new.backup}: KMS never gives it back, so store a copy elsewhere")
    return secret


@contextmanager
def _parameters_folder(folder: Path, changes: Changes, *, replace: bool) -> Iterator[dict[str, bytes]]:
    taken = [name for name in FILES if os.path.lexists(folder / name)]
    if taken and not replace:
        raise OutputError(
            f"{folder / taken[0]} exists already, and new parameters void the older ones",
            reason=Reason.FILE_EXISTS,
        )
    contents: dict[str, bytes] = {}
    try:
        with changes.folder(folder, FILES, replace=replace, room=MAX_BYTES) as contents:
            yield contents
    except OutputError as error:
        if contents:
            error.hint = "KMS has given out new parameters, so that those of before are void: run it once more"
        raise


def _end(parameters: Parameters, valid_to: ValidTo | None) -> int:
    """Return Unix seconds, by the clock of KMS, of the end of the material's validity; 0 = for ever."""
    if valid_to is None:
        return 0
    now = parameters.kms_time(int(time.time()))
    valid_to_unix = valid_to(now)
    byok.check_valid_to(valid_to_unix, now)
    return valid_to_unix


def _send(
    client: KmsClient,
    parameters: Parameters,
    wrapped: WrappedMaterial,
    valid_to_unix: int,
    old: OldBlob | None,
    report: Report,
) -> Mapping[str, Any]:
    key_id = parameters.key_id
    answer = client.import_material(key_id, parameters.token, wrapped.wrapped, valid_to_unix)
    valid = f"until {datetime.fromtimestamp(valid_to_unix, UTC):%Y-%m-%dT%H:%M:%SZ}" if valid_to_unix else "for ever"
    report(f"the key {key_id} is enabled; its material is valid {valid}")
    prove(client, key_id, old)
    return answer


def prove(client: KmsClient, key_id: str, old: OldBlob | None = None) -> None:
    """Encrypt and decrypt a random value, and decrypt an older blob; raise `IntegrityError` if that fails."""
    value = secrets.token_bytes(32)
    if client.decrypt(client.encrypt(key_id, value, {}).ciphertext_blob, {}).plaintext != value:
        raise IntegrityError(f"the key {key_id} does not decrypt what it encrypted", hint="import the material again")
    if old is not None and client.decrypt(old.text, old.context).key_id != key_id:
        raise IntegrityError(f"the blob to check is not one of the key {key_id}")


def _read(path: Path, too_long: str, hint: str | None = None) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            data = descriptors.read_up_to(descriptor, MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(data) > MAX_BYTES:
        raise InputError(too_long.format(size=f"over {MAX_BYTES:,}"), hint=hint)
    return data
