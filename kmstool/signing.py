"""Signature algorithms of KMS in one table, and signing and verifying with them: digests in, KMS's encodings out.

RAW means that a message is digested first, DIGEST that the digest is given. For SM2 the
digest is SM3(Z_A ‖ M), which needs the public key and the user id (GB/T 32918.2 section 5.5).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from kmstool import near, words
from kmstool.crypto import digests, ecdsa, formats, rsa
from kmstool.crypto.formats import SignatureFormat
from kmstool.crypto.keys import (
    EcPrivateKey,
    Kind,
    PrivateKey,
    PublicKey,
    RsaPublicKey,
    Sm2PrivateKey,
    Sm2PublicKey,
)
from kmstool.crypto.sm2 import signatures
from kmstool.errors import ArgumentError, InputError, IntegrityError, Reason

NUMBER_BYTES = {"SM2": 32, "EC_P256": 32, "EC_P384": 48}
"""The size of each of the two numbers of a signature, by the kind of the key's curve."""


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A signature algorithm by its API name: the kind of its keys and its digest."""

    name: str
    kind: Kind
    digest: digests.Name

    @property
    def digest_bytes(self) -> int:
        """The digest's size."""
        return digests.DIGEST_BYTES[self.digest]


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("SM2DSA", "SM2", "SM3"),
        Algorithm(words.PSS_SHA_256, "RSA", "SHA-256"),
        Algorithm(words.PKCS1_SHA_256, "RSA", "SHA-256"),
        Algorithm("ECC_P256_R1", "EC_P256", "SHA-256"),
        Algorithm(words.ECDSA_P384, "EC_P384", "SHA-384"),
    )
}
ALIASES = {"ECC_P384_R1": words.ECDSA_P384}
"""Another spelling that is accepted: the API documents none for P-384."""

# The kinds of key usages that sign.
SIGNING_USAGES: dict[str, Kind] = {
    words.USAGES["sign-sm2"]: "SM2",
    words.USAGES["sign-rsa-2048"]: "RSA",
    words.USAGES["sign-rsa-3072"]: "RSA",
    words.USAGES["sign-ecc"]: "EC_P256",
    words.USAGES["sign-ecc-p384"]: "EC_P384",
}


def algorithm_of(name: str | None, kind: Kind) -> Algorithm:
    """Return the algorithm of that name for a kind of key, or the first one that fits; raise `ArgumentError`."""
    fitting = [algorithm for algorithm in ALGORITHMS.values() if algorithm.kind == kind]
    if name is None:
        return fitting[0]
    named = ALGORITHMS.get(ALIASES.get(name, name))
    if named not in fitting:
        hint = near.question_or_all(name, [algorithm.name for algorithm in fitting])
        raise ArgumentError(f"{name!r} is no signature algorithm of a key of the kind {kind}", hint=hint)
    return named


def digest(
    algorithm: Algorithm, public_key: PublicKey, chunks: Iterable[bytes], user_id: bytes = signatures.DEFAULT_ID
) -> bytes:
    """Return the digest of a message that comes in pieces: 32 bytes, 48 for SHA-384."""
    if isinstance(public_key, Sm2PublicKey):
        message = signatures.MessageDigest(public_key.key, user_id)
        for chunk in chunks:
            message.update(chunk)
        return message.digest()
    return digests.of_chunks(algorithm.digest, chunks)


def check_digest(algorithm: Algorithm, message_digest: bytes) -> None:
    """Raise `InputError` for a digest of another size than the algorithm signs."""
    if len(message_digest) != algorithm.digest_bytes:
        raise InputError(
            f"the digest has {len(message_digest)} bytes; {algorithm.name} signs {algorithm.digest_bytes}",
            reason=Reason.DIGEST_SIZE,
            facts={"digest": algorithm.digest},
        )


def sign(algorithm: Algorithm, private_key: PrivateKey, message_digest: bytes, *, longest_salt: bool = False) -> bytes:
    """Sign a digest; DER for elliptic curves, the size of the modulus for RSA, where PSS may take the longest salt.

    Raises `InputError` for a digest of another size than the algorithm's.
    """
    check_digest(algorithm, message_digest)
    if isinstance(private_key, Sm2PrivateKey):
        return formats.write_signature(*signatures.sign(private_key.key, message_digest))
    if isinstance(private_key, EcPrivateKey):
        return ecdsa.sign(private_key.key, message_digest)
    return rsa.sign(private_key.key, _rsa_name(algorithm), message_digest, longest_salt=longest_salt)


def verify(
    algorithm: Algorithm,
    public_key: PublicKey,
    message_digest: bytes,
    signature: bytes,
    written_as: SignatureFormat = "auto",
) -> None:
    """Check a signature over a digest; raise `IntegrityError` for one that is not good, malformed ones included."""
    check_digest(algorithm, message_digest)
    try:
        _verify(algorithm, public_key, message_digest, signature, written_as)
    except IntegrityError as error:
        error.reason, error.facts = Reason.SIGNATURE_WRONG, {"algorithm": algorithm.name}
        raise


def _verify(
    algorithm: Algorithm, public_key: PublicKey, message_digest: bytes, signature: bytes, written_as: SignatureFormat
) -> None:
    if isinstance(public_key, RsaPublicKey):
        rsa.verify(public_key.key, _rsa_name(algorithm), message_digest, signature)
        return
    try:
        r, s = formats.read_signature(signature, written_as, number_bytes=NUMBER_BYTES[public_key.kind])
    except InputError as error:
        raise IntegrityError(f"the signature does not verify: {error.message}") from error
    if isinstance(public_key, Sm2PublicKey):
        signatures.verify(public_key.key, message_digest, r, s)
    else:
        ecdsa.verify(public_key.key, message_digest, formats.write_signature(r, s))


def _rsa_name(algorithm: Algorithm) -> words.RsaSignature:
    return words.PSS_SHA_256 if algorithm.name == words.PSS_SHA_256 else words.PKCS1_SHA_256
