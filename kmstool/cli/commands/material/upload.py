"""`kmstool material upload`: give wrapped material to KMS."""

from __future__ import annotations

import time

import click

from kmstool.cli import material_files, material_jobs, options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool material upload --params import wrapped.json")
@material_files.params_option
@material_jobs.valid_to_option
@material_jobs.check_option
@options.context_option
@options.input_argument
@pass_session
def upload(
    session: Session, folder: str, valid_to: str | None, blob: str | None, context: tuple[str, ...], file: str | None
) -> None:
    """Give wrapped material to KMS.

    FILE is what wrap wrote, or the bare bytes that another program wrapped with the
    wrapping key and algorithm of the parameters.
    """
    old = material_jobs.check(blob, context)
    parameters = material_files.read_parameters(folder)
    encrypted = material_files.read_wrapped(file, parameters).wrapped
    parameters.check_valid(int(time.time()))
    valid_to_unix = material_jobs.until(valid_to, parameters)
    client = session.client(parameters.region)
    answer = client.import_material(parameters.key_id, parameters.token, encrypted, valid_to_unix)
    material_jobs.finish(session, client, parameters, valid_to_unix, old)
    outputs.answer(session, answer, lambda: None)
