"""Stanzas: the records in an envelope's header that each hold the DEK for one recipient, and their strict encoding."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kmstool import words
from kmstool.errors import InputError

MAX_STANZAS = 16
MAX_BLOB_BYTES = 6 * 1024

TENCENT_KMS, TENCENT_KMS_RSA, TENCENT_KMS_SM2, RSA_OFFLINE = 1, 2, 3, 4
KINDS = {
    TENCENT_KMS: "tencent-kms",
    TENCENT_KMS_RSA: "tencent-kms-rsa",
    TENCENT_KMS_SM2: "tencent-kms-sm2",
    RSA_OFFLINE: "rsa-offline",
}
OAEP = words.OAEP_SHA_256
U64_BYTES = 8
"""The size of a number in a field, such as a time."""

SITE, REGION, KEY_ID, WRAPPED, WRAPPED_AT, OWNER_UIN, CLUSTER, LABEL, ALGORITHM, KEY_DIGEST = range(1, 11)

_CRITICAL = 0x8000
_MAX_FIELDS = 64
_BODY = struct.Struct(">BBH")
_FIELD = struct.Struct(">HI")
_SITES = (b"cn", b"intl")
_REGION = re.compile(rb"[a-z]{2}(-[a-z0-9]{2,16}){1,3}")
_KEY_ID = re.compile(rb"[0-9a-f-]{36}")
_ALIAS_BYTES = 200
_KEY_DIGEST_BYTES = 32
_REQUIRED = {
    TENCENT_KMS: {SITE, REGION, KEY_ID, WRAPPED},
    TENCENT_KMS_RSA: {SITE, REGION, KEY_ID, WRAPPED, ALGORITHM, KEY_DIGEST},
    TENCENT_KMS_SM2: {SITE, REGION, KEY_ID, WRAPPED, KEY_DIGEST},
    RSA_OFFLINE: {WRAPPED, ALGORITHM, KEY_DIGEST},
}


@dataclass(frozen=True, slots=True)
class Stanza:
    """The DEK for one recipient: a kind (one of KINDS, or unknown) and its fields by number, raw bytes."""

    kind: int
    fields: Mapping[int, bytes]

    def text(self, number: int) -> str:
        """Return a field as text, empty where there is none."""
        return self.fields.get(number, b"").decode("utf-8", "replace")

    @property
    def wrapped(self) -> bytes:
        """The wrapped DEK: a ciphertext blob's text, or an asymmetric ciphertext."""
        return self.fields.get(WRAPPED, b"")

    def facts(self) -> dict[str, Any]:
        """Return what a reader without keys can tell, for people and scripts."""
        facts: dict[str, Any] = {"Kind": KINDS.get(self.kind, f"unknown ({self.kind})")}
        for name, number in (("Site", SITE), ("Region", REGION), ("KeyId", KEY_ID), ("Label", LABEL)):
            if number in self.fields:
                facts[name] = self.text(number)
        if ALGORITHM in self.fields:
            facts["Algorithm"] = self.text(ALGORITHM)
        if KEY_DIGEST in self.fields:
            facts["KeyDigest"] = self.fields[KEY_DIGEST].hex()
        if WRAPPED_AT in self.fields:
            facts["WrappedAt"] = int.from_bytes(self.fields[WRAPPED_AT], "big")
        return facts


def encode_fields(fields: Mapping[int, bytes]) -> bytes:
    """Write fields by ascending number: type u16, length u32, value."""
    return b"".join(_FIELD.pack(number, len(value)) + value for number, value in sorted(fields.items()))


def decode_fields(data: bytes, known: Iterable[int]) -> dict[int, bytes]:
    """Read what `encode_fields` writes and nothing else.

    Raises `InputError` for any other bytes, and for an unknown field that is marked as critical (bit 15).
    """
    fields: dict[int, bytes] = {}
    offset, last = 0, -1
    while offset < len(data):
        if len(data) - offset < _FIELD.size:
            raise _malformed("a field is cut short")
        number, length = _FIELD.unpack_from(data, offset)
        offset += _FIELD.size
        if number <= last or len(fields) >= _MAX_FIELDS or length > len(data) - offset:
            raise _malformed("its fields are out of order, too many or cut short")
        if number & _CRITICAL and number not in known:
            raise _malformed(f"it needs the unknown feature {number:#06x}: a newer kmstool made it")
        fields[number] = data[offset : offset + length]
        offset, last = offset + length, number
    return fields


def encode(stanzas: Iterable[Stanza]) -> bytes:
    """Write the body of a slot: a version, the count, and the stanzas."""
    listed = list(stanzas)
    if not 1 <= len(listed) <= MAX_STANZAS:
        raise InputError(f"an envelope has 1 to {MAX_STANZAS} recipients, not {len(listed)}")
    body = _BODY.pack(1, len(listed), 0)
    for stanza in listed:
        fields = encode_fields(stanza.fields)
        body += _FIELD.pack(stanza.kind, len(fields)) + fields
    return body


def decode(body: bytes) -> tuple[Stanza, ...]:
    """Read the body of a slot; raise `InputError` for whatever `encode` does not write."""
    if len(body) < _BODY.size:
        raise _malformed("the list of recipients is cut short")
    version, count, reserved = _BODY.unpack_from(body)
    if version != 1 or reserved or not 1 <= count <= MAX_STANZAS:
        raise _malformed("the list of recipients is of an unknown form")
    stanzas, offset = [], _BODY.size
    for _ in range(count):
        if len(body) - offset < _FIELD.size:
            raise _malformed("a recipient is cut short")
        kind, length = _FIELD.unpack_from(body, offset)
        offset += _FIELD.size
        if length > len(body) - offset:
            raise _malformed("a recipient is cut short")
        stanzas.append(_checked(Stanza(kind, decode_fields(body[offset : offset + length], range(1, 11)))))
        offset += length
    if offset != len(body):
        raise _malformed("trailing data after the recipients")
    return tuple(stanzas)


def parse_context(text: str) -> dict[str, str]:
    """Return the pairs of a context's text, for show and comparison; raise `InputError` if it has none."""
    try:
        pairs = json.loads(text) if text else {}
    except (ValueError, RecursionError) as error:
        raise _malformed("a context is not JSON") from error
    if not isinstance(pairs, dict) or not all(isinstance(value, str) for value in pairs.values()):
        raise _malformed("a context is not an object of texts")
    return pairs


def _checked(stanza: Stanza) -> Stanza:
    """Refuse a stanza of a known kind whose fields could not be used, before they reach a URL or a log."""
    if stanza.kind not in _REQUIRED:
        return stanza
    fields = stanza.fields
    good = (
        _REQUIRED[stanza.kind] <= set(fields)
        and 0 < len(stanza.wrapped) <= MAX_BLOB_BYTES
        and fields.get(SITE, b"cn") in _SITES
        and _REGION.fullmatch(fields.get(REGION, b"ap-guangzhou"))
        and _KEY_ID.fullmatch(fields.get(KEY_ID, b"0" * 36))
        and fields.get(ALGORITHM, OAEP.encode()) == OAEP.encode()
        and len(fields.get(KEY_DIGEST, bytes(_KEY_DIGEST_BYTES))) == _KEY_DIGEST_BYTES
        and len(fields.get(WRAPPED_AT, bytes(U64_BYTES))) == U64_BYTES
        and all(len(fields.get(number, b"")) <= _ALIAS_BYTES for number in (OWNER_UIN, CLUSTER, LABEL))
        and (stanza.kind != TENCENT_KMS or stanza.wrapped.isascii())
    )
    if not good:
        raise _malformed(f"a recipient of the kind {KINDS[stanza.kind]} has invalid fields")
    return stanza


def _malformed(reason: str) -> InputError:
    return InputError(f"the envelope's header is malformed: {reason}")
