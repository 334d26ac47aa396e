"""`kmstool material wrap`: wrap key material, on a machine without a network."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import click

from kmstool.cli import options
from kmstool.cli.commands.material.inputs import encoding_option, params_option, passphrase_option, read_material
from kmstool.cli.io import outputs
from kmstool.cli.plaintexts import trim_newline_option
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class WrapWords(outputs.Destination):
    """The options of `kmstool material wrap`."""

    folder: str
    input_encoding: str
    trim_newline: bool
    passphrase_file: str | None
    raw: bool
    file: str | None


@click.command(cls=options.Command, example="kmstool material wrap --params import material.bin -o wrapped.json")
@params_option
@encoding_option
@trim_newline_option
@passphrase_option
@click.option("--raw", is_flag=True, help="Write the wrapped bytes alone, for other programs.")
@options.output_options
@options.input_argument
@takes(WrapWords)
def wrap(session: Session, wanted: WrapWords) -> None:
    """Wrap key material, on a machine without a network.

    The result can be carried openly: only KMS can open it. It says for which key and
    wrapping key it is.
    """
    from kmstool import byok
    from kmstool.workflows import imports

    parameters = imports.read_parameters(Path(wanted.folder))
    size, trim = parameters.material_bytes, wanted.trim_newline
    source = read_material(session, wanted.file, wanted.input_encoding, wanted.passphrase_file, size, trim=trim)
    wrapped = byok.wrap(parameters, source.data)
    answer = {
        "KeyId": wrapped.key_id,
        "WrappingAlgorithm": wrapped.algorithm,
        "EncryptedKeyMaterial": base64.b64encode(wrapped.wrapped).decode(),
    }
    written = wrapped.wrapped if wanted.raw else wrapped.write()
    outputs.write_result(session, answer, written, wanted, source=source, public=True)
    session.note(f"for the key {wrapped.key_id} in {parameters.region}, wrapping key {wrapped.key_digest}")
