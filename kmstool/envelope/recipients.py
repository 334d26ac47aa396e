"""Who can open an envelope: the two joints for recipients, and how a payload is unlocked. KMS is not known here."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from kmstool.envelope.floe import READABLE_SEGMENT_BYTES, Floe, Suite, segment_bytes_of
from kmstool.envelope.header import Header
from kmstool.envelope.stanzas import KEY_ID, KINDS, MAX_STANZAS, REGION, Stanza
from kmstool.errors import AccessError, InputError, IntegrityError, KmsToolError, Reason

MAX_WRONG_DEKS = 3


class Recipient(Protocol):
    """Someone for whom a DEK is wrapped."""

    def wrap(self, dek: bytes, context: str) -> Stanza:
        """Return the stanza for this recipient; `context` is the text that KMS binds to it."""
        ...


@runtime_checkable
class DekMaker(Recipient, Protocol):
    """A recipient that can make a DEK itself, as a KMS does: one call gives the DEK and its stanza."""

    def new_dek(self, suite: Suite, context: str) -> tuple[bytes, Stanza]:
        """Return a DEK for a suite with the stanza of this recipient."""
        ...


class Identity(Protocol):
    """Something that can open stanzas: a KMS, or a private key."""

    def unwrap(self, stanza: Stanza, context: str) -> bytes | None:
        """Return the DEK, or None for a stanza of another kind; raise a `KmsToolError` if it cannot be had."""
        ...


@dataclass(frozen=True, slots=True)
class WrappedDek:
    """A DEK and its stanza for every recipient."""

    dek: bytes = field(repr=False)
    stanzas: tuple[Stanza, ...]


def wrap_new_dek(recipients: Sequence[Recipient], suite: Suite, context: str) -> WrappedDek:
    """Return a new DEK that is wrapped for all recipients, in their order.

    The first one that can make a DEK makes it; where none can, it is made here. Raises `InputError` for no
    recipients and for more than an envelope has room for.
    """
    if not 0 < len(recipients) <= MAX_STANZAS:
        raise InputError(f"an envelope has 1 to {MAX_STANZAS} recipients, not {len(recipients)}")
    maker = next((one for one in recipients if isinstance(one, DekMaker)), None)
    if maker is None:
        dek = secrets.token_bytes(suite.dek_bytes)
        return WrappedDek(dek, tuple(one.wrap(dek, context) for one in recipients))
    dek, stanza = maker.new_dek(suite, context)
    return WrappedDek(dek, tuple(stanza if one is maker else one.wrap(dek, context) for one in recipients))


def unlock(header: Header, payload_header: bytes, identities: Sequence[Identity]) -> tuple[Floe, bytes, Stanza]:
    """Return the payload's keys, the DEK and the stanza that gave it: the first one that is right.

    Raises `AccessError` or the recipients' own error if none can be opened, `IntegrityError`
    if what they open to is not the key of this payload.
    """
    if segment_bytes_of(header.suite, payload_header) not in READABLE_SEGMENT_BYTES:
        raise InputError("the payload's segments are of a size that no kmstool writes")
    failures: list[tuple[Stanza, KmsToolError]] = []
    wrong = 0
    for stanza in header.stanzas:
        for dek in _opened(stanza, header.prologue.context, identities, failures):
            try:
                return resume(header, payload_header, dek), dek, stanza
            except KmsToolError as error:
                failures.append((stanza, error))
                wrong += 1
            if wrong >= MAX_WRONG_DEKS:
                raise IntegrityError("three recipients open to wrong keys: the header was altered")
    raise _nobody(header, failures)


def resume(header: Header, payload_header: bytes, dek: bytes) -> Floe:
    """Return the payload's keys; raise `IntegrityError` for anything that is not the DEK of this header and payload."""
    check_size(header, dek)
    return Floe.resume(header.suite, dek, header.aad, payload_header)


def check_size(header: Header, dek: bytes) -> None:
    """Raise `IntegrityError` for what no DEK of the header's suite can be: somebody put another secret there."""
    if len(dek) != header.suite.dek_bytes:
        raise IntegrityError(
            f"a recipient's record holds {len(dek)} bytes, which are no data key for {header.suite.name}"
        )


def describe(stanza: Stanza) -> str:
    """Name a recipient in one line."""
    parts = (KINDS.get(stanza.kind, f"unknown kind {stanza.kind}"), stanza.text(REGION), stanza.text(KEY_ID))
    return " ".join(part for part in parts if part)


def _opened(
    stanza: Stanza, context: str, identities: Iterable[Identity], failures: list[tuple[Stanza, KmsToolError]]
) -> Iterator[bytes]:
    for identity in identities:
        try:
            dek = identity.unwrap(stanza, context)
        except KmsToolError as error:
            failures.append((stanza, error))
            continue
        if dek is not None:
            yield dek


def _nobody(header: Header, failures: list[tuple[Stanza, KmsToolError]]) -> KmsToolError:
    if not failures:
        listed = "; ".join(describe(stanza) for stanza in header.stanzas)
        return AccessError(
            f"none of the envelope's recipients can be opened here: {listed}",
            reason=Reason.NO_FITTING_KEY,
        )
    if len(failures) == 1:
        return failures[0][1]
    # An altered file or another key counts most, then what a single cause explains.
    gravest = next((error for _, error in failures if isinstance(error, IntegrityError)), failures[0][1])
    reasons = "; ".join(f"{describe(stanza)}: {error.message}" for stanza, error in failures)
    return gravest.retold(f"no recipient opens the envelope: {reasons}")
