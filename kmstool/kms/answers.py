"""What KMS answers, typed, and the guards that turn an answer without its fields into an error.

Behind a gateway that rewrites headers the official SDK hands out empty objects as if
all were well; here every field that is used is checked first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import ServiceError
from kmstool.kms.port import Transport, check_texts

if TYPE_CHECKING:
    from kmstool.crypto.keys import PublicKey


GATEWAY = "is there a gateway that rewrites answers on the way?"
"""The hint where an answer is not what KMS says."""

# What vanishes between two pages may leave one short; who gives a thing at a time would go on for ever.
_MAX_SHORT_PAGES = 10


class Caller:
    """The base of all groups of typed methods: it has the transport, and the forms of call that they share."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        check_texts(params)
        answer = self._transport.call(action, params)
        # Every answer has one; without it this is no answer of KMS, also where no other field is wanted.
        text(answer, "RequestId")
        return answer

    def _pages(
        self, action: str, filters: Mapping[str, Any], name: str, *, item_id: str = "KeyId", limit: int = words.MAX_PAGE
    ) -> Iterator[dict[str, Any]]:
        """Yield all that a listing action answers in the field `name`, in its order, page by page.

        Raises `ServiceError` unless there are exactly as many things as the answers count, each with an
        id of its own in the field `item_id`. What is created meanwhile comes last, so none is listed twice.
        """
        seen: set[str] = set()
        short = 0
        while True:
            before = len(seen)
            answer = self._call(action, {**filters, "Offset": before, "Limit": limit})
            total, listed = integer(answer, "TotalCount"), answer.get(name)
            due = max(0, min(total - before, limit))
            # Of nothing there may be no list either.
            items = objects(answer, name) if due or listed else []
            short += len(items) < due
            if len(items) > due or (due and not items) or short > _MAX_SHORT_PAGES:
                raise ServiceError(
                    f"KMS counts {total} in its answer to {action} and lists another number", hint=GATEWAY
                )
            seen.update(text(item, item_id) for item in items)
            if len(seen) < before + len(items):
                raise ServiceError(f"KMS lists the same twice in its answer to {action}", hint=GATEWAY)
            yield from items
            if len(seen) >= total:
                return

    def _one_or_many(self, action: str, name: str, ids: Sequence[str]) -> Mapping[str, Any]:
        """Perform an action on one id in the field `name`, or the action of that name in the plural on several."""
        if len(ids) == 1:
            return self._call(action, {name: ids[0]})
        return self._call(action + "s", {name + "s": list(ids)})


@dataclass(frozen=True, slots=True)
class Key:
    """What KMS says of one CMK; times are Unix seconds, 0 = not set; `answer` is the API's KeyMetadata."""

    key_id: str
    alias: str
    description: str
    state: str
    usage: str
    type: int
    """The profile of its region: 4 for Chinese algorithms, 2 for FIPS."""
    origin: str
    owner: str
    resource_id: str
    created_unix: int
    deletion_unix: int
    valid_to_unix: int
    rotation_enabled: bool
    rotate_days: int
    next_rotation_unix: int
    """Set by KMS even while rotation is off: look at `rotation_enabled` first."""
    last_rotation_unix: int
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CreatedKey:
    """A new CMK; the key exists even where `tag_code` is not 0 and its tags do not."""

    key_id: str
    tag_code: int
    tag_message: str
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class EncryptedBlob:
    """A ciphertext blob (opaque ASCII text, not base64 as a whole) and the CMK it is under."""

    key_id: str
    ciphertext_blob: str
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Plaintext:
    """The plaintext of a blob; never part of the `repr`."""

    key_id: str
    plaintext: bytes = field(repr=False)
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class DataKey:
    """A data key in plaintext, never part of the `repr`, and as a ciphertext blob that Decrypt opens."""

    key_id: str
    plaintext: bytes = field(repr=False)
    ciphertext_blob: str


@dataclass(frozen=True, slots=True)
class PublicKeyAnswer:
    """The public key of an asymmetric CMK."""

    key_id: str
    public_key: PublicKey
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class KeySignature:
    """A signature in KMS's encoding: DER for elliptic curves, the size of the modulus for RSA."""

    signature: bytes
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ImportParameters:
    """A wrapping key (RSA, SubjectPublicKeyInfo in DER) for key material, and the token that goes with it."""

    wrapping_key: bytes
    token: bytes = field(repr=False)
    valid_to_unix: int
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ReEncryptedBlob:
    """A blob after ReEncrypt; `changed` is false if it was on the newest version already."""

    key_id: str
    source_key_id: str
    ciphertext_blob: str
    changed: bool
    answer: Mapping[str, Any] = field(repr=False, compare=False)


def key(answer: Any) -> Key:
    """Return a KeyMetadata as `Key`."""
    if not isinstance(answer, dict):
        raise missing("KeyMetadata")
    return Key(
        key_id=text(answer, "KeyId"),
        alias=text(answer, "Alias"),
        description=optional_text(answer, "Description"),
        state=text(answer, "KeyState"),
        usage=text(answer, "KeyUsage"),
        type=integer(answer, "Type"),
        origin=optional_text(answer, "Origin"),
        owner=optional_text(answer, "Owner"),
        resource_id=optional_text(answer, "ResourceId"),
        created_unix=integer(answer, "CreateTime"),
        deletion_unix=optional_integer(answer, "DeletionDate"),
        valid_to_unix=optional_integer(answer, "ValidTo"),
        rotation_enabled=boolean(answer, "KeyRotationEnabled"),
        rotate_days=optional_integer(answer, "RotateDays"),
        next_rotation_unix=optional_integer(answer, "NextRotateTime"),
        last_rotation_unix=optional_integer(answer, "LastRotateTime"),
        answer=answer,
    )


def tags_field(tags: Mapping[str, str] | None) -> dict[str, Any]:
    """Return the parameter Tags, none where there are no tags."""
    return {"Tags": [{"TagKey": name, "TagValue": value} for name, value in tags.items()]} if tags else {}


def text(answer: Mapping[str, Any], name: str) -> str:
    """Return a field of text that is not empty."""
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise missing(name)
    return value


def blob(answer: Mapping[str, Any], plaintext: bytes | None = None) -> str:
    """Return the field CiphertextBlob, one word of ASCII whatever is in it, and not the plaintext itself."""
    value = text(answer, "CiphertextBlob")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise missing("CiphertextBlob")
    if plaintext is not None and value == protocol.encode(plaintext):
        raise ServiceError("KMS answered with a ciphertext that is none", hint=GATEWAY)
    return value


def integer(answer: Mapping[str, Any], name: str) -> int:
    """Return a field with a whole number."""
    value = answer.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise missing(name)
    return value


def deletion(answer: Mapping[str, Any]) -> int:
    """Return the field DeletionDate in Unix seconds, which is set."""
    value = integer(answer, "DeletionDate")
    if value <= 0:
        raise missing("DeletionDate")
    return value


def boolean(answer: Mapping[str, Any], name: str) -> bool:
    """Return a field that is true or false."""
    value = answer.get(name)
    if not isinstance(value, bool):
        raise missing(name)
    return value


def optional_text(answer: Mapping[str, Any], name: str) -> str:
    """Return a field of text, empty where it is left out."""
    return text(answer, name) if answer.get(name) not in (None, "") else ""


def optional_integer(answer: Mapping[str, Any], name: str) -> int:
    """Return a field with a whole number, 0 where it is left out."""
    return integer(answer, name) if answer.get(name) is not None else 0


def objects(answer: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a field with a list of objects."""
    value = answer.get(name)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise missing(name)
    return value


def same_key(answer: Mapping[str, Any], key_id: str) -> str:
    """Return the KeyId of an answer, which must be the one that was asked for."""
    return same(answer, "KeyId", key_id)


def same(answer: Mapping[str, Any], name: str, asked: str) -> str:
    """Return an id in an answer, which must be the one that was asked for."""
    if text(answer, name) != asked:
        raise ServiceError(
            f"KMS answered for the key {answer[name]} when asked for {asked}",
            hint=GATEWAY,
        )
    return asked


def binary(answer: Mapping[str, Any], name: str) -> bytes:
    """Return a field of base64 as bytes."""
    try:
        return protocol.decode(text(answer, name))
    except ValueError as error:
        raise ServiceError(f"KMS answered with a field {name} that is not base64") from error


def missing(name: str) -> ServiceError:
    """Make the error for a field that is not there."""
    return ServiceError(
        f"invalid KMS response: field {name} missing or of wrong type",
        hint=GATEWAY,
    )
