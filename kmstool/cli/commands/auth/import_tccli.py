"""`kmstool auth import-tccli`: take over the credential of a profile of tccli."""

from __future__ import annotations

import click

from kmstool.cli import options
from kmstool.cli.commands.auth.keeping import keep, no_verify_option, passphrase_option, probed, store_option
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import AccessError


@click.command("import-tccli", cls=options.Command, example="kmstool auth import-tccli --profile work")
@click.option("--from", "source", default="default", show_default=True, metavar="NAME", help="Profile of tccli.")
@store_option
@passphrase_option
@passphrases.weak_option
@no_verify_option
@pass_session
def import_tccli(session: Session, source: str, store: str, passphrase_file: str | None, no_verify: bool) -> None:
    """Take over the credential of a profile of tccli.

    The file of tccli holds it in clear and is not touched: delete it when all works.
    """
    from kmstool.kms.credentials.tool_files import from_tccli, tccli_region

    profile = probed(session, store, passphrase_file)
    found = from_tccli(session.home, source)
    if found is None:
        raise AccessError(f"tccli has no profile {source!r}", hint=f"looked in {session.home / '.tccli'}")
    session.settings.region = session.settings.region or tccli_region(session.home, source)
    keep(session, found.get(), profile, store, passphrase_file, verify=not no_verify)
    session.note(f"{session.home / '.tccli' / source}.credential still holds the SecretKey in clear: delete it")
