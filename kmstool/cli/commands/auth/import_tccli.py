"""`kmstool auth import-tccli`: take over a profile of tccli."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from kmstool.cli import options
from kmstool.cli.commands.auth.keeping import (
    changed_profile,
    check_passphrase_options,
    keep,
    no_verify_option,
    passphrase_option,
    probed,
    profile_name,
    put,
    store_option,
    try_provider,
)
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, takes
from kmstool.errors import AccessError, UsageError

if TYPE_CHECKING:
    from kmstool.kms.credentials.tccli import TccliProfile
    from kmstool.kms.profiles import Profile


@dataclass(frozen=True)
class ImportTccliWords:
    """The options of `kmstool auth import-tccli`."""

    source: str
    store: str
    passphrase_file: str | None
    no_verify: bool


@click.command("import-tccli", cls=options.Command, example="kmstool auth import-tccli --profile work")
@click.option("--from", "source", default="default", show_default=True, metavar="NAME", help="Profile of tccli.")
@store_option
@passphrase_option
@passphrases.weak_option
@no_verify_option
@takes(ImportTccliWords)
def import_tccli(session: Session, wanted: ImportTccliWords) -> None:
    """Take over a profile of tccli.

    The credential, the role that it is for, region and endpoints. A profile that stands
    for the role of the CVM is taken over as that, and nothing is kept.

    The file of tccli holds the credential in plaintext and is not touched: delete it once
    kmstool works.
    """
    from kmstool.kms.credentials import tccli

    check_passphrase_options(session, wanted.store, wanted.passphrase_file)
    source = tccli.read(session.home, wanted.source)
    if source is None:
        raise AccessError(f"tccli has no profile {wanted.source!r}", hint=f"looked in {session.home / '.tccli'}")
    if source.of_cvm:
        _take_over_role(session, source, wanted)
        return
    name = probed(session, wanted.store, wanted.passphrase_file)
    credential = source.base().get()
    profile = _taken_over(session, source, name, wanted.store)
    keep(session, credential, profile, wanted.passphrase_file, verify=not wanted.no_verify)
    session.note(
        f"{session.home / '.tccli' / wanted.source}.credential still holds the SecretKey in plaintext: delete it"
    )


def _take_over_role(session: Session, source: TccliProfile, wanted: ImportTccliWords) -> None:
    if wanted.passphrase_file is not None or session.weak:
        raise UsageError(f"{source.source} stands for the role of the CVM: there is no credential to encrypt")
    profile = _taken_over(session, source, profile_name(session), "cvm-role")
    if not wanted.no_verify:
        try_provider(session, profile, session.connections.provider(profile))
    put(session, profile, None, "the role of the CVM")


def _taken_over(session: Session, source: TccliProfile, name: str, credentials: str) -> Profile:
    """Return the kmstool profile that does what tccli's does."""
    settings = session.settings
    settings.region = settings.region or source.region or None
    settings.endpoint = settings.endpoint or source.endpoint or None
    role = ("", "") if source.of_cvm else (source.role_arn, source.role_session)
    return replace(
        changed_profile(session, name, credentials),
        role_arn=role[0],
        role_session=role[1],
        sts_endpoint=source.sts_endpoint,
    )
