"""SM2 gives the standard's values to the bit, does the mathematics of the textbook, and takes nothing that it should not."""

import contextlib
import inspect
import itertools
import secrets
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.crypto import der
from kmstool.crypto.sm2 import curve, encryption, keys, signatures
from kmstool.crypto.sm2.curve import GENERATOR, N, P
from kmstool.crypto.sm2.encryption import Ciphertext
from kmstool.errors import InputError, IntegrityError
from tests.curves import affine_add, affine_multiply, keys_by_first_byte

# GB/T 32918.5, the examples on the recommended curve.
KEY = keys.PrivateKey(0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8)
PUBLIC = keys.PublicKey(
    0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
    0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
)
K = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
E = bytes.fromhex("F0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640")
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
CIPHERTEXT = Ciphertext(
    0x04EBFC718E8D1798620432268E77FEB6415E2EDE0E073C0F4F640ECD2E149A73,
    0xE858F9D81E5430A57B36DAAB8F950A3C64E6EE6A63094D99283AFF767E124DF0,
    bytes.fromhex("59983C18F809E262923C53AEC295D30383B54E39D609D160AFCB1908D0BD8766"),
    bytes.fromhex("21886CA989CA9C7D58087307CA93092D651EFA"),
)

KEYS_BY_FIRST_BYTE = keys_by_first_byte()
SCALARS = st.one_of(st.integers(1, N - 1), st.integers(1, 100), st.integers(N - 100, N - 1))


# The standard's example.


def test_the_standards_public_key() -> None:
    assert KEY.public_key == PUBLIC
    assert curve.multiply(KEY.scalar, GENERATOR) == (PUBLIC.x, PUBLIC.y)


def test_the_standards_signature() -> None:
    assert signatures.digest(PUBLIC, b"message digest") == E
    assert signatures._sign_with(K, KEY, E) == (R, S)
    signatures.verify(PUBLIC, E, R, S)


def test_the_standards_ciphertext() -> None:
    assert encryption._encrypt_with(K, PUBLIC, b"encryption standard") == CIPHERTEXT
    assert encryption.decrypt(KEY, CIPHERTEXT) == b"encryption standard"


# The curve.


def test_the_curves_numbers_belong_together() -> None:
    assert curve.contains(*GENERATOR)
    assert affine_multiply(N, GENERATOR) is None
    assert P % 4 == 3
    assert N % 2 == 1


@given(SCALARS, st.integers(1, N - 1))
@settings(deadline=None, max_examples=30)
def test_secret_multiples_are_those_of_the_textbook(scalar: int, start: int) -> None:
    point = affine_multiply(start, GENERATOR)
    assert point is not None
    assert curve.multiply(scalar, point) == affine_multiply(scalar, point)
    assert curve.multiply_generator(scalar) == affine_multiply(scalar, GENERATOR)


@given(SCALARS | st.just(0), SCALARS | st.just(0), st.integers(1, N - 1))
@settings(deadline=None, max_examples=30)
def test_public_sums_are_those_of_the_textbook(one: int, other: int, start: int) -> None:
    point = affine_multiply(start, GENERATOR)
    assert point is not None
    expected = affine_add(affine_multiply(one, GENERATOR), affine_multiply(other, point))
    assert curve.multiply_public(one, other, point) == expected


def test_sums_that_meet_infinity_or_themselves() -> None:
    """Additions of a point to itself or to its opposite are where addition formulas break."""
    for scalar in (1, 2, 3, 31, 32, 33, 1000):
        point = curve.multiply_generator(scalar)
        assert curve.multiply_public(N - scalar, 1, point) is None
        assert curve.multiply_public(scalar, 1, point) == curve.multiply_generator(2 * scalar)
        assert curve.multiply_public(0, N, point) is None
    assert curve.multiply_public(0, 0, GENERATOR) is None


@pytest.mark.parametrize("scalar", [1, 2, 3, 16, 31, 32, 33, 64, N // 2, N - 33, N - 32, N - 2, N - 1])
def test_blinding_changes_the_way_and_not_the_result(scalar: int) -> None:
    expected = affine_multiply(scalar, GENERATOR)
    ways = {tuple(curve._blinded_digits(scalar)) for _ in range(50)}
    assert len(ways) == 50
    for digits in ways:
        assert len(digits) == 80
        assert digits[-1] > 0
        assert all(digit % 2 and abs(digit) < 32 for digit in digits)
        assert sum(digit << 5 * index for index, digit in enumerate(digits)) % N == scalar
    for _ in range(20):
        assert curve.multiply(scalar, GENERATOR) == curve.multiply_generator(scalar) == expected


@pytest.mark.parametrize("scalar", [1, 1 << 200, N // 2, N - 1, KEY.scalar])
def test_no_digit_of_a_blinded_scalar_tells_anything(scalar: int) -> None:
    """N is 2^256 − 2^224 − c: a short multiple of it leaves the scalar's own bits standing between 2^224 and c.

    Chi-square with 15 degrees of freedom for each digit. By chance one is above 95 in 1 of 10^13 cases, so that
    the 400 digits here raise a false alarm once in 10^10 runs.
    """
    assert N.bit_length() == 256
    assert (1 << 256) - (1 << 224) - N < 1 << 128
    blindings = [curve._blinded_digits(scalar) for _ in range(4000)]
    for place, digits in enumerate(zip(*blindings, strict=True)):
        values = range(1, 32, 2) if place == 79 else range(-31, 32, 2)
        # Pairs of values, so that every digit has 16 classes of equal chance.
        classes = Counter(values.index(digit) * 16 // len(values) for digit in digits)
        expected = len(blindings) / 16
        deviation = sum((classes[one] - expected) ** 2 / expected for one in range(16))
        assert deviation < 95, f"digit {place}: {classes}"


def test_a_blinded_scalar_has_more_than_136_bits_of_chance() -> None:
    """Both ends of the range are reached: the multiple of N is any number of 144 bits."""
    multiples = [
        (sum(digit << 5 * index for index, digit in enumerate(curve._blinded_digits(5))) - 5) // N for _ in range(4000)
    ]
    assert max(multiples).bit_length() == 144
    assert min(multiples).bit_length() < 144
    assert len(set(multiples)) == len(multiples)
    # A bit that is set in fewer than 1,600 of 4,000 is 12.6 standard deviations off.
    for bit in range(1, 144):
        assert 1600 < sum(multiple >> bit & 1 for multiple in multiples) < 2400, bit


def test_secret_scalars_all_take_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []

    def recorded(name: str) -> Callable[..., object]:
        function = getattr(curve, name)

        def record(*arguments: object) -> object:
            steps.append(name)
            return function(*arguments)

        return record

    curve.multiply_generator(1)
    point = curve.multiply_generator(7)
    for name in ("_double", "_add"):
        monkeypatch.setattr(curve, name, recorded(name))
    taken = set()
    for scalar in (1 << 128, N // 3, N - 5, 0x1234567, *(1 + secrets.randbelow(N - 1) for _ in range(20))):
        steps.clear()
        curve.multiply(scalar, point)
        curve.multiply_generator(scalar)
        taken.add(tuple(steps))
    assert len(taken) == 1


@given(st.integers(0, 2**257))
@settings(deadline=None)
def test_sparse_digits_are_the_scalar(scalar: int) -> None:
    digits = curve._sparse_digits(scalar)
    assert sum(digit << index for index, digit in enumerate(digits)) == scalar
    assert all(digit == 0 or (digit % 2 and abs(digit) < 32) for digit in digits)
    places = [index for index, digit in enumerate(digits) if digit]
    assert all(later - earlier >= 6 for earlier, later in itertools.pairwise(places))


# Keys.


@given(st.integers(1, N - 2))
@settings(deadline=None, max_examples=30)
def test_public_keys_are_read_in_every_form(scalar: int) -> None:
    key = keys.PrivateKey(scalar).public_key
    encoded = key.to_bytes()
    assert len(encoded) == 65
    for form in (encoded, encoded[1:], bytes([2 + key.y % 2]) + encoded[1:33]):
        assert keys.PublicKey.from_bytes(form) == key
    assert key.to_spki() == bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200") + encoded
    assert keys.PublicKey.from_spki(key.to_spki()) == key
    other = keys.PublicKey.from_bytes(bytes([3 - key.y % 2]) + encoded[1:33])
    assert (other.x, other.y) == (key.x, P - key.y)


@pytest.mark.parametrize("first", KEYS_BY_FIRST_BYTE)
def test_a_prefix_is_cut_by_length_and_never_by_what_it_looks_like(
    first: int,
) -> None:
    key = KEYS_BY_FIRST_BYTE[first]
    encoded = key.public_key.to_bytes()
    assert encoded[1] == first
    assert keys.PublicKey.from_bytes(encoded) == keys.PublicKey.from_bytes(encoded[1:]) == key.public_key
    assert keys.PublicKey.from_bytes(bytes([2 + encoded[-1] % 2]) + encoded[1:33]) == key.public_key
    assert keys.PublicKey.from_spki(key.public_key.to_spki()) == key.public_key
    assert keys.PrivateKey.from_pkcs8(key.to_pkcs8()).scalar == key.scalar
    signatures.verify(key.public_key, E, *signatures.sign(key, E))
    assert encryption.decrypt(key, encryption.encrypt(key.public_key, b"plaintext")) == b"plaintext"


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (0, 0),
        (0, 1),
        (GENERATOR[0], GENERATOR[1] + 1),
        (GENERATOR[1], GENERATOR[0]),
        (GENERATOR[0] + P, GENERATOR[1]),
        (GENERATOR[0], GENERATOR[1] + P),
        (GENERATOR[0], GENERATOR[1] - P),
        (P, P),
        (-1, 2),
    ],
)
def test_what_is_no_point_is_no_public_key(x: int, y: int) -> None:
    with pytest.raises(InputError, match="not a point of the curve"):
        keys.PublicKey(x, y)
    if 0 <= x < 2**256 and 0 <= y < 2**256:
        with pytest.raises(InputError):
            keys.PublicKey.from_bytes(x.to_bytes(32, "big") + y.to_bytes(32, "big"))


def test_half_of_all_x_have_no_point() -> None:
    missing = [x for x in range(100) if curve.lift(x, 0) is None]
    assert 25 < len(missing) < 75
    for x in missing:
        assert curve.lift(x, 1) is None
        with pytest.raises(InputError, match="not a point of the curve"):
            keys.PublicKey.from_bytes(b"\x02" + x.to_bytes(32, "big"))
    x = next(x for x in range(100) if x not in missing)
    assert keys.PublicKey.from_bytes(b"\x02" + x.to_bytes(32, "big")).x == x
    with pytest.raises(InputError, match="not a point of the curve"):
        keys.PublicKey.from_bytes(b"\x02" + (x + P).to_bytes(32, "big"))


@pytest.mark.parametrize("size", [0, 1, 31, 32, 34, 63, 66, 96, 97, 128, 129])
def test_public_keys_of_other_lengths_are_refused(size: int) -> None:
    encoded = (PUBLIC.to_bytes() * 2)[:size]
    for data in (encoded, b"\x04" * size, b"\x02" * size):
        with pytest.raises(InputError):
            keys.PublicKey.from_bytes(data)


@pytest.mark.parametrize("prefix", [0, 1, 2, 3, 5, 6, 7, 255])
def test_other_prefixes_are_refused(prefix: int) -> None:
    with pytest.raises(InputError):
        keys.PublicKey.from_bytes(bytes([prefix]) + PUBLIC.to_bytes()[1:])
    if prefix not in {2, 3}:
        with pytest.raises(InputError):
            keys.PublicKey.from_bytes(bytes([prefix]) + PUBLIC.to_bytes()[1:33])


def test_public_keys_in_der_are_read_strictly() -> None:
    encoded = PUBLIC.to_spki()
    compressed = der.sequence(keys.ALGORITHM_IDENTIFIER, der.bits(b"\x03" + PUBLIC.to_bytes()[1:33]))
    assert keys.PublicKey.from_spki(compressed) == PUBLIC
    bare = der.sequence(keys.ALGORITHM_IDENTIFIER, der.bits(PUBLIC.to_bytes()[1:]))
    nist = encoded.replace(bytes.fromhex("06082a811ccf5501822d"), bytes.fromhex("06082a8648ce3d030107"))
    flawed = [encoded + b"\0", encoded[:-1], encoded[1:], b"", bare, nist, PUBLIC.to_bytes(), der.sequence(encoded)]
    for one in flawed:
        with pytest.raises(InputError):
            keys.PublicKey.from_spki(one)
    for position in range(len(encoded)):
        altered = bytearray(encoded)
        altered[position] ^= 1
        with pytest.raises(InputError):
            keys.PublicKey.from_spki(bytes(altered))


@pytest.mark.parametrize("scalar", [-1, 0, N - 1, N, N + 1, 2**256])
def test_private_keys_out_of_range_are_refused(scalar: int) -> None:
    with pytest.raises(InputError, match="out of range"):
        keys.PrivateKey.from_int(scalar)


def test_a_private_key_does_not_show_itself() -> None:
    for shown in (repr(KEY), str(KEY), f"{KEY}", repr([KEY])):
        assert "PrivateKey" in shown
        assert not any(secret in shown.lower() for secret in (f"{KEY.scalar:x}", str(KEY.scalar)))


def test_generated_keys_differ_and_work() -> None:
    made = [keys.PrivateKey.generate() for _ in range(20)]
    assert len({key.scalar for key in made}) == 20
    for key in made:
        assert curve.contains(key.public_key.x, key.public_key.y)


@given(st.integers(1, N - 2))
@settings(deadline=None, max_examples=30)
def test_private_keys_are_read_as_written(scalar: int) -> None:
    key = keys.PrivateKey.from_int(scalar)
    encoded = key.to_pkcs8()
    assert len(encoded) == 138
    assert keys.PrivateKey.from_pkcs8(encoded).scalar == scalar


def sec1(
    scalar: int = 5,
    *,
    version: int = 1,
    size: int = 32,
    curve: bytes | None = keys.CURVE_IDENTIFIER,
    public: bytes | None = None,
    after: bytes = b"",
) -> bytes:
    parts = [der.integer(version), der.octets(scalar.to_bytes(size, "big"))]
    if curve is not None:
        parts.append(der.value(der.EXPLICIT_0, curve))
    if public is not None:
        parts.append(der.value(der.EXPLICIT_1, der.bits(public)))
    return der.sequence(*parts, after)


def pkcs8(key: bytes, *, version: int = 0, algorithm: bytes = keys.ALGORITHM_IDENTIFIER, after: bytes = b"") -> bytes:
    return der.sequence(der.integer(version), algorithm, der.octets(key), after)


def test_private_keys_of_others_may_leave_out_what_can_be_left_out() -> None:
    public = keys.PrivateKey(5).public_key.to_bytes()
    compressed = bytes([2 + public[-1] % 2]) + public[1:33]
    for key in (sec1(), sec1(public=public), sec1(public=compressed)):
        assert keys.PrivateKey.from_sec1(key).scalar == 5
        assert keys.PrivateKey.from_pkcs8(pkcs8(key)).scalar == 5
    attributes = der.value(der.EXPLICIT_0)
    assert keys.PrivateKey.from_pkcs8(pkcs8(sec1(curve=None, public=public), after=attributes)).scalar == 5


@pytest.mark.parametrize(
    "key",
    [
        sec1(version=0),
        sec1(version=2),
        sec1(size=31),
        sec1(size=33),
        sec1(0),
        sec1(N - 1),
        sec1(N),
        sec1(curve=der.object_identifier("1.2.840.10045.3.1.7")),
        sec1(curve=keys.CURVE_IDENTIFIER * 2),
        sec1(curve=b""),
        sec1(public=PUBLIC.to_bytes()),
        sec1(public=keys.PrivateKey(5).public_key.to_bytes()[1:]),
        sec1(public=b"\0"),
        sec1(public=b""),
        sec1(after=der.value(der.EXPLICIT_1, der.bits(keys.PrivateKey(5).public_key.to_bytes()), b"\x05\0")),
        sec1(after=b"\x05\0"),
        sec1()[:-1],
        sec1() + b"\0",
        b"",
    ],
)
def test_flawed_private_keys_are_refused(key: bytes) -> None:
    with pytest.raises(InputError):
        keys.PrivateKey.from_sec1(key)
    with pytest.raises(InputError):
        keys.PrivateKey.from_pkcs8(pkcs8(key))


def test_the_wrapping_of_private_keys_is_read_strictly() -> None:
    with pytest.raises(InputError, match="not one of SM2"):
        keys.PrivateKey.from_sec1(sec1(curve=None))
    nist = der.sequence(der.object_identifier("1.2.840.10045.2.1"), der.object_identifier("1.2.840.10045.3.1.7"))
    whole = pkcs8(sec1())
    for flawed in (
        pkcs8(sec1(), version=1),
        pkcs8(sec1(curve=None), algorithm=nist),
        pkcs8(sec1(), after=b"\x05\0"),
        whole + b"\0",
        whole[:-1],
        sec1(),
        b"",
    ):
        with pytest.raises(InputError):
            keys.PrivateKey.from_pkcs8(flawed)


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_any_bytes_are_refused_as_keys(data: bytes) -> None:
    for read in (keys.PublicKey.from_spki, keys.PrivateKey.from_pkcs8, keys.PrivateKey.from_sec1):
        with pytest.raises(InputError):
            read(data)
    with contextlib.suppress(InputError):
        assert keys.PublicKey.from_bytes(data).to_bytes()[1:33] in data


# Signatures.


@given(st.lists(st.binary(max_size=100)), st.binary(max_size=40))
@settings(deadline=None)
def test_a_message_may_come_in_pieces(pieces: list[bytes], user_id: bytes) -> None:
    streamed = signatures.MessageDigest(PUBLIC, user_id)
    for piece in pieces:
        streamed.update(piece)
    assert streamed.digest() == signatures.digest(PUBLIC, b"".join(pieces), user_id)


def test_the_digest_depends_on_key_and_user_id() -> None:
    other = keys.PrivateKey.generate().public_key
    seen = [signatures.digest(key, b"message", name) for key in (PUBLIC, other) for name in (b"", b"1", b"12")]
    assert len(set(seen)) == 6
    assert signatures.DEFAULT_ID == b"1234567812345678"


def test_the_length_of_the_user_id_is_bounded_by_its_encoding() -> None:
    assert len(signatures.digest(PUBLIC, b"", bytes(8191))) == 32
    with pytest.raises(InputError, match="8192 bytes, more than 8191"):
        signatures.MessageDigest(PUBLIC, bytes(8192))


@given(st.integers(1, N - 2), st.binary(min_size=32, max_size=32))
@settings(deadline=None, max_examples=30)
def test_what_is_signed_verifies(scalar: int, e: bytes) -> None:
    key = keys.PrivateKey(scalar)
    r, s = signatures.sign(key, e)
    signatures.verify(key.public_key, e, r, s)


def test_everything_else_does_not_verify() -> None:
    other = keys.PrivateKey.generate().public_key
    wrong = [
        (other, E, R, S),
        (PUBLIC, bytes([E[0] ^ 1]) + E[1:], R, S),
        (PUBLIC, E, S, R),
        (PUBLIC, E, R + 1, S),
        (PUBLIC, E, R, S - 1),
        *((PUBLIC, E, r, s) for r, s in itertools.product((0, -1, N, N + R, R + 2**256, R), (0, -1, N, N + S, S)))
    ]  # fmt: skip
    wrong.remove((PUBLIC, E, R, S))
    for key, e, r, s in wrong:
        with pytest.raises(IntegrityError, match="not one of this data by this key"):
            signatures.verify(key, e, r, s)


def test_a_number_of_zero_does_not_verify() -> None:
    """Both would be easy to forge for some digest, were the range of r and s not checked first."""
    number = 12345
    x, _ = curve.multiply_public(0, number, (PUBLIC.x, PUBLIC.y)) or (0, 0)
    with pytest.raises(IntegrityError):
        signatures.verify(PUBLIC, ((number - x) % N).to_bytes(32, "big"), number, 0)
    x, _ = curve.multiply_public(number, number, (PUBLIC.x, PUBLIC.y)) or (0, 0)
    with pytest.raises(IntegrityError):
        signatures.verify(PUBLIC, (-x % N).to_bytes(32, "big"), 0, number)


def test_r_and_s_that_cancel_each_other_do_not_verify() -> None:
    """With r + s = n the public key would take no part: anybody can make r = e + x(s·G)."""
    s = 12345
    x, _ = curve.multiply_generator(s)
    e = ((N - s) - x) % N
    with pytest.raises(IntegrityError):
        signatures.verify(PUBLIC, e.to_bytes(32, "big"), N - s, s)


def test_a_signature_that_leads_to_infinity_does_not_verify() -> None:
    """Where s·G + t·P is infinity, there is no x to compare."""
    t = 12345
    s = -t * KEY.scalar % N
    r = (t - s) % N
    assert curve.multiply_public(s, t, (PUBLIC.x, PUBLIC.y)) is None
    with pytest.raises(IntegrityError):
        signatures.verify(PUBLIC, r.to_bytes(32, "big"), r, s)


@pytest.mark.parametrize("size", [0, 20, 31, 33, 64])
def test_a_digest_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=rf"{size} bytes, not 32"):
        signatures.sign(KEY, bytes(size))
    with pytest.raises(InputError, match=rf"{size} bytes, not 32"):
        signatures.verify(PUBLIC, bytes(size), R, S)


def test_k_that_the_standard_forbids_is_not_used() -> None:
    x, _ = curve.multiply_generator(K)
    for e in (-x, N - K - x, K * pow(KEY.scalar, -1, N) - x):  # r = 0, r + k = n, s = 0
        assert signatures._sign_with(K, KEY, (e % N).to_bytes(32, "big")) is None
    assert signatures._sign_with(K, KEY, ((1 - x) % N).to_bytes(32, "big")) is not None


def test_signing_tries_again_until_k_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    real = signatures._sign_with
    refused: list[int] = []

    def refuse_twice(k: int, key: keys.PrivateKey, e: bytes) -> tuple[int, int] | None:
        if len(refused) < 2:
            refused.append(k)
            return None
        return real(k, key, e)

    monkeypatch.setattr(signatures, "_sign_with", refuse_twice)
    signatures.verify(PUBLIC, E, *signatures.sign(KEY, E))
    assert len(set(refused)) == 2


# Random numbers.


def test_nobody_can_pass_k_to_a_public_function() -> None:
    assert list(inspect.signature(signatures.sign).parameters) == ["private_key", "e"]
    assert list(inspect.signature(encryption.encrypt).parameters) == ["public_key", "plaintext"]


def test_k_comes_from_the_operating_system_and_covers_the_whole_range(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def largest(bound: int) -> int:
        asked.append(bound)
        return bound - 1

    used: list[int] = []

    def sign_with(k: int, *_: object) -> tuple[int, int]:
        used.append(k)
        return 1, 1

    def encrypt_with(k: int, *_: object) -> Ciphertext:
        used.append(k)
        return CIPHERTEXT

    monkeypatch.setattr(secrets, "randbelow", largest)
    monkeypatch.setattr(signatures, "_sign_with", sign_with)
    monkeypatch.setattr(encryption, "_encrypt_with", encrypt_with)
    signatures.sign(KEY, E)
    encryption.encrypt(PUBLIC, b"plaintext")
    assert asked == [N - 1, N - 1]
    assert used == [N - 1, N - 1]
    assert keys.PrivateKey.generate().scalar == N - 2


def test_no_k_is_used_twice() -> None:
    made = [signatures.sign(KEY, E) for _ in range(100)]
    assert len({r for r, _ in made}) == len({s for _, s in made}) == 100
    assert len({encryption.encrypt(PUBLIC, b"plaintext").x for _ in range(50)}) == 50


# Encryption.


@given(st.integers(1, N - 2), st.binary(min_size=1, max_size=300))
@settings(deadline=None, max_examples=30)
def test_what_is_encrypted_decrypts(scalar: int, plaintext: bytes) -> None:
    key = keys.PrivateKey(scalar)
    ciphertext = encryption.encrypt(key.public_key, plaintext)
    assert len(ciphertext.c2) == len(plaintext)
    assert encryption.decrypt(key, ciphertext) == plaintext


def test_an_empty_plaintext_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        encryption.encrypt(PUBLIC, b"")


def altered_ciphertexts() -> Iterator[Ciphertext]:
    """Yield the standard's ciphertext with one thing wrong each."""
    x, y, c3, c2 = CIPHERTEXT.x, CIPHERTEXT.y, CIPHERTEXT.c3, CIPHERTEXT.c2
    for position in range(32):
        yield Ciphertext(x, y, c3[:position] + bytes([c3[position] ^ 0x80]) + c3[position + 1 :], c2)
    for position in range(len(c2)):
        yield Ciphertext(x, y, c3, c2[:position] + bytes([c2[position] ^ 1]) + c2[position + 1 :])
    yield from (Ciphertext(x, y, c3, c2[:-1]), Ciphertext(x, y, c3, c2 + b"\0"), Ciphertext(x, y, c3, c3))
    yield from (Ciphertext(*point, c3, c2) for point in [(x, P - y), GENERATOR, (PUBLIC.x, PUBLIC.y)])
    # Not on the curve, or not reduced.
    points = [(0, 0), (y, x), (x, y ^ 1), (x ^ 1, y), (P, y), (x, P), (2**256 - 1, 2**256 - 1), (1, 1)]
    yield from (Ciphertext(*point, c3, c2) for point in points)


def test_every_altered_ciphertext_is_refused_with_the_same_words() -> None:
    texts = set()
    count = 0
    for altered in altered_ciphertexts():
        with pytest.raises(IntegrityError) as refused:
            encryption.decrypt(KEY, altered)
        texts.add((str(refused.value), refused.value.hint, refused.value.__cause__))
        count += 1
    with pytest.raises(IntegrityError) as refused:
        encryption.decrypt(keys.PrivateKey.generate(), CIPHERTEXT)
    texts.add((str(refused.value), refused.value.hint, refused.value.__cause__))
    with pytest.raises(IntegrityError) as refused:
        encryption.decrypt_any(KEY, altered_ciphertexts())
    texts.add((str(refused.value), refused.value.hint, refused.value.__cause__))
    assert count > 60
    assert len(texts) == 1


def test_a_point_of_another_curve_never_meets_the_private_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Multiples of points of small order on curves with another b give the key away (invalid-curve attack)."""
    monkeypatch.setattr(curve, "multiply", lambda *_: pytest.fail("the private key was used"))
    for point in ((0, 0), (CIPHERTEXT.y, CIPHERTEXT.x), (CIPHERTEXT.x, CIPHERTEXT.y ^ 1), (P, 0)):
        with pytest.raises(IntegrityError):
            encryption.decrypt(KEY, Ciphertext(*point, CIPHERTEXT.c3, CIPHERTEXT.c2))


@pytest.mark.parametrize(
    ("x", "y", "c3", "c2"),
    [
        (-1, 1, bytes(32), b"1"),
        (1, -1, bytes(32), b"1"),
        (2**256, 1, bytes(32), b"1"),
        (1, 2**256, bytes(32), b"1"),
        (1, 1, bytes(31), b"1"),
        (1, 1, bytes(33), b"1"),
        (1, 1, b"", b"1"),
        (1, 1, bytes(32), b""),
    ],
)
def test_parts_of_other_sizes_are_no_ciphertext(x: int, y: int, c3: bytes, c2: bytes) -> None:
    with pytest.raises(InputError):
        Ciphertext(x, y, c3, c2)


def test_a_mask_of_zeros_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """One byte is masked with 00, and so not at all, once in 256 times."""
    bare = next(k for k in range(1, 5000) if encryption._encrypt_with(k, PUBLIC, b"!") is None)
    shared = encryption._shared_secret(curve.multiply(bare, (PUBLIC.x, PUBLIC.y)))
    assert encryption._mask(shared, 1) == b"\0"
    c3 = encryption._c3(shared, b"!")
    with pytest.raises(IntegrityError):
        encryption.decrypt(KEY, Ciphertext(*curve.multiply_generator(bare), c3, b"!"))
    drawn = iter([bare - 1, K - 1])
    monkeypatch.setattr(secrets, "randbelow", lambda _: next(drawn))
    assert encryption.encrypt(PUBLIC, b"!").x == CIPHERTEXT.x


def test_the_first_reading_whose_digest_is_right_is_the_one() -> None:
    assert encryption.decrypt_any(KEY, [*altered_ciphertexts(), CIPHERTEXT]) == b"encryption standard"
    with pytest.raises(IntegrityError):
        encryption.decrypt_any(KEY, [])
