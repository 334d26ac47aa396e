"""The rows of imports: the wrapping key and token that KMS gave out last, and what the first material of a key was.

A key has one row of parameters, so that newer ones void the older. The fingerprint of the
first material outlives the material: a key never takes any other, or its blobs would be dead.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import uuid
from dataclasses import dataclass, field, replace

from kmstool import byok, words
from kmstool.crypto import rsa
from kmstool.errors import InputError, IntegrityError
from kmstool.server.call import Transaction, refuse
from kmstool.server.tables import cmks
from kmstool.server.tables.cmks import Cmk
from kmstool.server.tables.sealed_rows import SealedTable

TOKEN_BYTES = 96


@dataclass(frozen=True, slots=True)
class WrappingKey:
    """One row: the private half, wrapped by the vault, and the SHA-256 of the token; `valid_to` is in Unix seconds."""

    key_id: str
    algorithm: words.EncryptionAlgorithm
    private_key: bytes = field(repr=False)
    token_digest: bytes
    valid_to: int


TABLE = SealedTable("import_parameters", WrappingKey, "import of the key", allowed={"algorithm": words.RSA_ALGORITHMS})


@dataclass(frozen=True, slots=True)
class IssuedParameters:
    """What a client needs to wrap material: a public key (SubjectPublicKeyInfo in DER), and the token that goes with it."""

    public_key: bytes
    token: bytes = field(repr=False)
    valid_to: int


def issue(transaction: Transaction, cmk: Cmk, algorithm: words.EncryptionAlgorithm) -> IssuedParameters:
    """Make a wrapping key and token for a key, valid for 24 hours; those that were made before are void."""
    key = rsa.generate(2048)
    token = uuid.UUID(cmk.key_id).bytes
    token += secrets.token_bytes(TOKEN_BYTES - len(token))
    valid_to = transaction.now + byok.TOKEN_SECONDS
    wrapped = transaction.vault.wrap(identity(cmk.region, cmk.key_id, algorithm, _digest(token)), rsa.to_pkcs8(key))
    # Wrapping keys that are no longer of use are not kept for whoever recorded what they wrapped.
    transaction.db.execute(
        "DELETE FROM import_parameters WHERE valid_to <= ? OR key_id = ?", (transaction.now, cmk.key_id)
    )
    TABLE.insert(transaction, WrappingKey(cmk.key_id, algorithm, wrapped, _digest(token), valid_to))
    return IssuedParameters(rsa.to_spki(key.public_key()), token, valid_to)


def unwrap(transaction: Transaction, cmk: Cmk, token: bytes, encrypted: bytes) -> bytes:
    """Return what was encrypted under the wrapping key that belongs to a token.

    Refuses with `InvalidParameter` a token that is none or of another key, with `TokenExpired` one
    that is over 24 hours old or not the newest, and with `DecryptMaterialError` all that does not decrypt.
    """
    if len(token) != TOKEN_BYTES or token[:16] != uuid.UUID(cmk.key_id).bytes:
        raise refuse("InvalidParameter", f"the import token is not one of the key {cmk.key_id}")
    issued = TABLE.find(transaction, cmk.key_id)
    replaced = issued is None or not hmac.compare_digest(issued.token_digest, _digest(token))
    if issued is None or replaced or issued.valid_to <= transaction.now:
        # Rows that are over go when the next key asks, so the one is not always told from the other.
        message = "the import token is over 24 hours old, or a newer one was asked for"
        malformed = replaced and "U15" in transaction.assumed
        raise refuse("InvalidParameter" if malformed else "ResourceUnavailable.TokenExpired", message)
    row = identity(cmk.region, cmk.key_id, issued.algorithm, issued.token_digest)
    key = rsa.load_private_key(transaction.vault.unwrap(row, issued.private_key))
    try:
        return rsa.decrypt(key, issued.algorithm, encrypted)
    except (InputError, IntegrityError) as error:
        raise refuse("InvalidParameter.DecryptMaterialError", "the key material cannot be unwrapped") from error


def put_material(transaction: Transaction, cmk: Cmk, brought: bytes) -> Cmk:
    """Give a key its material, as version 1 always, and return the key with it.

    Refuses other material than its first with `MaterialNotMatch`.
    """
    first = _first(transaction, cmk)
    if first and not hmac.compare_digest(first, _fingerprint(transaction, cmk, brought)):
        raise refuse("InvalidParameterValue.MaterialNotMatch", "this is other key material than the key had first")
    cmk = remember(transaction, cmk, brought)
    # Blobs name the version, so that those from before a loss open again.
    return (
        cmk if cmks.has_material(transaction, cmk) else cmks.add_version(transaction, replace(cmk, version=0), brought)
    )


def remember(transaction: Transaction, cmk: Cmk, first: bytes) -> Cmk:
    """Note what the first material of a key is, and return the key that knows it."""
    if not cmk.first_material:
        cmk = replace(cmk, first_material=_fingerprint(transaction, cmk, first))
        cmks.update(transaction, cmk)
    return cmk


def _first(transaction: Transaction, cmk: Cmk) -> bytes:
    """Return the fingerprint of a key's first material, empty if it never had any."""
    if cmk.first_material or not cmks.has_material(transaction, cmk):
        return cmk.first_material
    # Stores of before format 4 did not note it, and could only be seeded with such material.
    return _fingerprint(transaction, cmk, cmks.material(transaction, cmk, 1)[1])


def _fingerprint(transaction: Transaction, cmk: Cmk, brought: bytes) -> bytes:
    return transaction.vault.fingerprint(("first material", cmk.key_id), brought)


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def identity(region: str, key_id: str, algorithm: str, token_digest: bytes) -> tuple[str, ...]:
    """Return what the vault binds a wrapping key to."""
    return "import", region, key_id, algorithm, token_digest.hex()
