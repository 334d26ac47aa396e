"""The files of imports: key material and its backups, folders with parameters, wrapped material."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session
from kmstool.errors import IntegrityError, OutputError, UsageError

if TYPE_CHECKING:
    from kmstool.byok import Parameters, Wrapped


_FILES = PARAMETERS, PUBLIC_KEY, TOKEN = "params.json", "wrapping-key.pem", "import-token.base64"

_BACKUP = "kmstool-material-backup-1"
_MAX_BYTES = 16 * 1024

encoding_option = click.option(
    "--encoding", type=click.Choice(words.ENCODINGS), default="raw", show_default=True, help="What FILE holds."
)
params_option = options.folder_option("--params", "folder", required=True, help="What kmstool material params made.")
passphrase_option = options.file_option(
    "--passphrase-file", help="The passphrase of an encrypted backup, old or new; else asked for."
)


def read_material(
    session: Session, name: str | None, encoding: str, passphrase_file: str | None, size: int
) -> inputs.Input:
    """Return the key material in a file, which may be an encrypted backup.

    Raises `InputError` for none of `size` bytes, `UsageError` for a passphrase where nothing is encrypted.
    """
    from kmstool import byok, documents
    from kmstool.passphrase_file import unseal

    found = inputs.read(name, _MAX_BYTES, "{size} bytes are no key material", "give a file with 16 or 32 bytes")
    if not documents.is_a(_BACKUP, found.data):
        if passphrase_file is not None:
            raise UsageError(f"--passphrase-file goes with an encrypted backup, and {name or 'stdin'} is none")
        return replace(found, data=byok.decode(found.data, encoding, size))

    def passphrase() -> bytes:
        return inputs.secret(passphrase_file) if passphrase_file is not None else session.passphrase_of(what)

    what = f"the backup {name}"
    secret = unseal(_BACKUP, "", found.data, passphrase, what, "use another copy of it")
    byok.check(secret, size)
    return replace(found, data=secret)


def check_new(name: str) -> None:
    """Raise `OutputError` if a file is there already, `UsageError` for stdout, which nothing can be read back from."""
    if name in ("", inputs.STDIN):
        raise UsageError(f"{name!r} is no file for a backup", hint="name a new file")
    if os.path.lexists(name):
        raise OutputError(
            f"cannot write {name}: it exists already",
            hint="choose another name: a backup is never replaced, it may be the only copy of a key",
        )


def generate(session: Session, backup: str, size: int, passphrase: bytes | None) -> bytes:
    """Make key material; return it when its backup (0600) is on disk and was read back.

    With a passphrase the backup is encrypted. Raises `OutputError` for a name that is taken or
    cannot be written, `IntegrityError` if the file holds something else than was written.
    """
    import secrets

    from kmstool import passphrase_file
    from kmstool.system import atomic

    secret = secrets.token_bytes(size)
    content = secret if passphrase is None else passphrase_file.seal(_BACKUP, "", secret, passphrase)
    atomic.write(Path(backup), content)
    kept = inputs.read(backup, _MAX_BYTES, "the backup has grown to {size} bytes", "is the disk sound?").data
    if passphrase is not None:
        kept = passphrase_file.unseal(
            _BACKUP, "", kept, lambda: passphrase, f"the backup {backup}", "is the disk sound?"
        )
    if not secrets.compare_digest(kept, secret):
        raise IntegrityError(f"the backup {backup} holds something else than was written", hint="is the disk sound?")
    session.note(f"the key material is kept in {backup}: KMS never gives it back, so store a copy elsewhere")
    return secret


@contextmanager
def parameters_folder(session: Session, name: str, *, force: bool) -> Iterator[dict[str, bytes]]:
    """Make sure that a folder can have new parameters, and give what takes them; after the block they are in it.

    All that can fail fails before the block, in which KMS voids the older parameters: the room
    is taken on disk. Raises `OutputError`.
    """
    folder = Path(name)
    taken = [path for path in _FILES if os.path.lexists(folder / path)]
    if taken and not force:
        raise OutputError(
            f"{folder / taken[0]} exists already, and new parameters void the older ones",
            hint="choose another folder, or add --force",
        )
    contents: dict[str, bytes] = {}
    try:
        with session.changes.folder(folder, _FILES, replace=force, room=_MAX_BYTES) as contents:
            yield contents
    except OutputError as error:
        if contents:
            error.hint = "KMS has given out new parameters, so that those of before are void: run it once more"
        raise


def parameters_contents(parameters: Parameters) -> dict[str, bytes]:
    """Return the parameters as one document, and what openssl and tccli need of them as files of their own."""
    from kmstool.api import protocol
    from kmstool.crypto import keys, pem

    return {
        PUBLIC_KEY: pem.write_public_key(keys.from_spki(parameters.wrapping_key)).encode(),
        TOKEN: f"{protocol.encode(parameters.token)}\n".encode(),
        PARAMETERS: parameters.write(),
    }


def read_parameters(folder: str) -> Parameters:
    """Return the parameters in a folder; raise `InputError` for none or malformed ones."""
    from kmstool.byok import Parameters
    from kmstool.system import folders

    folders.recover(Path(folder))
    path = str(Path(folder) / PARAMETERS)
    found = inputs.read(path, _MAX_BYTES, "{size} bytes are no import parameters", "kmstool material params makes them")
    return Parameters.read(found.data, path)


def read_wrapped(name: str | None, parameters: Parameters) -> Wrapped:
    """Return wrapped material that fits the parameters; raise `InputError` for any other."""
    from kmstool.byok import Wrapped

    found = inputs.read(name, _MAX_BYTES, "{size} bytes are no wrapped material", "kmstool material wrap makes it")
    return Wrapped.read(found.data, parameters, name or "stdin")
