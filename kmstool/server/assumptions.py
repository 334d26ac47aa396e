"""What the cloud does not tell, and what is assumed of it here: the unknowns of docs/local-kms.md as switches.

Each has the answer `a`, the safest one, unless its other answer `b` is asked for: by the store's
own setting, or by whoever serves it. So a program can be tried against both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from kmstool.errors import ArgumentError

Assumptions: TypeAlias = frozenset[str]
"""The unknowns whose other answer is assumed."""

UNKNOWNS: Mapping[str, tuple[str, str]] = {
    "U1": ("PSS signatures have a salt of 32 bytes", "the longest salt that fits the key"),
    "U2": ("P-384 keys sign by ECDSA384_SHA384 or ECC_P384_R1", "ECC_P384_R1 is not known"),
    "U3": (
        "a key of the wrong usage is InvalidKeyUsage in Encrypt, Decrypt, Sign and Verify",
        "CmkStateNotSupport",
    ),
    "U4": (
        "Encrypt and Decrypt on keys that await deletion or import: CmkDisabled; GenerateDataKey on archived ones: CmkArchived",
        "CmkStateNotSupport; CmkDisabled",
    ),
    "U5": (
        "encryption contexts are compared byte for byte, and {} is not the same as none",
        "as JSON objects, in which order and blanks do not count, and {} is none",
    ),
    "U6": ("an empty plaintext is refused", "it is encrypted"),
    "U7": ("the values of an encryption context are texts", "they are any JSON values"),
    "U8": ("an answer that cannot be wrapped is FailedOperation.EncryptionError", "InvalidParameter"),
    "U9": ("a signature that is no base64 is refused by VerifyByAsymmetricKey", "SignatureValid is false"),
    "U10": ("an alias is the only one in its region", "in all regions of the account"),
    "U11": (
        "archived keys are not deleted, archived again, enabled or disabled, and keys that await their import not disabled",
        "they are; a key that awaits its import stays so when it is disabled",
    ),
    "U12": ("the deletion of a CMK is put off to the end of the day in Beijing", "it is due to the second"),
    "U13": ("imported material of the wrong length is DecryptMaterialError", "InvalidParameter"),
    "U14": (
        "a disabled key takes no material, and its own can be deleted",
        "it takes material and stays disabled, and its own cannot be deleted",
    ),
    "U15": ("an import token that a newer one has replaced is TokenExpired", "InvalidParameter"),
    "U16": ("a disabled white-box key does not encrypt", "it does"),
    "U17": ("the decrypt key of a disabled white-box key is shown", "KeyDisabled"),
    "U20": (
        "blobs are as long as those of SM regions, everywhere",
        "those of FIPS regions are 28 bytes over the plaintext",
    ),
    "U21": ("unknown parameters are refused", "they are ignored"),
    "U22": ("numbers may be JSON texts", "they may not, but in forms"),
    "U23": ("errors have messages", "a message is no more than its code"),
    "U24": ("messages of the KMS of 2017 begin with the module's code", "they do not"),
    "U25": ("a region has up to 10,000 CMKs", "200"),
    "U26": ("a key is made without tags that are refused, TagCode 2", "it is not made"),
    "U27": ("GetDataKeyPlaintext opens data keys that have an encryption context", "InvalidParameterValue"),
    "U28": ("a client's clock may be off by 300 seconds", "by 600"),
    "U29": ("EnableKeyRotation on an asymmetric key is InvalidParameterValue", "CmkStateNotSupport"),
}
"""The two answers to each, `a` and `b`; of those that are not here the other one cannot be had."""

ALL = frozenset(UNKNOWNS)
NONE: Assumptions = frozenset()

_EVERY = "all"


def parse(text: str, before: Assumptions = NONE) -> Assumptions:
    """Return what is assumed after `U11=b,U5=a`, or `all=b` for all of them; raise `ArgumentError` for what is none."""
    turned = set(before)
    for word in filter(None, text.split(",")):
        name, _, answer = word.strip().partition("=")
        names = ALL if name.lower() == _EVERY else {name.upper()}
        if answer not in ("a", "b") or not names <= ALL:
            raise ArgumentError(
                f"{word.strip()!r} is no assumption",
                hint="one of U1 to U29 with the answer a or b, such as U11=b; or all=b",
            )
        turned = turned | names if answer == "b" else turned - names
    return frozenset(turned)


def loads(text: str) -> Assumptions:
    """Return what `dumps` wrote; of those that this version does not know nothing is assumed."""
    return frozenset(text.split(",")) & ALL


def dumps(assumed: Assumptions) -> str:
    """Return what is kept in the store."""
    return ",".join(name for name in UNKNOWNS if name in assumed)
