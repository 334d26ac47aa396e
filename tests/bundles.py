"""Bundles as a KMS and an administrator make them, and the device that they are bound to: HERE, by its environment."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kmstool import words
from kmstool.whitebox import authentication, binding, bundle, generator, key_file
from kmstool.whitebox.bundle import Bundle
from tests.program import Ran, kmstool

KEY_ID = "6a2b1c9e-1e38-11e9-b129-5cb9019b4b01"
IV = bytes(range(16))
SECRET = "a secret of the device".ljust(32, ".")
HERE, ELSEWHERE = {"KMSTOOL_DEVICE_SECRET": SECRET}, {"KMSTOOL_DEVICE_SECRET": SECRET[::-1]}
FINGERPRINT = binding.fingerprint(b"secret\0" + SECRET.encode())
TABLES = {
    name: generator.generate(name, "decrypt", bytes(range(words.KEY_BYTES[name])), bytes(32))
    for name in words.KEY_BYTES
}


def encrypt(algorithm: words.Cipher, plaintext: bytes) -> bytes:
    """Encrypt under the key of TABLES, by `cryptography`."""
    key = bytes(range(words.KEY_BYTES[algorithm]))
    cipher = algorithms.AES(key) if algorithm == "AES_256" else algorithms.SM4(key)
    encryptor, padder = Cipher(cipher, modes.CBC(IV)).encryptor(), padding.PKCS7(128).padder()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


def write(folder: Path, plaintext: bytes, *, algorithm: words.Cipher = "SM4", bound: bool = True) -> Path:
    """Write a bundle into a folder and return it."""
    data = key_file.write(algorithm, "decrypt", KEY_ID, TABLES[algorithm], [FINGERPRINT] if bound else [])
    bundle.write(folder, IV, encrypt(algorithm, plaintext), (algorithm, data))
    return folder


def authenticated(found: Bundle) -> Bundle:
    """Return a bundle with its MAC, of an algorithm that its key file names."""
    algorithm = next(algorithm for algorithm, name in bundle.KEY_FILES.items() if name == found.key_file.name)
    return replace(found, mac=authentication.make(found.data, found.iv, found.ciphertext, algorithm, ""))


def on_device(*arguments: str | Path, **settings: Any) -> Ran:
    """Run a command on the device HERE, with what `kmstool` may be told."""
    return kmstool(*arguments, **{**HERE, **settings})
