"""CBC is that of the standards and of openssl, and always padded."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool import words
from kmstool.crypto import cbc
from tests.conftest import need

OPENSSL = {"AES_256": "-aes-256-cbc", "SM4": "-sm4-cbc"}

# NIST SP 800-38A, F.2.5, and the tests of OpenSSL for SM4: key, IV, two blocks of plaintext, two of ciphertext.
VECTORS: dict[words.Cipher, tuple[str, str, str, str]] = {
    "AES_256": (
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        "000102030405060708090a0b0c0d0e0f",
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    ),
    "SM4": (
        "0123456789abcdeffedcba9876543210",
        "0123456789abcdeffedcba9876543210",
        "0123456789abcdeffedcba98765432100123456789abcdeffedcba9876543210",
        "2677f46b09c122cc975533105bd4a22af6125f7275ce552c3a2bbcf533de8a3b",
    ),
}


@pytest.mark.parametrize("algorithm", VECTORS)
def test_the_vectors_of_the_standards(algorithm: words.Cipher) -> None:
    key, iv, plaintext, ciphertext = (bytes.fromhex(value) for value in VECTORS[algorithm])
    found = cbc.encrypt(algorithm, key, iv, plaintext)
    assert found[:32] == ciphertext
    assert len(found) == 48, "whole blocks get a block of padding"


@pytest.mark.parametrize("algorithm", VECTORS)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 4096])
def test_openssl_decrypts_it(algorithm: words.Cipher, size: int) -> None:
    key, iv, plaintext = (
        bytes(range(words.KEY_BYTES[algorithm])),
        bytes(range(16)),
        bytes(number % 251 for number in range(size)),
    )
    done = subprocess.run(
        [need("openssl"), "enc", "-d", OPENSSL[algorithm], "-K", key.hex(), "-iv", iv.hex()],
        input=cbc.encrypt(algorithm, key, iv, plaintext),
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == plaintext


@given(st.binary(max_size=100))
def test_the_padding_is_one_to_sixteen_bytes(plaintext: bytes) -> None:
    found = cbc.encrypt("AES_256", bytes(32), bytes(16), plaintext)
    assert len(found) % 16 == 0
    assert 1 <= len(found) - len(plaintext) <= 16
