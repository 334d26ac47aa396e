"""Records of envelopes that KMS moves to another key by itself, and what is checked before one of them is written.

Whoever can write a header can put anybody's ciphertext blob into it. So a record is moved
only if it is under a key that the user named, by its own word and by that of KMS, and where
the caller may let KMS decrypt, only if it holds the data key of the envelope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from kmstool.envelope.header import Header
from kmstool.envelope.recipients import check_size, describe, resume
from kmstool.envelope.stanzas import KEY_ID, REGION, TENCENT_KMS, Stanza
from kmstool.errors import AccessError, ArgumentError, IntegrityError, Reason, ServiceError
from kmstool.kms.cmk_recipients import CmkIdentity, CmkRecipient

UNCHECKED_PAYLOAD = "a detached header was moved without its payload: it is not known whether its data key fits that"


@dataclass(slots=True)
class Mover:
    """Moves records that are under one of the `sources` to the `targets`, each within its region.

    `report` is told once what could not be checked. A record that several envelopes share is moved once.
    """

    sources: Sequence[CmkRecipient]
    targets: Sequence[CmkRecipient]
    report: Callable[[str], None]
    _moved: dict[tuple[bytes, str, str, str], tuple[Stanza, bytes | None]] = field(default_factory=dict, repr=False)
    _reported: set[str] = field(default_factory=set)

    def move(self, header: Header, payload_header: bytes) -> list[Stanza]:
        """Return a record for each target; `payload_header` is empty for a detached header without its payload.

        Raises `AccessError` if no record is under a named key, `IntegrityError` if one is under
        another key than it says, or holds something else than the data key of the envelope.
        """
        return [self._to(target, header, payload_header) for target in self.targets]

    def _to(self, target: CmkRecipient, header: Header, payload_header: bytes) -> Stanza:
        *others, last = self._candidates(target, header)
        for record in others:
            # Its key may be disabled or gone; another recipient's will do.
            with suppress(AccessError, IntegrityError, ServiceError):
                return self._checked(record, target, header, payload_header)
        return self._checked(last, target, header, payload_header)

    def _candidates(self, target: CmkRecipient, header: Header) -> list[Stanza]:
        here = [item for item in header.stanzas if item.kind == TENCENT_KMS and item.text(REGION) == target.region]
        if not here:
            raise ArgumentError(
                f"no recipient of the envelope is in {target.region}, where its KMS could re-encrypt it",
                reason=Reason.NO_RECORD_HERE,
            )
        named = {source.key_id for source in self.sources if source.region == target.region}
        records = [record for record in here if record.text(KEY_ID) in named]
        if not records:
            listed = "; ".join(describe(record) for record in here)
            raise AccessError(
                f"no record of the envelope is under one of the keys to move from: {listed}",
                reason=Reason.OTHER_SOURCE_KEY,
            )
        return records

    def _checked(self, record: Stanza, target: CmkRecipient, header: Header, payload_header: bytes) -> Stanza:
        moved, dek = self._moved_once(record, target, header.prologue.context)
        if dek is None:
            self._say(
                "these credentials may not decrypt: it is not known whether what was moved is the data keys of the envelopes"
            )
        elif payload_header:
            resume(header, payload_header, dek)
        else:
            check_size(header, dek)
            self._say(UNCHECKED_PAYLOAD)
        return moved

    def _moved_once(self, record: Stanza, target: CmkRecipient, context: str) -> tuple[Stanza, bytes | None]:
        name = (record.wrapped, record.text(KEY_ID), f"{target.region} {target.key_id}", context)
        if name not in self._moved:
            moved = target.move(record, context)
            self._moved[name] = moved, _opened(target, moved, context)
        return self._moved[name]

    def _say(self, message: str) -> None:
        if message not in self._reported:
            self._reported.add(message)
            self.report(message)


def _opened(target: CmkRecipient, moved: Stanza, context: str) -> bytes | None:
    """Return what a record holds, None if the caller may not know."""
    try:
        return CmkIdentity(lambda _: target.client).unwrap(moved, context)
    except AccessError as error:
        if "UnauthorizedOperation" not in (error.kms_code or ""):
            raise
        return None
