"""`kmstool local reset`: destroy the store and every key in it."""

from __future__ import annotations

import click

from kmstool.cli import options, subjects
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local reset --yes")
@pass_session
def reset(session: Session) -> None:
    """Destroy the store and every key in it."""
    from kmstool.server import admin
    from kmstool.server.web import listening

    folder = session.local_folder
    listening.refuse_served(folder)
    session.confirm(
        f"every key in {folder} will be destroyed; what they encrypted can never be read again",
        subjects.store(session),
        typed=True,
    )
    session.changes.run(lambda: admin.reset(folder), f"destroy the store in {folder}")
    session.note(f"the store in {folder} is gone")
