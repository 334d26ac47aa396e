"""Literals that several layers need, client and embedded KMS above all; each stands here once.

What both sides must write alike is told apart here from what they agree on by chance. It
imports nothing, so that `--help` can have it.
"""

from __future__ import annotations

from typing import Final, Literal

SYMMETRIC: Final = "ENCRYPT_DECRYPT"

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

ENABLED: Final = "Enabled"
DISABLED: Final = "Disabled"
PENDING_DELETE: Final = "PendingDelete"
PENDING_IMPORT: Final = "PendingImport"
ARCHIVED: Final = "Archived"
STATES = (ENABLED, DISABLED, PENDING_DELETE, PENDING_IMPORT, ARCHIVED)
"""The states of CMKs; in filters of lists they have the numbers from 1."""
DATA_KEY_STATES = (ENABLED, DISABLED, PENDING_DELETE)
"""Those of hosted data keys, and of the keys of 2017."""
WHITE_BOX_STATES = (ENABLED, DISABLED)

GENERATED: Final = "TENCENT_KMS"
EXTERNAL: Final = "EXTERNAL"
ORIGINS = (GENERATED, EXTERNAL)
"""Whether KMS made the material of a key."""
ANY: Final = "ALL"
"""What filters take for all usages and all origins."""
USER: Final = "user"
"""The owner of keys that no cloud product made."""

Cipher = Literal["AES_256", "SM4"]
AES_256: Final = "AES_256"
SM4: Final = "SM4"
CIPHERS: tuple[Cipher, ...] = (AES_256, SM4)
KEY_BYTES: dict[Cipher, int] = {AES_256: 32, SM4: 16}
"""The ciphers of the two profiles of regions, FIPS and SM, which both have blocks of 16 bytes."""
BLOCK_BYTES = 16

KEY_SPECS = {AES_256: 32, "AES_128": 16}
"""What GenerateDataKey takes as KeySpec, and how many bytes each data key has."""

EncryptionAlgorithm = Literal["RSAES_PKCS1_V1_5", "RSAES_OAEP_SHA_1", "RSAES_OAEP_SHA_256"]
OAEP_SHA_256: Final = "RSAES_OAEP_SHA_256"
OAEP_SHA_1: Final = "RSAES_OAEP_SHA_1"
PKCS1_V1_5: Final = "RSAES_PKCS1_V1_5"
RSA_ALGORITHMS: tuple[EncryptionAlgorithm, ...] = (OAEP_SHA_256, OAEP_SHA_1, PKCS1_V1_5)
"""The paddings of RSA encryption, the one that is used unless another is named first."""
RSA_2048: Final = "RSA_2048"
"""An RSA key of 2048 bits; the only WrappingKeySpec."""

RsaSignature = Literal["RSA_PSS_SHA_256", "RSA_PKCS1_SHA_256"]
PSS_SHA_256: Final = "RSA_PSS_SHA_256"
PKCS1_SHA_256: Final = "RSA_PKCS1_SHA_256"
ECDSA_P384: Final = "ECDSA384_SHA384"
"""The algorithm of keys on P-384, and of their signatures."""

RAW: Final = "RAW"
DIGEST: Final = "DIGEST"
"""What a Message to sign is, as MessageType."""

MAX_PLAINTEXT_BYTES = 4096
"""Of Encrypt, of white-box keys and of the KMS of 2017."""
MAX_MESSAGE_BYTES = 4096
"""Of a message to sign; for longer ones there are digests."""
MAX_RANDOM_BYTES = 1024
MAX_DATA_KEY_BYTES = 1024
MAX_CONTEXT_CHARACTERS = 1024
MAX_DESCRIPTION_BYTES = 1024
MAX_DATA_KEY_DESCRIPTION_BYTES = 100
MAX_DEVICES = 200
"""To how many devices a white-box key can be bound."""
MAX_KEY_IDS = 100
MAX_WHITE_BOX_KEY_IDS = 50
"""How many ids an action on several keys takes."""
MAX_PAGE = 200
"""The largest Limit of a list."""
MAX_CMKS = 10_000
MAX_DATA_KEYS = 1000
MAX_WHITE_BOX_KEYS = 50
"""How many there can be in a region."""
DELETION_DAYS = range(7, 31)
ROTATION_DAYS = range(7, 366)

REGION: Final = "ap-guangzhou"
PAGE = 10
DEFAULT_ROTATION_DAYS = 365

KEYRING: Final = "keyring"
FILE: Final = "file"
PASSPHRASE: Final = "passphrase"  # noqa: S105 - a kind, no secret
STORES = (KEYRING, FILE)
"""Where a credential can be kept."""
PROTECTIONS = (FILE, KEYRING, PASSPHRASE)
"""How the root key of an embedded KMS is kept."""
ENCODINGS = ("raw", "hex", "base64")
"""Of files with key material."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself: a name, then addresses."""
