"""Typed methods for the actions that kmstool uses: bytes inside, base64 and PascalCase only here.

Every answer is checked for its fields before anything is returned: behind a gateway
that rewrites headers the official SDK hands out empty objects as if all were well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kmstool import context, protocol
from kmstool.errors import InputError, ServiceError
from kmstool.kms.transport import Transport

PAGE = 200


@dataclass(frozen=True, slots=True)
class Key:
    """What KMS says of one CMK; times are Unix seconds, 0 = not set; `answer` is the API's KeyMetadata."""

    key_id: str
    alias: str
    description: str
    state: str
    usage: str
    origin: str
    owner: str
    created_unix: int
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Created:
    """A new CMK; the key exists even where `tag_code` is not 0 and its tags do not."""

    key_id: str
    tag_code: int
    tag_message: str
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Encrypted:
    """A ciphertext blob (opaque ASCII text, not base64 as a whole) and the CMK it is under."""

    key_id: str
    ciphertext_blob: str
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Decrypted:
    """The plaintext of a blob; never part of the `repr`."""

    key_id: str
    plaintext: bytes = field(repr=False)
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class ReEncrypted:
    """A blob after ReEncrypt; `changed` is false if it was on the newest version already."""

    key_id: str
    source_key_id: str
    ciphertext_blob: str
    changed: bool
    answer: Mapping[str, Any] = field(repr=False, compare=False)


class KmsClient:
    """The KMS behind a transport.

    Every method raises what the transport raises, and `ServiceError` for an answer that
    lacks a field or has one of the wrong type.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create_key(
        self,
        alias: str,
        *,
        usage: str,
        external: bool = False,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> Created:
        """Create a CMK; `external` means that its key material will be imported."""
        params: dict[str, Any] = {"Alias": alias, "KeyUsage": usage, "Type": 2 if external else 1}
        if description:
            params["Description"] = description
        if tags:
            params["Tags"] = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
        answer = self._call("CreateKey", params)
        # Tags that could not be set are a note to the user, not a failure: the key is there.
        return Created(_text(answer, "KeyId"), answer.get("TagCode") or 0, answer.get("TagMsg") or "", answer)

    def describe_key(self, key_id: str) -> Key:
        """Return one CMK."""
        return _key(_object(self._call("DescribeKey", {"KeyId": key_id}), "KeyMetadata"))

    def list_keys(self, **filters: Any) -> Iterator[Key]:
        """Yield all CMKs of the region, newest first, page by page; all states, usages and origins.

        `filters` are parameters of ListKeyDetail that narrow this.
        """
        offset = 0
        while True:
            params = {"KeyUsage": "ALL", **filters, "Offset": offset, "Limit": PAGE}
            answer = self._call("ListKeyDetail", params)
            found = answer.get("KeyMetadatas") or []
            if not isinstance(found, list):
                raise _silent("KeyMetadatas")
            yield from (_key(item) for item in found)
            offset += len(found)
            if not found or offset >= _integer(answer, "TotalCount"):
                return

    def update_alias(self, key_id: str, alias: str) -> None:
        """Give a CMK another alias."""
        self._call("UpdateAlias", {"KeyId": key_id, "Alias": alias})

    def update_description(self, key_id: str, description: str) -> None:
        """Replace the description of a CMK (at most 1,024 bytes)."""
        self._call("UpdateKeyDescription", {"KeyId": key_id, "Description": description})

    def encrypt(self, key_id: str, plaintext: bytes, encryption_context: Mapping[str, str]) -> Encrypted:
        """Encrypt 1 to 4,096 bytes. Raises `InputError` for another size, before any call."""
        if not plaintext:
            raise InputError("the plaintext is empty; KMS encrypts 1 to 4,096 bytes")
        if len(plaintext) > protocol.MAX_PLAINTEXT_BYTES:
            raise InputError(f"the plaintext is {len(plaintext):,} bytes; KMS encrypts at most 4,096")
        params = {"KeyId": key_id, "Plaintext": protocol.encode(plaintext)}
        answer = self._call("Encrypt", params | _context("EncryptionContext", encryption_context))
        return Encrypted(_text(answer, "KeyId"), _text(answer, "CiphertextBlob"), answer)

    def decrypt(self, ciphertext_blob: str, encryption_context: Mapping[str, str]) -> Decrypted:
        """Decrypt a blob under the context that it was made with. Raises `IntegrityError` for any other."""
        params = {"CiphertextBlob": ciphertext_blob}
        answer = self._call("Decrypt", params | _context("EncryptionContext", encryption_context))
        return Decrypted(_text(answer, "KeyId"), _bytes(answer, "Plaintext"), answer)

    def re_encrypt(
        self,
        ciphertext_blob: str,
        *,
        to_key_id: str | None,
        source_context: Mapping[str, str],
        destination_context: Mapping[str, str],
    ) -> ReEncrypted:
        """Move a blob to another CMK, or to the newest version of its own, inside KMS."""
        params = {"CiphertextBlob": ciphertext_blob}
        if to_key_id:
            params["DestinationKeyId"] = to_key_id
        params |= _context("SourceEncryptionContext", source_context)
        params |= _context("DestinationEncryptionContext", destination_context)
        answer = self._call("ReEncrypt", params)
        changed = answer.get("ReEncrypted")
        if not isinstance(changed, bool):
            raise _silent("ReEncrypted")
        return ReEncrypted(
            _text(answer, "KeyId"), _text(answer, "SourceKeyId"), _text(answer, "CiphertextBlob"), changed, answer
        )

    def random(self, count: int) -> Decrypted:
        """Return 1 to 1,024 random bytes made by KMS."""
        answer = self._call("GenerateRandom", {"NumberOfBytes": count})
        random = _bytes(answer, "Plaintext")
        if len(random) != count:
            raise ServiceError(f"KMS returned {len(random)} random bytes for {count}")
        return Decrypted("", random, answer)

    def algorithms(self) -> Mapping[str, Any]:
        """Return the API's answer of ListAlgorithms: what the region offers."""
        return self._call("ListAlgorithms", {})

    def _call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        return self._transport.call(action, params)


def _context(name: str, encryption_context: Mapping[str, str]) -> dict[str, str]:
    text = context.canonical(encryption_context)
    return {name: text} if text else {}


def _key(answer: Any) -> Key:
    if not isinstance(answer, dict):
        raise _silent("KeyMetadata")
    return Key(
        key_id=_text(answer, "KeyId"),
        alias=_text(answer, "Alias"),
        description=answer.get("Description") or "",
        state=_text(answer, "KeyState"),
        usage=_text(answer, "KeyUsage"),
        origin=answer.get("Origin") or "",
        owner=answer.get("Owner") or "",
        created_unix=_integer(answer, "CreateTime"),
        answer=answer,
    )


def _text(answer: Mapping[str, Any], name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str) or not value:
        raise _silent(name)
    return value


def _integer(answer: Mapping[str, Any], name: str) -> int:
    value = answer.get(name)
    if not isinstance(value, int):
        raise _silent(name)
    return value


def _bytes(answer: Mapping[str, Any], name: str) -> bytes:
    try:
        return protocol.decode(_text(answer, name))
    except ValueError as error:
        raise ServiceError(f"KMS answered with a field {name} that is not base64") from error


def _object(answer: Mapping[str, Any], name: str) -> Any:
    if name not in answer:
        raise _silent(name)
    return answer[name]


def _silent(name: str) -> ServiceError:
    return ServiceError(
        f"KMS answered without the field {name}", hint="is there a gateway that rewrites answers on the way?"
    )
