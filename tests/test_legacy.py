"""Data of the vendor's ECB sample is opened as it says it is, its padding is never guessed, and nothing writes it."""

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kmstool
from kmstool.crypto import ecb
from kmstool.envelope import legacy
from kmstool.errors import InputError

# FIPS 197, appendix C.3, and GB/T 32907-2016, appendix A.1.
AES_KEY = bytes(range(32))
AES_PLAIN, AES_CIPHER = (
    bytes.fromhex("00112233445566778899aabbccddeeff"),
    bytes.fromhex("8ea2b7ca516745bfeafc49904b496089"),
)
SM4_KEY = SM4_PLAIN = bytes.fromhex("0123456789abcdeffedcba9876543210")
SM4_CIPHER = bytes.fromhex("681edf34d206965e86b3e94f536e4246")


def test_published_values() -> None:
    assert ecb.decrypt("aes", AES_KEY, AES_CIPHER * 2) == AES_PLAIN * 2
    assert ecb.decrypt("sm4", SM4_KEY, SM4_CIPHER) == SM4_PLAIN


@pytest.mark.parametrize("data", [b"", b"x", bytes(15), bytes(17)])
def test_what_is_no_whole_block_is_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        ecb.decrypt("aes", AES_KEY, data)


@pytest.mark.parametrize(("cipher", "size"), [("aes", 0), ("aes", 15), ("aes", 33), ("sm4", 32)])
def test_a_key_of_another_size_is_refused(cipher: str, size: int) -> None:
    with pytest.raises(InputError):
        ecb.decrypt(cipher, bytes(size), bytes(16))


@pytest.mark.parametrize("zeros", [1, 7, 15])
def test_zeros_at_the_end_are_what_the_user_says(zeros: int) -> None:
    # Decryption of a chosen plaintext: the block of SM4 whose plaintext ends in zeros is made by the inverse.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    plain = b"x" * (16 - zeros) + bytes(zeros)
    data = Cipher(algorithms.SM4(SM4_KEY), modes.ECB()).encryptor().update(plain)
    with pytest.raises(InputError, match=f"{zeros} zero"):
        legacy.decrypt("sm4", SM4_KEY, data, "refuse")
    assert legacy.decrypt("sm4", SM4_KEY, data, "keep") == plain
    assert legacy.decrypt("sm4", SM4_KEY, data, "strip-block") == plain.rstrip(b"\0")


def test_equal_blocks_are_counted() -> None:
    assert legacy.repeated_blocks(AES_CIPHER * 3 + SM4_CIPHER) == 2
    assert legacy.repeated_blocks(AES_CIPHER + SM4_CIPHER) == 0


@given(st.binary(max_size=100))
def test_any_text_is_decoded_or_refused(data: bytes) -> None:
    try:
        assert isinstance(legacy.decode(data), bytes)
    except InputError:
        assert base64.b64encode(b"x") != data


def test_ecb_stands_in_one_module_and_only_decrypts() -> None:
    folder = Path(kmstool.__file__).parent
    users = [
        path.relative_to(folder) for path in folder.rglob("*.py") if re.search(r"modes\.ECB|\.ECB\(", path.read_text())
    ]
    assert [str(path) for path in users] == ["crypto/ecb.py"]
    assert "encryptor" not in (folder / "crypto" / "ecb.py").read_text()
