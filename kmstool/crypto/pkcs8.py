"""Decryption of PKCS#8 private keys under a passphrase (RFC 5958, 3); the schemes are in `passphrase_schemes`."""

from __future__ import annotations

from kmstool.crypto import der, passphrase_schemes
from kmstool.errors import AccessError, InputError


def decrypt(encoded: bytes, passphrase: bytes) -> bytes:
    """Return the PrivateKeyInfo in an EncryptedPrivateKeyInfo, both in DER.

    Raises `AccessError` if the passphrase does not open it, `InputError` if it is malformed,
    encrypted in a way that is not known, or asks for too much work.
    """
    info = der.whole_sequence(encoded)
    scheme = passphrase_schemes.read(info.nested())
    ciphertext = info.octets()
    info.end()
    plaintext = scheme.decrypt(ciphertext, passphrase)
    try:
        # One wrong passphrase in 256 leaves what looks like padding.
        der.whole_sequence(plaintext)
    except InputError:
        raise AccessError("the passphrase does not open the private key") from None
    return plaintext
