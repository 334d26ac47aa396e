"""A key wrapped for devices opens on these and on no other; a fingerprint says which they are, and opens nothing."""

import hashlib
import re
import secrets

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from kmstool.cli.hints import hint_of
from kmstool.errors import InputError, IntegrityError
from kmstool.whitebox import binding
from tests.test_x25519 import SMALL_ORDER

A, B = b"machine\x004c4c4544003957108052b4c04f384833", b"secret\0f3b1c0a95d7e4826b1a6c4d29f8e7350"
BODY_KEY = bytes(range(32))
NOT_BOUND = r"^WRP_KEY_import error: 01000016$"


def spelled(identity: bytes) -> str:
    """Write 33 bytes in the form of a fingerprint."""
    digits = identity.hex()
    return "-".join((digits[:8], digits[8:22], digits[22:36], digits[36:50], digits[50:]))


def nobody() -> str:
    """Return a fingerprint of the right form for which no device is known."""
    return spelled(b"\xa1" + secrets.token_bytes(32))


def test_a_fingerprint_is_the_public_key_in_tencents_form() -> None:
    private = hashlib.sha256(b"kmstool device v1\0" + A).digest()
    public = X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    assert binding.fingerprint(A) == spelled(b"\xa1" + public)
    # The pattern of the API's documentation.
    assert re.fullmatch(
        "[0-9a-f]{8}-[0-9a-f]{14}-[0-9a-f]{14}-[0-9a-f]{14}-[0-9a-f]{16}", binding.fingerprint(A), re.ASCII
    )
    assert len(binding.fingerprint(A)) == 70


def test_fingerprints_never_change() -> None:
    """What was bound once must open after every update."""
    assert binding.fingerprint(A) == "a1960244-29926b2c56e162-46ddf152b938c5-79297dbe7b1f55-c00148061ca70304"
    assert binding.fingerprint(B) == "a10bcd73-b772ad4f5dada6-95035d4038f435-e26c9926c00d42-d9bc3d891aa61646"


@given(st.binary(max_size=100))
def test_every_origin_has_a_good_fingerprint(origin: bytes) -> None:
    binding.check_fingerprint(binding.fingerprint(origin))


@pytest.mark.parametrize(
    "text",
    ["", "123456", "a1" * 33, spelled(bytes(33))[:-1], spelled(bytes(33)) + "0", spelled(bytes(33)) + "\n",
     spelled(b"\xab" * 33).upper(), "6a2b1c9e-1e38-11e9-b129-5cb9019b4b01", spelled(bytes(33)).replace("0", "०")],
)  # fmt: skip
def test_what_is_no_fingerprint(text: str) -> None:
    with pytest.raises(InputError, match="is no device fingerprint"):
        binding.check_fingerprint(text)
    with pytest.raises(InputError, match="is no device fingerprint"):
        binding.wrap(BODY_KEY, [binding.fingerprint(A), text])


def test_it_opens_on_the_device_and_on_no_other() -> None:
    wrapped = binding.wrap(BODY_KEY, [binding.fingerprint(A)])
    assert len(wrapped) == binding.wrapped_bytes(1) == 32 + 48
    assert binding.unwrap(wrapped, A) == BODY_KEY
    for origin in (B, None, b""):
        with pytest.raises(IntegrityError, match=NOT_BOUND) as raised:
            binding.unwrap(wrapped, origin)
        assert "bind the fingerprint" in (hint_of(raised.value) or "")


def test_200_devices_and_not_one_more() -> None:
    fingerprints = [nobody() for _ in range(198)] + [binding.fingerprint(A), binding.fingerprint(B)]
    wrapped = binding.wrap(BODY_KEY, fingerprints)
    assert len(wrapped) == binding.wrapped_bytes(200) == 32 + 200 * 48
    assert binding.unwrap(wrapped, A) == binding.unwrap(wrapped, B) == BODY_KEY
    with pytest.raises(InputError, match="200 devices, not to 201"):
        binding.wrap(BODY_KEY, [*fingerprints, nobody()])


def test_what_is_written_by_the_words_of_the_format() -> None:
    """The stanza is opened here by `cryptography` alone."""
    wrapped = binding.wrap(BODY_KEY, [binding.fingerprint(B), binding.fingerprint(A)])
    ephemeral, stanza = wrapped[:32], wrapped[80:]
    private = X25519PrivateKey.from_private_bytes(hashlib.sha256(b"kmstool device v1\0" + A).digest())
    secret = private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    salt = ephemeral + private.public_key().public_bytes_raw()
    key = HKDF(hashes.SHA256(), 32, salt=salt, info=b"kmstool whitebox v1 device").derive(secret)
    assert AESGCM(key).decrypt(bytes(12), stanza, b"") == BODY_KEY


def test_two_wraps_have_nothing_in_common() -> None:
    """Whoever holds files of two keys cannot tell whether they are for the same device."""
    first, second = (binding.wrap(BODY_KEY, [binding.fingerprint(A)]) for _ in range(2))
    assert first[:32] != second[:32]
    assert first[32:] != second[32:]


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_fingerprint_of_a_point_of_small_order_opens_nowhere(point: bytes) -> None:
    """The shared secret would be zero for everybody, and the file open to all who read it."""
    wrapped = binding.wrap(BODY_KEY, [spelled(b"\xa1" + point)])
    key = HKDF(hashes.SHA256(), 32, salt=wrapped[:32] + point, info=b"kmstool whitebox v1 device").derive(bytes(32))
    with pytest.raises(InvalidTag):
        AESGCM(key).decrypt(bytes(12), wrapped[32:], b"")
    with pytest.raises(IntegrityError, match=NOT_BOUND):
        binding.unwrap(point + wrapped[32:], A)


def test_a_fingerprint_of_another_kind_opens_nowhere() -> None:
    """Tencent's own collector makes others; they are taken, and are no device of ours."""
    other = "00" + binding.fingerprint(A)[2:]
    wrapped = binding.wrap(BODY_KEY, [other])
    assert len(wrapped) == binding.wrapped_bytes(1)
    with pytest.raises(IntegrityError, match=NOT_BOUND):
        binding.unwrap(wrapped, A)


def test_every_changed_bit_is_refused() -> None:
    wrapped = binding.wrap(BODY_KEY, [binding.fingerprint(A)])
    for position in range(len(wrapped) * 8):
        altered = bytearray(wrapped)
        altered[position // 8] ^= 1 << position % 8
        with pytest.raises(IntegrityError, match=NOT_BOUND):
            binding.unwrap(bytes(altered), A)
