"""Answers that only the caller can read: a plaintext wrapped under the public key that a request brings.

`SM2` is the bare x ‖ y ‖ C3 ‖ C2 without a leading 04, as published samples show
(API pages of Decrypt and GenerateDataKey).
"""

from __future__ import annotations

from kmstool import words
from kmstool.api import protocol
from kmstool.errors import InputError, KmsToolError
from kmstool.server.call import Call, refuse

_PEM, _RSA_BITS = "-----BEGIN PUBLIC KEY-----", 2048
_SM2_FORMS = {"": "bare", "SM2": "bare", "SM2_C1C3C2_ASN1": "der"}


def plaintext_field(call: Call, plaintext: bytes) -> str:
    """Return the base64 for the field Plaintext: as it is, or wrapped if the request wants that."""
    public_key, algorithm = call.params.get("EncryptionPublicKey", ""), call.params.get("EncryptionAlgorithm", "")
    if not public_key:
        return protocol.encode(plaintext)
    try:
        return protocol.encode(_wrapped(public_key, algorithm, plaintext))
    except KmsToolError as error:
        code = "InvalidParameter" if "U8" in call.assumed else "FailedOperation.EncryptionError"
        raise refuse(code, f"the answer cannot be wrapped: {error.message}") from error


def _wrapped(public_key: str, algorithm: str, plaintext: bytes) -> bytes:
    from kmstool.crypto import formats, keys, pem, rsa  # noqa: PLC0415 - 10 ms, seldom wanted
    from kmstool.crypto.sm2 import encryption  # noqa: PLC0415 - 10 ms, seldom wanted

    if _PEM not in public_key:
        raise InputError("EncryptionPublicKey must be PEM")
    key = pem.read_public_key(public_key.encode())
    if isinstance(key, keys.RsaPublicKey) and key.key.key_size != _RSA_BITS:
        raise InputError(f"EncryptionPublicKey has {key.key.key_size} bits, RSA with {_RSA_BITS} and SM2 are possible")
    if algorithm in _SM2_FORMS and isinstance(key, keys.Sm2PublicKey):
        ciphertext = encryption.encrypt(key.key, plaintext)
        if _SM2_FORMS[algorithm] == "der":
            return formats.write_ciphertext(ciphertext, "der")
        return formats.write_ciphertext(ciphertext, "c1c3c2").removeprefix(b"\x04")
    for name in words.RSA_ALGORITHMS:
        if algorithm == name and isinstance(key, keys.RsaPublicKey):
            return rsa.encrypt(key.key, name, plaintext)
    raise InputError(f"the algorithm {algorithm or 'SM2'!r} does not fit the public key, which is {key.kind}")
