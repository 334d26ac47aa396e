"""`kmstool material params`: get a wrapping key and a token for an import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from kmstool.cli import material_files, material_jobs, options
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


@click.command(cls=options.Command, example="kmstool material params --key own -o import")
@options.key_option
@material_jobs.algorithm_option
@options.folder_option("-o", "--out", required=True, help="Where to put them: a new folder, or an empty one.")
@click.option("--force", is_flag=True, help="Replace the parameters in that folder.")
@takes(ParamsWords)
def params(session: Session, wanted: ParamsWords) -> None:
    """Get a wrapping key and a token for an import.

    They are good for 24 hours, and those of an earlier call are void at once. DIR gets
    params.json for the next steps, and for other programs wrapping-key.pem and
    import-token.base64.
    """
    client, key_id = session.key(wanted.key)
    found = client.describe_key(key_id)
    with material_files.parameters_folder(session, wanted.out, force=wanted.force) as contents:
        parameters, answer = material_jobs.ask(session, client, found, wanted.key, wanted.algorithm)
        contents.update(material_files.parameters_contents(parameters))
    session.note(
        f"wrap the material of {key_id} with {wanted.algorithm} and upload it before "
        f"{times.shown(parameters.valid_to_unix)}; earlier parameters are void"
    )
    session.note(f"wrapping key {parameters.fingerprint}")
    outputs.answer(session, answer, lambda: None)
