"""`kmstool import-material`: bring your own key (BYOK), all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import material_files, material_jobs, options
from kmstool.cli.io import outputs, times
from kmstool.cli.params import ContextWords
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, takes
from kmstool.errors import KeyStateError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.kms.answers import Key


@dataclass(frozen=True)
class ImportMaterialWords(ContextWords):
    """The options of `kmstool import-material`."""

    key: KeyAddress | None
    algorithm: str
    valid_to: times.End | None
    generate: bool
    backup: str | None
    encrypt_backup: bool
    passphrase_file: str | None
    encoding: str
    blob: str | None
    file: str | None


@click.command("import-material", cls=options.Command, example="kmstool import-material --key own material.bin")
@options.key_option
@material_jobs.algorithm_option
@material_jobs.valid_to_option
@click.option("--generate", is_flag=True, help="Make the material here, in place of FILE.")
@click.option("--backup", metavar="FILE", help="With --generate: where to keep it; never over another file.")
@click.option(
    "--encrypt-backup", is_flag=True, help="With --generate: keep it under a passphrase. Implied by --passphrase-file."
)
@material_files.passphrase_option
@passphrases.weak_option
@material_files.encoding_option
@material_jobs.check_option
@options.encryption_context_option
@options.input_argument
@takes(ImportMaterialWords)
def import_material(session: Session, wanted: ImportMaterialWords) -> None:
    """Bring your own key: give a key its material.

    FILE holds the 16 bytes of a key in an SM region or the 32 of one in a FIPS region, or
    is a backup of --generate. KMS never gives material back, and takes no other for this
    key: without a copy, all that the key encrypted is lost when KMS loses the material.
    """
    from kmstool.byok import wrap

    _check_source(wanted, weak=session.weak)
    old = material_jobs.check(wanted.blob, wanted.encryption_context)
    client, key_id = session.key(wanted.key)
    known = client.describe_key(key_id)
    material = _source(session, known, wanted)
    parameters, _ = material_jobs.ask(session, client, known, wanted.key, wanted.algorithm)
    valid_to_unix = material_jobs.until(wanted.valid_to, parameters)
    # Only now is anything written, and nothing is sent before it is safe on disk.
    encrypted = wrap(parameters, material()).wrapped
    answer = client.import_material(key_id, parameters.token, encrypted, valid_to_unix)
    material_jobs.finish(session, client, parameters, valid_to_unix, old)
    outputs.answer(session, answer, lambda: None)


def _check_source(wanted: ImportMaterialWords, *, weak: bool) -> None:
    generate = wanted.generate
    if generate != (wanted.backup is not None):
        raise UsageError("--generate and --backup FILE go together", hint="the backup may be the only copy of the key")
    if generate and wanted.file is not None:
        raise UsageError("give FILE, or --generate to have the material made")
    if wanted.encrypt_backup and not generate:
        raise UsageError("--encrypt-backup goes with --generate")
    if weak and not generate:
        raise UsageError("--weak goes with --generate", hint="the passphrase of a backup that exists is what it is")


def _source(session: Session, known: Key, wanted: ImportMaterialWords) -> Callable[[], bytes]:
    """Return what gives the material: read and checked now, or made and backed up when it is called."""
    from kmstool.byok import SIZES

    size, backup = SIZES.get(known.type, 0), wanted.backup
    if backup is None:
        material = material_files.read_material(session, wanted.file, wanted.encoding, wanted.passphrase_file, size)
        return lambda: material.data
    if not size:
        raise UsageError("KMS does not say how long the material of this key must be", hint="make 16 or 32 bytes: FILE")
    if known.origin == words.EXTERNAL and known.state != words.PENDING_IMPORT:
        raise KeyStateError(
            f"the key {known.key_id} is {known.state} and does not wait for new material",
            hint="give the FILE with its material to import that again",
        )
    material_files.check_new(backup)
    encrypted = wanted.encrypt_backup or wanted.passphrase_file is not None
    passphrase = session.new_passphrase(wanted.passphrase_file) if encrypted else None
    return lambda: material_files.generate(session, backup, size, passphrase)
