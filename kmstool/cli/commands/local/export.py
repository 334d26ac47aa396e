"""`kmstool local export`: write all keys as a seed file."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local export --plaintext -o seed.toml")
@click.option("--plaintext", is_flag=True, help="With the key material, in clear.")
@options.result_options
@pass_session
def export(session: Session, plaintext: bool, out: str | None, force: bool) -> None:
    """Write all keys as a seed file.

    Without --plaintext the material is left out, and seed makes new one.
    """
    from kmstool.server.seed import seeding as seeds

    text = seeds.export(session.local_kms(), plaintext=plaintext)
    outputs.write(session, text.encode(), out, force=force)
    if plaintext:
        session.note("this holds every key in clear: anyone who reads it can decrypt")
