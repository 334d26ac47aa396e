"""`kmstool material wrap`: wrap key material, on a machine without a network."""

from __future__ import annotations

import click

from kmstool.cli import material_files, options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool material wrap --params import material.bin -o wrapped.json")
@material_files.params_option
@material_files.encoding_option
@material_files.passphrase_option
@click.option("--raw", is_flag=True, help="Write the wrapped bytes alone, for other programs.")
@options.result_options
@options.input_argument
@pass_session
def wrap(
    session: Session,
    folder: str,
    encoding: str,
    passphrase_file: str | None,
    raw: bool,
    out: str | None,
    force: bool,
    file: str | None,
) -> None:
    """Wrap key material, on a machine without a network.

    The result can be carried openly: only KMS can open it. It says for which key and
    wrapping key it is.
    """
    from kmstool.byok import wrap as wrapped

    parameters = material_files.read_parameters(folder)
    found = material_files.read_material(session, file, encoding, passphrase_file, parameters.material_bytes)
    result = wrapped(parameters, found.data)
    outputs.write(session, result.wrapped if raw else result.write(), out, force=force, source=found)
    session.note(f"for the key {result.key_id} in {parameters.region}, wrapping key {result.fingerprint}")
