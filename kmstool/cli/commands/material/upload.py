"""`kmstool material upload`: give wrapped material to KMS."""

from __future__ import annotations

import time
from dataclasses import dataclass

import click

from kmstool.cli import material_files, material_jobs, options
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
@material_files.params_option
@material_jobs.valid_to_option
@material_jobs.check_option
@options.encryption_context_option
@options.input_argument
@takes(UploadWords)
def upload(session: Session, wanted: UploadWords) -> None:
    """Give wrapped material to KMS.

    FILE is what wrap wrote, or the bare bytes that another program wrapped with the
    wrapping key and algorithm of the parameters.
    """
    old = material_jobs.check(wanted.blob, wanted.encryption_context)
    parameters = material_files.read_parameters(wanted.folder)
    encrypted = material_files.read_wrapped(wanted.file, parameters).wrapped
    parameters.check_valid(int(time.time()))
    valid_to_unix = material_jobs.until(wanted.valid_to, parameters)
    client = session.client(parameters.region)
    answer = client.import_material(parameters.key_id, parameters.token, encrypted, valid_to_unix)
    material_jobs.finish(session, client, parameters, valid_to_unix, old)
    outputs.answer(session, answer, lambda: None)
