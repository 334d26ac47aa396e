"""Key material by usage and region: how it is named in the store, made, and checked."""

from __future__ import annotations

import secrets

from kmstool.crypto.aead import KEY_BYTES
from kmstool.server.regions import Region
from kmstool.words import SYMMETRIC

_BYTES = {"AES_256": KEY_BYTES["AES_256"], "SM4": KEY_BYTES["SM4"]}

# Algorithm names as ListAlgorithms shows them; asymmetric material is PKCS#8 in DER.
ASYMMETRIC = {
    "ASYMMETRIC_DECRYPT_RSA_2048": "RSA_2048",
    "ASYMMETRIC_DECRYPT_SM2": "SM2",
    "ASYMMETRIC_SIGN_VERIFY_SM2": "SM2",
    "ASYMMETRIC_SIGN_VERIFY_RSA_2048": "RSA_2048",
    "ASYMMETRIC_SIGN_VERIFY_RSA_3072": "RSA_3072",
    "ASYMMETRIC_SIGN_VERIFY_ECC": "ECC",
    "ASYMMETRIC_SIGN_VERIFY_ECDSA384": "ECDSA384_SHA384",
}


def algorithm_of(usage: str, region: Region) -> str:
    """Return the algorithm of keys for a usage in a region; raise `KeyError` for what no region offers."""
    return region.algorithm if usage == SYMMETRIC else ASYMMETRIC[usage]


def offered(usage: str, region: Region) -> bool:
    """Tell whether a region makes such keys: the Chinese ones in regions of the profile SM only."""
    return usage == SYMMETRIC or (usage in ASYMMETRIC and (ASYMMETRIC[usage] != "SM2" or region.profile == "SM"))


def make(algorithm: str) -> bytes:
    """Return fresh material."""
    if algorithm in _BYTES:
        return secrets.token_bytes(_BYTES[algorithm])
    from kmstool.server import key_pairs  # noqa: PLC0415 - takes 10 ms; most runs have symmetric keys only

    return key_pairs.make(algorithm)


def is_material(algorithm: str, material: bytes, *, trusted: bool = False) -> bool:
    """Tell whether bytes can be material of an algorithm; see `rsa.load_private_key` for `trusted`."""
    if algorithm in _BYTES:
        return len(material) == _BYTES[algorithm]
    from kmstool.server import key_pairs  # noqa: PLC0415 - as in `make`

    return key_pairs.is_key_pair(algorithm, material, trusted=trusted)
