"""`kmstool auth login`: keep a SecretId and SecretKey for a profile."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.commands.auth.keeping import (
    WHITE_BOX,
    changed_profile,
    keep,
    no_verify_option,
    passphrase_option,
    probed,
    profile_name,
    put,
    store_option,
    try_credential,
)
from kmstool.cli.io import questions
from kmstool.cli.session import passphrases
from kmstool.cli.session.session import Session, takes
from kmstool.errors import InputError, UsageError
from kmstool.system import descriptors

if TYPE_CHECKING:
    from kmstool.kms.provider import Credential


@dataclass(frozen=True)
class LoginWords:
    """The options of `kmstool auth login`."""

    secret_id: str | None
    store: str
    passphrase_file: str | None
    whitebox: str | None
    no_verify: bool

    @property
    def is_told(self) -> bool:
        """Whether anything was chosen."""
        chosen = (self.secret_id, self.passphrase_file, self.whitebox)
        return self.no_verify or self.store != words.KEYRING or any(word is not None for word in chosen)


def login_options(function: options.Decorated) -> options.Decorated:
    """Add what there is to choose of a login."""
    for add in reversed(
        (
            click.option(
                "--secret-id",
                metavar="ID",
                callback=options.not_empty,
                help="The SecretId; else asked for, or the first line of stdin.",
            ),
            store_option,
            passphrase_option,
            passphrases.weak_option,
            options.folder_option(
                "--whitebox", help="Folder made by kmstool whitebox bundle with the SecretKey in it."
            ),
            no_verify_option,
        )
    ):
        function = add(function)
    return function


@click.command(cls=options.Command, example="kmstool auth login --profile work")
@login_options
@takes(LoginWords)
def login(session: Session, wanted: LoginWords) -> None:
    """Keep a SecretId and SecretKey for a profile.

    The SecretKey is asked for without showing it, or read from stdin as the next line. It
    is tried on KMS before it is kept, and the profile is in use afterwards.

    With --whitebox nothing is kept but the SecretId and the name of the folder. The
    SecretKey is decrypted there whenever it is used, and exists in memory only. A folder
    without mac.base64 gets one when KMS has accepted the SecretKey, and is refused with
    --no-verify; afterwards it is used only as it was then.
    """
    log_in(session, wanted)


def log_in(session: Session, wanted: LoginWords) -> None:
    """Do what `kmstool auth login` does with these options."""
    if wanted.whitebox is not None:
        if wanted.passphrase_file or session.weak or wanted.store != words.STORES[0]:
            raise UsageError("the white-box ciphertext stays where it is", hint="give --whitebox without --store")
        _login_white_box(session, wanted.secret_id, wanted.whitebox, verify=not wanted.no_verify)
        return
    profile = probed(session, wanted.store, wanted.passphrase_file)
    credential = _asked(session, wanted.secret_id)
    keep(
        session,
        credential,
        changed_profile(session, profile, wanted.store),
        wanted.passphrase_file,
        verify=not wanted.no_verify,
    )


def _login_white_box(session: Session, secret_id: str | None, folder: str, *, verify: bool) -> None:
    from kmstool.kms.credentials import store
    from kmstool.whitebox import bundle

    secret_id = secret_id or _asked_id(session)
    path = Path(folder).absolute()
    changed = changed_profile(session, profile_name(session), WHITE_BOX)
    profile = replace(changed, secret_id=secret_id, whitebox=str(path))
    sealed_key = bundle.read(path)
    credential = store.from_white_box(profile, sealed_key, session.environ)
    if sealed_key.opens_anywhere:
        session.warn(
            f"the key file in {folder} is bound to no device: whoever can read the folder has the SecretKey; "
            "bind this device (kmstool fingerprint), then make the folder anew"
        )
    if verify:
        try_credential(session, profile, credential)
    else:
        # Nothing else would tell whether it is the SecretKey that was put there.
        sealed_key.require_mac()
    if sealed_key.mac is None:
        session.changes.run(lambda: bundle.add_mac(sealed_key), f"write {path / bundle.MAC_FILE}")
    put(session, profile, credential, f"in {profile.whitebox}")


def _asked_id(session: Session) -> str:
    return _asked_or_piped(session, "SecretId", "give it with --secret-id, or pipe it in as a line").strip()


def _asked(session: Session, secret_id: str | None) -> Credential:
    from kmstool.kms.provider import checked

    secret_id = secret_id or _asked_or_piped(session, "SecretId", "give it with --secret-id, or pipe it in as a line")
    hint = "pipe it in as a line, after a line with the SecretId"
    return checked(secret_id, _asked_or_piped(session, "SecretKey", hint, hidden=True), source="the input")


def _asked_or_piped(session: Session, name: str, hint: str, *, hidden: bool = False) -> str:
    """Return the next line of stdin; where stdin is a terminal or has ended, what is answered there."""
    typed = sys.stdin.isatty()
    if not typed and (line := _line()):
        return line
    if session.interactive:
        return questions.secret(name) if hidden else questions.text(name)
    if typed:
        raise UsageError(f"the {name} is needed", hint=hint)
    return ""


def _line() -> str:
    """Read a line of stdin, at most 8,192 bytes; raise `InputError` if it is not UTF-8, whatever the locale is."""
    try:
        return descriptors.read_line(0, 8192).decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        # Not chained, because the other error holds the line.
        raise InputError("a line of stdin is not UTF-8 text") from None
