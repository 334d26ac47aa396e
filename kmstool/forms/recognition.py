"""What a file is that was given for something else: told by marks, labels and shapes, and never by its name.

Only what fails to be read is recognised, so that a chance likeness costs nothing but the words of an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum

from kmstool.errors import InputError, Reason
from kmstool.forms import encodings, shapes, texts
from kmstool.forms.shapes import Shape


class Form(Enum):
    """What a file can be; the value says it to people."""

    ENVELOPE = "an envelope"
    ARMOR = "an envelope in armor"
    SPOILT_ENVELOPE = "an envelope that was copied as text, which changed its bytes"
    BLOB = "a ciphertext blob"
    PUBLIC_KEY = "a public key"
    PRIVATE_KEY = "a private key"
    ENCRYPTED_PRIVATE_KEY = "an encrypted private key"
    CERTIFICATE = "a certificate"
    CERTIFICATE_REQUEST = "a certificate request"
    OPENSSH_KEY = "a key of OpenSSH"
    JWK = "a JSON Web Key"
    SIGNATURE = "a signature"
    CIPHERTEXT = "an SM2 ciphertext"
    WHITE_BOX_KEY = "a white-box decrypt key"
    DOCUMENT = "a document of kmstool"
    ANSWER = "an answer of KMS in JSON"
    REFUSAL = "an error in JSON"
    FOREIGN = "a file of another program"
    DUMP = "a dump with addresses beside the digits"
    JSON = "JSON"
    TEXT = "text"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Recognised:
    """What a file is, and the same in words that may say more."""

    form: Form
    noun: str
    kind: str = ""
    """Of a document of kmstool, its format."""


# What no command takes, whatever else it may be.
_NOT_TAKEN = (Form.REFUSAL, Form.FOREIGN, Form.JSON, Form.TEXT, Form.EMPTY)
_MARKS: tuple[tuple[bytes, Form, str], ...] = (
    (b"\x89KTE\r\n\x1a\n", Form.ENVELOPE, ""),
    (b"KTWB", Form.WHITE_BOX_KEY, ""),
    (b"Salted__", Form.FOREIGN, "a file of openssl enc"),
    (b"age-encryption.org/", Form.FOREIGN, "a file of age"),
    (b"SQLite format 3\0", Form.FOREIGN, "a database of SQLite"),
    (b"PK\x03\x04", Form.FOREIGN, "a ZIP archive"),
    (b"\x1f\x8b\x08", Form.FOREIGN, "a gzip archive"),
)
_LABELS: dict[str, tuple[Form, str]] = {
    "KMSTOOL ENVELOPE": (Form.ARMOR, ""),
    "PUBLIC KEY": (Form.PUBLIC_KEY, ""),
    "RSA PUBLIC KEY": (Form.PUBLIC_KEY, "an RSA public key"),
    "PRIVATE KEY": (Form.PRIVATE_KEY, ""),
    "RSA PRIVATE KEY": (Form.PRIVATE_KEY, "an RSA private key"),
    "EC PRIVATE KEY": (Form.PRIVATE_KEY, "an elliptic curve private key"),
    "SM2 PRIVATE KEY": (Form.PRIVATE_KEY, "an SM2 private key"),
    "ENCRYPTED PRIVATE KEY": (Form.ENCRYPTED_PRIVATE_KEY, ""),
    "OPENSSH PRIVATE KEY": (Form.OPENSSH_KEY, "a private key of OpenSSH"),
    "CERTIFICATE": (Form.CERTIFICATE, ""),
    "X509 CERTIFICATE": (Form.CERTIFICATE, ""),
    "TRUSTED CERTIFICATE": (Form.CERTIFICATE, ""),
    "CERTIFICATE REQUEST": (Form.CERTIFICATE_REQUEST, ""),
    "NEW CERTIFICATE REQUEST": (Form.CERTIFICATE_REQUEST, ""),
    "EC PARAMETERS": (Form.FOREIGN, "parameters of a curve without a key"),
    "PGP MESSAGE": (Form.FOREIGN, "a message of OpenPGP"),
    "PGP SIGNATURE": (Form.FOREIGN, "a signature of OpenPGP"),
    "PGP PUBLIC KEY BLOCK": (Form.FOREIGN, "a public key of OpenPGP"),
    "PGP PRIVATE KEY BLOCK": (Form.FOREIGN, "a private key of OpenPGP"),
    "AGE ENCRYPTED FILE": (Form.FOREIGN, "a file of age"),
    "SSH SIGNATURE": (Form.FOREIGN, "a signature of OpenSSH"),
    "CMS": (Form.FOREIGN, "a CMS message"),
    "PKCS7": (Form.FOREIGN, "a PKCS#7 message"),
}
_SHAPES: dict[Shape, Form] = {
    Shape.SIGNATURE: Form.SIGNATURE,
    Shape.SM2_CIPHERTEXT: Form.CIPHERTEXT,
    Shape.PUBLIC_KEY: Form.PUBLIC_KEY,
    Shape.RSA_PUBLIC_KEY: Form.PUBLIC_KEY,
    Shape.PRIVATE_KEY: Form.PRIVATE_KEY,
    Shape.EC_PRIVATE_KEY: Form.PRIVATE_KEY,
    Shape.RSA_PRIVATE_KEY: Form.PRIVATE_KEY,
    Shape.ENCRYPTED_PRIVATE_KEY: Form.ENCRYPTED_PRIVATE_KEY,
    Shape.CERTIFICATE: Form.CERTIFICATE,
    Shape.CERTIFICATE_REQUEST: Form.CERTIFICATE_REQUEST,
    Shape.CMS: Form.FOREIGN,
    Shape.PKCS12: Form.FOREIGN,
}

_LABEL = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_BLOB = re.compile(r"[A-Za-z0-9+/]{16,}={0,2}-k-[A-Za-z0-9+/]{4,}={0,2}-k-[A-Za-z0-9+/]{4,}={0,2}")
_OPENSSH = re.compile(r"(?:ssh-|ecdsa-sha2-|sk-)[0-9a-z-]{2,40}(?:@openssh\.com)? AAAA")
_DUMP = re.compile(r"[0-9A-Fa-f]{4,16}(?:: | {1,2}- | {2})(?:[0-9A-Fa-f]{2}[ -]?){2}")
# The first bytes of an envelope after a change of line ends, of the character set, or of both.
_SPOILT = re.compile(rb"(?:[\x80-\xff]{1,6}|\?|\t)KTE[\r\n]")
_SPOILT_BYTES = 32
_KIND_CHARACTERS = 60
_FIELDS = {"RequestId", "CiphertextBlob", "Signature", "PublicKey", "Plaintext", "KeyId", "CipherText", "DecryptKey"}


def recognise(data: bytes) -> Recognised | None:
    """Return what some bytes are, None for bytes that look like nothing known."""
    if not data.strip():
        return Recognised(Form.EMPTY, Form.EMPTY.value)
    for mark, form, noun in _MARKS:
        if data.startswith(mark):
            return Recognised(form, noun or form.value)
    if _SPOILT.match(data[:_SPOILT_BYTES].replace(b"\0", b"")):
        return Recognised(Form.SPOILT_ENVELOPE, Form.SPOILT_ENVELOPE.value)
    if shape := shapes.shape_of(data):
        return Recognised(_SHAPES[shape], shape.value)
    text = texts.decode(data)
    if text is None:
        return None
    recognised = _in_text(text)
    return replace(recognised, noun=f"{recognised.noun} in UTF-16") if texts.is_utf16(data) else recognised


def is_a(data: bytes, form: Form) -> bool:
    """Return whether some bytes are what the form says."""
    recognised = recognise(data)
    return recognised is not None and recognised.form is form


def is_taken(data: bytes) -> bool:
    """Return whether some bytes are something that a command takes, or that a hint leads to one with."""
    recognised = recognise(data)
    return recognised is not None and recognised.form not in _NOT_TAKEN


def unexpected(data: bytes, name: str, wanted: str, reason: Reason, *, text: str = "") -> InputError:
    """Make the error for a file `name` that is not `wanted`, such as `a signature`: it says what it is.

    `text` says what there might be of text, such as `neither hexadecimal nor base64`. What nothing else takes has
    the `reason` of what was wanted.
    """
    recognised = recognise(data)
    if recognised is None:
        return InputError(f"{name} is not {wanted}: {len(data):,} bytes of no known form", reason=reason)
    noun = f"text that is {text}" if recognised.form is Form.TEXT and text else recognised.noun
    message = f"{name} is {noun}" if recognised.form is Form.SPOILT_ENVELOPE else f"{name} is {noun}, not {wanted}"
    if recognised.form in _NOT_TAKEN:
        return InputError(message, reason=reason)
    return InputError(message, reason=Reason.ANOTHER_FORM, facts={"form": recognised.kind or recognised.form.name})


def _in_text(text: str) -> Recognised:
    bare = texts.bare(text)
    if label := _LABEL.search(bare):
        form, noun = _LABELS.get(label[1], (Form.FOREIGN, f"PEM of the label {label[1]}"))
        return Recognised(form, noun or form.value)
    if _BLOB.fullmatch("".join(bare.split())):
        return Recognised(Form.BLOB, Form.BLOB.value)
    if recognised := _in_json(text):
        return recognised
    if _OPENSSH.match(bare):
        return Recognised(Form.OPENSSH_KEY, "a public key of OpenSSH")
    if _DUMP.match(bare):
        return Recognised(Form.DUMP, Form.DUMP.value)
    return _in_digits(bare) or Recognised(Form.TEXT, Form.TEXT.value)


def _in_json(text: str) -> Recognised | None:
    fields = texts.answer(text)
    if fields is None:
        return None
    kind = fields.get("format")
    if isinstance(kind, str) and kind.startswith("kmstool-"):
        return Recognised(Form.DOCUMENT, f"a document of the format {kind[:_KIND_CHARACTERS]}", kind[:_KIND_CHARACTERS])
    failure = fields.get("Error") or fields.get("error")
    if isinstance(failure, dict):
        code = failure.get("Code") or failure.get("code")
        return Recognised(Form.REFUSAL, f"an error in JSON ({code})" if isinstance(code, str) else Form.REFUSAL.value)
    if "kty" in fields:
        return Recognised(Form.JWK, Form.JWK.value)
    return Recognised(*((Form.ANSWER, Form.ANSWER.value) if fields.keys() & _FIELDS else (Form.JSON, Form.JSON.value)))


def _in_digits(text: str) -> Recognised | None:
    for value in encodings.of_text(text):
        recognised = recognise(value) if texts.decode(value) is None else None
        if recognised:
            return Recognised(recognised.form, f"text that stands for {recognised.noun}")
    return None
