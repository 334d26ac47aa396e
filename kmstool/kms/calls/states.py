"""Typed methods for the life of a key: states, deletion, rotation, bindings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kmstool.kms import answers
from kmstool.kms.answers import Caller


class LifecycleActions(Caller):
    """Bring keys into states; each method returns the API's answer."""

    def enable_keys(self, key_ids: Sequence[str]) -> Mapping[str, Any]:
        """Enable 1 to 100 keys, all or none."""
        return self._one_or_many("EnableKey", "KeyId", key_ids)

    def disable_keys(self, key_ids: Sequence[str]) -> Mapping[str, Any]:
        """Disable 1 to 100 keys, all or none."""
        return self._one_or_many("DisableKey", "KeyId", key_ids)

    def archive_key(self, key_id: str) -> Mapping[str, Any]:
        """Let a key decrypt only."""
        return self._call("ArchiveKey", {"KeyId": key_id})

    def cancel_archive(self, key_id: str) -> Mapping[str, Any]:
        """Enable an archived key."""
        return self._call("CancelKeyArchive", {"KeyId": key_id})

    def schedule_deletion(self, key_id: str, days: int) -> Mapping[str, Any]:
        """Let KMS destroy a disabled key after 7 to 30 days; `DeletionDate` is in Unix seconds."""
        answer = self._call("ScheduleKeyDeletion", {"KeyId": key_id, "PendingWindowInDays": days})
        answers.deletion(answer)
        answers.same_key(answer, key_id)
        return answer

    def cancel_deletion(self, key_id: str) -> Mapping[str, Any]:
        """Keep a key after all; KMS leaves it disabled."""
        answer = self._call("CancelKeyDeletion", {"KeyId": key_id})
        answers.same_key(answer, key_id)
        return answer

    def enable_rotation(self, key_id: str, days: int) -> Mapping[str, Any]:
        """Let KMS rotate a key every 7 to 365 days."""
        return self._call("EnableKeyRotation", {"KeyId": key_id, "RotateDays": days})

    def disable_rotation(self, key_id: str) -> Mapping[str, Any]:
        """Let KMS rotate a key no longer."""
        return self._call("DisableKeyRotation", {"KeyId": key_id})

    def rotate_key(self, key_id: str) -> Mapping[str, Any]:
        """Start the rotation of a key; its outcome shows in `LastRotateTime`."""
        answer = self._call("RotateKey", {"KeyId": key_id})
        answers.text(answer, "TaskId")
        return answer

    def bind(self, key_id: str, product: str, resource: str) -> Mapping[str, Any]:
        """Record that a cloud resource uses a key."""
        return self._call("BindCloudResource", {"KeyId": key_id, "ProductId": product, "ResourceId": resource})

    def unbind(self, key_id: str, product: str, resource: str) -> Mapping[str, Any]:
        """Record that a cloud resource no longer uses a key."""
        return self._call("UnbindCloudResource", {"KeyId": key_id, "ProductId": product, "ResourceId": resource})
