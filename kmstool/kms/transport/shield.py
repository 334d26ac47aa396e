"""A transport under which plaintexts travel encrypted to this process: a proxy that opens TLS sees none.

A fresh SM2 key for every request; KMS wraps the answer under it (API pages of Decrypt,
GenerateDataKey and GetDataKeyPlaintext, EncryptionPublicKey).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kmstool.api import protocol
from kmstool.crypto import formats, pem
from kmstool.crypto.keys import Sm2PublicKey
from kmstool.crypto.sm2 import encryption, keys
from kmstool.errors import InputError, ServiceError
from kmstool.kms.port import Transport

ACTIONS = ("Decrypt", "GenerateDataKey", "GetDataKeyPlaintext")
_ALGORITHM = "SM2_C1C3C2_ASN1"


class ShieldingTransport:
    """Asks for wrapped answers where KMS can give them, and unwraps them."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner

    def call(self, action: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Perform an action; raises what the inner transport raises, and `IntegrityError` for a foreign wrapping."""
        if action not in ACTIONS:
            return self._inner.call(action, params)
        key = keys.PrivateKey.generate()
        public_key = pem.write_public_key(Sm2PublicKey(key.public_key))
        wish = {"EncryptionPublicKey": public_key, "EncryptionAlgorithm": _ALGORITHM}
        answer = self._inner.call(action, {**params, **wish})
        try:
            ciphertext = formats.read_ciphertext(protocol.decode(str(answer.get("Plaintext"))), "der")
        except (ValueError, InputError) as error:
            raise ServiceError("KMS did not wrap its answer as it was asked to") from error
        return {**answer, "Plaintext": protocol.encode(encryption.decrypt(key, ciphertext))}
