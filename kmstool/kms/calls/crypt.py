"""Typed methods of symmetric cryptography: bytes inside, base64 only here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kmstool import words
from kmstool.api import context, protocol
from kmstool.api.context import Context
from kmstool.errors import InputError, IntegrityError, ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import Caller, DataKey, EncryptedBlob, Plaintext, ReEncryptedBlob


class CipherActions(Caller):
    """Encrypt, decrypt, move blobs, random bytes."""

    def encrypt(self, key_id: str, plaintext: bytes, encryption_context: Context) -> EncryptedBlob:
        """Encrypt 1 to 4,096 bytes. Raises `InputError` for another size, before any call."""
        if not plaintext:
            raise InputError("the plaintext is empty; KMS encrypts 1 to 4,096 bytes")
        if len(plaintext) > words.MAX_PLAINTEXT_BYTES:
            raise InputError(f"the plaintext is {len(plaintext):,} bytes; KMS encrypts at most 4,096")
        params = {"KeyId": key_id, "Plaintext": protocol.encode(plaintext)}
        answer = self._call("Encrypt", params | context_field("EncryptionContext", encryption_context))
        return EncryptedBlob(answers.same_key(answer, key_id), answers.blob(answer, plaintext), answer)

    def decrypt(self, ciphertext_blob: str, encryption_context: Context) -> Plaintext:
        """Decrypt a blob under the context that it was made with. Raises `IntegrityError` for any other."""
        params = {"CiphertextBlob": ciphertext_blob}
        with _compared(encryption_context):
            answer = self._call("Decrypt", params | context_field("EncryptionContext", encryption_context))
        return Plaintext(answers.text(answer, "KeyId"), answers.binary(answer, "Plaintext"), answer)

    def re_encrypt(
        self,
        ciphertext_blob: str,
        *,
        to_key_id: str | None,
        source_context: Context,
        destination_context: Context,
    ) -> ReEncryptedBlob:
        """Move a blob to another CMK, or to the newest version of its own, inside KMS."""
        params = {"CiphertextBlob": ciphertext_blob}
        if to_key_id:
            params["DestinationKeyId"] = to_key_id
        params |= context_field("SourceEncryptionContext", source_context)
        params |= context_field("DestinationEncryptionContext", destination_context)
        with _compared(source_context):
            answer = self._call("ReEncrypt", params)
        changed = answers.boolean(answer, "ReEncrypted")
        source_key_id, moved = answers.text(answer, "SourceKeyId"), answers.blob(answer)
        key_id = answers.same_key(answer, to_key_id or source_key_id)
        if changed == (moved == ciphertext_blob) or (not changed and key_id != source_key_id):
            raise ServiceError(
                "KMS answered that a blob was re-encrypted and with the same one, or the other way round"
            )
        return ReEncryptedBlob(key_id, source_key_id, moved, changed, answer)

    def generate_data_key(self, key_id: str, key_spec: str, encryption_context: Context) -> DataKey:
        """Make a data key, `AES_256` (32 bytes) or `AES_128` (16 bytes), in plaintext and encrypted."""
        params = {"KeyId": key_id, "KeySpec": key_spec}
        answer = self._call("GenerateDataKey", params | context_field("EncryptionContext", encryption_context))
        plaintext = answers.binary(answer, "Plaintext")
        if len(plaintext) != words.KEY_SPECS[key_spec]:
            raise ServiceError(f"KMS returned a data key of {len(plaintext)} bytes for {key_spec}")
        return DataKey(answers.same_key(answer, key_id), plaintext, answers.blob(answer, plaintext))

    def random(self, count: int) -> Plaintext:
        """Return 1 to 1,024 random bytes made by KMS."""
        answer = self._call("GenerateRandom", {"NumberOfBytes": count})
        random = answers.binary(answer, "Plaintext")
        if len(random) != count:
            raise ServiceError(f"KMS returned {len(random)} random bytes for {count}")
        return Plaintext("", random, answer)


@contextmanager
def _compared(encryption_context: Context) -> Iterator[None]:
    """Note on a refusal that there was a context, of which KMS compares the spelling."""
    try:
        yield
    except IntegrityError as error:
        if encryption_context:
            error.facts["context"] = "exact" if isinstance(encryption_context, str) else "pairs"
        raise


def context_field(name: str, encryption_context: Context) -> dict[str, str]:
    """Return the parameter `name` with a context, none where there is none."""
    text = context.text_of(encryption_context)
    return {name: text} if text else {}
