"""The tables of a white-box key do what AES-256 and SM4 do, in both directions, and are made anew from a seed."""

import itertools
import random
import secrets

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from kmstool import words
from kmstool.errors import InputError, IntegrityError
from kmstool.whitebox import aes, affine, block_ciphers, generator, sm4
from kmstool.whitebox.block_ciphers import Direction
from kmstool.whitebox.network import Network
from tests.foreign import CASES, stanzas

ALGORITHMS: tuple[words.Cipher, ...] = ("AES_256", "SM4")
DIRECTIONS: tuple[Direction, ...] = ("encrypt", "decrypt")
FOREIGN = {"AES_256": algorithms.AES, "SM4": algorithms.SM4}
SEED = bytes(range(32))

# FIPS 197, appendix C.3, and GB/T 32907-2016, appendix A.1: key, plaintext, ciphertext.
VECTORS: dict[words.Cipher, tuple[str, str, str]] = {
    "AES_256": (
        "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
        "00112233445566778899aabbccddeeff",
        "8ea2b7ca516745bfeafc49904b496089",
    ),
    "SM4": (
        "0123456789abcdeffedcba9876543210",
        "0123456789abcdeffedcba9876543210",
        "681edf34d206965e86b3e94f536e4246",
    ),
}


def network(algorithm: words.Cipher, direction: Direction, key: bytes, seed: bytes | None = None) -> Network:
    tables = generator.generate(algorithm, direction, key, seed or secrets.token_bytes(32))
    return Network(block_ciphers.circuit(algorithm, direction), tables)


def foreign_encrypt(algorithm: words.Cipher, key: bytes, iv: bytes, plaintext: bytes) -> bytes:
    padder = PKCS7(128).padder()
    encryptor = Cipher(FOREIGN[algorithm](key), modes.CBC(iv)).encryptor()
    return encryptor.update(padder.update(plaintext) + padder.finalize()) + encryptor.finalize()


# The ciphers.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_vectors_of_the_standards(algorithm: words.Cipher) -> None:
    key, plaintext, ciphertext = (bytes.fromhex(value) for value in VECTORS[algorithm])
    assert network(algorithm, "encrypt", key).apply(plaintext) == ciphertext
    assert network(algorithm, "decrypt", key).apply(ciphertext) == plaintext


def test_the_vectors_of_botan() -> None:
    vectors = [fields for fields in stanzas("botan/sm4.vec") if "Key" in fields and "Iter" not in fields]
    assert vectors
    for fields in vectors:
        key, plaintext, ciphertext = (bytes.fromhex(fields[name]) for name in ("Key", "In", "Out"))
        assert network("SM4", "encrypt", key).apply(plaintext) == ciphertext
        assert network("SM4", "decrypt", key).apply(ciphertext) == plaintext


def test_the_round_keys_of_the_standards() -> None:
    """FIPS 197, appendix A.3: the last round key. GB/T 32907, appendix A.1: the first and the last."""
    key = bytes.fromhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4")
    assert aes.round_keys(key)[14].hex() == "fe4890d1e6188d0b046df344706c631e"
    keys = sm4.round_keys(bytes.fromhex(VECTORS["SM4"][0]))
    assert (keys[0].hex(), keys[31].hex()) == ("f12186f9", "9124a012")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_random_messages_in_cbc(algorithm: words.Cipher) -> None:
    """Each case has its own key, seed, IV and length; `cryptography` encrypts."""
    for case in range(CASES):
        key, iv = secrets.token_bytes(words.KEY_BYTES[algorithm]), secrets.token_bytes(16)
        plaintext = secrets.token_bytes(case % 70 if case % 10 else secrets.randbelow(4097))
        ciphertext = foreign_encrypt(algorithm, key, iv, plaintext)
        assert network(algorithm, "decrypt", key).decrypt_cbc(iv, ciphertext) == plaintext


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_random_blocks_are_encrypted(algorithm: words.Cipher) -> None:
    for _ in range(CASES):
        key, blocks = secrets.token_bytes(words.KEY_BYTES[algorithm]), secrets.token_bytes(16 * 8)
        expected = Cipher(FOREIGN[algorithm](key), modes.ECB()).encryptor().update(blocks)
        assert network(algorithm, "encrypt", key).apply(blocks) == expected


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [65_519, 65_520, 65_536, 200_000])
def test_long_messages(algorithm: words.Cipher, size: int) -> None:
    """They are worked on in pieces, which nobody may notice."""
    key, iv, plaintext = bytes(words.KEY_BYTES[algorithm]), bytes(16), random.Random(size).randbytes(size)
    ciphertext = foreign_encrypt(algorithm, key, iv, plaintext)
    assert network(algorithm, "decrypt", key).decrypt_cbc(iv, ciphertext) == plaintext


# The tables.


@pytest.mark.parametrize(("algorithm", "size"), [("AES_256", 64_208), ("SM4", 41_216)])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_size(algorithm: words.Cipher, size: int, direction: Direction) -> None:
    assert block_ciphers.circuit(algorithm, direction).table_bytes == size
    assert len(generator.generate(algorithm, direction, bytes(words.KEY_BYTES[algorithm]), SEED)) == size


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_seed_makes_the_same_tables_again(algorithm: words.Cipher) -> None:
    key = bytes(words.KEY_BYTES[algorithm])
    first = generator.generate(algorithm, "decrypt", key, SEED)
    assert first == generator.generate(algorithm, "decrypt", key, SEED)
    assert first != generator.generate(algorithm, "encrypt", key, SEED)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_table_is_the_same_under_another_seed(algorithm: words.Cipher) -> None:
    """Nor twice under one: a wire without an encoding of its own would show in equal tables."""
    key = bytes(words.KEY_BYTES[algorithm])
    found: list[bytes] = []
    for seed in (SEED, SEED[::-1]):
        tables = generator.generate(algorithm, "decrypt", key, seed)
        place = 0
        for step in block_ciphers.circuit(algorithm, "decrypt").steps:
            found.append(tables[place : place + step.table_bytes])
            place += step.table_bytes
    assert len(set(found)) == len(found)


def test_encodings_are_bijections_and_affine() -> None:
    stream = iter(random.Random(1).randbytes(20_000))
    made = [affine.random_encoding(stream) for _ in range(200)]
    for encoding in made:
        assert encoding.encode.translate(encoding.decode) == affine.IDENTITY
        assert encoding.encode_linear.translate(encoding.decode_linear) == affine.IDENTITY
        assert encoding.encode_linear.translate(affine.XOR[encoding.encode[0]]) == encoding.encode
        columns = affine.UNITS.translate(encoding.encode_linear)
        assert affine.expand(columns, encoding.encode[0]) == encoding.encode
    assert len({encoding.encode for encoding in made}) == len(made)


def test_encodings_are_all_as_likely() -> None:
    """Each column is any byte that the earlier ones allow: the first takes all 255 values, the last is not favoured."""
    stream = itertools.chain.from_iterable(random.Random(number).randbytes(4096) for number in itertools.count())
    made = [affine.random_encoding(stream) for _ in range(4000)]
    assert {encoding.encode_linear[1] for encoding in made} == set(range(1, 256))
    assert {encoding.encode_linear[128] for encoding in made} == set(range(1, 256))
    assert {encoding.encode[0] for encoding in made} == set(range(256))


# What is refused.


@pytest.mark.parametrize(("algorithm", "key"), [("AES_256", bytes(16)), ("SM4", bytes(32)), ("SM4", b"")])
def test_keys_and_seeds_of_another_size(algorithm: words.Cipher, key: bytes) -> None:
    with pytest.raises(InputError, match=f"a key of {algorithm} has"):
        generator.generate(algorithm, "decrypt", key, SEED)
    with pytest.raises(InputError, match="a seed has 32 bytes, not 31"):
        generator.generate(algorithm, "decrypt", bytes(words.KEY_BYTES[algorithm]), SEED[1:])


def test_tables_of_another_size() -> None:
    circuit = block_ciphers.circuit("SM4", "decrypt")
    for size in (0, circuit.table_bytes - 1, circuit.table_bytes + 1):
        with pytest.raises(InputError, match=f"the tables have {size:,} bytes"):
            Network(circuit, bytes(size))


@pytest.mark.parametrize("size", [0, 1, 15, 17])
def test_what_is_no_whole_block(size: int) -> None:
    sm4_network = network("SM4", "decrypt", bytes(16))
    with pytest.raises(InputError, match="not whole blocks"):
        sm4_network.decrypt_cbc(bytes(16), bytes(size))
    with pytest.raises(InputError, match=f"the IV has {size} bytes, not 16"):
        sm4_network.decrypt_cbc(bytes(size), bytes(16))


@pytest.mark.parametrize(
    "last", [b"\0" * 16, b"\x11" * 16, b"x" * 15 + b"\xff", b"x" * 14 + b"\x01\x02", b"\x01" + b"\x10" * 15,
             b"\x03\x03" + b"x" + b"\x03" + b"\x03" + b"x" * 9 + b"\x04\x03"],
)  # fmt: skip
def test_padding_that_is_wrong(last: bytes) -> None:
    """Every byte of it is compared."""
    key, iv = bytes(16), bytes(16)
    ciphertext = Cipher(algorithms.SM4(key), modes.CBC(iv)).encryptor().update(bytes(16) + last)
    with pytest.raises(IntegrityError, match="its padding is wrong"):
        network("SM4", "decrypt", key).decrypt_cbc(iv, ciphertext)
