"""`kmstool version`: print the version."""

from __future__ import annotations

import platform

import click

from kmstool import __version__
from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool version")
@pass_session
def version(session: Session) -> None:
    """Print the version."""
    answer = {"Version": __version__, "Python": platform.python_version(), "Platform": platform.platform()}
    outputs.print_answer(session, answer, lambda: print(f"kmstool {__version__}"))
