"""RSA takes no parameters that could be wrong, says what fits, and refuses whatever is not exactly right."""

import hashlib
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool import words
from kmstool.crypto import der, rsa
from kmstool.errors import InputError, IntegrityError
from tests.foreign import openssl, wycheproof

ENCRYPTION: tuple[words.EncryptionAlgorithm, ...] = words.RSA_ALGORITHMS
SIGNATURES: tuple[words.RsaSignature, ...] = get_args(words.RsaSignature)
LIMITS: dict[words.EncryptionAlgorithm, tuple[int, int]] = {
    "RSAES_PKCS1_V1_5": (245, 373),
    "RSAES_OAEP_SHA_1": (214, 342),
    "RSAES_OAEP_SHA_256": (190, 318),
}
OPENSSL_ENCRYPTION: dict[words.EncryptionAlgorithm, list[str]] = {
    "RSAES_PKCS1_V1_5": ["rsa_padding_mode:pkcs1"],
    "RSAES_OAEP_SHA_1": ["rsa_padding_mode:oaep"],
    "RSAES_OAEP_SHA_256": ["rsa_padding_mode:oaep", "rsa_oaep_md:sha256", "rsa_mgf1_md:sha256"],
}
OPENSSL_SIGNATURES: dict[words.RsaSignature, list[str]] = {
    "RSA_PKCS1_SHA_256": [],
    "RSA_PSS_SHA_256": ["rsa_padding_mode:pss", "rsa_pss_saltlen:auto"],
}
DIGEST = hashlib.sha256(b"message").digest()


@cache
def load_once(pkcs8_hex: str) -> RSAPrivateKey:
    return rsa.load_private_key(bytes.fromhex(pkcs8_hex))


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return rsa.generate(2048)


@pytest.fixture(scope="module")
def large_key() -> RSAPrivateKey:
    return rsa.generate(3072)


@pytest.fixture
def key_files(key: RSAPrivateKey, tmp_path: Path) -> tuple[Path, Path]:
    private, public = tmp_path / "private.der", tmp_path / "public.der"
    private.write_bytes(rsa.to_pkcs8(key))
    public.write_bytes(rsa.to_spki(key.public_key()))
    return private, public


@pytest.mark.parametrize("algorithm", ENCRYPTION)
def test_what_fits_is_said_and_checked_first(
    key: RSAPrivateKey, large_key: RSAPrivateKey, algorithm: words.EncryptionAlgorithm
) -> None:
    for one, limit, bits in zip((key, large_key), LIMITS[algorithm], (2048, 3072), strict=True):
        assert rsa.max_plaintext_bytes(one.public_key(), algorithm) == limit
        for size in (0, 1, 32, limit):
            ciphertext = rsa.encrypt(one.public_key(), algorithm, bytes(size))
            assert len(ciphertext) == bits // 8
            assert rsa.decrypt(one, algorithm, ciphertext) == bytes(size)
        with pytest.raises(InputError, match=rf"{limit + 1} bytes; {algorithm} with an RSA-{bits} .* at most {limit}$"):
            rsa.encrypt(one.public_key(), algorithm, bytes(limit + 1))


@pytest.mark.parametrize("algorithm", ENCRYPTION)
def test_every_failure_to_decrypt_reads_the_same(
    key: RSAPrivateKey, large_key: RSAPrivateKey, algorithm: words.EncryptionAlgorithm
) -> None:
    """With PKCS#1 v1.5, bad padding is answered with random bytes instead, if the OpenSSL is 3.2 or later."""
    ciphertext = rsa.encrypt(key.public_key(), algorithm, b"plaintext")
    altered = bytes([ciphertext[0], *ciphertext[1:-1], ciphertext[-1] ^ 1])
    for_another = rsa.encrypt(large_key.public_key(), algorithm, b"plaintext")
    texts = set()
    for wrong in (altered, for_another, b"", ciphertext[1:], ciphertext + b"\0", bytes(256), b"\xff" * 256):
        try:
            assert rsa.decrypt(key, algorithm, wrong) != b"plaintext"
            assert algorithm == "RSAES_PKCS1_V1_5"
        except IntegrityError as error:
            texts.add((error.message, error.hint, error.__suppress_context__))
    assert len(texts) == 1


def test_no_algorithm_decrypts_for_another(key: RSAPrivateKey) -> None:
    for algorithm in ENCRYPTION:
        ciphertext = rsa.encrypt(key.public_key(), algorithm, b"plaintext")
        for other in set(ENCRYPTION) - {algorithm, "RSAES_PKCS1_V1_5"}:
            with pytest.raises(IntegrityError):
                rsa.decrypt(key, other, ciphertext)


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_only_the_signature_of_this_digest_by_this_key_and_algorithm_verifies(
    key: RSAPrivateKey, large_key: RSAPrivateKey, algorithm: words.RsaSignature
) -> None:
    signature = rsa.sign(key, algorithm, DIGEST)
    assert len(signature) == 256
    rsa.verify(key.public_key(), algorithm, DIGEST, signature)
    (other_algorithm,) = set(SIGNATURES) - {algorithm}
    wrong = [
        (key, other_algorithm, DIGEST, signature),
        (large_key, algorithm, DIGEST, signature),
        (key, algorithm, hashlib.sha256(b"Message").digest(), signature),
        (key, algorithm, DIGEST, bytes([signature[0], *signature[1:-1], signature[-1] ^ 1])),
        (key, algorithm, DIGEST, signature[:-1]),
        (key, algorithm, DIGEST, signature + b"\0"),
        (key, algorithm, DIGEST, b"\0" + signature),
        (key, algorithm, DIGEST, b""),
    ]
    for one, named, digest, altered in wrong:
        with pytest.raises(IntegrityError):
            rsa.verify(one.public_key(), named, digest, altered)


@pytest.mark.parametrize("algorithm", SIGNATURES)
@pytest.mark.parametrize("size", [0, 20, 31, 33, 48, 64])
def test_a_digest_of_another_length_is_refused(key: RSAPrivateKey, algorithm: words.RsaSignature, size: int) -> None:
    with pytest.raises(InputError, match=rf"{size} bytes, not 32"):
        rsa.sign(key, algorithm, bytes(size))
    with pytest.raises(InputError, match=rf"{size} bytes, not 32"):
        rsa.verify(key.public_key(), algorithm, bytes(size), bytes(256))


@pytest.mark.parametrize("salt", [0, 20, 32, padding.PSS.MAX_LENGTH])
def test_pss_is_verified_with_salt_of_any_length_and_signed_with_32_bytes(key: RSAPrivateKey, salt: int) -> None:
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
    rsa.verify(key.public_key(), "RSA_PSS_SHA_256", DIGEST, key.sign(b"message", scheme, hashes.SHA256()))
    exact = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    key.public_key().verify(rsa.sign(key, "RSA_PSS_SHA_256", DIGEST), b"message", exact, hashes.SHA256())


def test_keys_are_read_as_written(key: RSAPrivateKey) -> None:
    assert key.public_key().public_numbers().e == 65537
    assert len(rsa.to_spki(key.public_key())) == 294
    assert rsa.load_public_key(rsa.to_spki(key.public_key())) == key.public_key()
    assert rsa.load_private_key(rsa.to_pkcs8(key)).private_numbers() == key.private_numbers()


def test_other_keys_are_refused(key: RSAPrivateKey) -> None:
    weak = generate_private_key(65537, 1024)
    curve = ec.generate_private_key(ec.SECP256R1())
    der, pkcs8, plain = (
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    with pytest.raises(InputError, match="1024 bits, fewer than 2048"):
        rsa.load_public_key(weak.public_key().public_bytes(der, spki))
    with pytest.raises(InputError, match="1024 bits, fewer than 2048"):
        rsa.load_private_key(weak.private_bytes(der, pkcs8, plain))
    with pytest.raises(InputError, match="not one of RSA"):
        rsa.load_public_key(curve.public_key().public_bytes(der, spki))
    with pytest.raises(InputError, match="not one of RSA"):
        rsa.load_private_key(curve.private_bytes(der, pkcs8, plain))
    for wrong in (b"", rsa.to_spki(key.public_key())[:-1], rsa.to_spki(key.public_key()) + b"\0"):
        with pytest.raises(InputError, match=r"malformed|DER"):
            rsa.load_public_key(wrong)
    encrypted = key.private_bytes(der, pkcs8, serialization.BestAvailableEncryption(b"passphrase"))
    for wrong in (b"", rsa.to_pkcs8(key)[:-1], encrypted):
        with pytest.raises(InputError, match=r"malformed|DER"):
            rsa.load_private_key(wrong)


@given(st.binary(max_size=300))
@settings(deadline=None)
def test_any_bytes_are_refused_as_keys(data: bytes) -> None:
    with pytest.raises(InputError):
        rsa.load_public_key(data)
    with pytest.raises(InputError):
        rsa.load_private_key(data)


def spki(modulus: int, exponent: int) -> bytes:
    algorithm = der.sequence(rsa.ALGORITHM, b"\x05\0")
    return der.sequence(algorithm, der.bits(der.sequence(der.integer(modulus), der.integer(exponent))))


def private_forms(numbers: list[int], version: int = 0) -> tuple[bytes, bytes]:
    """Return the numbers of a private key, from the modulus to the coefficient, as PKCS#1 and as PKCS#8."""
    pkcs1 = der.sequence(der.integer(version), *map(der.integer, numbers))
    return pkcs1, der.sequence(der.integer(0), der.sequence(rsa.ALGORITHM, b"\x05\0"), der.octets(pkcs1))


def numbers_of(key: RSAPrivateKey) -> list[int]:
    own = key.private_numbers()
    return [own.public_numbers.n, own.public_numbers.e, own.d, own.p, own.q, own.dmp1, own.dmq1, own.iqmp]


GOOD = (1 << 2047) + 1
BAD_PUBLIC_NUMBERS = {
    "even modulus": (GOOD + 1, 65537),
    "modulus of zero": (0, 65537),
    "modulus of one": (1, 65537),
    "modulus of 2047 bits": (GOOD >> 1 | 1, 65537),
    "modulus of 4097 bits": ((1 << 4096) + 1, 65537),
    "modulus of 16385 bits": ((1 << 16384) + 1, 65537),
    "modulus of 100001 bits": ((1 << 100_000) + 1, 65537),
    "exponent of zero": (GOOD, 0),
    "exponent of one": (GOOD, 1),
    "even exponent": (GOOD, 65536),
    "exponent of 65 bits": (GOOD, (1 << 64) + 1),
    "exponent as long as the modulus": (GOOD, GOOD - 2),
    "exponent of 100001 bits": (GOOD, (1 << 100_000) + 1),
}


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the test fail when a key reaches the library, which computes with it."""

    def load(*_: object, **__: object) -> None:
        raise AssertionError("the library got the key")

    monkeypatch.setattr(serialization, "load_der_public_key", load)
    monkeypatch.setattr(serialization, "load_der_private_key", load)


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize("name", BAD_PUBLIC_NUMBERS)
def test_numbers_that_make_no_key_are_refused_before_any_computation(name: str) -> None:
    modulus, exponent = BAD_PUBLIC_NUMBERS[name]
    with pytest.raises(InputError, match="the RSA key has") as refused:
        rsa.load_public_key(spki(modulus, exponent))
    assert len(refused.value.message) < 100
    for form in private_forms([modulus, exponent, 3, 3, 5, 1, 1, 1]):
        for trusted in (False, True):
            with pytest.raises(InputError, match="the RSA key has"):
                rsa.load_private_key(form, trusted=trusted)


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize("place", range(2, 8))
def test_private_numbers_beyond_the_modulus_are_refused_before_any_computation(key: RSAPrivateKey, place: int) -> None:
    good = numbers_of(key)
    for number in (good[0], 1 << 5000, (1 << 100_000) + 1):
        for form in private_forms([*good[:place], number, *good[place + 1 :]]):
            with pytest.raises(InputError, match="the RSA private key is malformed"):
                rsa.load_private_key(form)


@pytest.mark.usefixtures("no_library")
def test_factors_of_another_number_and_more_than_two_are_refused(key: RSAPrivateKey) -> None:
    good = numbers_of(key)
    for form in private_forms([*good[:3], good[3] + 2, *good[4:]]):
        with pytest.raises(InputError, match="malformed"):
            rsa.load_private_key(form)
    for form in private_forms(good, version=1):
        with pytest.raises(InputError, match="more than two factors"):
            rsa.load_private_key(form)


@pytest.mark.parametrize("place", range(1, 8))
def test_private_numbers_that_do_not_belong_together_are_refused(key: RSAPrivateKey, place: int) -> None:
    good = numbers_of(key)
    for number in (good[place] + 2, good[place] - 2, 0, 1, 2):
        for form in private_forms([*good[:place], number, *good[place + 1 :]]):
            with pytest.raises(InputError):
                rsa.load_private_key(form)


@pytest.mark.parametrize(("exponent", "bits"), [(3, 2048), (65537, 4096)])
def test_keys_of_other_makers_and_of_the_largest_size_are_read(exponent: int, bits: int) -> None:
    made = generate_private_key(exponent, bits)
    assert rsa.load_public_key(rsa.to_spki(made.public_key())) == made.public_key()
    for form in private_forms(numbers_of(made)):
        assert rsa.load_private_key(form).private_numbers() == made.private_numbers()


def test_there_are_keys_of_2048_and_3072_bits_only() -> None:
    for bits in (512, 1024, 2047, 4096):
        with pytest.raises(ValueError, match="no RSA keys of"):
            rsa.generate(bits)


@pytest.mark.parametrize("algorithm", ENCRYPTION)
def test_the_openssl_program_encrypts_and_decrypts_the_same(
    key: RSAPrivateKey, key_files: tuple[Path, Path], tmp_path: Path, algorithm: words.EncryptionAlgorithm
) -> None:
    private, public = key_files
    options = [part for option in OPENSSL_ENCRYPTION[algorithm] for part in ("-pkeyopt", option)]
    theirs = openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public, "-keyform", "DER", *options, data=b"plaintext")
    assert rsa.decrypt(key, algorithm, theirs.stdout) == b"plaintext"
    (tmp_path / "ours").write_bytes(rsa.encrypt(key.public_key(), algorithm, b"plaintext"))
    opened = openssl("pkeyutl", "-decrypt", "-inkey", private, "-keyform", "DER", "-in", tmp_path / "ours", *options)
    assert opened.stdout == b"plaintext"


@pytest.mark.parametrize("algorithm", SIGNATURES)
def test_the_openssl_program_signs_and_verifies_the_same(
    key: RSAPrivateKey, key_files: tuple[Path, Path], tmp_path: Path, algorithm: words.RsaSignature
) -> None:
    private, public = key_files
    options = [part for option in OPENSSL_SIGNATURES[algorithm] for part in ("-sigopt", option)]
    theirs = openssl("dgst", "-sha256", "-sign", private, "-keyform", "DER", *options, data=b"message").stdout
    rsa.verify(key.public_key(), algorithm, DIGEST, theirs)
    (tmp_path / "ours").write_bytes(rsa.sign(key, algorithm, DIGEST))
    given = ("-verify", public, "-keyform", "DER", "-signature", tmp_path / "ours")
    assert openssl("dgst", "-sha256", *given, *options, data=b"message").stdout == b"Verified OK\n"


@pytest.mark.parametrize(("salt", "others"), [(0, 4), (32, 6)])
def test_pss_vectors_of_wycheproof(salt: int, others: int) -> None:
    """Its verifier knows the length of the salt; ours takes any, as what KMS uses is not documented."""
    tests = wycheproof(f"rsa_pss_2048_sha256_mgf1_{salt}_test.json")
    assert len(tests) >= 103
    of_another_length = [test for test in tests if test["comment"].startswith("s_len changed to ")]
    assert len(of_another_length) == others
    for test in tests:
        expected = "valid" if test in of_another_length else test["result"]
        assert _verdict("RSA_PSS_SHA_256", test["group"]["publicKeyDer"], test) == expected, test["tcId"]


def test_pkcs1_signature_vectors_of_wycheproof() -> None:
    tests = wycheproof("rsa_signature_2048_sha256_test.json")
    assert len(tests) >= 259
    for test in tests:
        verdict = _verdict("RSA_PKCS1_SHA_256", test["group"]["publicKeyDer"], test)
        assert verdict == test["result"] or test["result"] == "acceptable", test["tcId"]


@pytest.mark.parametrize(
    ("algorithm", "hash_name", "count"), [("RSAES_OAEP_SHA_1", "sha1", 36), ("RSAES_OAEP_SHA_256", "sha256", 37)]
)
def test_oaep_vectors_of_wycheproof(algorithm: words.EncryptionAlgorithm, hash_name: str, count: int) -> None:
    """What was encrypted with a label is for another scheme than ours, and to be refused."""
    tests = wycheproof(f"rsa_oaep_2048_{hash_name}_mgf1{hash_name}_test.json")
    assert len(tests) >= count
    assert any(test["label"] for test in tests)
    for test in tests:
        key = load_once(test["group"]["privateKeyPkcs8"])
        ciphertext = bytes.fromhex(test["ct"])
        if test["result"] == "valid" and not test["label"]:
            assert rsa.decrypt(key, algorithm, ciphertext).hex() == test["msg"], test["tcId"]
        else:
            with pytest.raises(IntegrityError):
                rsa.decrypt(key, algorithm, ciphertext)


def test_pkcs1_decryption_vectors_of_wycheproof() -> None:
    """Bad padding gives `IntegrityError` or, by implicit rejection, bytes that the ciphertext and the key determine."""
    tests = wycheproof("rsa_pkcs1_2048_test.json")
    assert len(tests) >= 67
    for test in tests:
        key = load_once(test["group"]["privateKeyPkcs8"])
        ciphertext = bytes.fromhex(test["ct"])
        if test["result"] == "valid":
            assert rsa.decrypt(key, "RSAES_PKCS1_V1_5", ciphertext).hex() == test["msg"], test["tcId"]
            continue
        try:
            made_up = rsa.decrypt(key, "RSAES_PKCS1_V1_5", ciphertext)
        except IntegrityError:
            continue
        assert "InvalidPkcs1Padding" in test["flags"], test["tcId"]
        assert made_up == rsa.decrypt(key, "RSAES_PKCS1_V1_5", ciphertext)
        assert made_up.hex() != test["msg"], test["tcId"]


def _verdict(algorithm: words.RsaSignature, key_hex: str, test: dict[str, str]) -> str:
    key = rsa.load_public_key(bytes.fromhex(key_hex))
    digest = hashlib.sha256(bytes.fromhex(test["msg"])).digest()
    try:
        rsa.verify(key, algorithm, digest, bytes.fromhex(test["sig"]))
    except IntegrityError:
        return "invalid"
    return "valid"
