"""`unseal` gives back what `seal` took, under the same key and associated data, and refuses all else."""

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import words
from kmstool.crypto import aead
from kmstool.errors import IntegrityError
from tests.foreign import wycheproof

ALGORITHMS = get_args(words.Cipher)
KEYS: dict[words.Cipher, bytes] = {name: bytes(range(size)) for name, size in words.KEY_BYTES.items()}


def vectors_of(name: str, key_bits: int) -> list[dict[str, Any]]:
    """Return the vectors with keys of a size, 96-bit nonces and 128-bit tags."""
    sizes = {"keySize": key_bits, "ivSize": 96, "tagSize": 128}
    return [vector for vector in wycheproof(name) if vector["group"].items() >= sizes.items()]


@pytest.mark.parametrize(
    ("algorithm", "name", "key_bits", "count"),
    [("AES_256", "aes_gcm_test.json", 256, 66), ("SM4", "sm4_gcm_test.json", 128, 65)],
)
def test_vectors_made_by_others(algorithm: words.Cipher, name: str, key_bits: int, count: int) -> None:
    vectors = vectors_of(name, key_bits)
    assert len(vectors) >= count
    assert {vector["result"] for vector in vectors} == {"valid", "invalid"}
    for vector in vectors:
        key, nonce, associated, message, ciphertext, tag = (
            bytes.fromhex(vector[field]) for field in ("key", "iv", "aad", "msg", "ct", "tag")
        )
        sealed = nonce + ciphertext + tag
        if vector["result"] == "valid":
            assert aead.unseal(algorithm, key, sealed, associated) == message, vector["tcId"]
        else:
            with pytest.raises(IntegrityError):
                aead.unseal(algorithm, key, sealed, associated)


@given(st.sampled_from(ALGORITHMS), st.binary(max_size=100), st.binary(max_size=100))
@settings(deadline=None)
def test_round_trip(algorithm: words.Cipher, plaintext: bytes, associated: bytes) -> None:
    sealed = aead.seal(algorithm, KEYS[algorithm], plaintext, associated)
    assert len(sealed) == len(plaintext) + 28
    assert aead.unseal(algorithm, KEYS[algorithm], sealed, associated) == plaintext


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_flipped_bit_is_refused(algorithm: words.Cipher) -> None:
    sealed = aead.seal(algorithm, KEYS[algorithm], b"plaintext", b"associated")
    for position in range(len(sealed) * 8):
        altered = bytearray(sealed)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(IntegrityError):
            aead.unseal(algorithm, KEYS[algorithm], bytes(altered), b"associated")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("plaintext", [b"", b"p", b"plaintext of more than one block"])
def test_every_truncation_and_extension_is_refused(algorithm: words.Cipher, plaintext: bytes) -> None:
    sealed = aead.seal(algorithm, KEYS[algorithm], plaintext, b"associated")
    others = [sealed[:size] for size in range(len(sealed))] + [sealed[1:], sealed + b"\0", b"\0" + sealed, sealed * 2]
    for other in others:
        with pytest.raises(IntegrityError):
            aead.unseal(algorithm, KEYS[algorithm], other, b"associated")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_another_key_or_associated_data_is_refused(algorithm: words.Cipher) -> None:
    key = KEYS[algorithm]
    sealed = aead.seal(algorithm, key, b"plaintext", b"associated")
    for associated in (b"", b"Associated", b"associated\0", b"associate"):
        with pytest.raises(IntegrityError):
            aead.unseal(algorithm, key, sealed, associated)
    for position in range(len(key)):
        other = bytearray(key)
        other[position] ^= 1
        with pytest.raises(IntegrityError):
            aead.unseal(algorithm, bytes(other), sealed, b"associated")


@given(st.sampled_from(ALGORITHMS), st.binary(max_size=80))
@settings(deadline=None)
def test_any_bytes_are_refused(algorithm: words.Cipher, sealed: bytes) -> None:
    with pytest.raises(IntegrityError):
        aead.unseal(algorithm, KEYS[algorithm], sealed, b"")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_nonce_is_never_used_twice(algorithm: words.Cipher) -> None:
    sealed = [aead.seal(algorithm, KEYS[algorithm], b"plaintext", b"") for _ in range(500)]
    assert len({one[:12] for one in sealed}) == len({one[12:] for one in sealed}) == 500


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_key_of_the_wrong_size_is_a_fault_of_the_caller(algorithm: words.Cipher) -> None:
    for size in (0, 15, 17, 31, 33):
        with pytest.raises(ValueError, match="key"):
            aead.seal(algorithm, bytes(size), b"plaintext", b"")


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
@settings(deadline=None, max_examples=300)
def test_no_two_lists_are_joined_to_the_same_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (aead.encode_parts(*one) == aead.encode_parts(*other)) == (one == other)


def test_where_one_part_ends_and_the_next_begins_matters() -> None:
    joined = [
        aead.encode_parts(*parts) for parts in ([b"ab", b""], [b"a", b"b"], [b"", b"ab"], [b"ab"], [b"ab", b"", b""])
    ]
    assert len(set(joined)) == 5
