"""Where new envelopes go to: files and pipes, with the header in front or in a file of its own."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from kmstool.cli import envelope_files
from kmstool.cli.envelope_jobs import EncryptJob
from kmstool.cli.io import inputs, outputs, progress
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

if TYPE_CHECKING:
    from kmstool.envelope.header import Header
    from kmstool.envelope.sealing import Source
    from kmstool.envelope.workers import Write


def encrypt(
    session: Session,
    make: Callable[[], EncryptJob],
    name: str | None,
    out: str | None,
    detached: str | None,
    spared: Sequence[str],
    *,
    force: bool,
) -> None:
    """Encrypt a file or stdin to a file or stdout, with its header in a file of its own if that is named.

    Raises `UsageError` for an output that would replace the input or one of the `spared` files.
    """
    target = out if out is not None else (None if name in (None, inputs.STDIN) else f"{name}{envelope_files.SUFFIX}")
    for output in (target, detached):
        inputs.spare(output, *spared)
    with envelope_files.source_of(name) as source:
        encrypt_source(session, make, source, target, detached, force=force)


def encrypt_source(
    session: Session,
    make: Callable[[], EncryptJob],
    source: Source,
    target: str | None,
    detached: str | None = None,
    *,
    force: bool,
) -> None:
    """Encrypt what a source holds to a file or, for None and `-`, stdout.

    The job, for which KMS makes a DEK, is made only when the outputs can be. Nothing has a
    name before all of the envelope was written, and a header that is detached gets its own last.
    """
    with ExitStack() as stack:
        # The stack closes them in reverse.
        header = _header_file(session, stack, source, target, detached, force=force)
        if target is None or target == inputs.STDIN:
            head = _encrypt_to_stdout(session, make(), source, named=target is not None)
            payload = None
        else:
            envelope_files.refuse_same(target, source)
            payload = stack.enter_context(outputs.created(session, target, force=force, durable=header is not None))
            head = _encrypt_to_file(session, make(), source, payload)
        if header is not None:
            header.write(head.encode())
            if payload is not None:
                replaced = Path(str(detached)) if force and not session.settings.dry_run else None
                _complete(header, payload, replaced)


def _header_file(
    session: Session, stack: ExitStack, source: Source, target: str | None, detached: str | None, *, force: bool
) -> BinaryIO | None:
    if detached is None:
        return None
    if detached == inputs.STDIN:
        raise UsageError("the header is written to a file, not to stdout", hint="./- is a file of that name")
    envelope_files.refuse_same(detached, source)
    if target is not None and os.path.realpath(target) == os.path.realpath(detached):
        raise UsageError(f"{target} is to be the header and the payload", hint="give them two names")
    return stack.enter_context(outputs.created(session, detached, force=force))


def _complete(header: BinaryIO, payload: BinaryIO, replaced: Path | None) -> None:
    """Bring header and payload to disk, before either has a name, and take a header that is to be replaced away.

    They cannot get their names at once. A crash in between leaves a payload without a header,
    where the header of another one would look like its own, and both like data that was altered.
    """
    from kmstool.system import atomic

    for output in (header, payload):
        output.flush()
        os.fsync(output.fileno())
    if replaced is not None:
        atomic.remove(replaced)


def _encrypt_to_stdout(session: Session, job: EncryptJob, source: Source, *, named: bool) -> Header:
    if not named and not job.armor and sys.stdout.isatty():
        raise inputs.not_for_terminals("a pipe, --armor")
    return _encrypt_in_order(session, job, source, envelope_files.stdout_writer())


def _encrypt_to_file(session: Session, job: EncryptJob, source: Source, target: BinaryIO) -> Header:
    """Encrypt into a file that is empty, and return the header."""
    from kmstool.envelope import engine, sealing

    if job.armor:
        return _encrypt_in_order(session, job, source, engine.writer(target.fileno()))
    head = job.header(source.size, to_file=True)
    with progress.bar(session, "encrypting", source.size) as advance:
        sealing.seal(job.dek, head, source, target.fileno(), advance)
    return head


def _encrypt_in_order(session: Session, job: EncryptJob, source: Source, write: Write) -> Header:
    """Encrypt as through a pipe, and return the header."""
    from kmstool.envelope import sealing
    from kmstool.envelope.armor import ArmorWriter

    head = job.header(source.size, to_file=False)
    armor = ArmorWriter(write) if job.armor else None
    with progress.bar(session, "encrypting", source.size) as advance:
        sealing.seal_stream(job.dek, head, source, armor.write if armor else write, advance)
    if armor:
        armor.close()
    return head
