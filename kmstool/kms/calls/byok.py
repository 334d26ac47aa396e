"""Typed methods of imported key material: parameters, import, deletion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import InputError, ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import Caller, ImportParameters


class MaterialActions(Caller):
    """Get parameters, import, delete."""

    def import_parameters(self, key_id: str, algorithm: str) -> ImportParameters:
        """Let KMS make a wrapping key and token for a key; those that it made before are void."""
        from kmstool import byok  # noqa: PLC0415 - 20 ms that every other action saves

        params = {"KeyId": key_id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": words.RSA_2048}
        answer = self._call("GetParametersForImport", params)
        answers.same_key(answer, key_id)
        wrapping_key = answers.binary(answer, "PublicKey")
        try:
            byok.check_wrapping_key(wrapping_key)
        except InputError as error:
            raise ServiceError(f"KMS answered with a wrapping key that is none: {error.message}") from error
        token, valid_to_unix = answers.binary(answer, "ImportToken"), answers.integer(answer, "ParametersValidTo")
        return ImportParameters(wrapping_key, token, valid_to_unix, answer)

    def import_material(self, key_id: str, token: bytes, wrapped: bytes, valid_to_unix: int) -> Mapping[str, Any]:
        """Give a key its wrapped material until a time, 0 = for ever; return the API's answer.

        Once a key has had material KMS takes no other: `ServiceError` with `MaterialNotMatch`.
        """
        return self._call(
            "ImportKeyMaterial",
            {
                "KeyId": key_id,
                "ImportToken": protocol.encode(token),
                "EncryptedKeyMaterial": protocol.encode(wrapped),
                "ValidTo": valid_to_unix,
            },
        )

    def delete_material(self, key_id: str) -> Mapping[str, Any]:
        """Let KMS destroy the imported material of a key, which then waits for its import; return the API's answer."""
        return self._call("DeleteImportedKeyMaterial", {"KeyId": key_id})
