"""Public keys in whatever form people have them: PEM, DER, points, answers of KMS, or within certificates and private keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from kmstool.crypto import keys, pem
from kmstool.crypto.keys import PublicKey
from kmstool.errors import InputError, Reason
from kmstool.forms import certificates, encodings, recognition, texts
from kmstool.forms.shapes import Shape, shape_of

_WANTED = "a public key"
# SM2 compressed, bare and with 04, as P-256; P-384.
_POINT_BYTES = (33, 64, 65, 97)
_LABELS: Mapping[bytes, Shape] = {
    b"PUBLIC KEY": Shape.PUBLIC_KEY,
    b"RSA PUBLIC KEY": Shape.RSA_PUBLIC_KEY,
    b"CERTIFICATE": Shape.CERTIFICATE,
    b"X509 CERTIFICATE": Shape.CERTIFICATE,
    b"CERTIFICATE REQUEST": Shape.CERTIFICATE_REQUEST,
    b"NEW CERTIFICATE REQUEST": Shape.CERTIFICATE_REQUEST,
    b"PRIVATE KEY": Shape.PRIVATE_KEY,
    b"EC PRIVATE KEY": Shape.EC_PRIVATE_KEY,
    b"SM2 PRIVATE KEY": Shape.EC_PRIVATE_KEY,
    b"RSA PRIVATE KEY": Shape.RSA_PRIVATE_KEY,
}
_READERS: Mapping[Shape, Callable[[bytes], PublicKey]] = {
    Shape.PUBLIC_KEY: keys.from_spki,
    Shape.RSA_PUBLIC_KEY: keys.from_pkcs1_public,
    Shape.CERTIFICATE: lambda encoded: keys.from_spki(certificates.public_key(encoded)),
    Shape.CERTIFICATE_REQUEST: lambda encoded: keys.from_spki(certificates.requested_public_key(encoded)),
    Shape.PRIVATE_KEY: lambda encoded: keys.from_pkcs8(encoded).public_key,
    Shape.EC_PRIVATE_KEY: lambda encoded: keys.from_sec1(encoded).public_key,
    Shape.RSA_PRIVATE_KEY: lambda encoded: keys.from_pkcs1(encoded).public_key,
}
# What a public key is taken out of, and is not by itself; the first of several forms in a file is the one that is meant.
_HOLDERS: Mapping[Shape, str] = {
    Shape.CERTIFICATE: "a certificate, which was not checked",
    Shape.CERTIFICATE_REQUEST: "a certificate request, which was not checked",
    Shape.PRIVATE_KEY: "a private key",
    Shape.EC_PRIVATE_KEY: "a private key",
    Shape.RSA_PRIVATE_KEY: "a private key",
}
# `openssl pkey -text` of an elliptic curve key.
_PRINTED = re.compile(r"^pub:\s*\n((?:[ \t]+[0-9a-f:]+\n)+)ASN1 OID: ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Found:
    """A public key, and what it was taken out of; nothing where it stood by itself."""

    key: PublicKey
    holder: str = ""


def read(data: bytes, name: str) -> Found:
    """Read the public key in a file; raise `InputError` for what is none, saying what the file `name` is instead.

    Where several certificates follow each other the first is the holder's (RFC 8446, 4.4.2).
    """
    if len(data) > texts.MAX_BYTES:
        raise InputError(f"{name} is too long for {_WANTED}: {len(data):,} bytes")
    text = texts.decode(data)
    if text is not None and (answer := texts.answer(text)):
        return _in_answer(answer, data, name)
    plain = data if text is None else texts.bare(text).encode()
    if blocks := [(label, body) for label, body in pem.blocks(plain) if label in _LABELS]:
        return _in_pem(blocks)
    for value in _values(data, text):
        if key := _in_bytes(value):
            return key
    raise recognition.unexpected(
        data, name, _WANTED, Reason.NO_PUBLIC_KEY, text="neither PEM nor base64 nor hexadecimal"
    )


def _in_answer(answer: Mapping[str, object], data: bytes, name: str) -> Found:
    for field in ("PublicKey", "PublicKeyPem"):
        value = answer.get(field)
        if isinstance(value, str) and texts.answer(value) is None:
            return read(value.encode("utf-8", "replace"), f"{field} in {name}")
    raise recognition.unexpected(data, name, _WANTED, Reason.NO_PUBLIC_KEY)


def _in_pem(blocks: list[tuple[bytes, bytes]]) -> Found:
    by_rank = [[block for block in blocks if (_LABELS[block[0]] in _HOLDERS) == held] for held in (False, True)]
    fitting = by_rank[0] or by_rank[1]
    labels = {label for label, _ in fitting}
    chain = labels <= {b"CERTIFICATE", b"X509 CERTIFICATE"}
    if len(fitting) > 1 and not chain:
        named = ", ".join(sorted(label.decode("ascii") for label in labels))
        raise InputError(f"there must be one public key in PEM; found {len(fitting)}: {named}")
    label, body = fitting[0]
    if b":" in body:
        raise InputError("the key in PEM is encrypted, or in a form that is no longer used (Proc-Type)")
    for value in encodings.readings(body):
        if key := _in_bytes(value):
            return key
    return Found(_READERS[_LABELS[label]](pem.decode_base64(body)))


def _values(data: bytes, text: str | None) -> Iterator[bytes]:
    printed = _PRINTED.search(text) if text is not None else None
    if printed and (point := encodings.from_hexadecimal(printed[1])):
        yield point
    yield from encodings.readings(data)


def _in_bytes(data: bytes) -> Found | None:
    shape = shape_of(data)
    if shape is not None and shape in _READERS:
        return Found(_READERS[shape](data), _HOLDERS.get(shape, ""))
    return Found(keys.from_point(data)) if len(data) in _POINT_BYTES else None
