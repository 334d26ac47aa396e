"""A key file opens where it may and gives back its tables, or is refused: altered, cut short, or of another kind."""

import base64
import hashlib
import secrets
import struct

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from kmstool import whitebox, words
from kmstool.cli.hints import hint_of
from kmstool.errors import InputError, IntegrityError
from kmstool.whitebox import binding, generator, key_file

ALGORITHMS: tuple[words.Cipher, ...] = ("AES_256", "SM4")
TABLES = {
    name: generator.generate(name, "decrypt", bytes(range(words.KEY_BYTES[name])), bytes(32)) for name in ALGORITHMS
}
KEY_ID = "6a2b1c9e-1e38-11e9-b129-5cb9019b4b01"
A, B = b"machine\x004c4c4544003957108052b4c04f384833", b"secret\0f3b1c0a95d7e4826b1a6c4d29f8e7350"
FOR_A, FOR_B = binding.fingerprint(A), binding.fingerprint(B)
CIPHERTEXT = {
    # Of b"secret" under the keys and the IV of zeros, by the program openssl.
    "AES_256": base64.b64decode("t8vqW3q3u4CC9qxS6LUu2Q=="),
    "SM4": base64.b64decode("37Y3hbTWhWEApRsBeKtQ+A=="),
}


def written(algorithm: words.Cipher, *fingerprints: str) -> bytes:
    return key_file.write(algorithm, "decrypt", KEY_ID, TABLES[algorithm], fingerprints)


def decrypts(data: bytes, algorithm: words.Cipher, origin: bytes | None = None) -> bool:
    return whitebox.decrypt(data, bytes(16), CIPHERTEXT[algorithm], origin) == b"secret"


@pytest.mark.parametrize(("algorithm", "size"), [("AES_256", 64_248), ("SM4", 41_256)])
def test_an_unbound_file_opens_everywhere(algorithm: words.Cipher, size: int) -> None:
    data = written(algorithm)
    assert len(data) == size
    read = key_file.read(data)
    assert (read.algorithm, read.direction, read.key_id, read.devices) == (algorithm, "decrypt", KEY_ID, 0)
    assert decrypts(data, algorithm)
    assert decrypts(data, algorithm, A)


@pytest.mark.parametrize(("algorithm", "size"), [("AES_256", 64_328), ("SM4", 41_336)])
def test_a_file_for_a_device_opens_there_only(algorithm: words.Cipher, size: int) -> None:
    data = written(algorithm, FOR_A)
    assert len(data) == size
    assert key_file.read(data).devices == 1
    assert decrypts(data, algorithm, A)
    for origin in (B, None):
        with pytest.raises(IntegrityError, match=r"^WRP_KEY_import error: 01000016$") as raised:
            decrypts(data, algorithm, origin)
        assert raised.value.exit_code == 5
        assert hint_of(raised.value)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_200_devices_and_not_one_more(algorithm: words.Cipher) -> None:
    fingerprints = [FOR_A, *(f"{number:08x}{FOR_A[8:]}" for number in range(198)), FOR_B]
    data = written(algorithm, *fingerprints)
    assert len(data) == 24 + 32 + 200 * 48 + len(TABLES[algorithm]) + 16
    assert decrypts(data, algorithm, A)
    assert decrypts(data, algorithm, B)
    with pytest.raises(InputError, match="200 devices, not to 201"):
        written(algorithm, *fingerprints, FOR_A)


def test_the_layout() -> None:
    """By the words of docs/whitebox.md, opened by `cryptography` alone."""
    data = written("SM4")
    assert data[:8] == b"KTWB\x01\x01\x08\x00"
    assert data[8:24].hex() == KEY_ID.replace("-", "")
    assert AESGCM(bytes(32)).decrypt(bytes(12), data[24:], data[:24]) == TABLES["SM4"]
    bound = written("AES_256", FOR_A, FOR_B)
    assert bound[:8] == b"KTWB\x01\x00\x08\x02"
    body_key = binding.unwrap(bound[24:152], B)
    assert AESGCM(body_key).decrypt(bytes(12), bound[152:], bound[:152]) == TABLES["AES_256"]


def test_files_never_change() -> None:
    """What was downloaded once must open after every update, and KMS must make the same file again."""
    digests = {name: hashlib.sha256(written(name)).hexdigest() for name in ALGORITHMS}
    assert digests == {
        "AES_256": "b2f9c1b8fa8b11137133870be118b4f98fa70c1c0284451b1ca5bb2677b1ae10",
        "SM4": "54d08bee0c7ecec4651f87c12e71a4e8d77830b9b4667168dbc183a43b7a3489",
    }


def test_a_body_key_is_used_once() -> None:
    """Two seals under one key and nonce would show the difference of the tables."""
    first, second = written("SM4", FOR_A), written("SM4", FOR_A)
    assert binding.unwrap(first[24:104], A) != binding.unwrap(second[24:104], A)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_base64_is_the_same(algorithm: words.Cipher) -> None:
    text = base64.encodebytes(written(algorithm, FOR_A))
    for data in (text, text.replace(b"\n", b""), text.replace(b"\n", b"\r\n"), b"\n" + text):
        assert decrypts(data, algorithm, A)


def test_an_encrypt_key_decrypts_nothing() -> None:
    """It is sealed for KMS itself, and in the other direction; opened by mistake it would give garbage."""
    tables = generator.generate("SM4", "encrypt", bytes(16), bytes(32))
    for fingerprints in ((), (FOR_A,)):
        data = key_file.write("SM4", "encrypt", KEY_ID, tables, fingerprints)
        assert key_file.read(data).direction == "encrypt"
        with pytest.raises(InputError, match="this is an encrypt key"):
            key_file.read(data).open(A)


# What is refused.


def refused(data: bytes) -> bool:
    with pytest.raises((InputError, IntegrityError)):
        key_file.read(data).open(A)
    return True


@pytest.mark.parametrize("fingerprints", [(), (FOR_A,), (FOR_A, FOR_B)], ids=len)
def test_every_changed_bit(fingerprints: tuple[str, ...]) -> None:
    """All of the header and the stanzas, and a part of the tables."""
    data = written("SM4", *fingerprints)
    start = 24 + binding.wrapped_bytes(len(fingerprints))
    # The second stanza is not this device's, and still part of what is authenticated.
    for position in [*range(start + 8), *range(start + 8, len(data), 1009), *range(len(data) - 16, len(data))]:
        altered = bytearray(data)
        altered[position] ^= 1 << position % 8
        assert refused(bytes(altered))


@pytest.mark.parametrize("fingerprints", [(), (FOR_A,)], ids=len)
def test_every_cut(fingerprints: tuple[str, ...]) -> None:
    data = written("SM4", *fingerprints)
    for size in [*range(300), *range(300, len(data), 997), *range(len(data) - 60, len(data))]:
        assert refused(data[:size])
    assert refused(data + b"\0")
    assert refused(data + data)
    assert refused(base64.b64encode(data)[:-4])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_stripped_list_of_devices(algorithm: words.Cipher) -> None:
    """Nobody makes an unbound file, or one for fewer devices, of a bound one."""
    data = written(algorithm, FOR_A, FOR_B)
    unbound = data[:7] + b"\0" + data[8:24] + data[152:]
    shorter = data[:7] + b"\1" + data[8:104] + data[152:]
    for altered in (unbound, shorter):
        with pytest.raises(IntegrityError, match="the white-box key file was altered"):
            key_file.read(altered).open(A)


def test_a_device_that_is_added() -> None:
    """A bound device knows the body key, but who does not cannot add another."""
    data = written("SM4", FOR_A)
    longer = data[:7] + b"\2" + data[8:104] + binding.wrap(bytes(32), [FOR_B])[32:] + data[104:]
    for origin in (A, B):
        with pytest.raises(IntegrityError):
            key_file.read(longer).open(origin)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_swapped_algorithm(algorithm: words.Cipher) -> None:
    data = written(algorithm, FOR_A)
    for altered in (data[:5] + bytes((data[5] ^ 1,)) + data[6:], data[:5] + b"\2" + data[6:]):
        with pytest.raises(InputError, match="the white-box key file is malformed"):
            key_file.read(altered)


def test_a_swapped_mode() -> None:
    tables = generator.generate("SM4", "encrypt", bytes(16), bytes(32))
    data = key_file.write("SM4", "encrypt", KEY_ID, tables, [FOR_A])
    with pytest.raises(IntegrityError, match="was altered"):
        key_file.read(data[:6] + b"\x08" + data[7:]).open(A)
    with pytest.raises(InputError, match="header has values that cannot be"):
        key_file.read(data[:6] + b"\x0c" + data[7:])


def test_a_newer_version() -> None:
    data = written("SM4")
    with pytest.raises(InputError, match="unknown version 2: a newer kmstool made it"):
        key_file.read(data[:4] + b"\2" + data[5:])


def test_a_list_of_201_devices() -> None:
    data = written("SM4", FOR_A)
    longer = data[:7] + bytes((201,)) + data[8:56] + secrets.token_bytes(201 * 48) + data[104:]
    with pytest.raises(InputError, match="header has values that cannot be"):
        key_file.read(longer)


@pytest.mark.parametrize(
    "start", [struct.pack("<I", 3592), bytes.fromhex("000080000000"), b"KTWC", b"KTW", b"", b"-----BEGIN"]
)
def test_a_file_of_tencent_cloud_is_another(start: bytes) -> None:
    """Real ones begin like the first two, and are a few hundred bytes of which nothing is known."""
    # One in 256 would go on as ours begin.
    rest = b"?" + secrets.token_bytes(400)
    for data in (start + rest, base64.b64encode(start + rest), start):
        assert not key_file.is_ours(data)
        with pytest.raises(InputError, match="no key file of the local KMS") as raised:
            key_file.read(data)
        assert "--sdk-lib" in (hint_of(raised.value) or "")


def test_ours_are_known_by_their_beginning() -> None:
    data = written("SM4")
    assert key_file.is_ours(data)
    assert key_file.is_ours(base64.b64encode(data))
    assert key_file.is_ours(data[:30])
    assert not key_file.is_ours(bytes(200_000))


def test_more_than_any_key_file_has() -> None:
    with pytest.raises(InputError, match="none has more than"):
        key_file.read(b"KTWB" + bytes(200_000))


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_refused(data: bytes, ours: bool) -> None:
    with pytest.raises(InputError):
        key_file.read(b"KTWB" + data if ours else data)


def test_secrets_are_not_shown() -> None:
    data = written("SM4")
    assert repr(data[24:40])[2:-1] not in repr(key_file.read(data))
    assert "_data" not in repr(key_file.read(data))
