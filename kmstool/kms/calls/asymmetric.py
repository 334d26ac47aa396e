"""Typed methods of asymmetric keys: public keys, signatures, decryption."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import InputError, IntegrityError, ServiceError
from kmstool.kms import answers
from kmstool.kms.answers import Caller, KeySignature, Plaintext, PublicKeyAnswer

if TYPE_CHECKING:
    from kmstool.crypto.sm2.encryption import Ciphertext


class AsymmetricActions(Caller):
    """Public keys, signatures and decryption."""

    def public_key(self, key_id: str) -> PublicKeyAnswer:
        """Return the public key of an asymmetric CMK.

        Built from `PublicKey` (DER): published samples of `PublicKeyPem` hold base64 twice.
        """
        from kmstool.crypto import keys  # noqa: PLC0415 - 20 ms that every other action saves

        answer = self._call("GetPublicKey", {"KeyId": key_id})
        try:
            key = keys.from_spki(answers.binary(answer, "PublicKey"))
        except InputError as error:
            raise ServiceError(f"KMS answered with a public key that is none: {error.message}") from error
        return PublicKeyAnswer(answers.same_key(answer, key_id), key, answer)

    def sign(self, key_id: str, algorithm: str, message: bytes, *, is_digest: bool) -> KeySignature:
        """Sign a message of at most 4,096 bytes, or a digest."""
        answer = self._call("SignByAsymmetricKey", _message(key_id, algorithm, message, is_digest=is_digest))
        return KeySignature(answers.binary(answer, "Signature"), answer)

    def verify(self, key_id: str, algorithm: str, message: bytes, signature: bytes, *, is_digest: bool) -> bool:
        """Return whether KMS finds a signature good."""
        params = _message(key_id, algorithm, message, is_digest=is_digest)
        answer = self._call("VerifyByAsymmetricKey", params | {"SignatureValue": protocol.encode(signature)})
        return answers.boolean(answer, "SignatureValid")

    def rsa_decrypt(self, key_id: str, algorithm: str, ciphertext: bytes) -> Plaintext:
        """Decrypt an RSA ciphertext."""
        params = {"KeyId": key_id, "Algorithm": algorithm, "Ciphertext": protocol.encode(ciphertext)}
        return self._decrypted("AsymmetricRsaDecrypt", params)

    def sm2_decrypt(self, key_id: str, ciphertext: bytes) -> Plaintext:
        """Decrypt an SM2 ciphertext in ASN.1, at most 256 bytes."""
        return self._decrypted("AsymmetricSm2Decrypt", {"KeyId": key_id, "Ciphertext": protocol.encode(ciphertext)})

    def sm2_decrypt_any(self, key_id: str, meanings: Sequence[Ciphertext]) -> Plaintext:
        """Decrypt an SM2 ciphertext that can be read in several ways: its digest tells KMS which is meant.

        Raises what the first way raises if none is good.
        """
        from kmstool.crypto import formats  # noqa: PLC0415 - as above

        failure: IntegrityError | None = None
        for meaning in meanings:
            try:
                return self.sm2_decrypt(key_id, formats.write_ciphertext(meaning, "der"))
            except IntegrityError as error:
                failure = failure or error
        raise failure or InputError("an SM2 ciphertext has one meaning at least")

    def _decrypted(self, action: str, params: dict[str, str]) -> Plaintext:
        answer = self._call(action, params)
        return Plaintext(answers.same_key(answer, params["KeyId"]), answers.binary(answer, "Plaintext"), answer)


def _message(key_id: str, algorithm: str, message: bytes, *, is_digest: bool) -> dict[str, str]:
    kind = words.DIGEST if is_digest else words.RAW
    return {"KeyId": key_id, "Algorithm": algorithm, "Message": protocol.encode(message), "MessageType": kind}
