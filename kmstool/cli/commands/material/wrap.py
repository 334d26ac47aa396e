"""`kmstool material wrap`: wrap key material, on a machine without a network."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kmstool.cli import material_files, options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class WrapWords(outputs.Destination):
    """The options of `kmstool material wrap`."""

    folder: str
    encoding: str
    passphrase_file: str | None
    raw: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool material wrap --params import material.bin -o wrapped.json")
@material_files.params_option
@material_files.encoding_option
@material_files.passphrase_option
@click.option("--raw", is_flag=True, help="Write the wrapped bytes alone, for other programs.")
@options.output_options
@options.input_argument
@takes(WrapWords)
def wrap(session: Session, wanted: WrapWords) -> None:
    """Wrap key material, on a machine without a network.

    The result can be carried openly: only KMS can open it. It says for which key and
    wrapping key it is.
    """
    from kmstool.byok import wrap as wrapped

    parameters = material_files.read_parameters(wanted.folder)
    found = material_files.read_material(
        session, wanted.file, wanted.encoding, wanted.passphrase_file, parameters.material_bytes
    )
    result = wrapped(parameters, found.data)
    outputs.write(
        session, result.wrapped if wanted.raw else result.write(), wanted.out, force=wanted.force, source=found
    )
    session.note(f"for the key {result.key_id} in {parameters.region}, wrapping key {result.fingerprint}")
