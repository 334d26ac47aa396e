"""Bring your own key: which bytes may become key material, and how they travel to KMS, wrapped under a key of KMS.

Parameters and wrapped material can be written down as documents, so that wrapping can
happen on a machine without a network (API pages of GetParametersForImport and
ImportKeyMaterial). Nothing here reads, writes or asks.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from kmstool import documents, words
from kmstool.api import cmk_rules
from kmstool.crypto import rsa
from kmstool.errors import InputError, Reason
from kmstool.forms import encodings, recognition, texts

TOKEN_SECONDS = 86_400
LATEST_VALID_TO_UNIX = 2_147_443_200
"""2038-01-19 00:00 in Beijing."""

SIZES = {4: 16, 2: 32}
"""Bytes of key material by `KeyMetadata.Type`: SM4 in regions of the Chinese profile, AES-256 in those of FIPS."""


# The year 9999: far from where dates end.
_LATEST_UNIX = 253_402_300_799
_PARAMETERS = "kmstool-import-parameters-1"
_WRAPPED = "kmstool-wrapped-material-1"
_PARAMETER_KINDS: Mapping[str, type] = {
    "key_id": str, "region": str, "algorithm": str, "material_bytes": int, "wrapping_key": bytes, "token": bytes,
    "valid_to": int, "received": int,
}  # fmt: skip
_WRAPPED_KINDS: Mapping[str, type] = {
    "key_id": str, "algorithm": str, "wrapping_key_sha256": str, "wrapped": bytes,
}  # fmt: skip
# No random bytes look like that: the chance is below 10^-17 for a key of SM4, and 10^-33 for one of AES.
_HEXADECIMAL = re.compile(rb"[0-9A-Fa-f]{16}|[0-9A-Fa-f]{32}")


@dataclass(frozen=True, slots=True)
class Parameters:
    """What KMS gave out for one import: a wrapping key, and the token that goes with it; for 24 hours."""

    key_id: str
    region: str
    algorithm: words.EncryptionAlgorithm
    material_bytes: int
    """16 or 32; 0 where KMS did not let us know."""
    wrapping_key: bytes
    """RSA, SubjectPublicKeyInfo in DER."""
    token: bytes = field(repr=False)
    valid_to_unix: int
    """By the clock of KMS."""
    received_unix: int
    """By the clock of the machine that asked."""

    @property
    def key_digest(self) -> str:
        """SHA-256 of the wrapping key in hexadecimal, by which wrapped material names it."""
        return hashlib.sha256(self.wrapping_key).hexdigest()

    def kms_time(self, now_unix: int) -> int:
        """Return what the clock of KMS shows when that of the machine which asked shows `now_unix`."""
        return self.valid_to_unix - TOKEN_SECONDS + now_unix - self.received_unix

    def check_valid(self, now_unix: int) -> None:
        """Raise `InputError` if KMS no longer takes the token, as far as is known here."""
        if self.kms_time(now_unix) >= self.valid_to_unix:
            raise InputError(
                "the import parameters are over 24 hours old",
                reason=Reason.PARAMETERS_UNUSABLE,
                facts={"key": self.key_id},
            )

    def write(self) -> bytes:
        """Return the document that `read` reads."""
        return documents.write(
            _PARAMETERS,
            key_id=self.key_id,
            region=self.region,
            algorithm=self.algorithm,
            material_bytes=self.material_bytes,
            wrapping_key=self.wrapping_key,
            token=self.token,
            valid_to=self.valid_to_unix,
            received=self.received_unix,
        )

    @classmethod
    def read(cls, data: bytes, source: str) -> Parameters:
        """Read a document; raise `InputError`, in which `source` names it, for anything malformed."""
        fields = documents.read(_PARAMETERS, _PARAMETER_KINDS, data, source, reason=Reason.PARAMETERS_UNUSABLE)
        good = (
            cmk_rules.is_key_id(fields["key_id"])
            and fields["material_bytes"] in (0, *SIZES.values())
            and 0 < fields["valid_to"] <= _LATEST_UNIX
            and 0 < fields["received"] <= _LATEST_UNIX
        )
        if not good:
            raise InputError(f"{source} holds values that no answer of KMS has", reason=Reason.PARAMETERS_UNUSABLE)
        check_wrapping_key(fields["wrapping_key"])
        return cls(
            fields["key_id"], fields["region"], algorithm(fields["algorithm"]), fields["material_bytes"],
            fields["wrapping_key"], fields["token"], fields["valid_to"], fields["received"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class WrappedMaterial:
    """Key material under a wrapping key, and which key and wrapping key that is for."""

    key_id: str
    algorithm: words.EncryptionAlgorithm
    key_digest: str
    wrapped: bytes

    def write(self) -> bytes:
        """Return the document that `read` reads."""
        return documents.write(
            _WRAPPED,
            key_id=self.key_id,
            algorithm=self.algorithm,
            wrapping_key_sha256=self.key_digest,
            wrapped=self.wrapped,
        )

    @classmethod
    def read(cls, data: bytes, parameters: Parameters, source: str) -> WrappedMaterial:
        """Read a document, or the bytes that another program wrapped, as such or as text; `source` names them in errors.

        Raises `InputError` for whatever cannot be meant for these parameters.
        """
        size = rsa.load_public_key(parameters.wrapping_key).key_size // 8
        if not documents.is_a(_WRAPPED, data):
            for value in encodings.readings(data, "EncryptedKeyMaterial"):
                if len(value) == size:
                    return cls(parameters.key_id, parameters.algorithm, parameters.key_digest, value)
            if recognition.is_taken(data):
                raise recognition.unexpected(data, source, "wrapped material", Reason.MATERIAL_UNWRAPPED)
        fields = documents.read(
            _WRAPPED,
            _WRAPPED_KINDS,
            data,
            source,
            reason=Reason.MATERIAL_UNWRAPPED,
            facts={"bytes": str(size)},
        )
        material = cls(
            fields["key_id"], algorithm(fields["algorithm"]), fields["wrapping_key_sha256"], fields["wrapped"]
        )
        again = Reason.MATERIAL_WRAPPED_FOR_OTHERS
        if material.key_id != parameters.key_id:
            raise InputError(f"{source} is for the key {material.key_id}, not {parameters.key_id}", reason=again)
        if (material.key_digest, material.algorithm) != (parameters.key_digest, parameters.algorithm):
            raise InputError(f"{source} was wrapped with other parameters than these", reason=again)
        if len(material.wrapped) != size:
            raise InputError(f"{source} holds {len(material.wrapped)} wrapped bytes, not {size}", reason=again)
        return material


def wrap(parameters: Parameters, material: bytes) -> WrappedMaterial:
    """Encrypt key material under the wrapping key; raise `InputError` for material of another length."""
    check(material, parameters.material_bytes)
    key = rsa.load_public_key(parameters.wrapping_key)
    wrapped = rsa.encrypt(key, parameters.algorithm, material)
    return WrappedMaterial(parameters.key_id, parameters.algorithm, parameters.key_digest, wrapped)


def check_wrapping_key(encoded: bytes) -> None:
    """Raise `InputError` for anything but an RSA key of 2048 bits or more (SubjectPublicKeyInfo in DER)."""
    rsa.load_public_key(encoded)


def algorithm(name: str) -> words.EncryptionAlgorithm:
    """Return a wrapping algorithm by its API name; raise `InputError` for another name."""
    for known in words.RSA_ALGORITHMS:
        if known == name:
            return known
    raise InputError(f"the wrapping algorithm {name!r} is not known")


def check(material: bytes, size: int) -> None:
    """Raise `InputError` unless the material has `size` bytes, or 16 or 32 where `size` is 0."""
    sizes = (size,) if size else tuple(SIZES.values())
    if len(material) in sizes:
        return
    wanted = " or ".join(str(known) for known in sizes)
    raise InputError(
        f"the key material has {len(material)} bytes; this key takes {wanted}",
        reason=Reason.MATERIAL_SIZE,
        facts={"bytes": str(sizes[0])},
    )


def decode(data: bytes, encoding: str, size: int) -> bytes:
    """Return key material from raw bytes, hex or base64, the last two in any dialect.

    Raises `InputError` for text that is not in the encoding, and for another length than
    `size`, as `check` does; where the bytes would be material in another encoding it says which.
    """
    try:
        material = _DECODERS[encoding](data)
    except ValueError:
        # The cause would show a part of the material.
        raise InputError(f"the key material is not {encoding}") from None
    try:
        check(material, size)
    except InputError as error:
        other = _encoding_of(data, size)
        if other is None:
            raise
        raise InputError(error.message, reason=Reason.MATERIAL_ENCODING, facts={"encoding": other}) from None
    if encoding == "raw" and _HEXADECIMAL.fullmatch(material):
        digits = len(material)
        raise InputError(
            f"the key material is text: {digits} hexadecimal digits, which stand for {digits // 2} bytes and not for {digits}",
            hint=f"openssl rand -out FILE {digits} makes material of {digits} bytes",
        )
    return material


def check_valid_to(valid_to_unix: int, now_unix: int) -> None:
    """Raise `InputError` unless the time is after now (by the clock of KMS) and not after 2038-01-18T16:00:00Z."""
    if not now_unix < valid_to_unix <= LATEST_VALID_TO_UNIX:
        raise InputError(
            f"key material cannot be valid to {valid_to_unix}: it must be after {now_unix} (now) and at most "
            f"{LATEST_VALID_TO_UNIX}",
            reason=Reason.VALID_TO,
        )


def _encoding_of(data: bytes, size: int) -> str | None:
    for encoding, decoder in _DECODERS.items():
        try:
            check(decoder(data), size)
        except (ValueError, InputError):
            continue
        return encoding
    return None


def _from_text(read: Callable[[str], bytes | None], data: bytes) -> bytes:
    text = texts.decode(data)
    value = None if text is None else read(texts.bare(text))
    if value is None:
        raise ValueError("not in this encoding")
    return value


_DECODERS: Mapping[str, Callable[[bytes], bytes]] = {
    "raw": bytes,
    "hex": partial(_from_text, encodings.from_hexadecimal),
    "base64": partial(_from_text, encodings.from_base64),
}
