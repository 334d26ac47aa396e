"""Typed methods on customer master keys: create, describe, list, rename."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kmstool import words
from kmstool.errors import ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import Caller, CreatedKey, Key

ALGORITHM_GROUPS = ("SymmetricAlgorithms", "AsymmetricAlgorithms", "AsymmetricSignVerifyAlgorithms")


class KeyActions(Caller):
    """Create, describe, list, rename."""

    def create_key(
        self,
        alias: str,
        *,
        usage: str = words.SYMMETRIC,
        external: bool = False,
        description: str = "",
        tags: Mapping[str, str] | None = None,
    ) -> CreatedKey:
        """Create a CMK; `external` means that its key material will be imported."""
        params: dict[str, Any] = {"Alias": alias, "KeyUsage": usage, "Type": 2 if external else 1}
        if description:
            params["Description"] = description
        answer = self._call("CreateKey", params | answers.tags_field(tags))
        if (answers.text(answer, "Alias"), answers.text(answer, "KeyUsage")) != (alias, usage):
            raise ServiceError("KMS answered for another key than the one that it was to create", hint=answers.GATEWAY)
        # Tags that could not be set are a note to the user, not a failure: the key is there.
        return CreatedKey(
            answers.text(answer, "KeyId"),
            answers.optional_integer(answer, "TagCode"),
            answers.optional_text(answer, "TagMsg"),
            answer,
        )

    def describe_key(self, key_id: str) -> Key:
        """Return one CMK."""
        key = answers.key(self._call("DescribeKey", {"KeyId": key_id}).get("KeyMetadata"))
        answers.same_key(key.answer, key_id)
        return key

    def list_keys(self, **filters: Any) -> Iterator[Key]:
        """Yield all CMKs of the region, oldest first; all states, usages and origins.

        `filters` are parameters of ListKeyDetail that narrow this.
        """
        items = self._pages("ListKeyDetail", {"OrderType": 1, "KeyUsage": words.ANY, **filters}, "KeyMetadatas")
        return (answers.key(item) for item in items)

    def update_alias(self, key_id: str, alias: str) -> None:
        """Give a CMK another alias."""
        self._call("UpdateAlias", {"KeyId": key_id, "Alias": alias})

    def update_description(self, key_id: str, description: str) -> None:
        """Replace the description of a CMK (at most 1,024 bytes)."""
        self._call("UpdateKeyDescription", {"KeyId": key_id, "Description": description})

    def algorithms(self) -> Mapping[str, Any]:
        """Return the API's answer of ListAlgorithms: what the region offers."""
        answer = self._call("ListAlgorithms", {})
        for group in ALGORITHM_GROUPS:
            for item in answers.objects(answer, group):
                answers.text(item, "KeyUsage"), answers.text(item, "Algorithm")
        return answer
