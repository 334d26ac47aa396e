"""The schemes that encrypt private keys under a passphrase: PBES2 and PBES1 (RFC 8018), and PKCS#12's (RFC 7292, B and C).

`cryptography` opens files under some of these by itself, and computes for as long and with as
much memory as a file asks for. So every parameter is read here and bounded before anything is
computed, and what asks for more than the hardest files in use is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from kmstool.crypto import der, interruptible, kdf
from kmstool.errors import InputError

# Seconds of work. A file that asks for more was made to keep its reader busy.
_MAX_ITERATIONS = 10_000_000
# A longer number is not repeated in an error: nobody could read it.
_SHOWN_BITS = 64
# Of scrypt N · r · p: 256 MiB if p is 1. OpenSSL itself opens nothing beyond an eighth of that.
_MAX_SCRYPT_WORK = 1 << 21

_PBES2 = der.object_identifier("1.2.840.113549.1.5.13")
_PBKDF2 = der.object_identifier("1.2.840.113549.1.5.12")
_SCRYPT = der.object_identifier("1.3.6.1.4.1.11591.4.11")
_HMAC_SHA1 = der.object_identifier("1.2.840.113549.2.7")
_HASHES: dict[bytes, hashes.HashAlgorithm] = {
    _HMAC_SHA1: hashes.SHA1(),  # noqa: S303 - collisions do not matter to HMAC
    der.object_identifier("1.2.840.113549.2.8"): hashes.SHA224(),
    der.object_identifier("1.2.840.113549.2.9"): hashes.SHA256(),
    der.object_identifier("1.2.840.113549.2.10"): hashes.SHA384(),
    der.object_identifier("1.2.840.113549.2.11"): hashes.SHA512(),
    der.object_identifier("1.2.156.10197.1.401.2"): hashes.SM3(),  # GmSSL
    der.object_identifier("1.2.156.10197.1.401.3.1"): hashes.SM3(),  # OpenSSL
}
_MALFORMED = "the encrypted private key is malformed"


@dataclass(frozen=True, slots=True)
class _BlockCipher:
    """A block cipher in CBC mode, with the sizes of its key and of its blocks in bytes."""

    make: Callable[[bytes], CipherAlgorithm]
    key_bytes: int
    block_bytes: int


_TRIPLE_DES = _BlockCipher(TripleDES, 24, 8)
# Three times the same key is DES.
_DES = _BlockCipher(lambda key: TripleDES(key * 3), 8, 8)
_CIPHERS = {
    der.object_identifier("2.16.840.1.101.3.4.1.2"): _BlockCipher(algorithms.AES, 16, 16),
    der.object_identifier("2.16.840.1.101.3.4.1.22"): _BlockCipher(algorithms.AES, 24, 16),
    der.object_identifier("2.16.840.1.101.3.4.1.42"): _BlockCipher(algorithms.AES, 32, 16),
    der.object_identifier("1.2.156.10197.1.104.2"): _BlockCipher(algorithms.SM4, 16, 16),
    der.object_identifier("1.2.840.113549.3.7"): _TRIPLE_DES,
}


class Derivation(Protocol):
    """How a passphrase becomes a key and, in the older schemes, an IV."""

    def derive(self, passphrase: bytes, cipher: _BlockCipher) -> tuple[bytes, bytes]:
        """Return the key and the IV, which is empty where the file has it."""


@dataclass(frozen=True, slots=True)
class _Pbkdf2:
    salt: bytes
    iterations: int
    hash: hashes.HashAlgorithm

    def derive(self, passphrase: bytes, cipher: _BlockCipher) -> tuple[bytes, bytes]:
        function = PBKDF2HMAC(self.hash, cipher.key_bytes, self.salt, self.iterations)
        return interruptible.run(lambda: function.derive(passphrase)), b""


@dataclass(frozen=True, slots=True)
class _Scrypt:
    salt: bytes
    n: int
    r: int
    p: int

    def derive(self, passphrase: bytes, cipher: _BlockCipher) -> tuple[bytes, bytes]:
        return kdf.scrypt(passphrase, self.salt, n=self.n, r=self.r, p=self.p, size=cipher.key_bytes), b""


@dataclass(frozen=True, slots=True)
class _Pbkdf1:
    """RFC 8018 section 5.1: 16 bytes, of which the second half is the IV."""

    salt: bytes
    iterations: int
    hash: str

    def derive(self, passphrase: bytes, cipher: _BlockCipher) -> tuple[bytes, bytes]:
        derived = passphrase + self.salt
        for _ in range(self.iterations):
            derived = hashlib.new(self.hash, derived).digest()
        return derived[: cipher.key_bytes], derived[cipher.key_bytes : cipher.key_bytes + cipher.block_bytes]


@dataclass(frozen=True, slots=True)
class _Pkcs12:
    """RFC 7292 appendix B.2 with SHA-1, whose blocks have 64 bytes."""

    salt: bytes
    iterations: int

    def derive(self, passphrase: bytes, cipher: _BlockCipher) -> tuple[bytes, bytes]:
        try:
            text = passphrase.decode()
        except UnicodeDecodeError:
            text = passphrase.decode("latin-1")  # as OpenSSL does
        password = text.encode("utf-16-be") + bytes(2)
        return self._bytes(1, password, cipher.key_bytes), self._bytes(2, password, cipher.block_bytes)

    def _bytes(self, purpose: int, password: bytes, size: int) -> bytes:
        block = 64
        mixed = _repeated(self.salt, block) + _repeated(password, block)
        output = b""
        while len(output) < size:
            part = bytes([purpose]) * block + mixed
            for _ in range(self.iterations):
                part = hashlib.sha1(part, usedforsecurity=False).digest()
            output += part
            addend = int.from_bytes(_repeated(part, block), "big") + 1
            mixed = b"".join(
                (int.from_bytes(mixed[start : start + block], "big") + addend).to_bytes(block + 1, "big")[1:]
                for start in range(0, len(mixed), block)
            )
        return output[:size]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A scheme with its parameters, all of them checked."""

    derivation: Derivation
    cipher: _BlockCipher
    iv: bytes

    def decrypt(self, ciphertext: bytes, passphrase: bytes) -> bytes:
        """Return the plaintext, none of it if its padding is wrong; raise `InputError` for what is no ciphertext."""
        if not ciphertext or len(ciphertext) % self.cipher.block_bytes:
            raise InputError(_MALFORMED)
        key, iv = self.derivation.derive(passphrase, self.cipher)
        decryptor = Cipher(self.cipher.make(key), modes.CBC(iv or self.iv)).decryptor()
        unpadder = PKCS7(8 * self.cipher.block_bytes).unpadder()
        padded = decryptor.update(ciphertext) + decryptor.finalize()
        try:
            return unpadder.update(padded) + unpadder.finalize()
        except ValueError:
            return b""


_OLD: dict[bytes, tuple[Callable[[bytes, int], Derivation], _BlockCipher]] = {
    der.object_identifier("1.2.840.113549.1.5.3"): (lambda salt, count: _Pbkdf1(salt, count, "md5"), _DES),
    der.object_identifier("1.2.840.113549.1.5.10"): (lambda salt, count: _Pbkdf1(salt, count, "sha1"), _DES),
    der.object_identifier("1.2.840.113549.1.12.1.3"): (_Pkcs12, _TRIPLE_DES),
}


def read(algorithm: der.Reader) -> Scheme:
    """Read the AlgorithmIdentifier of an encrypted key.

    Raises `InputError` if it is malformed, names what is not in the tables here or asks for too much work.
    """
    name = algorithm.object_identifier()
    if name not in _OLD and name != _PBES2:
        raise _unknown()
    parameters = algorithm.nested()
    algorithm.end()
    if name in _OLD:
        make, cipher = _OLD[name]
        salt, iterations = parameters.octets(), _iterations(parameters)
        parameters.end()
        return Scheme(make(salt, iterations), cipher, b"")
    derivation, encryption = parameters.nested(), parameters.nested()
    parameters.end()
    scheme = _CIPHERS.get(encryption.object_identifier())
    if scheme is None:
        raise _unknown()
    iv = encryption.octets()
    encryption.end()
    if len(iv) != scheme.block_bytes:
        raise InputError(_MALFORMED)
    return Scheme(_read_derivation(derivation, scheme.key_bytes), scheme, iv)


def _read_derivation(function: der.Reader, key_bytes: int) -> Derivation:
    readers = {_PBKDF2: _read_pbkdf2, _SCRYPT: _read_scrypt}
    reader = readers.get(function.object_identifier())
    if reader is None:
        raise _unknown()
    parameters = function.nested()
    function.end()
    derivation = reader(parameters, key_bytes)
    parameters.end()
    return derivation


def _read_pbkdf2(parameters: der.Reader, key_bytes: int) -> Derivation:
    """Read PBKDF2-params (RFC 8018, A.2)."""
    salt, iterations = parameters.octets(), _iterations(parameters)
    _check_key_length(parameters, key_bytes)
    prf = _HMAC_SHA1
    if parameters.next_is(der.SEQUENCE):
        function = parameters.nested()
        prf = function.object_identifier()
        # What OpenSSL writes and GmSSL does not.
        if function.next_is(der.NULL) and function.value(der.NULL):
            raise InputError(_MALFORMED)
        function.end()
    if prf not in _HASHES:
        raise _unknown()
    return _Pbkdf2(salt, iterations, _HASHES[prf])


def _read_scrypt(parameters: der.Reader, key_bytes: int) -> Derivation:
    """Read scrypt-params (RFC 7914, 7.1)."""
    salt = parameters.octets()
    n, r, p = parameters.integer(), parameters.integer(), parameters.integer()
    _check_key_length(parameters, key_bytes)
    # Each by itself first: the product of three numbers out of a file takes time too.
    if max(n, r, p) > _MAX_SCRYPT_WORK or n * r * p > _MAX_SCRYPT_WORK:
        raise InputError("the encrypted private key asks for too much memory or time of scrypt")
    # RFC 7914, section 2: N is a power of two, larger than 1 and less than 2 to the power of 128 · r / 8.
    if n <= 1 or n & (n - 1) or not r or not p or n.bit_length() > 16 * r:
        raise InputError(_MALFORMED)
    return _Scrypt(salt, n, r, p)


def _iterations(parameters: der.Reader) -> int:
    iterations = parameters.integer()
    if not 1 <= iterations <= _MAX_ITERATIONS:
        raise InputError(
            f"the encrypted private key asks for {iterations} iterations"
            if iterations.bit_length() <= _SHOWN_BITS
            else "the encrypted private key asks for too many iterations"
        )
    return iterations


def _check_key_length(parameters: der.Reader, key_bytes: int) -> None:
    if parameters.next_is(der.INTEGER) and parameters.integer() != key_bytes:
        raise InputError(_MALFORMED)


def _repeated(text: bytes, block: int) -> bytes:
    """Return a text over and over, cut to the next whole number of blocks."""
    size = -(-len(text) // block) * block
    return (text * (size // len(text) + 1))[:size] if text else b""


def _unknown() -> InputError:
    return InputError(
        "the private key is encrypted in a way that is not supported",
        hint="encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem",
    )
