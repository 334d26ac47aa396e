"""`kmstool material upload`: give wrapped material to KMS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from kmstool.cli import options
from kmstool.cli.commands.material.inputs import (
    check_option,
    params_option,
    read_old_blob,
    read_wrapped,
    valid_to_option,
)
from kmstool.cli.io import outputs, times
from kmstool.cli.params import ContextWords
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class UploadWords(ContextWords):
    """The options of `kmstool material upload`."""

    folder: str
    valid_to: times.End | None
    blob: str | None
    file: str | None


@click.command(cls=options.Command, example="kmstool material upload --params import wrapped.json")
@params_option
@valid_to_option
@check_option
@options.encryption_context_option
@options.input_argument
@takes(UploadWords)
def upload(session: Session, wanted: UploadWords) -> None:
    """Give wrapped material to KMS.

    FILE is what wrap wrote, or the bare bytes that another program wrapped with the
    wrapping key and algorithm of the parameters.
    """
    from kmstool.workflows import imports

    old = read_old_blob(wanted.blob, wanted.encryption_context)
    parameters = imports.read_parameters(Path(wanted.folder))
    wrapped = read_wrapped(wanted.file, parameters)
    how = imports.ImportOptions(valid_to=wanted.valid_to.unix if wanted.valid_to else None, old=old)
    answer = imports.upload(session.client(parameters.region), parameters, wrapped, how, report=session.note)
    outputs.print_answer(session, answer, lambda: None)
