"""`kmstool local credentials token`: print a web identity token."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.local.credentials.lifetimes import LIFETIME
from kmstool.cli.io import outputs, times
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local credentials token --lifetime 12h > token")
@click.option(
    "--lifetime", metavar="DURATION", default="1h", show_default=True, type=LIFETIME, help="How long it is good."
)
@pass_session
def token(session: Session, lifetime: int) -> None:
    """Print a web identity token.

    What Kubernetes gives to a pod: AssumeRoleWithWebIdentity makes API keys of it, which
    end with it. Only local serve --web-identity takes it.
    """
    from kmstool.server import admin
    from kmstool.server.tables.credentials import TOKEN

    issued = admin.derive_credential(session.local_kms(), TOKEN, lifetime)
    answer = {"SecretId": issued.secret_id, "Token": issued.bearer, "Expires": times.format_time(issued.expires_unix)}
    outputs.print_answer(session, answer, lambda: print(issued.bearer))
