"""One envelope: made for recipients, opened or checked by those who can open it.

Data comes from a path or from a `Source`, and goes to a path, under which a file appears when it is whole,
or to a function that writes. A path is never overwritten unless that was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from kmstool import __version__
from kmstool.api import context as contexts
from kmstool.api.context import Context
from kmstool.envelope import engine, header, sealing
from kmstool.envelope.armor import ArmorWriter
from kmstool.envelope.floe import AES_256_GCM, Floe, Suite
from kmstool.envelope.header import Header
from kmstool.envelope.recipients import Identity, Recipient, WrappedDek, unlock, wrap_new_dek
from kmstool.envelope.sealing import Source
from kmstool.envelope.stanzas import parse_context
from kmstool.envelope.workers import Progress, Write
from kmstool.errors import InputError, IntegrityError, Reason
from kmstool.storage.objects import ObjectWriter
from kmstool.storage.places import ObjectUrl, Place
from kmstool.system import mounts, ownership
from kmstool.workflows import sources
from kmstool.workflows.changes import Changes
from kmstool.workflows.sources import EnvelopeInput, header_beside, opened_envelope, opened_source

SUFFIX = sources.SUFFIX

Recipients = Sequence[Recipient] | Callable[[], Sequence[Recipient]]
"""For whom an envelope is; a function is called when the outputs can be written, so that no call to KMS is wasted."""
Identities = Sequence[Identity] | Callable[[], Sequence[Identity]]


def ignore(_: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncryptOptions:
    """How an envelope is made.

    `context` is what KMS binds to the data key, `facts` is bound to the payload alone. With `reserve` small
    files too get the room for a change of recipients in place; `armor` is text (PEM), which is never rewrapped.
    """

    suite: Suite = AES_256_GCM
    context: Context = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    armor: bool = False
    reserve: bool = False

    def __post_init__(self) -> None:
        if self.armor and self.reserve:
            raise InputError("armor has no room to reserve: text is never rewrapped in place")
        contexts.pairs_of(self.context)

    def new_dek(self, recipients: Recipients) -> WrappedDek:
        """Return a DEK for the recipients, under the context."""
        everyone = recipients() if callable(recipients) else recipients
        return wrap_new_dek(everyone, self.suite, contexts.text_of(self.context))

    def header(
        self,
        dek: WrappedDek,
        size: int | None,
        *,
        to_file: bool,
        detached: bool = False,
        facts: Mapping[str, str] | None = None,
    ) -> Header:
        """Return the header for a plaintext of that size, None where it is not known before, with more facts."""
        prologue = header.Prologue(
            file_id=header.new_file_id(),
            context=contexts.text_of(self.context),
            aad=contexts.as_json({**self.facts, **(facts or {})}),
            plaintext_bytes=size,
            created_unix=int(time.time()),
            writer=f"kmstool/{__version__}",
        )
        large = to_file and size is not None and size >= header.RESERVE_FROM_BYTES
        return header.build(self.suite, prologue, dek.stanzas, reserve=self.reserve or large, detached=detached)


@dataclass(frozen=True, slots=True, kw_only=True)
class DecryptOptions:
    """What is taken out of an envelope.

    `context` is the one that it must have, if any; `span` the first and the last byte, counted from 0. With
    `verify_first` all is authenticated before the first byte is written.
    """

    context: Context = field(default_factory=dict)
    span: tuple[int, int] | None = None
    verify_first: bool = False


def encrypt(
    source: Place | Source,
    target: Place | Write,
    recipients: Recipients,
    options: EncryptOptions = EncryptOptions(),
    *,
    detached: Place | None = None,
    replace: bool = False,
    progress: Progress = ignore,
    changes: Changes = Changes(),  # noqa: B008 - it has no state
) -> Header:
    """Put data into an envelope that each of the recipients can open alone, and return its header.

    With `detached` the header goes to a file of its own; that of an object in a store goes beside it, so that
    other recipients cost no copy of the data. Raises `OutputError` for a file that is there and not to be
    replaced, `InputError` for a source that cannot be read, and what KMS raises.
    """
    if detached and options.armor:
        raise InputError("armor has no detached header")
    if isinstance(target, ObjectUrl) and not options.armor:
        detached = detached or header_beside(target)
    public = ownership.public_mode()
    with ExitStack() as stack:
        # The stack closes them in reverse: a header that is detached gets its name last.
        content = stack.enter_context(opened_source(source))
        apart = stack.enter_context(changes.created(detached, replace=replace, mode=public)) if detached else None
        payload, descriptor = None, None
        if isinstance(target, (Path, ObjectUrl)):
            payload = stack.enter_context(
                changes.created(target, replace=replace, durable=apart is not None, mode=public)
            )
            descriptor, write = _into(target, payload)
        else:
            write = target
        dek = options.new_dek(recipients)
        at_once = descriptor is not None and not options.armor
        to_file = payload is not None and not options.armor
        head = options.header(dek, content.size, to_file=to_file, detached=apart is not None)
        if descriptor is not None and at_once:
            sealing.seal(dek.dek, head, content, descriptor, progress)
        else:
            _encrypt_in_order(dek, head, content, write, armor=options.armor, progress=progress)
        if apart is not None:
            apart.write(head.encode())
            _complete(apart, payload, detached if replace else None, changes)
        return head


def decrypt(
    envelope: Place | Source,
    target: Place | Write,
    identities: Identities,
    options: DecryptOptions = DecryptOptions(),
    *,
    detached: Place | Source | None = None,
    replace: bool = False,
    progress: Progress = ignore,
    changes: Changes = Changes(),  # noqa: B008 - it has no state
) -> None:
    """Open an envelope: a file appears when its last byte was verified, a writer gets verified pieces in order.

    Raises `IntegrityError` for anything altered or cut short, `AccessError` if nobody can open it, `InputError`
    for what is no envelope and for a range or a second reading of a pipe.
    """
    with opened_envelope(envelope, detached) as opened:
        floe = _unlocked(opened, identities, options.context)
        if options.verify_first:
            sealing.verify(opened.envelope, floe, progress)
            opened.rewind()
        if not isinstance(target, (Path, ObjectUrl)):
            _decrypt_in_order(opened, floe, target, options.span, progress)
            return
        with changes.created(target, replace=replace, durable=False) as out:
            descriptor, write = _into(target, out)
            if options.span is None and descriptor is not None:
                sealing.unseal(opened.envelope, floe, descriptor, progress)
            else:
                _decrypt_in_order(opened, floe, write, options.span, progress)


def verify(
    envelope: Place | Source,
    identities: Identities,
    *,
    context: Context | None = None,
    detached: Place | Source | None = None,
    progress: Progress = ignore,
) -> Header:
    """Authenticate a whole envelope, write nothing and return its header; raise as `decrypt` does."""
    with opened_envelope(envelope, detached) as opened:
        sealing.verify(opened.envelope, _unlocked(opened, identities, context or {}), progress)
        return opened.envelope.header


def _into(target: Place, out: BinaryIO) -> tuple[int | None, Write]:
    """Return the descriptor of a file, None for that of an object, and what writes to it."""
    if isinstance(target, Path):
        return out.fileno(), engine.writer(out.fileno())
    return None, out.write


def _encrypt_in_order(
    dek: WrappedDek, head: Header, content: Source, write: Write, *, armor: bool, progress: Progress
) -> None:
    """Encrypt as through a pipe."""
    text = ArmorWriter(write) if armor else None
    sealing.seal_stream(dek.dek, head, content, text.write if text else write, progress)
    if text:
        text.close()


def _complete(apart: BinaryIO, payload: BinaryIO | None, replaced: Place | None, changes: Changes) -> None:
    """Bring header and payload to disk, before either has a name, and take a header that is to be replaced away.

    They cannot get their names at once. A crash in between leaves a payload without a header,
    where the header of another one would look like its own, and both like data that was altered.
    """
    if payload is None:
        return
    for output in (apart, payload):
        if not isinstance(output, ObjectWriter):
            output.flush()
            mounts.sync(output.fileno())
    if replaced is not None:
        changes.removed(replaced)


def _unlocked(opened: EnvelopeInput, identities: Identities, context: Context) -> Floe:
    """Return the payload's keys, after comparing the context with what is expected."""
    head = opened.envelope.header
    if context and parse_context(head.prologue.context) != contexts.pairs_of(context):
        raise IntegrityError("the envelope has another context", reason=Reason.ENVELOPE_CONTEXT)
    everyone = identities() if callable(identities) else identities
    return unlock(head, opened.envelope.floe_header, everyone)[0]


def _decrypt_in_order(
    opened: EnvelopeInput, floe: Floe, write: Write, span: tuple[int, int] | None, progress: Progress
) -> None:
    if span is None:
        sealing.unseal_stream(opened.envelope, floe, write, progress)
    else:
        sealing.unseal_range(opened.envelope, floe, *span, write)
