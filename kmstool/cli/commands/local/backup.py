"""`kmstool local backup`: write a copy of the store, also while it is in use."""

from __future__ import annotations

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local backup kms.backup")
@click.argument("file")
@click.option("--force", is_flag=True, help="Replace an existing file.")
@pass_session
def backup(session: Session, file: str, force: bool) -> None:
    """Write a copy of the store, also while it is in use.

    The keys stay wrapped in it: to use it one needs the root key or passphrase as well.
    """
    from kmstool.server import admin
    from kmstool.server.protection import ROOT_KEY_FILE

    kms = session.local_kms()
    with outputs.open_output(session, file, force=force) as copy:
        copy.write(admin.snapshot(kms))
    session.note(f"the copy {file} is complete")
    if admin.describe(kms)["Protection"] == words.FILE:
        session.note(f"it opens only with {session.local_folder / ROOT_KEY_FILE}: keep a copy of that, elsewhere")
