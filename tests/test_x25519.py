"""X25519 is that of RFC 7748, the shared key that of RFC 5869, and a point of small order is refused."""

import hmac

import pytest

from kmstool.crypto import x25519
from kmstool.errors import InputError

# RFC 7748, section 6.1.
ALICE, ALICE_PUBLIC = (
    bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"),
    bytes.fromhex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"),
)
BOB, BOB_PUBLIC = (
    bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"),
    bytes.fromhex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"),
)
SHARED_SECRET = bytes.fromhex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742")
SMALL_ORDER = (bytes(32), b"\x01" + bytes(31), (2**255 - 19).to_bytes(32, "little"), b"\xec" + b"\xff" * 30 + b"\x7f")


def test_published_keys() -> None:
    assert x25519.public_key(ALICE) == ALICE_PUBLIC
    assert x25519.public_key(BOB) == BOB_PUBLIC


def test_the_shared_key_by_the_words_of_the_standards() -> None:
    extracted = hmac.digest(b"salt", SHARED_SECRET, "sha256")
    expanded = hmac.digest(extracted, b"info\x01", "sha256")
    assert x25519.shared_key(ALICE, BOB_PUBLIC, salt=b"salt", info=b"info") == expanded
    assert x25519.shared_key(BOB, ALICE_PUBLIC, salt=b"salt", info=b"info") == expanded


@pytest.mark.parametrize("point", SMALL_ORDER, ids=bytes.hex)
def test_a_point_of_small_order(point: bytes) -> None:
    with pytest.raises(InputError, match="small order"):
        x25519.shared_key(ALICE, point, salt=b"", info=b"")
