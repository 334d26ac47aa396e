"""Actions of asymmetric keys: the public key, signatures, decryption."""

from __future__ import annotations

from typing import Any

from kmstool import signing, words
from kmstool.api import protocol
from kmstool.crypto import formats, keys, pem, rsa
from kmstool.crypto.keys import RsaPrivateKey, Sm2PrivateKey
from kmstool.crypto.sm2 import encryption
from kmstool.errors import ArgumentError, InputError, IntegrityError, KmsToolError
from kmstool.server.call import Call, binary, refuse
from kmstool.server.tables import cmks

MAX_SM2_CIPHERTEXT_BYTES = 256


def get_public_key(call: Call) -> dict[str, Any]:
    """Return the public key of an asymmetric key as DER in base64, and as PEM."""
    cmk = cmks.usable(call, call.params["KeyId"])
    public = _private_key(call, cmk).public_key
    return {
        "KeyId": cmk.key_id,
        "PublicKey": protocol.encode(public.to_spki()),
        "PublicKeyPem": pem.write_public_key(public),
    }


def sign(call: Call) -> dict[str, Any]:
    """Sign a message of at most 4,096 bytes, or a digest."""
    cmk = cmks.usable(call, call.params["KeyId"])
    key = _private_key(call, cmk)
    algorithm, digest = _digest(call, key)
    signature = signing.sign(algorithm, key, digest, longest_salt="U1" in call.assumed)
    return {"Signature": protocol.encode(signature)}


def verify(call: Call) -> dict[str, Any]:
    """Return whether a signature is good."""
    cmk = cmks.usable(call, call.params["KeyId"])
    key = _private_key(call, cmk)
    algorithm, digest = _digest(call, key)
    try:
        signing.verify(algorithm, key.public_key, digest, _signature(call), "der")
    except IntegrityError:
        return {"SignatureValid": False}
    return {"SignatureValid": True}


def rsa_decrypt(call: Call) -> dict[str, Any]:
    """Decrypt what was encrypted under the public key of an RSA key."""
    cmk = cmks.usable(call, call.params["KeyId"])
    key = _private_key(call, cmk)
    name = call.params["Algorithm"]
    ciphertext = binary(call, "Ciphertext")
    for algorithm in words.RSA_ALGORITHMS:
        if algorithm == name and isinstance(key, RsaPrivateKey):
            try:
                plaintext = rsa.decrypt(key.key, algorithm, ciphertext)
            except (InputError, IntegrityError) as error:
                raise _undecryptable() from error
            return {"KeyId": cmk.key_id, "Plaintext": protocol.encode(plaintext)}
    raise refuse("InvalidParameter", f"the algorithm {name!r} is not known")


def sm2_decrypt(call: Call) -> dict[str, Any]:
    """Decrypt what was encrypted under the public key of an SM2 key: ASN.1, at most 256 bytes."""
    cmk = cmks.usable(call, call.params["KeyId"])
    key = _private_key(call, cmk)
    ciphertext = binary(call, "Ciphertext")
    if len(ciphertext) > MAX_SM2_CIPHERTEXT_BYTES:
        raise refuse("InvalidParameter", f"the ciphertext is {len(ciphertext)} bytes, at most 256 are possible")
    assert isinstance(key, Sm2PrivateKey)  # noqa: S101 - the usage was checked
    try:
        plaintext = encryption.decrypt(key.key, formats.read_ciphertext(ciphertext, "der"))
    except (InputError, IntegrityError) as error:
        raise _undecryptable() from error
    return {"KeyId": cmk.key_id, "Plaintext": protocol.encode(plaintext)}


def _signature(call: Call) -> bytes:
    try:
        return binary(call, "SignatureValue")
    except KmsToolError:
        if "U9" not in call.assumed:
            raise
        return b""


def _private_key(call: Call, cmk: cmks.Cmk) -> keys.PrivateKey:
    return keys.from_pkcs8(cmks.material(call, cmk, cmk.version)[1], trusted=True)


def _digest(call: Call, key: keys.PrivateKey) -> tuple[signing.Algorithm, bytes]:
    name = call.params["Algorithm"]
    if "U2" in call.assumed and name in signing.ALIASES:
        raise refuse("InvalidParameter", f"the algorithm {name!r} is not known")
    try:
        algorithm = signing.algorithm_of(name, key.kind)
    except ArgumentError as error:
        raise refuse("InvalidParameter", error.message) from error
    message, kind = binary(call, "Message"), call.params.get("MessageType") or words.RAW
    if kind == words.RAW:
        if not 1 <= len(message) <= words.MAX_MESSAGE_BYTES:
            raise refuse("InvalidParameter", f"the message is {len(message)} bytes, 1 to 4,096 are possible")
        return algorithm, signing.digest(algorithm, key.public_key, [message])
    if kind != words.DIGEST or len(message) != algorithm.digest_bytes:
        raise refuse("InvalidParameter", f"MessageType {kind!r} with {len(message)} bytes is not possible")
    return algorithm, message


def _undecryptable() -> Exception:
    return refuse("FailedOperation.DecryptError", "the ciphertext cannot be decrypted")
