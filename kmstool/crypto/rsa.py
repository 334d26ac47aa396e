"""RSA as KMS uses it (RFC 8017): the algorithms are named as in the API, and their parameters cannot be chosen.

OAEP has the empty label and the same hash in MGF1; PSS has SHA-256 twice. Keys have 2048 to 4096 bits.
"""

from __future__ import annotations

from typing import Literal, get_args

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from kmstool import words
from kmstool.crypto import der, interruptible
from kmstool.errors import InputError, IntegrityError
from kmstool.words import EncryptionAlgorithm

Bits = Literal[2048, 3072]

DIGEST_BYTES = 32
ALGORITHM = der.object_identifier("1.2.840.113549.1.1.1")
"""What names RSA in a SubjectPublicKeyInfo or a PKCS#8 private key."""

# Beyond it a private key takes seconds to be checked, in which nothing else runs and no signal is heard.
_MIN_BITS, _MAX_BITS = 2048, 4096
# NIST SP 800-56B section 6.2 has 256; what is longer than 64 is in no use and makes verification slow.
_MAX_EXPONENT_BITS = 64
_PUBLIC_EXPONENT = 65537
# What the padding takes of the key's size: RFC 8017, 7.1.1 (twice the hash and 2 bytes) and 7.2.1.
_PADDING_BYTES: dict[EncryptionAlgorithm, int] = {
    words.PKCS1_V1_5: 11,
    words.OAEP_SHA_1: 42,
    words.OAEP_SHA_256: 66,
}
_PREHASHED = Prehashed(hashes.SHA256())


def generate(bits: Bits) -> RSAPrivateKey:
    """Make a new key with the public exponent 65537."""
    if bits not in get_args(Bits):
        raise ValueError(f"no RSA keys of {bits} bits")
    return interruptible.run(lambda: generate_private_key(_PUBLIC_EXPONENT, bits))


def load_public_key(encoded: bytes) -> RSAPublicKey:
    """Read a SubjectPublicKeyInfo in DER; raise `InputError` for anything but RSA of 2048 to 4096 bits."""
    info = der.whole_sequence(encoded)
    if info.nested().object_identifier() != ALGORITHM:
        raise InputError("the public key is not one of RSA")
    fields = der.whole_sequence(info.bits())
    info.end()
    _check_public(fields.integer(), fields.integer())
    fields.end()
    try:
        key = serialization.load_der_public_key(encoded)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError("the RSA public key is malformed") from error
    if not isinstance(key, RSAPublicKey):
        raise InputError("the public key is not one of RSA")
    return key


def load_private_key(encoded: bytes, *, trusted: bool = False) -> RSAPrivateKey:
    """Read unencrypted PKCS#8 or PKCS#1 in DER; raise `InputError` for anything but RSA of 2048 to 4096 bits.

    A trusted key is one that was made or checked before and was authenticated since: that
    its factors are primes is then not shown again, which takes 30 ms.
    """
    _check_private(encoded)
    try:
        key = serialization.load_der_private_key(encoded, password=None, unsafe_skip_rsa_key_validation=trusted)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # Nothing says that the text of the cause keeps the key to itself.
        raise InputError("the RSA private key is malformed") from None
    if not isinstance(key, RSAPrivateKey):
        raise InputError("the private key is not one of RSA")
    return key


def to_spki(key: RSAPublicKey) -> bytes:
    """Return the SubjectPublicKeyInfo in DER: 294 bytes for 2048 bits and the usual exponent."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def to_pkcs8(key: RSAPrivateKey) -> bytes:
    """Return the unencrypted PKCS#8 PrivateKeyInfo in DER."""
    return key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def max_plaintext_bytes(key: RSAPublicKey, algorithm: EncryptionAlgorithm) -> int:
    """Return how much fits into one ciphertext: 245, 214 and 190 bytes for 2048 bits."""
    return key.key_size // 8 - _PADDING_BYTES[algorithm]


def encrypt(key: RSAPublicKey, algorithm: EncryptionAlgorithm, plaintext: bytes) -> bytes:
    """Encrypt to as many bytes as the key has; raise `InputError` for a plaintext that is too long."""
    limit = max_plaintext_bytes(key, algorithm)
    if len(plaintext) > limit:
        raise InputError(
            f"the plaintext has {len(plaintext)} bytes; {algorithm} with an RSA-{key.key_size} key takes at most {limit}"
        )
    return key.encrypt(plaintext, _encryption_padding(algorithm))


def decrypt(key: RSAPrivateKey, algorithm: EncryptionAlgorithm, ciphertext: bytes) -> bytes:
    """Return the plaintext; raise `IntegrityError`, always of the same text, for whatever is wrong.

    PKCS#1 v1.5 does not authenticate, and telling good padding from bad would decrypt for an
    attacker (Bleichenbacher 1998). OpenSSL 3.2 and later therefore answer bad padding with
    random bytes of random length: the caller must be able to tell that they are not his.
    """
    try:
        return key.decrypt(ciphertext, _encryption_padding(algorithm))
    except ValueError:
        raise IntegrityError("the RSA ciphertext was altered, or is for another key or algorithm") from None


def sign(key: RSAPrivateKey, algorithm: words.RsaSignature, digest: bytes, *, longest_salt: bool = False) -> bytes:
    """Sign a SHA-256 digest; PSS takes 32 bytes of salt, or all that fit. Raises `InputError` for a digest of another length."""
    _check_digest(digest)
    salt_bytes = padding.calculate_max_pss_salt_length(key, hashes.SHA256()) if longest_salt else DIGEST_BYTES
    return key.sign(digest, _signature_padding(algorithm, salt_bytes), _PREHASHED)


def verify(key: RSAPublicKey, algorithm: words.RsaSignature, digest: bytes, signature: bytes) -> None:
    """Return if this is a signature of a SHA-256 digest, else raise `IntegrityError`; PSS may have salt of any length.

    Raises `InputError` for a digest of another length.
    """
    _check_digest(digest)
    try:
        key.verify(signature, digest, _signature_padding(algorithm, None), _PREHASHED)
    except InvalidSignature as error:
        raise IntegrityError("the signature is not one of this data by this key") from error


def _check_private(encoded: bytes) -> None:
    """Check the numbers of a private key for what is cheap to see, before the library computes with them."""
    fields = der.whole_sequence(encoded)
    version = fields.integer()
    if fields.next_is(der.SEQUENCE):
        if fields.nested().object_identifier() != ALGORITHM:
            raise InputError("the private key is not one of RSA")
        fields = der.whole_sequence(fields.octets())
        version = fields.integer()
    if version != 0:
        raise InputError("the RSA private key has more than two factors")
    modulus, exponent, private, p, q, *rest = (fields.integer() for _ in range(8))
    fields.end()
    _check_public(modulus, exponent)
    if max(private, p, q, *rest) >= modulus or p * q != modulus:
        raise InputError("the RSA private key is malformed")


def _check_public(modulus: int, exponent: int) -> None:
    bits = modulus.bit_length()
    if bits < _MIN_BITS:
        raise InputError(f"the RSA key has {bits} bits, fewer than {_MIN_BITS}")
    if bits > _MAX_BITS:
        raise InputError(f"the RSA key has {bits} bits, more than {_MAX_BITS}")
    if modulus % 2 == 0:
        raise InputError("the RSA key has an even modulus")
    if exponent % 2 == 0 or exponent == 1 or exponent.bit_length() > _MAX_EXPONENT_BITS:
        raise InputError("the RSA key has a public exponent that cannot be used")


def _check_digest(digest: bytes) -> None:
    if len(digest) != DIGEST_BYTES:
        raise InputError(f"the digest to sign has {len(digest)} bytes, not {DIGEST_BYTES}")


def _encryption_padding(algorithm: EncryptionAlgorithm) -> padding.AsymmetricPadding:
    if algorithm == words.PKCS1_V1_5:
        return padding.PKCS1v15()
    used = hashes.SHA1() if algorithm == words.OAEP_SHA_1 else hashes.SHA256()  # noqa: S303 - collisions do not matter to OAEP
    return padding.OAEP(padding.MGF1(used), used, label=None)


def _signature_padding(algorithm: words.RsaSignature, salt_bytes: int | None) -> padding.AsymmetricPadding:
    if algorithm == words.PKCS1_SHA_256:
        return padding.PKCS1v15()
    return padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO if salt_bytes is None else salt_bytes)
