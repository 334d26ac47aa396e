"""`kmstool envelope rewrap`: other recipients for envelopes, whose payload stays as it is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kmstool.cli import options, output, recipients, several
from kmstool.cli.session import Session, pass_session
from kmstool.errors import (
    AccessError,
    DryRunDone,
    InputError,
    IntegrityError,
    OutputError,
    ServiceError,
    UsageError,
)

if TYPE_CHECKING:
    from kmstool.envelope.file import Opened
    from kmstool.envelope.header import Header
    from kmstool.envelope.recipients import Identity
    from kmstool.envelope.stanzas import Stanza
    from kmstool.kms.recipient import CmkRecipient


@click.command(cls=options.Command, example="kmstool envelope rewrap big.tar.kte --to demo-2")
@click.option(
    "--to", "keys", multiple=True, required=True, metavar="KEY", help="New recipient; repeatable. The old ones go."
)
@click.option(
    "--identity",
    "private_keys",
    multiple=True,
    metavar="FILE",
    help="RSA private key in PEM that opens them; repeatable.",
)
@click.option("--server-side", is_flag=True, help="Let KMS re-encrypt the data key; it never comes here.")
@click.argument("names", metavar="FILE...", nargs=-1, required=True)
@pass_session
def rewrap(
    session: Session, names: tuple[str, ...], keys: tuple[str, ...], private_keys: tuple[str, ...], server_side: bool
) -> None:
    """Give envelopes other recipients.

    The payload is not touched. Where the header has room, the file is changed in place,
    else a copy replaces it; a crash leaves the old or the new one. This takes nothing back:
    an old copy of the file still opens with the old keys.
    """
    if server_side and private_keys:
        raise UsageError("--server-side and --identity exclude each other")
    targets = [recipients.cmk(session, key) for key in keys]
    identities = recipients.identities(session, (), private_keys)
    dry_run = session.settings.dry_run

    def wrap(opened: Opened) -> list[Stanza]:
        return _wrapped_by_kms(opened, targets) if server_side else _wrapped_here(opened, targets, identities)

    def act(name: str) -> str:
        return _rewrap(Path(name), wrap, dry_run=dry_run)

    for name, way in several.one_by_one(session, names, act, "envelopes were not rewrapped"):
        session.note(f"{name} {way}")
    if dry_run:
        raise DryRunDone
    output.answer(session, {"Rewrapped": list(names)}, lambda: None)


def _rewrap(path: Path, wrap: Callable[[Opened], list[Stanza]], *, dry_run: bool) -> str:
    """Give one envelope the recipients that `wrap` makes, and say what happened to it."""
    from kmstool import atomic
    from kmstool.envelope import file as whole

    try:
        with _locked(path) as descriptor:
            source = whole.Source.of(descriptor)
            opened = whole.open_header(source)
            if dry_run:
                return "would get other recipients"
            stanzas = wrap(opened)
            _check_name(path, descriptor)
            if whole.rewrap_in_place(descriptor, opened.header, stanzas):
                return "has other recipients now (in place)"
            mode = os.fstat(descriptor).st_mode & 0o777
            with atomic.create(path, replace=True, mode=mode) as file:
                whole.rewrap_copy(source, opened.header, file.fileno(), stanzas)
                _check_name(path, descriptor)
            return "has other recipients now (by a copy)"
    except OSError as error:
        raise atomic.fault(path, error) from error


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open an envelope for a rewrap; raise `OutputError` while another process has it, and as `_check_name` does."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise InputError(f"cannot open {path}: {(error.strerror or '').lower()}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OutputError(f"{path} is being rewrapped by another process", hint="try again later") from error
        _check_name(path, descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _check_name(path: Path, descriptor: int) -> None:
    """Raise `OutputError` unless the open file has this name and no other.

    The lock is on the file and not on its name, which can be given to another one at any time:
    a rewrap would then change nothing that is found under it, or undo what was done there.
    """
    here = os.fstat(descriptor)
    with suppress(FileNotFoundError):
        if os.path.samestat(here, os.lstat(path)):
            if here.st_nlink > 1:
                raise OutputError(f"{path} has several names, which a rewrap would part or change together")
            return
    raise OutputError(f"{path} was replaced by another process", hint="see what it is now, and try again")


def _wrapped_here(opened: Opened, targets: list[CmkRecipient], identities: list[Identity]) -> list[Stanza]:
    """Open the DEK, check it against the payload, and wrap it for the new recipients."""
    from kmstool.envelope.recipients import unlock

    header: Header = opened.header
    if header.detached:
        raise UsageError("a detached header can be rewrapped by KMS only", hint="add --server-side")
    dek = unlock(header, opened.floe_header, identities)[1]
    return [target.wrap(dek, header.prologue.context) for target in targets]


def _wrapped_by_kms(opened: Opened, targets: list[CmkRecipient]) -> list[Stanza]:
    """Let the KMS of each region move a blob that it can open to the new key."""
    return [_moved(opened.header, target) for target in targets]


def _moved(header: Header, target: CmkRecipient) -> Stanza:
    from kmstool.envelope.stanzas import REGION, TENCENT_KMS

    sources = [item for item in header.stanzas if item.kind == TENCENT_KMS and item.text(REGION) == target.region]
    if not sources:
        raise UsageError(
            f"no recipient of the envelope is in {target.region}, where its KMS could re-encrypt it",
            hint="without --server-side the data key is opened here and can go to any region",
        )
    for source in sources[:-1]:
        # Its key may be disabled or gone; another recipient's will do.
        with suppress(AccessError, IntegrityError, ServiceError):
            return target.move(source, header.prologue.context)
    return target.move(sources[-1], header.prologue.context)
