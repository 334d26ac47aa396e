"""`kmstool local credentials delete`: delete an API key or token with all that comes from it."""

from __future__ import annotations

import click

from kmstool.cli import options, subjects
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local credentials delete AKIDexample --yes")
@click.argument("secret_id")
@pass_session
def delete(session: Session, secret_id: str) -> None:
    """Delete an API key or token with all that comes from it."""
    from kmstool.errors import NotFoundError
    from kmstool.server import admin

    session.confirm(
        f"programs that use {secret_id} will be refused, or temporary keys that come from it",
        subjects.one(secret_id, {"API key": secret_id, "KMS": subjects.LOCAL}),
    )
    count = admin.delete_credential(session.local_kms(), secret_id)
    if not count:
        raise NotFoundError(f"there is no API key {secret_id!r}", hint="kmstool local credentials list")
    session.note(f"the API key {secret_id} is gone" + (f", with {count - 1} that came from it" if count > 1 else ""))
