"""The files and pipes of envelopes, as a user names them: what they are read from, and where they go to."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import TYPE_CHECKING

from kmstool.cli.io import inputs, progress
from kmstool.cli.session.session import Session
from kmstool.errors import KmsToolError, UsageError
from kmstool.storage.places import is_url, parse_place

if TYPE_CHECKING:
    from kmstool.envelope.recipients import Identity, Recipient
    from kmstool.envelope.sealing import Source
    from kmstool.envelope.workers import Write
    from kmstool.workflows.envelopes import DecryptOptions, EncryptOptions

SUFFIX = ".kte"


def encrypt_source(
    session: Session,
    source: Source,
    target: str | None,
    recipients: Callable[[], list[Recipient]],
    options: EncryptOptions,
    detached: str | None = None,
    *,
    force: bool,
) -> None:
    """Encrypt what a source holds to a file or, for None and `-`, stdout; the header, if named, to one of its own."""
    from kmstool.workflows import envelopes

    _check_outputs(source, target, detached, armor=options.armor)
    to_stdout = _announce(session, target, detached)
    with (
        progress.bar(session, "encrypting", source.size) as advance,
        _noted_stdout(session) if to_stdout else nullcontext() as write,
    ):
        envelopes.encrypt(
            source,
            write or parse_place(str(target)),
            recipients,
            options,
            detached=None if detached is None else parse_place(detached),
            replace=force,
            progress=advance,
            changes=session.changes,
        )


def decrypt_source(
    session: Session,
    source: Source,
    header: Source | None,
    target: str | None,
    identities: Callable[[], list[Identity]],
    options: DecryptOptions,
    *,
    force: bool,
) -> None:
    """Decrypt into a file, which appears when all of it is verified, or to stdout, piece by piece."""
    from kmstool.workflows import envelopes

    if options.verify_first and None in (source.size, header.size if header else 0):
        raise UsageError("--verify-first reads the envelope twice, which a pipe does not allow", hint="name a file")
    to_stdout = _announce(session, target)
    if not to_stdout:
        refuse_same(str(target), *([source, header] if header else [source]))
    with (
        progress.bar(session, "decrypting", source.size) as advance,
        _verified_stdout(session, target) if to_stdout else nullcontext() as write,
    ):
        envelopes.decrypt(
            source,
            write or parse_place(str(target)),
            identities,
            options,
            detached=header,
            replace=force,
            progress=advance,
            changes=session.changes,
        )


def _announce(session: Session, target: str | None, detached: str | None = None) -> bool:
    """Note where the result goes, and return whether that is stdout."""
    session.wrote_bytes = target in (None, inputs.STDIN)
    session.files += [name for name in (target, detached) if name not in (None, inputs.STDIN)]
    return session.wrote_bytes


def encrypted_name(name: str | None, out: str | None) -> str | None:
    """Return where the envelope goes: X.kte for X unless something else was said; None for stdout.

    What is open already, as of <(command), has a name in /dev that says nothing.
    """
    if out is not None or name in (None, inputs.STDIN) or str(name).startswith(inputs.DESCRIPTORS):
        return out
    return f"{name}{SUFFIX}"


def decrypted_name(name: str | None, out: str | None) -> str | None:
    """Return where the plaintext goes: X for X.kte unless something else was said; None for stdout."""
    if out is not None or name in (None, inputs.STDIN) or str(name).startswith(inputs.DESCRIPTORS):
        return out
    stem = str(name).removesuffix(SUFFIX)
    if not str(name).endswith(SUFFIX) or os.path.basename(stem) in ("", os.curdir, os.pardir):
        raise UsageError(
            f"{name} does not end in {SUFFIX}, so the output needs a name", hint="add -o FILE, or -o - for stdout"
        )
    return stem


def refuse_same(target: str, *sources: Source) -> None:
    """Raise `UsageError` for an output that is one of the sources, and for one without a name."""
    for source in sources:
        here = os.fstat(source.descriptor) if source.descriptor is not None else None
        inputs.refuse_same(target, (here.st_dev, here.st_ino) if here else None)


@contextmanager
def source_of(name: str | None) -> Iterator[Source]:
    """Open FILE, or stdin for None and `-`; raise as `inputs.open_input` does, and `UsageError` for a folder."""
    from kmstool.envelope.sealing import Source

    if name is not None and is_url(name):
        from kmstool.workflows.sources import opened_source

        with opened_source(parse_place(name)) as source:
            yield source
        return
    with inputs.open_input(name) as descriptor:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise UsageError(f"{name} is a folder", hint="envelope encrypt and decrypt take folders, with --recursive")
        yield Source.of(descriptor)


@contextmanager
def sources_of(name: str | None, detached: str | None) -> Iterator[tuple[Source, Source | None]]:
    """Open an envelope by name or from stdin, and its detached header, if there is one."""
    from kmstool.workflows.sources import opened_parts

    with ExitStack() as stack:
        header = None if detached is None else stack.enter_context(source_of(detached))
        payload = stack.enter_context(source_of(name))
        beside = None if name in (None, inputs.STDIN) else parse_place(str(name))
        yield stack.enter_context(opened_parts(payload, header, beside))


def stdout_writer() -> Write:
    """Return a function that writes whole buffers to stdout, past Python's own buffer."""
    from kmstool.envelope import engine

    sys.stdout.flush()
    return engine.writer(1)


def _check_outputs(source: Source, target: str | None, detached: str | None, *, armor: bool) -> None:
    """Raise `UsageError` for outputs that would replace the source or each other, before any is made."""
    if detached is not None:
        if detached == inputs.STDIN:
            raise UsageError("the header is written to a file, not to stdout", hint="./- is a file of that name")
        refuse_same(detached, source)
        if target is not None and os.path.realpath(target) == os.path.realpath(detached):
            raise UsageError(f"{target} is to be the header and the payload", hint="give them two names")
    if target is None and not armor and sys.stdout.isatty():
        raise inputs.not_for_terminals("a pipe, --armor")
    if target is not None and target != inputs.STDIN:
        refuse_same(target, source)


@contextmanager
def _noted_stdout(session: Session) -> Iterator[Write]:
    """Give a writer to stdout; while the block has not ended, what it has written is not all."""
    write = stdout_writer()

    def noted(data: memoryview) -> None:
        session.cut_short = True
        write(data)

    yield noted
    session.cut_short = False


@contextmanager
def _verified_stdout(session: Session, target: str | None) -> Iterator[Write]:
    """Give a writer to stdout; a failure in the block after something has left says that it is not all.

    It refuses to send binary data to a terminal that `target` does not name.
    """
    text_only = target is None and sys.stdout.isatty()

    with _noted_stdout(session) as write:

        def guarded(data: memoryview) -> None:
            if text_only and not inputs.is_text(bytes(data)):
                raise inputs.not_for_terminals()
            if len(data):
                write(data)

        try:
            yield guarded
        except KmsToolError as error:
            if session.cut_short:
                error.hint = "the output is incomplete: discard it"
            raise
