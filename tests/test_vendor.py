"""Tencent's white-box library is called as its published programs call it. Here it is a stub; the real one was not run."""

import ctypes
import secrets
from pathlib import Path

import pytest

from kmstool import words
from kmstool.errors import InputError, IntegrityError
from kmstool.whitebox.vendor import VendorLibrary
from tests.vendor_stub import IV, build, encrypt


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("stub") / "libydwbcrypto.so", "-Wall", "-Wextra", "-Werror")


@pytest.fixture
def library(path: Path) -> VendorLibrary:
    return VendorLibrary(path)


def key_file(folder: Path, content: bytes) -> Path:
    (folder / "decrypt_key.bin").write_bytes(content)
    return folder / "decrypt_key.bin"


@pytest.mark.parametrize(("algorithm", "key"), [("AES_256", b"AESZ"), ("SM4", b"SM4Z")])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4096])
def test_what_it_decrypts(
    algorithm: words.Cipher, key: bytes, size: int, library: VendorLibrary, tmp_path: Path
) -> None:
    plaintext = secrets.token_bytes(size)
    ciphertext = encrypt(key[3], plaintext)
    assert library.decrypt(algorithm, key_file(tmp_path, key), IV, ciphertext) == plaintext


def test_a_key_file_in_the_working_folder(
    library: VendorLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file(tmp_path, b"SM4k")
    monkeypatch.chdir(tmp_path)
    assert library.decrypt("SM4", Path("decrypt_key.bin"), IV, encrypt(ord("k"), b"text")) == b"text"


def test_an_iv_with_zeros_is_not_cut(library: VendorLibrary, tmp_path: Path) -> None:
    iv = bytes(8) + secrets.token_bytes(8)
    assert library.decrypt("SM4", key_file(tmp_path, b"SM4k"), iv, encrypt(ord("k"), b"text", iv)) == b"text"


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"BOUND", "WRP_KEY_import error: 01000016", "this device is not bound"),
        (b"SM4k", "WRP_KEY_import error: 01000012", "one of the other algorithm"),
        (b"QUVTaw==", "WRP_KEY_import error: 01000012", "in base64"),
        (b"", "WRP_KEY_import error: 01000012", ""),
        (b"EMPTY", "found no key in", ""),
        (b"AESx", "WRP_CIPHER_Decrypt_doCipher error: 01000009", "padding is wrong"),
    ],
)
def test_what_it_refuses(
    content: bytes, message: str, hint: str, path: Path, library: VendorLibrary, tmp_path: Path
) -> None:
    """The error is in the library's words, and no context stays behind."""
    with pytest.raises(IntegrityError, match=message) as raised:
        library.decrypt("AES_256", key_file(tmp_path, content), IV, encrypt(ord("k"), b"text"))
    assert hint in (raised.value.hint or "")
    assert ctypes.CDLL(str(path)).stub_contexts() == 0


def test_a_missing_key_file(library: VendorLibrary, tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match="WRP_KEY_import error: 01000012"):
        library.decrypt("AES_256", tmp_path / "nothing.bin", IV, bytes(16))


def test_a_length_that_cannot_be(library: VendorLibrary, tmp_path: Path) -> None:
    """The buffer behind the plaintext holds nothing that belongs to it."""
    with pytest.raises(IntegrityError, match="gave 17 bytes for 16"):
        library.decrypt("SM4", key_file(tmp_path, b"SM4!"), IV, encrypt(ord("!"), b"text"))


def test_no_context(tmp_path: Path) -> None:
    """The one that there was is freed."""
    poor = build(tmp_path / "poor.so", "-DNO_MEMORY")
    with pytest.raises(IntegrityError, match="WRP_CIPHER_CTX_new gave no context"):
        VendorLibrary(poor).decrypt("SM4", key_file(tmp_path, b"SM4k"), IV, bytes(16))
    assert ctypes.CDLL(str(poor)).stub_contexts() == 0


@pytest.mark.parametrize(("iv", "ciphertext"), [(IV[:15], bytes(16)), (IV, b""), (IV, bytes(17)), (b"", bytes(16))])
def test_what_is_refused_before_it_is_asked(
    iv: bytes, ciphertext: bytes, library: VendorLibrary, tmp_path: Path
) -> None:
    """It is given pointers without lengths: a short IV would be read past its end."""
    with pytest.raises(InputError, match="whole ones"):
        library.decrypt("SM4", key_file(tmp_path, b"SM4k"), iv, ciphertext)


def test_a_library_that_cannot_be_loaded(tmp_path: Path) -> None:
    (tmp_path / "lib.so").write_bytes(b"no library")
    for name in ("lib.so", "missing.so"):
        with pytest.raises(InputError, match="cannot load the white-box library"):
            VendorLibrary(tmp_path / name)


def test_a_library_that_is_another(tmp_path: Path) -> None:
    source = tmp_path / "other.c"
    source.write_text("int WRP_KEY_wbaes(void) { return 0; }\n")
    other = build(tmp_path / "other.so", source=source)
    with pytest.raises(InputError, match="is not Tencent's white-box library: it has no WRP_KEY_wbsm4"):
        VendorLibrary(other)
