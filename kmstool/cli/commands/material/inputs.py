"""What the commands for key material take, and how they read it: material, backups, wrapped material, older blobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import blobs, input_files, options, plaintexts
from kmstool.cli.io import inputs
from kmstool.cli.params import END, Choice
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.context import Context
    from kmstool.byok import Parameters, WrappedMaterial
    from kmstool.workflows.imports import OldBlob

algorithm_option = click.option(
    "--algorithm",
    type=Choice(words.RSA_ALGORITHMS),
    default=words.RSA_ALGORITHMS[0],
    show_default=True,
    help="How the material is wrapped.",
)
valid_to_option = click.option(
    "--valid-to",
    type=END,
    metavar="TIME",
    help="When the material expires (365d, 2027-01-31, Unix seconds); default: never.",
)
check_option = click.option(
    "--check", "blob", metavar="FILE", help="Verify the import by decrypting this existing ciphertext blob."
)
encoding_option = input_files.input_encoding_option(words.ENCODINGS, "raw")
params_option = options.folder_option("--params", "folder", required=True, help="What kmstool material params made.")
passphrase_option = options.file_option(
    "--passphrase-file", help="The passphrase of an encrypted backup, old or new; else asked for."
)


def parameter_files() -> tuple[str, ...]:
    """Return the names of the files that parameters are in."""
    from kmstool.workflows import imports

    return imports.FILES


def read_material(
    session: Session, name: str | None, encoding: str, passphrase_file: str | None, size: int, *, trim: bool
) -> inputs.Input:
    """Return the key material in a file, which may be an encrypted backup, with `trim` without a newline at its end.

    Raises `InputError` for none of `size` bytes, `UsageError` for a passphrase where nothing is encrypted.
    """
    from kmstool import byok
    from kmstool.workflows import imports

    source = inputs.read(name, imports.MAX_BYTES, "{size} bytes are no key material", "give a file with 16 or 32 bytes")
    if not imports.is_backup(source.data):
        if passphrase_file is not None:
            raise UsageError(f"--passphrase-file goes with an encrypted backup, and {name or 'stdin'} is none")
        if encoding == words.ENCODINGS[0]:
            source = plaintexts.trimmed(session, source, trim)
        return replace(source, data=byok.decode(source.data, encoding, size))
    thing = f"the backup {name}"

    def passphrase() -> bytes:
        return inputs.read_secret(passphrase_file) if passphrase_file is not None else session.passphrase_of(thing)

    return replace(source, data=imports.open_backup(source.data, size, passphrase, thing))


def read_wrapped(name: str | None, parameters: Parameters) -> WrappedMaterial:
    """Return wrapped material that fits the parameters; raise `InputError` for any other."""
    from kmstool.byok import WrappedMaterial
    from kmstool.workflows.imports import MAX_BYTES

    hint = "kmstool material wrap makes it"
    source = inputs.read(name, MAX_BYTES, "{size} bytes are no wrapped material", hint)
    return WrappedMaterial.read(source.data, parameters, name or "stdin")


def read_old_blob(name: str | None, context: Context) -> OldBlob | None:
    """Return the older blob that is to be checked, if one is named."""
    from kmstool.workflows.imports import OldBlob

    if name is None:
        if context:
            raise UsageError("--context goes with --check")
        return None
    return OldBlob(blobs.read(name)[1], context)
