"""Reads keys in whatever form people have them (PEM, DER, base64, SM2 points), and writes public ones as PEM.

Only the wrapping is lenient, as the API's own samples need it: blanks for line breaks, base64 of
base64. The DER inside is read strictly.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from kmstool.crypto import der, formats, keys, pkcs8
from kmstool.crypto.keys import PrivateKey, PublicKey
from kmstool.crypto.sm2.keys import PublicKey as Sm2Point
from kmstool.errors import AccessError, InputError

# No key of these kinds is near this, and no larger file is worth searching for one.
MAX_BYTES = 64 * 1024

_COLUMNS = 64
_PUBLIC = b"PUBLIC KEY"
_ENCRYPTED = b"ENCRYPTED PRIVATE KEY"
_PLAIN: dict[bytes, Callable[[bytes], PrivateKey]] = {
    b"PRIVATE KEY": keys.from_pkcs8,
    b"RSA PRIVATE KEY": keys.from_pkcs1,
    b"EC PRIVATE KEY": keys.from_sec1,
    b"SM2 PRIVATE KEY": keys.from_sec1,  # OpenSSL 3's `ec`
}
_MARKER = re.compile(rb"-----(BEGIN|END) ([A-Z0-9 ]{1,40})-----")
_BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")
_SEQUENCE = bytes([der.SEQUENCE])
_HEXADECIMAL = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
# No SubjectPublicKeyInfo of these kinds is as short, so that a length alone tells a bare point.
_POINT_BYTES = (33, 64, 65)


def read_public_key(data: bytes) -> PublicKey:
    """Read a public key; raise `InputError` for whatever is none.

    It may be PEM, with or without line breaks and with anything around it; or a
    SubjectPublicKeyInfo in DER or an SM2 point of 33, 64 or 65 bytes, both as such, in
    hexadecimal, or in base64, once or twice.
    """
    parts = blocks(data)
    if parts:
        return _from_binary(decode_base64(_the_one(parts, {_PUBLIC}, "public key")[1]))
    text = b"".join(data.split())
    # Base64 of DER begins with M, and that of a point is all hexadecimal by a chance of 2^-67 only.
    if _HEXADECIMAL.fullmatch(text):
        return _from_binary(bytes.fromhex(text.decode("ascii")))
    return _from_binary(decode_base64(text) if _BASE64.fullmatch(text) else data)


def read_private_key(data: bytes, passphrase: bytes | None = None) -> PrivateKey:
    """Read a private key from PEM: PKCS#8, which may be encrypted, SEC 1 or PKCS#1.

    Raises `AccessError` if the key is encrypted and the passphrase missing or not the right one,
    `InputError` for whatever is no private key. A passphrase that is not needed is ignored.
    """
    label, body = _the_one(blocks(data), {*_PLAIN, _ENCRYPTED}, "private key")
    if b":" in body:
        raise InputError(
            "the private key is in a form that is no longer used (Proc-Type)",
            hint="convert it: openssl pkcs8 -topk8 -in OLD.pem -out NEW.pem",
        )
    encoded = decode_base64(body)
    if label != _ENCRYPTED:
        return _PLAIN[label](encoded)
    if passphrase is None:
        raise AccessError("the private key is encrypted, and no passphrase is given")
    return keys.from_pkcs8(pkcs8.decrypt(encoded, passphrase))


def write_public_key(key: PublicKey) -> str:
    """Return a public key as PEM with 64 columns; `key.to_spki()` is the DER."""
    text = base64.b64encode(key.to_spki()).decode("ascii")
    lines = [text[start : start + _COLUMNS] for start in range(0, len(text), _COLUMNS)]
    return "\n".join(["-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""])


def blocks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return the labels of all PEM blocks and what is in them: a beginning, and next the end of the same label.

    One pass over the markers: to look for the end of every beginning would take a square of their number.
    """
    if len(data) > MAX_BYTES:
        raise InputError(f"a key has at most {MAX_BYTES} bytes, and this has {len(data)}")
    parts: list[tuple[bytes, bytes]] = []
    begun: re.Match[bytes] | None = None
    for marker in _MARKER.finditer(data):
        if marker[1] == b"BEGIN":
            begun = marker
        elif begun is not None:
            if marker[2] == begun[2]:
                parts.append((marker[2], data[begun.end() : marker.start()]))
            begun = None
    return parts


def _the_one(parts: list[tuple[bytes, bytes]], labels: set[bytes], name: str) -> tuple[bytes, bytes]:
    fitting = [block for block in parts if block[0] in labels]
    if len(fitting) != 1:
        labels_found = ", ".join(sorted({label.decode("ascii") for label, _ in parts})) or "nothing"
        raise InputError(f"there must be one {name} in PEM; found: {labels_found}")
    return fitting[0]


def decode_base64(text: bytes) -> bytes:
    """Decode base64 without regard to blanks; if that gives base64 again, decode it once more."""
    decoded = formats.read_base64(text, "the key")
    return formats.read_base64(decoded, "the key") if _BASE64.fullmatch(b"".join(decoded.split())) else decoded


def _from_binary(data: bytes) -> PublicKey:
    if len(data) in _POINT_BYTES:
        return keys.Sm2PublicKey(Sm2Point.from_bytes(data))
    if not data.startswith(_SEQUENCE):
        raise InputError(
            "this is no public key", hint="give PEM, DER, base64 of DER or, for SM2, the point in hexadecimal"
        )
    return keys.from_spki(data)
