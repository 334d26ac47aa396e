"""Literals of the API that several layers need; each stands here once. It imports nothing, so that `--help` can have it."""

from __future__ import annotations

from typing import Literal

SYMMETRIC = "ENCRYPT_DECRYPT"

# The short names of the command line and the API's spelling of each.
USAGES = {
    "symmetric": SYMMETRIC,
    "rsa-2048": "ASYMMETRIC_DECRYPT_RSA_2048",
    "sm2": "ASYMMETRIC_DECRYPT_SM2",
    "sign-sm2": "ASYMMETRIC_SIGN_VERIFY_SM2",
    "sign-rsa-2048": "ASYMMETRIC_SIGN_VERIFY_RSA_2048",
    "sign-rsa-3072": "ASYMMETRIC_SIGN_VERIFY_RSA_3072",
    "sign-ecc": "ASYMMETRIC_SIGN_VERIFY_ECC",
    "sign-ecc-p384": "ASYMMETRIC_SIGN_VERIFY_ECDSA384",
    "kyber": "ASYMMETRIC_Encrypt_Decrypt_Kyber_AES",
    "dilithium": "ASYMMETRIC_SIGN_VERIFY_DILITHIUM",
}

STATES = ("Enabled", "Disabled", "PendingDelete", "PendingImport", "Archived")

KEY_SPECS = {"AES_256": 32, "AES_128": 16}
"""What GenerateDataKey takes as KeySpec, and how many bytes each data key has."""

EncryptionAlgorithm = Literal["RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
RSA_ALGORITHMS: tuple[EncryptionAlgorithm, ...] = ("RSAES_OAEP_SHA_256", "RSAES_OAEP_SHA_1", "RSAES_PKCS1_V1_5")
"""The paddings of RSA encryption, the one that is used unless another is named first."""
