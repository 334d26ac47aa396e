"""`kmstool local credentials create`: make an API key and print it."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.local.credentials.lifetimes import LIFETIME
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local credentials create --lifetime 1h")
@click.option(
    "--lifetime",
    metavar="DURATION",
    type=LIFETIME,
    help="Make a temporary one with a token: 90s, 30m, 12h, 1d.",
)
@pass_session
def create(session: Session, lifetime: int | None) -> None:
    """Make an API key and print it.

    A temporary one comes from the oldest lasting one, and ends with it.
    """
    from kmstool.server import admin
    from kmstool.server.tables.credentials import TEMPORARY

    if lifetime is None:
        credential = admin.create_credential(session.local_kms())
    else:
        credential = admin.derive_credential(session.local_kms(), TEMPORARY, lifetime)
    answer = {"SecretId": credential.secret_id, "SecretKey": credential.secret_key}
    if credential.token:
        answer |= {"Token": credential.token, "Expires": times.format_time(credential.expires_unix)}
    outputs.print_answer(session, answer, lambda: outputs.print_fields(answer))
