"""`kmstool local restore`: replace the store with a backup."""

from __future__ import annotations

from pathlib import Path

import click

from kmstool.cli import options, subjects
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local restore kms.backup --yes")
@click.argument("file")
@pass_session
def restore(session: Session, file: str) -> None:
    """Replace the store with a backup.

    A root key that the store had and the copy does not need goes with the next use: other
    copies that open with it need a copy of it too.
    """
    from kmstool.server import admin
    from kmstool.server.protection import FORMER_FILE

    kms = session.local_kms()
    session.confirm(
        f"all keys in {session.local_folder} will be replaced by those of {file}", subjects.store(session), typed=True
    )
    admin.restore(kms, Path(file), session.store_passphrase)
    session.note(f"the store holds what {file} held")
    former = session.local_folder / FORMER_FILE
    if former.exists():
        session.warn(f"{former} goes with the next use: copies of the store as it was open with that alone")
