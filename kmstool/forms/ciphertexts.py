"""Ciphertexts under public keys in whatever form other programs print them."""

from __future__ import annotations

from kmstool.crypto import formats
from kmstool.crypto.formats import CiphertextFormat
from kmstool.crypto.sm2 import curve
from kmstool.crypto.sm2.encryption import Ciphertext
from kmstool.errors import InputError, Reason
from kmstool.forms import encodings, recognition
from kmstool.forms.recognition import Form

_NO_TEXT = "neither hexadecimal nor base64"


def read_rsa(data: bytes, name: str, size: int) -> bytes:
    """Return the bytes of a ciphertext for an RSA key of `size` bytes.

    Others are returned for KMS to refuse if a ciphertext was cut short or altered. Raises `InputError` for anything
    else, saying what the file `name` is instead.
    """
    values = list(encodings.readings(data))
    for value in values:
        if len(value) == size:
            return value
    if all(len(value) < size // 2 for value in values):
        # What is cut to less than half can as well be anything else, such as the plaintext.
        raise recognition.unexpected(data, name, "an RSA ciphertext", Reason.NO_CIPHERTEXT)
    return _altered(data, name, values, "an RSA ciphertext", (Form.TEXT,))


def read_sm2(data: bytes, name: str, written_as: CiphertextFormat = "auto") -> tuple[Ciphertext, ...]:
    """Return everything that an SM2 ciphertext may mean, the likeliest first; C3 tells which it is.

    Raises `InputError` for what can be none, saying what the file `name` is instead.
    """
    values = list(encodings.readings(data))
    for value in values:
        # No other bytes begin with a point of the curve: that tells text from what it stands for.
        if (meanings := _meanings(value, written_as)) and curve.contains(meanings[0].x, meanings[0].y):
            return meanings
    value = _altered(data, name, values, "an SM2 ciphertext", (Form.TEXT, Form.CIPHERTEXT))
    return _meanings(value, written_as) or formats.ciphertext_readings(value, written_as)


def _meanings(value: bytes, written_as: CiphertextFormat) -> tuple[Ciphertext, ...]:
    try:
        return formats.ciphertext_readings(value, written_as)
    except InputError:
        return ()


def _altered(data: bytes, name: str, values: list[bytes], wanted: str, own: tuple[Form, ...]) -> bytes:
    """Return what a ciphertext that was altered stands for; raise `InputError` for anything else, which is not its own."""
    recognised = recognition.recognise(data)
    known = recognised is not None and recognised.form not in own
    if known or (recognised is not None and recognised.form is Form.TEXT and not encodings.are_digits(values)):
        raise recognition.unexpected(data, name, wanted, Reason.NO_CIPHERTEXT, text=_NO_TEXT)
    return values[0]
