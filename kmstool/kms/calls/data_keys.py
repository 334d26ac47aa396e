"""Typed methods on hosted data keys: make, import, find, name, hand out, bring into states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.api.context import Context
from kmstool.errors import InputError, ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import Caller, Plaintext
from kmstool.kms.calls.crypt import context_field


@dataclass(frozen=True, slots=True)
class HostedDataKey:
    """What KMS says of a data key that it keeps; times are Unix seconds; `answer` is the API's DataKeyMetadata."""

    data_key_id: str
    name: str
    key_id: str
    key_alias: str
    description: str
    state: str
    origin: str
    byte_count: int
    created_unix: int
    deletion_unix: int
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class CreatedDataKey:
    """A data key that KMS keeps from now on; it exists even where `tag_code` is not 0 and its tags do not."""

    data_key_id: str
    key_id: str
    tag_code: int
    tag_message: str
    plaintext: bytes | None = field(repr=False)
    """Of a data key that KMS made."""
    answer: Mapping[str, Any] = field(repr=False, compare=False)


class DataKeyActions(Caller):
    """Data keys that KMS keeps, encrypted under a CMK."""

    def host_data_key(
        self,
        key_id: str,
        name: str,
        byte_count: int,
        encryption_context: Context,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> CreatedDataKey:
        """Generate a data key of 1 to 1,024 bytes and store it in KMS."""
        params = {"KeyId": key_id, "NumberOfBytes": byte_count, "IsHostedByKms": 1}
        params |= context_field("EncryptionContext", encryption_context)
        answer = self._call("GenerateDataKey", params | _naming(name, description, tags))
        plaintext = answers.binary(answer, "Plaintext")
        if len(plaintext) != byte_count:
            raise ServiceError(f"KMS returned a data key of {len(plaintext)} bytes for {byte_count}")
        answers.blob(answer, plaintext)
        return _hosted(answer, key_id, plaintext)

    def import_data_key(
        self,
        key_id: str,
        name: str,
        plaintext: bytes,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> CreatedDataKey:
        """Let KMS keep a data key of 1 to 1,024 bytes under a CMK. Raises `InputError` for another size."""
        if not 1 <= len(plaintext) <= words.MAX_DATA_KEY_BYTES:
            raise InputError(f"the data key is {len(plaintext):,} bytes; KMS keeps 1 to {words.MAX_DATA_KEY_BYTES:,}")
        params = {"ImportType": 2, "ImportKeyMaterial": protocol.encode(plaintext), "KeyId": key_id}
        return _hosted(self._call("ImportDataKey", params | _naming(name, description, tags)), key_id)

    def import_blob(
        self,
        key_id: str | None,
        name: str,
        ciphertext_blob: str,
        *,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> CreatedDataKey:
        """Let KMS keep what is in a blob made without a context; with `key_id` it must be under that CMK."""
        params = {"ImportType": 1, "ImportKeyMaterial": ciphertext_blob} | ({"KeyId": key_id} if key_id else {})
        return _hosted(self._call("ImportDataKey", params | _naming(name, description, tags)), key_id)

    def describe_data_key(self, data_key_id: str) -> HostedDataKey:
        """Return what KMS says of one data key."""
        answer = self._call("DescribeDataKey", {"DataKeyId": data_key_id}).get("DataKeyMetadata")
        return _data_key(answer, data_key_id)

    def list_data_keys(self, **filters: Any) -> Iterator[HostedDataKey]:
        """Yield all data keys of the region, oldest first; `filters` are parameters of ListDataKeyDetail."""
        items = self._pages("ListDataKeyDetail", {"OrderType": 1, **filters}, "DataKeyMetadatas", item_id="DataKeyId")
        return (_data_key(item) for item in items)

    def data_key_plaintext(self, data_key_id: str) -> Plaintext:
        """Return a data key in plaintext."""
        answer = self._call("GetDataKeyPlaintext", {"DataKeyId": data_key_id})
        return Plaintext("", answers.binary(answer, "Plaintext"), answer)

    def data_key_blob(self, data_key_id: str) -> Mapping[str, Any]:
        """Return the API's answer with a data key as `CiphertextBlob`, which Decrypt opens."""
        answer = self._call("GetDataKeyCiphertextBlob", {"DataKeyId": data_key_id})
        answers.blob(answer)
        return answer

    def update_data_key_name(self, data_key_id: str, name: str) -> None:
        """Give a data key another name."""
        self._call("UpdateDataKeyName", {"DataKeyId": data_key_id, "DataKeyName": name})

    def update_data_key_description(self, data_key_id: str, description: str) -> None:
        """Replace the description of a data key (at most 100 bytes)."""
        self._call("UpdateDataKeyDescription", {"DataKeyId": data_key_id, "Description": description})

    def enable_data_keys(self, data_key_ids: Sequence[str]) -> Mapping[str, Any]:
        """Enable 1 to 100 data keys, all or none."""
        return self._one_or_many("EnableDataKey", "DataKeyId", data_key_ids)

    def disable_data_keys(self, data_key_ids: Sequence[str]) -> Mapping[str, Any]:
        """Disable 1 to 100 data keys, all or none."""
        return self._one_or_many("DisableDataKey", "DataKeyId", data_key_ids)

    def schedule_data_key_deletion(self, data_key_id: str, days: int) -> Mapping[str, Any]:
        """Let KMS destroy a disabled data key after 7 to 30 days; `DeletionDate` is in Unix seconds."""
        answer = self._call("ScheduleDataKeyDeletion", {"DataKeyId": data_key_id, "PendingWindowInDays": days})
        answers.deletion(answer)
        answers.same(answer, "DataKeyId", data_key_id)
        return answer

    def cancel_data_key_deletion(self, data_key_id: str) -> Mapping[str, Any]:
        """Keep a data key after all; KMS leaves it disabled."""
        answer = self._call("CancelDataKeyDeletion", {"DataKeyId": data_key_id})
        answers.same(answer, "DataKeyId", data_key_id)
        return answer


def _naming(name: str, description: str, tags: Mapping[str, str] | None) -> dict[str, Any]:
    params: dict[str, Any] = {"DataKeyName": name}
    if description:
        params["Description"] = description
    return params | answers.tags_field(tags)


def _hosted(answer: Mapping[str, Any], key_id: str | None, plaintext: bytes | None = None) -> CreatedDataKey:
    if key_id:
        answers.same_key(answer, key_id)
    return CreatedDataKey(
        answers.text(answer, "DataKeyId"),
        answers.text(answer, "KeyId"),
        answers.optional_integer(answer, "TagCode"),
        answers.optional_text(answer, "TagMsg"),
        plaintext,
        answer,
    )


def _data_key(answer: Any, data_key_id: str | None = None) -> HostedDataKey:
    if not isinstance(answer, dict):
        raise answers.missing("DataKeyMetadata")
    if data_key_id is not None:
        answers.same(answer, "DataKeyId", data_key_id)
    return HostedDataKey(
        data_key_id=answers.text(answer, "DataKeyId"),
        name=answers.text(answer, "DataKeyName"),
        key_id=answers.text(answer, "KeyId"),
        key_alias=answers.optional_text(answer, "KeyName"),
        description=answers.optional_text(answer, "Description"),
        state=answers.text(answer, "KeyState"),
        origin=answers.optional_text(answer, "Origin"),
        byte_count=answers.integer(answer, "NumberOfBytes"),
        created_unix=answers.integer(answer, "CreateTime"),
        deletion_unix=answers.optional_integer(answer, "DeletionDate"),
        answer=answer,
    )
