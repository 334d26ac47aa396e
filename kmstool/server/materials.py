"""Key material by usage and region: how it is named in the store, made, and checked."""

from __future__ import annotations

import secrets

from kmstool import words
from kmstool.server.regions import Region
from kmstool.words import SYMMETRIC

_BYTES = {words.AES_256: words.KEY_BYTES[words.AES_256], words.SM4: words.KEY_BYTES[words.SM4]}

# Algorithm names as ListAlgorithms shows them; asymmetric material is PKCS#8 in DER.
ASYMMETRIC = {
    words.USAGES["rsa-2048"]: words.RSA_2048,
    words.USAGES["sm2"]: "SM2",
    words.USAGES["sign-sm2"]: "SM2",
    words.USAGES["sign-rsa-2048"]: words.RSA_2048,
    words.USAGES["sign-rsa-3072"]: "RSA_3072",
    words.USAGES["sign-ecc"]: "ECC",
    words.USAGES["sign-ecc-p384"]: words.ECDSA_P384,
}


def algorithm_of(usage: str, region: Region) -> str:
    """Return the algorithm of keys for a usage in a region; raise `KeyError` for what no region offers."""
    return region.algorithm if usage == SYMMETRIC else ASYMMETRIC[usage]


def offered(usage: str, region: Region) -> bool:
    """Return whether a region makes such keys: the Chinese ones in regions of the profile SM only."""
    return usage == SYMMETRIC or (usage in ASYMMETRIC and (ASYMMETRIC[usage] != "SM2" or region.profile == "SM"))


def make(algorithm: str) -> bytes:
    """Return fresh material."""
    if algorithm in _BYTES:
        return secrets.token_bytes(_BYTES[algorithm])
    from kmstool.server import key_pairs  # noqa: PLC0415 - takes 10 ms; most runs have symmetric keys only

    return key_pairs.make(algorithm)


def is_material(algorithm: str, material: bytes, *, trusted: bool = False) -> bool:
    """Return whether bytes can be material of an algorithm; see `rsa.load_private_key` for `trusted`."""
    if algorithm in _BYTES:
        return len(material) == _BYTES[algorithm]
    from kmstool.server import key_pairs  # noqa: PLC0415 - as in `make`

    return key_pairs.is_key_pair(algorithm, material, trusted=trusted)
