"""Typed methods of white-box keys: create, describe, encrypt, bind to devices. Decryption is kmstool.whitebox's.

Keys are raw here; what is in those of Tencent Cloud only Tencent's library knows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import InputError, Reason, ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import Caller

PAGE = 50
"""As many white-box keys as a region can have."""


@dataclass(frozen=True, slots=True)
class CreatedWhiteBoxKey:
    """A new white-box key; its decrypt key is bound to no device, so that it opens everywhere."""

    key_id: str
    encrypt_key: bytes = field(repr=False)
    decrypt_key: bytes = field(repr=False)
    tag_code: int
    tag_message: str
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WhiteBoxKey:
    """What KMS says of a white-box key; `answer` is the API's WhiteboxKeyInfo, with the keys in it."""

    key_id: str
    alias: str
    description: str
    status: str
    algorithm: str
    created_unix: int
    is_bound: bool
    """Whether any device fingerprint is set."""
    resource_id: str
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class DecryptKey:
    """The key file of a white-box key, bound to the devices that were set when it was asked for."""

    data: bytes = field(repr=False)
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class WhiteBoxCiphertext:
    """A ciphertext in CBC with PKCS#7 padding, and the IV without which it does not decrypt."""

    iv: bytes
    ciphertext: bytes
    answer: Mapping[str, Any] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class DeviceFingerprint:
    """A device that a white-box key is bound to: the fingerprint of 70 characters, and what the user says of it."""

    identity: str
    description: str = ""


class WhiteBoxActions(Caller):
    """White-box keys and the devices that they are bound to."""

    def create_white_box_key(
        self, alias: str, algorithm: str, description: str = "", tags: Mapping[str, str] | None = None
    ) -> CreatedWhiteBoxKey:
        """Create a white-box key for `AES_256` or `SM4`."""
        params: dict[str, Any] = {"Alias": alias, "Algorithm": algorithm}
        if description:
            params["Description"] = description
        if tags:
            params["Tags"] = [{"TagKey": name, "TagValue": value} for name, value in tags.items()]
        answer = self._call("CreateWhiteBoxKey", params)
        return CreatedWhiteBoxKey(
            answers.text(answer, "KeyId"),
            answers.binary(answer, "EncryptKey"),
            answers.binary(answer, "DecryptKey"),
            answers.optional_integer(answer, "TagCode"),
            answers.optional_text(answer, "TagMsg"),
            answer,
        )

    def describe_white_box_key(self, key_id: str) -> WhiteBoxKey:
        """Return one white-box key."""
        key = _key(self._call("DescribeWhiteBoxKey", {"KeyId": key_id}).get("KeyInfo"))
        answers.same_key(key.answer, key_id)
        return key

    def list_white_box_keys(self) -> Iterator[WhiteBoxKey]:
        """Yield all white-box keys of the region in KMS's order."""
        # Without a Limit the answer is not cut, and may be longer than what is on the way lets through.
        items = self._pages("DescribeWhiteBoxKeyDetails", {}, "KeyInfos", limit=PAGE)
        return (_key(item) for item in items)

    def white_box_decrypt_key(self, key_id: str) -> DecryptKey:
        """Return the decrypt key, sealed now for the devices that are set now."""
        answer = self._call("DescribeWhiteBoxDecryptKey", {"KeyId": key_id})
        return DecryptKey(answers.binary(answer, "DecryptKey"), answer)

    def encrypt_by_white_box(self, key_id: str, plaintext: bytes, iv: bytes | None = None) -> WhiteBoxCiphertext:
        """Encrypt 1 to 4,096 bytes; KMS draws the IV of 16 bytes if none is given.

        Raises `InputError` for another size, before any call.
        """
        if not 1 <= len(plaintext) <= words.MAX_PLAINTEXT_BYTES:
            raise InputError(f"the plaintext is {len(plaintext):,} bytes; white-box keys encrypt 1 to 4,096")
        if iv is not None and len(iv) != words.BLOCK_BYTES:
            raise InputError(f"the IV has {len(iv)} bytes, not {words.BLOCK_BYTES}")
        params = {"KeyId": key_id, "PlainText": protocol.encode(plaintext)}
        if iv is not None:
            params["InitializationVector"] = protocol.encode(iv)
        answer = self._call("EncryptByWhiteBox", params)
        used = answers.binary(answer, "InitializationVector")
        if len(used) != words.BLOCK_BYTES or (iv is not None and used != iv):
            raise ServiceError("KMS answered with an IV of another size, or with another than the one it was given")
        ciphertext = answers.binary(answer, "CipherText")
        if len(ciphertext) != len(plaintext) // words.BLOCK_BYTES * words.BLOCK_BYTES + words.BLOCK_BYTES:
            raise ServiceError(f"KMS answered with a ciphertext of {len(ciphertext)} bytes for {len(plaintext)}")
        return WhiteBoxCiphertext(used, ciphertext, answer)

    def enable_white_box_keys(self, key_ids: Sequence[str]) -> Mapping[str, Any]:
        """Enable 1 to 50 white-box keys, all or none; return the API's answer."""
        return self._one_or_many("EnableWhiteBoxKey", "KeyId", key_ids)

    def disable_white_box_keys(self, key_ids: Sequence[str]) -> Mapping[str, Any]:
        """Let 1 to 50 white-box keys encrypt no longer, all or none; return the API's answer."""
        return self._one_or_many("DisableWhiteBoxKey", "KeyId", key_ids)

    def delete_white_box_key(self, key_id: str) -> Mapping[str, Any]:
        """Destroy a disabled white-box key at once; return the API's answer. Its decrypt keys go on working."""
        try:
            return self._call("DeleteWhiteBoxKey", {"KeyId": key_id})
        except ServiceError as error:
            # The API has no code of its own for this.
            if error.kms_code == "FailedOperation":
                error.reason, error.facts = Reason.WHITE_BOX_KEY_ENABLED, {"key": key_id}
            raise

    def fingerprints(self, key_id: str) -> list[DeviceFingerprint]:
        """Return the devices that a white-box key is bound to."""
        answer = self._call("DescribeWhiteBoxDeviceFingerprints", {"KeyId": key_id})
        return [
            DeviceFingerprint(answers.text(item, "Identity"), answers.optional_text(item, "Description"))
            for item in answers.objects(answer, "DeviceFingerprints")
        ]

    def overwrite_fingerprints(self, key_id: str, fingerprints: Sequence[DeviceFingerprint]) -> Mapping[str, Any]:
        """Bind a white-box key to these devices, at most 200, and to no others; return the API's answer.

        Decrypt keys that were taken before stay as they are.
        """
        devices = [{"Identity": device.identity, "Description": device.description} for device in fingerprints]
        return self._call("OverwriteWhiteBoxDeviceFingerprints", {"KeyId": key_id, "DeviceFingerprints": devices})

    def white_box_service_enabled(self) -> bool:
        """Return whether there are white-box keys in this region and the account has bought them."""
        return answers.boolean(self._call("DescribeWhiteBoxServiceStatus", {}), "ServiceEnabled")


def _key(answer: Any) -> WhiteBoxKey:
    if not isinstance(answer, dict):
        raise answers.missing("KeyInfo")
    return WhiteBoxKey(
        key_id=answers.text(answer, "KeyId"),
        alias=answers.text(answer, "Alias"),
        description=answers.optional_text(answer, "Description"),
        status=answers.text(answer, "Status"),
        algorithm=answers.text(answer, "Algorithm"),
        created_unix=answers.integer(answer, "CreateTime"),
        is_bound=answer.get("DeviceFingerprintBind") is not None and answers.boolean(answer, "DeviceFingerprintBind"),
        resource_id=answers.optional_text(answer, "ResourceId"),
        answer=answer,
    )
