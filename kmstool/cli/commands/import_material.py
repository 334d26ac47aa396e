"""`kmstool import-material`: bring your own key (BYOK), all steps at once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.material.inputs import (
    algorithm_option,
    check_option,
    encoding_option,
    passphrase_option,
    read_material,
    read_old_blob,
    valid_to_option,
)
from kmstool.cli.io import outputs, times
from kmstool.cli.io.inputs import STDIN
from kmstool.cli.params import ContextWords
from kmstool.cli.plaintexts import trim_newline_option
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, takes
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.workflows.imports import ImportTarget, NewMaterial


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
    input_encoding: str
    trim_newline: bool
    blob: str | None
    file: str | None


@click.command("import-material", cls=options.Command, example="kmstool import-material own material.bin")
@options.own_key_argument
@algorithm_option
@valid_to_option
@click.option("--generate", is_flag=True, help="Make the material here, in place of FILE.")
@options.file_target(
    "--backup",
    kept="choose another name: a backup is never replaced, it may be the only copy of a key",
    help="With --generate: where to keep it; never over another file.",
)
@click.option(
    "--encrypt-backup", is_flag=True, help="With --generate: keep it under a passphrase. Implied by --passphrase-file."
)
@passphrase_option
@passphrases.weak_option
@encoding_option
@trim_newline_option
@check_option
@options.encryption_context_option
@partial(options.input_argument, unless="generate")
@takes(ImportMaterialWords)
def import_material(session: Session, wanted: ImportMaterialWords) -> None:
    """Bring your own key: give a key its material.

    FILE holds the 16 bytes of a key in an SM region or the 32 of one in a FIPS region, or
    is a backup of --generate. KMS never returns the material and accepts no other for this
    key: without a backup, everything it encrypted is lost when KMS loses the material.
    """
    from kmstool.workflows import imports

    _check_source(wanted, weak=session.weak)
    old = read_old_blob(wanted.blob, wanted.encryption_context)
    target = imports.ImportTarget.of(session.connections.key(wanted.key or session.default_key()))
    material = _source(session, target, wanted)
    how = imports.ImportOptions(
        algorithm=wanted.algorithm, valid_to=wanted.valid_to.unix if wanted.valid_to else None, old=old
    )
    answer = imports.import_material(target, material, how, report=session.note)
    outputs.print_answer(session, answer, lambda: None)


def _check_source(wanted: ImportMaterialWords, *, weak: bool) -> None:
    generate = wanted.generate
    if generate != (wanted.backup is not None):
        raise UsageError("--generate and --backup FILE go together", hint="the backup may be the only copy of the key")
    if generate and wanted.file is not None:
        raise UsageError("give FILE, or --generate to have the material made")
    if wanted.encrypt_backup and not generate:
        raise UsageError("--encrypt-backup goes with --generate")
    if wanted.trim_newline and generate:
        raise UsageError("--trim-newline is for FILE, and --generate takes none")
    if weak and not generate:
        raise UsageError("--weak goes with --generate", hint="the passphrase of a backup that exists is what it is")


def _source(session: Session, target: ImportTarget, wanted: ImportMaterialWords) -> bytes | NewMaterial:
    """Return the material, read and checked, or what it is to be made with."""
    from kmstool.workflows import imports

    if wanted.backup is None:
        size = target.material_bytes
        trim = wanted.trim_newline
        return read_material(session, wanted.file, wanted.input_encoding, wanted.passphrase_file, size, trim=trim).data
    if wanted.backup in ("", STDIN):
        raise UsageError(f"{wanted.backup!r} is no file for a backup", hint="name a new file")
    imports.check_new_material(target, Path(wanted.backup))
    encrypted = wanted.encrypt_backup or wanted.passphrase_file is not None
    return imports.NewMaterial(
        Path(wanted.backup), session.new_passphrase(wanted.passphrase_file) if encrypted else None
    )
