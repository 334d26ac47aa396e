"""A bundle that kmstool made decrypts to what was put into it or to nothing; one without a MAC is said to be such."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from kmstool import whitebox, words
from kmstool.crypto import kdf
from kmstool.errors import IntegrityError, OutputError
from kmstool.system import device
from kmstool.whitebox import authentication, bundle, key_file
from tests import bundles
from tests.bundles import FINGERPRINT, HERE, IV, KEY_ID, TABLES, encrypt, on_device

FILES = {"AES_256": "decrypt_key_aes256.bin", "SM4": "decrypt_key_sm4.bin"}
SECRET = b"a secret of 31 bytes that ends."


@pytest.fixture(params=list(FILES))
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return bundles.write(tmp_path / "bundle", SECRET, algorithm=request.param)


def turn(file: Path, was: bytes, wanted: bytes) -> None:
    """Alter an IV so that the first block decrypts to something else, which CBC does not notice."""
    iv = base64.b64decode(file.read_bytes())
    file.write_bytes(base64.b64encode(bytes(a ^ b ^ c for a, b, c in zip(iv, was, wanted, strict=True))))


def test_another_plaintext_of_the_attackers_choice_is_refused(folder: Path) -> None:
    turn(folder / "iv.base64", SECRET[:16], b"attacker chose !")
    for arguments in (("decrypt",), ("exec", "--env", "A", "true")):
        command, *others = arguments
        ran = on_device("whitebox", command, "--bundle", str(folder), *others, exit_code=5)
        assert "the MAC of the bundle is wrong" in ran.err
        assert ran.stdout == b""
    # The attack works where nothing authenticates, and that is said.
    (folder / "mac.base64").unlink()
    ran = on_device("--quiet", "whitebox", "decrypt", "--bundle", str(folder))
    assert ran.stdout == b"attacker chose !" + SECRET[16:]
    assert ran.err.count("has no mac.base64") == 1
    for arguments in (("decrypt",), ("exec", "--env", "A", "true")):
        command, *others = arguments
        ran = on_device("whitebox", command, "--bundle", str(folder), "--require-mac", *others, exit_code=5)
        assert "has no mac.base64" in ran.err


@pytest.mark.parametrize("name", ["iv.base64", "ciphertext.base64", "mac.base64", "key"])
@pytest.mark.parametrize("place", [0, -1])
def test_a_bit_anywhere(folder: Path, name: str, place: int) -> None:
    path = bundle.read(folder).key_file if name == "key" else folder / name
    data = bytearray(path.read_bytes() if name == "key" else base64.b64decode(path.read_bytes()))
    data[-20 if name == "key" else place] ^= 1
    path.write_bytes(bytes(data) if name == "key" else base64.b64encode(data))
    with pytest.raises(IntegrityError):
        bundle.read(folder).decrypt(HERE)


def test_the_pieces_of_two_bundles_do_not_mix(folder: Path, tmp_path: Path) -> None:
    algorithm: words.Cipher = "SM4" if (folder / FILES["SM4"]).exists() else "AES_256"
    other = bundles.write(tmp_path / "other", b"another secret", algorithm=algorithm)
    for name in ("mac.base64", "ciphertext.base64", FILES[algorithm]):
        mixed = bundle.read(folder)
        former = (folder / name).read_bytes()
        (folder / name).write_bytes((other / name).read_bytes())
        with pytest.raises(IntegrityError, match="MAC of the bundle"):
            bundle.read(folder).decrypt(HERE)
        (folder / name).write_bytes(former)
        assert bundle.read(folder) == mixed


@pytest.mark.parametrize("mac", [b"", b"short", bytes(32), bytes(32) + b"SM4\n", bytes(32) + b"DES\n", b"\xff" * 99])
def test_what_is_no_mac(folder: Path, mac: bytes) -> None:
    (folder / "mac.base64").write_bytes(base64.b64encode(mac))
    with pytest.raises(IntegrityError, match="MAC of the bundle"):
        bundle.read(folder).decrypt(HERE)


def test_the_mac_is_the_one_of_the_document(folder: Path) -> None:
    """Computed once more, from docs/whitebox.md and with another library."""
    found = bundle.read(folder)
    algorithm = "SM4" if found.key_file.name == FILES["SM4"] else "AES_256"
    key = HKDF(hashes.SHA256(), 32, salt=None, info=b"kmstool whitebox bundle v1 mac key").derive(found.data)
    parts = (found.iv, found.ciphertext, algorithm.encode(), KEY_ID.encode())
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    assert found.mac == hmac.new(key, message, hashlib.sha256).digest() + f"{algorithm}\n{KEY_ID}".encode()


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_keys_are_those_of_rfc_5869(secret: bytes, info: bytes) -> None:
    assert kdf.derive(secret, info) == HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(secret)


def test_the_key_id_of_a_foreign_key_file_is_that_of_kms() -> None:
    made = authentication.make(b"SM4k", IV, IV, "SM4", "an id of KMS")
    assert made.endswith(b"SM4\nan id of KMS")
    assert authentication.check(made, b"SM4k", IV, IV) == "SM4"
    for altered in (made + b"x", made.replace(b"an id", b"no id"), made.replace(b"SM4", b"AES_256")):
        with pytest.raises(IntegrityError):
            authentication.check(altered, b"SM4k", IV, IV)


def test_the_package_checks_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    data = key_file.write("SM4", "decrypt", KEY_ID, TABLES["SM4"], [FINGERPRINT])
    ciphertext = encrypt("SM4", SECRET)
    mac = authentication.make(data, IV, ciphertext, "SM4", KEY_ID)
    origin = device.origin(HERE)
    assert whitebox.decrypt(data, IV, ciphertext, origin, mac=mac) == SECRET
    with pytest.raises(IntegrityError, match="MAC of the bundle"):
        whitebox.decrypt(data, bytes(16), ciphertext, origin, mac=mac)
    assert whitebox.decrypt(data, bytes(16), ciphertext, origin) != SECRET


def test_json_says_whether_it_is_authenticated(folder: Path, tmp_path: Path) -> None:
    words = ("whitebox", "decrypt", "--bundle", str(folder), "--format", "json")
    expected = {"Plaintext": base64.b64encode(SECRET).decode(), "Authenticated": True}
    assert on_device(*words).json == expected
    assert on_device(*words, "-o", str(tmp_path / "out")).json == {"Authenticated": True}
    assert (tmp_path / "out").read_bytes() == SECRET
    assert on_device(*words, "-o", "-").stdout == SECRET
    (folder / "mac.base64").unlink()
    ran = on_device(*words)
    assert ran.json == {**expected, "Authenticated": False}
    assert "has no mac.base64" in ran.err


def test_bare_pieces_are_said_to_be_unauthenticated(folder: Path) -> None:
    key = bundle.read(folder).key_file
    words = ("--key-file", str(key), "--iv", f"@{folder / 'iv.base64'}", str(folder / "ciphertext.base64"))
    ran = on_device("whitebox", "decrypt", *words)
    assert ran.stdout == SECRET
    assert "IV and ciphertext are not authenticated" in ran.err
    assert "give --bundle DIR alone" in on_device("whitebox", "decrypt", "--require-mac", *words, exit_code=2).err


def test_a_mac_goes_with_the_ciphertext_that_it_was_made_for(folder: Path) -> None:
    bundle.write(folder, IV, bytes(16), replace=True)
    assert bundle.read(folder).mac is None
    with pytest.raises(IntegrityError, match="nobody can tell"):
        bundle.read(folder).require_mac()
    bundle.add_mac(bundle.read(folder))
    found = bundle.read(folder)
    found.require_mac()
    assert found == bundles.authenticated(found)
    with pytest.raises(OutputError, match="exists already"):
        bundle.add_mac(found)


@pytest.mark.parametrize(
    "change", [lambda mac: mac.replace(b"\n", b""), lambda mac: b"\n ".join(mac.split(b"=")) + b"=" * mac.count(b"=")]
)
def test_the_mac_file_may_have_other_line_ends(folder: Path, change: Callable[[bytes], bytes]) -> None:
    path = folder / "mac.base64"
    path.write_bytes(change(path.read_bytes()))
    assert bundle.read(folder).decrypt(HERE) == SECRET


def test_any_iv_is_refused(folder: Path) -> None:
    found = bundle.read(folder)
    assert found.mac is not None
    for _ in range(50):
        with pytest.raises(IntegrityError):
            authentication.check(found.mac, found.data, secrets.token_bytes(16), found.ciphertext)
