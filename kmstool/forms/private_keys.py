"""Private keys in whatever form people have them: PEM, DER, base64 or hexadecimal of it, and the bare number of SM2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from kmstool.crypto import keys, pem, pkcs8
from kmstool.crypto.keys import PrivateKey, Sm2PrivateKey
from kmstool.crypto.sm2.keys import PrivateKey as Sm2Key
from kmstool.errors import InputError, Reason
from kmstool.forms import encodings, recognition, texts
from kmstool.forms.shapes import Shape, shape_of

_WANTED = "a private key"
# Libraries that print a number leave out zeros in front, and Java may put one there.
_NUMBER_BYTES = range(28, 34)
_READERS: Mapping[Shape, Callable[[bytes], PrivateKey]] = {
    Shape.PRIVATE_KEY: keys.from_pkcs8,
    Shape.EC_PRIVATE_KEY: keys.from_sec1,
    Shape.RSA_PRIVATE_KEY: keys.from_pkcs1,
}


def read(data: bytes, name: str, passphrase: Callable[[], bytes]) -> PrivateKey:
    """Read the private key in a file; `passphrase` is asked for one that is encrypted.

    A number of 32 bytes in hexadecimal or base64 is a key of SM2, as its libraries print it. Raises `InputError` for what is no
    private key, saying what the file `name` is instead, and `AccessError` for a passphrase that does not open it.
    """
    if len(data) > texts.MAX_BYTES:
        raise InputError(f"{name} is too long for {_WANTED}: {len(data):,} bytes")
    text = texts.decode(data)
    plain = data if text is None else texts.bare(text).encode()
    labels = [label for label, _ in pem.blocks(plain)]
    if any(label.endswith(b"PRIVATE KEY") and label != b"OPENSSH PRIVATE KEY" for label in labels):
        return pem.read_private_key(plain, passphrase() if b"ENCRYPTED PRIVATE KEY" in labels else None)
    for value in encodings.readings(data):
        shape = shape_of(value)
        if shape is not None and shape in _READERS:
            return _READERS[shape](value)
        if shape is Shape.ENCRYPTED_PRIVATE_KEY:
            return keys.from_pkcs8(pkcs8.decrypt(value, passphrase()))
    for value in _numbers(text):
        return Sm2PrivateKey(Sm2Key(int.from_bytes(value, "big")))
    raise recognition.unexpected(
        data, name, _WANTED, Reason.NO_PRIVATE_KEY, text="neither PEM nor base64 nor hexadecimal"
    )


def _numbers(text: str | None) -> Iterator[bytes]:
    for value in encodings.of_text(text) if text is not None else ():
        if len(value) in _NUMBER_BYTES and len(value.lstrip(b"\0")) < _NUMBER_BYTES[-1]:
            yield value
