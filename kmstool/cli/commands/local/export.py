"""`kmstool local export`: write all keys as a seed file."""

from __future__ import annotations

from dataclasses import dataclass

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class ExportWords(outputs.Destination):
    """The options of `kmstool local export`."""

    plaintext: bool


@click.command(cls=options.Command, example="kmstool local export --plaintext -o seed.toml")
@click.option("--plaintext", is_flag=True, help="Include plaintext key material.")
@options.output_options
@takes(ExportWords)
def export(session: Session, wanted: ExportWords) -> None:
    """Write all keys as a seed file.

    Without --plaintext the material is left out, and seed makes new one.
    """
    from kmstool.server.seed import seeding as seeds

    text = seeds.export(session.local_kms(), plaintext=wanted.plaintext)
    outputs.write_result(session, {"Seed": text}, text.encode(), wanted)
    if wanted.plaintext:
        session.note("this holds every key in plaintext: anyone who reads it can decrypt")
