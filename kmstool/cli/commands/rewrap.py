"""`kmstool envelope rewrap`: other recipients for envelopes, whose payload stays as it is."""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import click

from kmstool.cli import options, recipients, several
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session
from kmstool.errors import DryRunDone, InputError, OutputError, UsageError

if TYPE_CHECKING:
    from kmstool.envelope.header import Header
    from kmstool.envelope.recipients import Identity
    from kmstool.envelope.stanzas import Stanza
    from kmstool.kms.cmk_recipients import CmkRecipient

Wrap: TypeAlias = "Callable[[Header, bytes], list[Stanza]]"
"""Makes the new recipients' records from a header and the first 74 bytes of its payload."""


@click.command(cls=options.Command, example="kmstool envelope rewrap big.tar.kte --to demo-2")
@click.option(
    "--to", "keys", multiple=True, required=True, metavar="KEY", help="New recipient; repeatable. The old ones go."
)
@click.option(
    "--from", "sources", multiple=True, metavar="KEY", help="Open or move only what is under this key; repeatable."
)
@click.option(
    "--identity",
    "private_keys",
    multiple=True,
    metavar="FILE",
    help="RSA private key in PEM that opens them; repeatable.",
)
@click.option(
    "--server-side", is_flag=True, help="With --from: KMS re-encrypts the data key, which needs no right to decrypt."
)
@options.file_option("--payload", help="Payload of a detached header, to check the data key with.")
@click.argument("names", metavar="FILE...", nargs=-1, required=True)
@pass_session
def rewrap(session: Session, names: tuple[str, ...], **choices: Any) -> None:
    """Give envelopes other recipients.

    The payload is not touched. Where the header has room, the file is changed in place,
    else a copy replaces it; a crash leaves the old or the new one. This takes nothing back:
    an old copy of the file still opens with the old keys.

    Anybody who can write a file can put a foreign secret in place of its data key. What is
    moved with --server-side is therefore opened and compared with the payload before it is
    written. Without the right to decrypt, or without the payload of a detached header, only
    the key is known that it was under: then rewrap only files that nobody else could write.
    """
    _refuse_without_effect(names, choices)
    wrap = _wrapper(session, choices)
    payload, dry_run = choices["payload"], session.settings.dry_run

    def act(name: str) -> str:
        return _rewrap(Path(name), payload, wrap, dry_run=dry_run)

    for name, way in several.one_by_one(session, names, act, "envelopes were not rewrapped"):
        session.note(f"{name} {way}")
    if dry_run:
        raise DryRunDone
    outputs.answer(session, {"Rewrapped": list(names)}, lambda: None)


def _refuse_without_effect(names: tuple[str, ...], choices: dict[str, Any]) -> None:
    if choices["server_side"] and choices["private_keys"]:
        raise UsageError("--server-side and --identity exclude each other")
    if choices["server_side"] and not choices["sources"]:
        raise UsageError(
            "--server-side moves only what is under a key that you name",
            hint="add --from KEY; see whose it is: kmstool envelope inspect FILE",
        )
    if choices["payload"] is not None and len(names) > 1:
        raise UsageError("--payload is that of a single header", hint="rewrap detached headers one by one")


def _wrapper(session: Session, choices: dict[str, Any]) -> Wrap:
    """Return what makes the new list of recipients of an envelope."""
    from kmstool.kms.moves import Mover

    targets = [recipients.cmk(session, key) for key in choices["keys"]]
    if choices["server_side"]:
        mover = Mover([recipients.cmk(session, key) for key in choices["sources"]], targets, session.warn)
        return mover.move
    identities = recipients.identities(session, choices["sources"], choices["private_keys"])

    def wrapped_here(header: Header, payload_header: bytes) -> list[Stanza]:
        return _wrapped_here(header, payload_header, targets, identities)

    return wrapped_here


def _rewrap(path: Path, payload: str | None, wrap: Wrap, *, dry_run: bool) -> str:
    """Give one envelope the recipients that `wrap` makes, and say what happened to it."""
    from kmstool.envelope import sealing
    from kmstool.system import atomic

    try:
        with _locked(path) as descriptor:
            source = sealing.Source.of(descriptor)
            opened = sealing.open_header(source)
            payload_header = opened.floe_header if payload is None else _payload_header(opened.header, payload)
            if dry_run:
                return "would get other recipients"
            stanzas = wrap(opened.header, payload_header)
            _check_name(path, descriptor)
            if sealing.rewrap_in_place(descriptor, opened.header, stanzas):
                return "has other recipients now (in place)"
            mode = os.fstat(descriptor).st_mode & 0o777
            with atomic.create(path, replace=True, mode=mode) as file:
                sealing.rewrap_copy(source, opened.header, file.fileno(), stanzas)
                _check_name(path, descriptor)
            return "has other recipients now (by a copy)"
    except OSError as error:
        raise atomic.fault(path, error) from error


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Open an envelope for a rewrap; raise `OutputError` while another process has it, and as `_check_name` does."""
    try:
        # A pipe or device would keep whoever opens or reads it for ever.
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise InputError(f"cannot open {path}: {(error.strerror or '').lower()}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise InputError(f"{path} is not a regular file, which alone can be rewrapped")
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


def _payload_header(header: Header, name: str) -> bytes:
    """Return the beginning of the payload that a detached header is for."""
    from kmstool.cli.envelope_files import source_of
    from kmstool.envelope.floe import HEADER_BYTES

    if not header.detached:
        raise UsageError("the header is not detached, so that --payload has no use")
    with source_of(name) as source:
        beginning = bytearray(HEADER_BYTES)
        return bytes(beginning[: source.read(memoryview(beginning))])


def _wrapped_here(
    header: Header, payload_header: bytes, targets: list[CmkRecipient], identities: list[Identity]
) -> list[Stanza]:
    """Open the DEK, check it against the payload, and wrap it for the new recipients."""
    from kmstool.envelope.recipients import unlock

    if header.detached and not payload_header:
        raise UsageError(
            "the data key of a detached header cannot be checked without its payload",
            hint="name it with --payload FILE, or let KMS move the data key: add --server-side and --from KEY",
        )
    dek = unlock(header, payload_header, identities)[1]
    return [target.wrap(dek, header.prologue.context) for target in targets]
