"""Decryption of PKCS#8 private keys under a passphrase (RFC 5958, 3).

`cryptography` opens what it can also load, which leaves out every SM2 key and what GmSSL 3
makes: PBKDF2 with HMAC-SM3 and SM4-CBC. The scheme of both, PBES2 with PBKDF2 and a block
cipher in CBC (RFC 8018), is therefore read here, and the rest left to `cryptography`.
"""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from kmstool.crypto import der
from kmstool.errors import AccessError, InputError

_PBES2 = der.object_identifier("1.2.840.113549.1.5.13")
_PBKDF2 = der.object_identifier("1.2.840.113549.1.5.12")
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
_CIPHERS: dict[bytes, tuple[type[algorithms.AES | algorithms.SM4], int]] = {
    der.object_identifier("2.16.840.1.101.3.4.1.2"): (algorithms.AES, 16),
    der.object_identifier("2.16.840.1.101.3.4.1.22"): (algorithms.AES, 24),
    der.object_identifier("2.16.840.1.101.3.4.1.42"): (algorithms.AES, 32),
    der.object_identifier("1.2.156.10197.1.104.2"): (algorithms.SM4, 16),
}
_BLOCK_BYTES = 16
# Seconds of work. A file that asks for more was made to keep its reader busy.
_MAX_ITERATIONS = 10_000_000
_DOES_NOT_OPEN = "the passphrase does not open the private key"


@dataclass(frozen=True, slots=True)
class _Scheme:
    """PBES2 with its parameters."""

    salt: bytes
    iterations: int
    hash: hashes.HashAlgorithm
    cipher: type[algorithms.AES | algorithms.SM4]
    key_bytes: int
    iv: bytes

    def decrypt(self, ciphertext: bytes, passphrase: bytes) -> bytes:
        """Return the plaintext; raise `ValueError` if its padding is wrong."""
        key = PBKDF2HMAC(self.hash, self.key_bytes, self.salt, self.iterations).derive(passphrase)
        decryptor = Cipher(self.cipher(key), modes.CBC(self.iv)).decryptor()
        unpadder = PKCS7(8 * _BLOCK_BYTES).unpadder()
        return unpadder.update(decryptor.update(ciphertext) + decryptor.finalize()) + unpadder.finalize()


def decrypt(encoded: bytes, passphrase: bytes) -> bytes:
    """Return the PrivateKeyInfo in an EncryptedPrivateKeyInfo, both in DER.

    Raises `AccessError` if the passphrase does not open it, `InputError` if it is malformed or
    encrypted in a way that is not known.
    """
    info = der.whole_sequence(encoded)
    scheme = _read_scheme(info.nested())
    ciphertext = info.octets()
    info.end()
    if scheme is None:
        return _decrypt_otherwise(encoded, passphrase)
    if not ciphertext or len(ciphertext) % _BLOCK_BYTES:
        raise InputError("the encrypted private key is malformed")
    try:
        decrypted = scheme.decrypt(ciphertext, passphrase)
        # One wrong passphrase in 256 leaves what looks like padding.
        der.whole_sequence(decrypted)
    except (ValueError, InputError):
        raise AccessError(_DOES_NOT_OPEN) from None
    return decrypted


def _decrypt_otherwise(encoded: bytes, passphrase: bytes) -> bytes:
    """Do the same for other schemes."""
    try:
        key = serialization.load_der_private_key(encoded, passphrase)
    except (TypeError, ValueError, UnsupportedAlgorithm) as error:
        # Nothing but the text tells a wrong passphrase from a scheme that is not known.
        if "password" in str(error).lower():
            raise AccessError(_DOES_NOT_OPEN) from None
        raise InputError(
            "the private key is encrypted in a way that is not supported",
            hint="encrypt it anew: openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem",
        ) from None
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_scheme(algorithm: der.Reader) -> _Scheme | None:
    """Read the AlgorithmIdentifier of an encrypted key; None if it names what is not in the tables above."""
    if algorithm.object_identifier() != _PBES2:
        return None
    parameters = algorithm.nested()
    algorithm.end()
    derivation, encryption = parameters.nested(), parameters.nested()
    parameters.end()
    cipher = _CIPHERS.get(encryption.object_identifier())
    if cipher is None or derivation.object_identifier() != _PBKDF2:
        return None
    iv = encryption.octets()
    encryption.end()
    salt, iterations, prf = _read_pbkdf2(derivation, key_bytes=cipher[1])
    if len(iv) != _BLOCK_BYTES:
        raise InputError("the encrypted private key is malformed")
    return _Scheme(salt, iterations, _HASHES[prf], *cipher, iv) if prf in _HASHES else None


def _read_pbkdf2(derivation: der.Reader, key_bytes: int) -> tuple[bytes, int, bytes]:
    """Return the salt, the iterations and the name of the function from PBKDF2-params (RFC 8018, A.2)."""
    parameters = derivation.nested()
    derivation.end()
    salt, iterations = parameters.octets(), parameters.integer()
    if not 1 <= iterations <= _MAX_ITERATIONS:
        raise InputError(f"the encrypted private key asks for {iterations} iterations of PBKDF2")
    if parameters.next_is(der.INTEGER) and parameters.integer() != key_bytes:
        raise InputError("the encrypted private key is malformed")
    prf = _HMAC_SHA1
    if parameters.next_is(der.SEQUENCE):
        function = parameters.nested()
        prf = function.object_identifier()
        # What OpenSSL writes and GmSSL does not.
        if function.next_is(der.NULL) and function.value(der.NULL):
            raise InputError("the encrypted private key is malformed")
        function.end()
    parameters.end()
    return salt, iterations, prf
