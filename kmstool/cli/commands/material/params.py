"""`kmstool material params`: get a wrapping key and a token for an import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.material.inputs import algorithm_option, parameter_files
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@dataclass(frozen=True)
class ParamsWords:
    """The options of `kmstool material params`."""

    key: KeyAddress | None
    algorithm: str
    out: str
    force: bool


@click.command(cls=options.Command, example="kmstool material params own -o import")
@options.own_key_argument
@algorithm_option
@options.folder_target(
    "-o",
    "--out",
    holds=parameter_files,
    kept="new parameters void those: choose another folder, or add --force to replace them",
    required=True,
    help="Where to put them: a new folder, or an empty one.",
)
@click.option("--force", is_flag=True, help="Replace the parameters in that folder.")
@takes(ParamsWords)
def params(session: Session, wanted: ParamsWords) -> None:
    """Get a wrapping key and a token for an import.

    They are good for 24 hours, and those of an earlier call are void at once. DIR gets
    params.json for the next steps, and for other programs wrapping-key.pem and
    import-token.base64.
    """
    from kmstool.workflows import imports

    target = imports.ImportTarget.of(session.connections.key(wanted.key or session.default_key()))
    issued = imports.write_parameters(
        target, wanted.algorithm, Path(wanted.out), replace=wanted.force, changes=session.changes
    )
    parameters = issued.parameters
    session.note(
        f"wrap the material of {parameters.key_id} with {wanted.algorithm} and upload it before "
        f"{times.format_time(parameters.valid_to_unix)}; earlier parameters are void"
    )
    session.note(f"wrapping key {parameters.key_digest}")
    outputs.print_answer(session, issued.answer, lambda: None)
