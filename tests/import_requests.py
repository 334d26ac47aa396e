"""Imports of key material by the bare API, for tests of the embedded KMS."""

from typing import Any

from kmstool import words
from kmstool.api import protocol
from kmstool.crypto import rsa
from kmstool.server.app import EmbeddedKms

ALGORITHM: words.EncryptionAlgorithm = "RSAES_OAEP_SHA_256"


def parameters(kms: EmbeddedKms, key_id: str, algorithm: str = ALGORITHM) -> dict[str, Any]:
    """Return the answer of GetParametersForImport."""
    return kms.call(
        "GetParametersForImport", {"KeyId": key_id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": "RSA_2048"}
    )


def wrapped(
    issued: dict[str, Any], material: bytes, algorithm: words.EncryptionAlgorithm = ALGORITHM
) -> dict[str, Any]:
    """Return a request of ImportKeyMaterial for parameters and material."""
    encrypted = rsa.encrypt(rsa.load_public_key(protocol.decode(issued["PublicKey"])), algorithm, material)
    return {
        "KeyId": issued["KeyId"],
        "ImportToken": issued["ImportToken"],
        "EncryptedKeyMaterial": protocol.encode(encrypted),
    }


def import_request(kms: EmbeddedKms, key_id: str, material: bytes) -> dict[str, Any]:
    """Get parameters for a key and return a request that imports the material."""
    return wrapped(parameters(kms, key_id), material)
