"""`kmstool auth`: log in to Tencent Cloud and out again."""

from __future__ import annotations

import click

from kmstool.cli.lazy import LazyGroup

COMMANDS = {
    "import-tccli": (
        "kmstool.cli.commands.auth.import_tccli:import_tccli",
        "Take over a profile of tccli.",
    ),
    "login": ("kmstool.cli.commands.auth.login:login", "Keep a SecretId and SecretKey for a profile."),
    "logout": ("kmstool.cli.commands.auth.logout:logout", "Forget the credential of a profile."),
    "status": ("kmstool.cli.commands.auth.status:status", "Show who you are to KMS, and try the credential."),
}


@click.group(cls=LazyGroup, table=COMMANDS)
def auth() -> None:
    """Log in to Tencent Cloud and out again."""
