"""Key pairs as material of asymmetric keys: PKCS#8 in DER, by the algorithm's name in `materials`."""

from __future__ import annotations

from collections.abc import Callable

from kmstool import words
from kmstool.crypto import ecdsa, keys, rsa
from kmstool.crypto.sm2.keys import PrivateKey as Sm2PrivateKey
from kmstool.errors import InputError

_KINDS: dict[str, keys.Kind] = {
    words.RSA_2048: "RSA", "RSA_3072": "RSA", "SM2": "SM2", "ECC": "EC_P256", words.ECDSA_P384: "EC_P384",
}  # fmt: skip
_MAKERS: dict[str, Callable[[], bytes]] = {
    words.RSA_2048: lambda: rsa.to_pkcs8(rsa.generate(2048)),
    "RSA_3072": lambda: rsa.to_pkcs8(rsa.generate(3072)),
    "SM2": lambda: Sm2PrivateKey.generate().to_pkcs8(),
    "ECC": lambda: ecdsa.to_pkcs8(ecdsa.generate("EC_P256")),
    words.ECDSA_P384: lambda: ecdsa.to_pkcs8(ecdsa.generate("EC_P384")),
}


def make(algorithm: str) -> bytes:
    """Return a fresh key pair."""
    return _MAKERS[algorithm]()


def is_key_pair(algorithm: str, material: bytes, *, trusted: bool = False) -> bool:
    """Return whether bytes are a key pair of an algorithm; see `rsa.load_private_key` for `trusted`."""
    try:
        return keys.from_pkcs8(material, trusted=trusted).kind == _KINDS[algorithm]
    except InputError:
        return False
