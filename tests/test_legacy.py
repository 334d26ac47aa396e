"""Data of the vendor's ECB sample is opened as it says it is, its padding is never guessed, and nothing writes it."""

import base64
import json
import os
import re
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import kmstool
from kmstool.crypto import ecb
from kmstool.envelope import legacy
from kmstool.errors import InputError
from kmstool.server.app import EmbeddedKms
from tests.envelopes import done, envelope, fails
from tests.foreign import openssl

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


def test_counting_blocks_takes_little_memory() -> None:
    data = os.urandom(2**21)
    tracemalloc.start()
    try:
        assert legacy.repeated_blocks(data * 2) == len(data) // 16
        assert tracemalloc.get_traced_memory()[1] < 4 * 2 * len(data)
    finally:
        tracemalloc.stop()


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


# As a command.

TEXT = b"sixteen bytes..." * 2 + b"the end"


@pytest.fixture
def old(kms: EmbeddedKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make data of the sample, `old.txt`, with its `dek.blob`, in the working folder; return the options for it."""
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    key_id = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    made = kms.call("GenerateDataKey", {"KeyId": key_id, "KeySpec": "AES_256"})
    Path("dek.blob").write_text(made["CiphertextBlob"])
    dek = base64.b64decode(made["Plaintext"]).hex()
    sealed = openssl("enc", "-aes-256-ecb", "-nopad", "-K", dek, data=TEXT + bytes(9)).stdout
    Path("old.txt").write_bytes(base64.encodebytes(sealed))
    return "--blob dek.blob --trailing-zeros strip-block"


@pytest.mark.parametrize("more", ["--key demo", "--to-plaintext"])
@pytest.mark.parametrize("target", ["old.txt", "./dek.blob"])
def test_neither_the_data_nor_its_key_is_overwritten(target: str, more: str, old: str) -> None:
    before = Path(target).read_bytes()
    fails(2, "is both input and output", *f"import-legacy {old} {more} old.txt -o {target} --force".split())
    assert Path(target).read_bytes() == before
    envelope(*f"import-legacy {old} {more} old.txt -o".split(), exit_code=2)


def test_an_empty_name_is_no_output(old: str) -> None:
    ran = envelope("import-legacy", *old.split(), "old.txt", "-o", "", exit_code=2)
    assert "an empty name is no file" in ran.err


@pytest.mark.parametrize("more", ["", " --format json"])
def test_the_envelope_goes_to_stdout_where_that_is_named(more: str, old: str) -> None:
    made = done(*f"import-legacy {old} --key demo old.txt -o -{more}".split())
    assert done("decrypt", stdin=made) == TEXT
    assert sorted(os.listdir()) == ["dek.blob", "old.txt"]


def test_what_was_found_is_told_to_programs(old: str) -> None:
    made = done(*f"import-legacy {old} --key demo old.txt -o new.kte --format json".split())
    assert json.loads(made) == {"Authenticated": False, "RepeatedBlocks": 1, "Bytes": 48}
    assert done("decrypt", "new.kte", "-o", "-") == TEXT


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("--check -o new.kte", "--check"),
        ("--check --to-plaintext", "--check"),
        ("--check --key demo", "--check"),
        ("--to-plaintext --key demo", "--to-plaintext"),
    ],
)
def test_what_would_have_no_effect_is_refused(line: str, reason: str, old: str) -> None:
    fails(2, reason, *f"import-legacy {old} old.txt {line}".split())
    assert sorted(os.listdir()) == ["dek.blob", "old.txt"]


@pytest.mark.parametrize("raw", [(), ("--input-encoding", "raw")], ids=["base64", "raw"])
@pytest.mark.usefixtures("old")
def test_the_limit_is_the_one_that_is_told(raw: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(legacy, "MAX_BYTES", 64)
    line = ("import-legacy", "--blob", "dek.blob", "--check", "data", *raw)
    Path("data").write_bytes(b"A" * 64)
    done(*line)
    Path("data").write_bytes(b"A" * 64 + b"\n")
    fails(3, "the data has 65 bytes; 1 GiB is possible", *line)
