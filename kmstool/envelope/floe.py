"""FLOE, the payload of an envelope: segments under keys that are derived from the DEK, the file's IV and its facts.

The published construction, unchanged (c2sp.org/FLOE): random access, a header tag that
commits to key, IV and associated data, and a final segment that is marked as such, so
that nothing can be altered, moved, left out or added. It knows bytes only.
"""

from __future__ import annotations

import hmac
import secrets
import struct
from dataclasses import dataclass

from kmstool import words
from kmstool.crypto import aead, kdf
from kmstool.crypto.aead import Buffer
from kmstool.errors import InputError, IntegrityError

SEGMENT_BYTES = 2**20
READABLE_SEGMENT_BYTES = (2**16, 2**18, 2**20)
OVERHEAD_BYTES = 32
IV_BYTES = 32
HEADER_BYTES = 74
MAX_SEGMENTS = 2**32

_NONCE_BYTES = 12
_PREFIX_BYTES = 4 + _NONCE_BYTES
_NOT_FINAL = 0xFFFFFFFF
_TAG = b"HEADER_TAG:"
_MESSAGE_KEY = b"MESSAGE_KEY:"
_SEGMENT_KEY = b"DEK:"
_ROTATION_SEGMENTS = 2**20


@dataclass(frozen=True, slots=True)
class Suite:
    """A fixed choice of algorithms; sizes in bytes."""

    number: int
    name: str
    dek_bytes: int
    algorithms: bytes
    """AEAD_ID and KDF_ID of the parameters, one byte each."""
    message_key_bytes: int
    segment_key_bytes: int
    aead: words.Cipher
    hash: kdf.Hash


AES_256_GCM = Suite(1, "aes-256-gcm", 32, b"\x00\x00", 48, 32, words.AES_256, "SHA-384")
# FLOE's structure with Chinese algorithms (AEAD_SM4_GCM of RFC 8998, HKDF with SM3) under private numbers.
SM4_GCM = Suite(2, "sm4-gcm", 16, b"\xf0\xf0", 32, 16, words.SM4, "SM3")
SUITES = {suite.number: suite for suite in (AES_256_GCM, SM4_GCM)}


class Floe:
    """One payload's keys; its methods may be called from several threads at once.

    `segment_bytes` is the size of every sealed segment but the last; `rotation_segments`
    (a power of two) is after how many segments the key changes. The published sets fix both.
    """

    def __init__(
        self,
        suite: Suite,
        dek: bytes,
        aad: bytes,
        iv: bytes,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        rotation_segments: int = _ROTATION_SEGMENTS,
    ) -> None:
        if len(dek) != suite.dek_bytes:
            raise InputError(f"a data key for {suite.name} is {suite.dek_bytes} bytes, not {len(dek)}")
        self.segment_bytes = segment_bytes
        self.plain_bytes = segment_bytes - OVERHEAD_BYTES
        self._suite = suite
        self._info = (_parameters(suite, segment_bytes) + iv, aad)
        self._rotation_mask = ~(rotation_segments - 1)
        self._message_key = self._derive(dek, _MESSAGE_KEY, suite.message_key_bytes)
        self._ciphers: dict[int, aead.Cipher] = {}
        self.header = self._info[0] + self._derive(dek, _TAG, 32)
        """74 bytes: parameters, IV, and the tag that commits to the key."""

    @classmethod
    def start(cls, suite: Suite, dek: bytes, aad: bytes) -> Floe:
        """Begin a new payload with a fresh random IV."""
        return cls(suite, dek, aad, secrets.token_bytes(IV_BYTES))

    @classmethod
    def resume(
        cls, suite: Suite, dek: bytes, aad: bytes, header: bytes, *, rotation_segments: int = _ROTATION_SEGMENTS
    ) -> Floe:
        """Open a payload by its header of 74 bytes.

        Raises `InputError` for parameters that are not those of the suite, `IntegrityError` if
        the header is cut short, or key, IV or associated data are not those it commits to.
        """
        segment_bytes = segment_bytes_of(suite, header)
        if len(dek) != suite.dek_bytes:
            raise _not_its_own()
        iv = header[10 : 10 + IV_BYTES]
        floe = cls(suite, dek, aad, iv, segment_bytes=segment_bytes, rotation_segments=rotation_segments)
        if not hmac.compare_digest(floe.header, header):
            raise _not_its_own()
        return floe

    def seal_into(self, position: int, plaintext: Buffer, out: memoryview, *, final: bool) -> int:
        """Seal segment number `position` into `out`, which is 32 bytes longer, and return the sealed length.

        A segment that is not final takes exactly `plain_bytes`, the final one at most that.
        """
        size = len(plaintext)
        if size > self.plain_bytes or (not final and size != self.plain_bytes) or position >= MAX_SEGMENTS:
            raise ValueError("a segment of a wrong size or number")
        sealed = size + OVERHEAD_BYTES
        nonce = secrets.token_bytes(_NONCE_BYTES)
        out[:4] = (sealed if final else _NOT_FINAL).to_bytes(4, "big")
        out[4:_PREFIX_BYTES] = nonce
        self._cipher(position).encrypt_into(nonce, plaintext, _place(position, final=final), out[_PREFIX_BYTES:sealed])
        return sealed

    def unseal_into(self, position: int, segment: Buffer, out: memoryview, *, final: bool) -> int:
        """Open a sealed segment into `out`, which is 32 bytes shorter, and return the plaintext's length.

        Raises `IntegrityError` for whatever was not sealed at this place as this kind. What
        stands in `out` then must not be used.
        """
        size = len(segment) - OVERHEAD_BYTES
        wanted = len(segment) if final else _NOT_FINAL
        if (
            not 0 <= size <= self.plain_bytes
            or (not final and size != self.plain_bytes)
            or position >= MAX_SEGMENTS
            or int.from_bytes(segment[:4], "big") != wanted
        ):
            raise _altered(position)
        nonce = bytes(segment[4:_PREFIX_BYTES])
        try:
            cipher = self._cipher(position)
            cipher.decrypt_into(nonce, segment[_PREFIX_BYTES:], _place(position, final=final), out[:size])
        except IntegrityError as error:
            raise _altered(position) from error
        return size

    def _derive(self, key: bytes, purpose: bytes, size: int) -> bytes:
        start, aad = self._info
        return kdf.expand(self._suite.hash, key, start + purpose + aad, size)

    def _cipher(self, position: int) -> aead.Cipher:
        epoch = position & self._rotation_mask
        cipher = self._ciphers.get(epoch)
        if cipher is None:
            key = self._derive(
                self._message_key, _SEGMENT_KEY + struct.pack(">Q", epoch), self._suite.segment_key_bytes
            )
            cipher = aead.cipher(self._suite.aead, key)
            self._ciphers = {epoch: cipher}
        return cipher


def segment_bytes_of(suite: Suite, header: bytes) -> int:
    """Return the size of a payload's segments by its header of 74 bytes; raises as `Floe.resume` does."""
    if len(header) != HEADER_BYTES:
        raise IntegrityError("the payload is cut short")
    segment_bytes = int.from_bytes(header[2:6], "big")
    if segment_bytes <= OVERHEAD_BYTES or header[:10] != _parameters(suite, segment_bytes):
        raise InputError(f"the payload's parameters are not those of {suite.name}")
    return segment_bytes


def _parameters(suite: Suite, segment_bytes: int) -> bytes:
    return suite.algorithms + struct.pack(">II", segment_bytes, IV_BYTES)


def _place(position: int, *, final: bool) -> bytes:
    return struct.pack(">QB", position, final)


def _not_its_own() -> IntegrityError:
    return IntegrityError("wrong data key or context, or the header was altered")


def _altered(position: int) -> IntegrityError:
    return IntegrityError(f"the payload was altered or cut short at segment {position}")
