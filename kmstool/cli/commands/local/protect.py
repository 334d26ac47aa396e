"""`kmstool local protect`: choose where the root key of the store is kept."""

from __future__ import annotations

import click

from kmstool import words
from kmstool.cli import options, subjects
from kmstool.cli.params import Choice
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, pass_session


@click.command(cls=options.Command, example="kmstool local protect passphrase --passphrase-file pass.txt")
@click.argument("mode", type=Choice(words.PROTECTIONS), metavar="file|keyring|passphrase")
@click.option("--passphrase-file", metavar="FILE", help="Take the new passphrase from here; a descriptor is /dev/fd/N.")
@passphrases.weak_option
@pass_session
def protect(session: Session, mode: str, passphrase_file: str | None) -> None:
    """Choose where the root key of the store is kept.

    "file": beside the database, which guards copies of the database only. "keyring": in the
    keyring of the operating system. "passphrase": nowhere, it is made from a passphrase,
    which every later command asks for or reads from the file in KMSTOOL_PASSPHRASE_FILE.

    Each time the keys above all others are made anew and all keys put under them, so that an
    old copy of the folder opens nothing that is made later. To renew them alone, choose the
    protection that is in use.
    """
    from kmstool.server import admin
    from kmstool.server.protection import MODES
    from kmstool.server.web import listening

    kms = session.local_kms()
    if mode == words.PASSPHRASE:
        # Its server could not ask for the new one.
        listening.refuse_served(session.local_folder)
    session.confirm(
        "copies of the store made before open only with the former root key, which goes with the next use",
        subjects.store(session),
    )
    admin.protect(kms, mode, lambda: session.new_passphrase(passphrase_file))
    session.note(f"the store is protected by {mode} now: {MODES[mode]}")
