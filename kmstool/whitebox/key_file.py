"""White-box key files: the tables of a key, sealed for devices or only protected from accidents. Strict in both ways.

```
0 "KTWB" | 4 version 1 | 5 algorithm (0 AES_256, 1 SM4) | 6 mode (4 encrypt, 8 decrypt) | 7 n devices | 8 key id (16)
24 ephemeral X25519 key (32) and n stanzas of 48 bytes, if n > 0
.. AES-256-GCM of the tables under the body key, with everything before as associated data
```
"""

from __future__ import annotations

import base64
import binascii
import secrets
import struct
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from kmstool import words
from kmstool.crypto import aead
from kmstool.errors import InputError, IntegrityError, Reason
from kmstool.whitebox import binding, block_ciphers
from kmstool.whitebox.block_ciphers import Direction
from kmstool.whitebox.network import Network

MAGIC = b"KTWB"
VERSION = 1
MAX_BYTES = 2**17
"""More than any key file has, in base64 too."""

_HEADER = struct.Struct(">4sBBBB16s")
_ALGORITHMS: tuple[words.Cipher, ...] = (words.AES_256, words.SM4)
_MODES: dict[Direction, int] = {"encrypt": 4, "decrypt": 8}
_DIRECTIONS = {mode: direction for direction, mode in _MODES.items()}
# A body key encrypts one message only. Of an unbound file it is public, and the tag a checksum.
_NONCE = bytes(aead.NONCE_BYTES)
_UNBOUND = bytes(binding.BODY_KEY_BYTES)


@dataclass(frozen=True, slots=True)
class KeyFile:
    """A key file whose size and header are right; the rest shows when it is opened."""

    algorithm: words.Cipher
    direction: Direction
    key_id: str
    """The id of the white-box key, a lower-case UUID."""
    devices: int
    """To how many devices it is bound; 0 if it opens everywhere."""
    _data: bytes = field(repr=False)

    def open(self, origin: bytes | None = None) -> Network:
        """Return the decrypt key, ready for use; `origin` is the device's (kmstool/system/device.py), for a bound file only.

        Raises `IntegrityError` if the device is not bound or the file was altered, `InputError`
        for an encrypt key, which is KMS's own.
        """
        if self.direction != "decrypt":
            raise InputError("this is an encrypt key, and decrypts nothing", hint="download the decrypt key")
        start = _HEADER.size + binding.wrapped_bytes(self.devices)
        associated, sealed = self._data[:start], self._data[start:]
        body_key = binding.unwrap(associated[_HEADER.size :], origin) if self.devices else _UNBOUND
        tables = bytearray(len(sealed) - aead.TAG_BYTES)
        try:
            aead.cipher(words.AES_256, body_key).decrypt_into(_NONCE, sealed, associated, memoryview(tables))
        except IntegrityError as error:
            raise IntegrityError(
                "the white-box key file was altered or is damaged", hint="download the decrypt key anew"
            ) from error
        return Network(block_ciphers.circuit(self.algorithm, self.direction), bytes(tables))


def write(
    algorithm: words.Cipher, direction: Direction, key_id: str, tables: bytes, fingerprints: Sequence[str] = ()
) -> bytes:
    """Return the key file of some tables, bound to the devices with these fingerprints or, without any, unbound.

    Each call draws a new body key. Raises `InputError` for more than 200 fingerprints and for malformed ones.
    """
    wrapped, body_key = b"", _UNBOUND
    if fingerprints:
        body_key = secrets.token_bytes(binding.BODY_KEY_BYTES)
        wrapped = binding.wrap(body_key, fingerprints)
    header = (MAGIC, VERSION, _ALGORITHMS.index(algorithm), _MODES[direction], len(fingerprints))
    associated = _HEADER.pack(*header, uuid.UUID(key_id).bytes) + wrapped
    sealed = bytearray(len(tables) + aead.TAG_BYTES)
    aead.cipher(words.AES_256, body_key).encrypt_into(_NONCE, tables, associated, memoryview(sealed))
    return associated + sealed


def read(data: bytes) -> KeyFile:
    """Read a key file, raw or in base64; raise `InputError` for whatever `write` does not make.

    A file of Tencent Cloud is one of these: what is in it only Tencent's library knows.
    """
    data = _raw(data)
    if len(data) < _HEADER.size:
        raise _malformed(f"{len(data)} bytes are too few")
    _, version, algorithm_number, mode, devices, key_id = _HEADER.unpack_from(data)
    if version != VERSION:
        raise _malformed(f"it is of the unknown version {version}: a newer kmstool made it")
    if algorithm_number >= len(_ALGORITHMS) or mode not in _DIRECTIONS or devices > words.MAX_DEVICES:
        raise _malformed("its header has values that cannot be")
    algorithm, direction = _ALGORITHMS[algorithm_number], _DIRECTIONS[mode]
    tables_bytes = block_ciphers.circuit(algorithm, direction).table_bytes
    wanted = _HEADER.size + binding.wrapped_bytes(devices) + tables_bytes + aead.TAG_BYTES
    if len(data) != wanted:
        raise _malformed(f"it has {len(data):,} bytes, not the {wanted:,} of {algorithm} for {devices} device(s)")
    return KeyFile(algorithm, direction, str(uuid.UUID(bytes=key_id)), devices, data)


def is_ours(data: bytes) -> bool:
    """Return whether this is a key file of the embedded KMS, raw or in base64, and not one of Tencent Cloud."""
    try:
        return _raw(data).startswith(MAGIC)
    except InputError:
        return False


def _raw(data: bytes) -> bytes:
    if len(data) > MAX_BYTES:
        raise _malformed(f"it has {len(data):,} bytes; none has more than {MAX_BYTES:,}")
    if data.startswith(MAGIC):
        return data
    try:
        raw = base64.b64decode(b"".join(data.split()), validate=True)
    except binascii.Error:
        raw = b""
    if not raw.startswith(MAGIC):
        raise InputError(
            "this is no key file of the local KMS",
            reason=Reason.VENDOR_LIBRARY_NEEDED,
        )
    return raw


def _malformed(reason: str) -> InputError:
    return InputError(f"the white-box key file is malformed: {reason}")
