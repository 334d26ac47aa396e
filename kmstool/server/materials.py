"""Key material by usage and region: how it is named in the store, made, and checked."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from kmstool.crypto import asymmetric, ecdsa, rsa, sm2
from kmstool.crypto.aead import KEY_BYTES
from kmstool.errors import InputError
from kmstool.keys import SYMMETRIC
from kmstool.server.regions import Region

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

_KINDS: dict[str, asymmetric.Kind] = {
    "RSA_2048": "RSA", "RSA_3072": "RSA", "SM2": "SM2", "ECC": "EC_P256", "ECDSA384_SHA384": "EC_P384",
}  # fmt: skip
_MAKERS: dict[str, Callable[[], bytes]] = {
    "AES_256": lambda: secrets.token_bytes(KEY_BYTES["AES_256"]),
    "SM4": lambda: secrets.token_bytes(KEY_BYTES["SM4"]),
    "RSA_2048": lambda: rsa.to_pkcs8(rsa.generate(2048)),
    "RSA_3072": lambda: rsa.to_pkcs8(rsa.generate(3072)),
    "SM2": lambda: sm2.PrivateKey.generate().to_pkcs8(),
    "ECC": lambda: ecdsa.to_pkcs8(ecdsa.generate("EC_P256")),
    "ECDSA384_SHA384": lambda: ecdsa.to_pkcs8(ecdsa.generate("EC_P384")),
}


def algorithm_of(usage: str, region: Region) -> str:
    """Return the algorithm of keys for a usage in a region; raise `KeyError` for what no region offers."""
    return region.algorithm if usage == SYMMETRIC else ASYMMETRIC[usage]


def offered(usage: str, region: Region) -> bool:
    """Tell whether a region makes such keys: the Chinese ones in regions of the profile SM only."""
    return usage == SYMMETRIC or (usage in ASYMMETRIC and (ASYMMETRIC[usage] != "SM2" or region.profile == "SM"))


def make(algorithm: str) -> bytes:
    """Return fresh material."""
    return _MAKERS[algorithm]()


def is_material(algorithm: str, material: bytes, *, trusted: bool = False) -> bool:
    """Tell whether bytes can be material of an algorithm; see `rsa.load_private_key` for `trusted`."""
    if algorithm in _KINDS:
        try:
            return asymmetric.from_pkcs8(material, trusted=trusted).kind == _KINDS[algorithm]
        except InputError:
            return False
    return len(material) == {"AES_256": KEY_BYTES["AES_256"], "SM4": KEY_BYTES["SM4"]}.get(algorithm)
