"""The client of the KMS of 2017: one typed method per action, bytes inside, base64 only here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.api.context import Context
from kmstool.errors import InputError, ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import GATEWAY, DataKey, EncryptedBlob, Plaintext
from kmstool.kms.calls.crypt import context_field
from kmstool.kms.port import Transport

PAGE = 100


@dataclass(frozen=True, slots=True)
class BetaKey:
    """What the KMS of 2017 says of a key; times are Unix seconds, `deletion_unix` is 0 unless it awaits its deletion."""

    key_id: str
    alias: str
    description: str
    state: str
    usage: str
    created_unix: int
    deletion_unix: int
    answer: Mapping[str, Any] = field(repr=False, compare=False)


class BetaClient:
    """The KMS of 2017 behind a transport that speaks its API.

    Every method raises what the transport raises, and `ServiceError` for an answer that
    lacks a field or has one of the wrong type.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def encrypt(self, key_id: str, plaintext: bytes, encryption_context: Context) -> EncryptedBlob:
        """Encrypt 1 to 4,096 bytes. Raises `InputError` for another size, before any call."""
        if not 1 <= len(plaintext) <= words.MAX_PLAINTEXT_BYTES:
            raise InputError(f"the plaintext is {len(plaintext):,} bytes; the KMS of 2017 encrypts 1 to 4,096")
        params = {"keyId": key_id, "plaintext": protocol.encode(plaintext)}
        answer = self._transport.call("Encrypt", params | context_field("encryptionContext", encryption_context))
        return EncryptedBlob(answers.same(answer, "keyId", key_id), _blob(answer, plaintext), answer)

    def decrypt(self, ciphertext_blob: str, encryption_context: Context) -> Plaintext:
        """Decrypt a blob under the context that it was made with. Raises `IntegrityError` for any other."""
        params = {"ciphertextBlob": ciphertext_blob}
        answer = self._transport.call("Decrypt", params | context_field("encryptionContext", encryption_context))
        return Plaintext(answers.text(answer, "keyId"), answers.binary(answer, "plaintext"), answer)

    def generate_data_key(self, key_id: str, key_spec: str, encryption_context: Context) -> DataKey:
        """Make a data key, `AES_256` (32 bytes) or `AES_128` (16 bytes), in plaintext and encrypted."""
        params = {"keyId": key_id, "keySpec": key_spec}
        answer = self._transport.call(
            "GenerateDataKey", params | context_field("encryptionContext", encryption_context)
        )
        plaintext = answers.binary(answer, "plaintext")
        if len(plaintext) != words.KEY_SPECS[key_spec]:
            raise ServiceError(f"the KMS of 2017 returned a data key of {len(plaintext)} bytes for {key_spec}")
        return DataKey(answers.same(answer, "keyId", key_id), plaintext, _blob(answer, plaintext))

    def create_key(self, alias: str, description: str = "") -> BetaKey:
        """Make a key."""
        return _key(self._transport.call("CreateKey", {"alias": alias, "description": description}))

    def key(self, key_id: str) -> BetaKey:
        """Return what there is to say of a key."""
        answer = _key(self._transport.call("GetKeyAttributes", {"keyId": key_id}))
        answers.same({"keyId": answer.key_id}, "keyId", key_id)
        return answer

    def set_alias(self, key_id: str, alias: str) -> None:
        """Give a key another alias; with an empty one it has none."""
        self._transport.call("SetKeyAttributes", {"keyId": key_id, "alias": alias})

    def key_ids(self) -> Iterator[str]:
        """Yield the ids of all keys, page by page; raise `ServiceError` for a list that is not as long as it says."""
        seen: set[str] = set()
        while True:
            answer = self._transport.call("ListKey", {"offset": len(seen), "limit": PAGE})
            total = answers.integer(answer, "totalCount")
            ids = [answers.text(item, "keyId") for item in answers.objects(answer, "keys")]
            if (len(seen) < total and not ids) or len(seen.union(ids)) != len(seen) + len(ids):
                raise ServiceError(f"the KMS of 2017 counts {total} keys and lists others", hint=GATEWAY)
            seen.update(ids)
            yield from ids
            if len(seen) >= total:
                return

    def enable(self, key_id: str) -> None:
        """Bring a key into use."""
        self._transport.call("EnableKey", {"keyId": key_id})

    def disable(self, key_id: str) -> None:
        """Take a key out of use."""
        self._transport.call("DisableKey", {"keyId": key_id})

    def schedule_deletion(self, key_id: str, days: int) -> None:
        """Let a key be destroyed after 7 to 30 days."""
        self._transport.call("ScheduleKeyDeletion", {"keyId": key_id, "pendingWindowInDays": days})

    def cancel_deletion(self, key_id: str) -> None:
        """Keep a key after all."""
        self._transport.call("CancelKeyDeletion", {"keyId": key_id})


def _key(answer: Mapping[str, Any]) -> BetaKey:
    metadata = answer.get("keyMetadata")
    if not isinstance(metadata, dict):
        raise answers.missing("keyMetadata")
    return BetaKey(
        key_id=answers.text(metadata, "keyId"),
        alias=answers.optional_text(metadata, "alias"),
        description=answers.optional_text(metadata, "description"),
        state=answers.text(metadata, "keyState"),
        usage=answers.optional_text(metadata, "keyUsage"),
        created_unix=answers.optional_integer(metadata, "createTime"),
        deletion_unix=answers.optional_integer(metadata, "deleteTime"),
        answer=metadata,
    )


def _blob(answer: Mapping[str, Any], plaintext: bytes) -> str:
    return answers.blob({"CiphertextBlob": answers.text(answer, "ciphertextBlob")}, plaintext)
