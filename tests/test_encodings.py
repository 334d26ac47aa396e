"""Every value has one encoding in every format; what is not it to the bit is refused with `InputError`, and by no other way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.crypto import der, formats
from kmstool.crypto.sm2 import encryption, keys
from kmstool.crypto.sm2.curve import GENERATOR, N
from kmstool.crypto.sm2.encryption import Ciphertext
from kmstool.errors import InputError, IntegrityError
from tests.foreign import stanzas, wycheproof

NUMBERS = st.integers(0, 2**256 - 1)
CIPHERTEXTS = st.builds(
    Ciphertext, NUMBERS, NUMBERS, st.binary(min_size=32, max_size=32), st.binary(min_size=1, max_size=300)
)
RAW_FORMATS: tuple[formats.WrittenCiphertextFormat, ...] = ("c1c3c2", "c1c2c3")
KEY = keys.PrivateKey(0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8)
# The x of C1 begins with 04 here.
STANDARD = encryption._encrypt_with(
    0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21, KEY.public_key, b"encryption standard"
)

# r = 1 and s = 0x80 in DER with one flaw each.
FLAWED_SIGNATURES = {
    "empty": "",
    "only a tag": "30",
    "no content": "3000",
    "one integer": "3003020101",
    "three integers": "300a 020101 02020080 020101",
    "something after it": "3007 020101 02020080 00",
    "something after it, inside": "3009 020101 02020080 0500",
    "cut short": "3007 020101 020200",
    "length too small": "3006 020101 02020080",
    "length too large": "3008 020101 02020080",
    "length in long form": "308107 020101 02020080",
    "length with leading zero": "30820007 020101 02020080",
    "indefinite length": "3080 020101 02020080 0000",
    "length of 5 bytes": "30850000000007 020101 02020080",
    "length of 127 bytes": "30ff" + "00" * 127 + "020101 02020080",
    "integer length in long form": "3008 02810101 02020080",
    "leading zero": "3008 02020001 02020080",
    "negative": "3006 020101 020180",
    "integer of no bytes": "3006 0200 02020080",
    "minus one": "3007 0201ff 02020080",
    "a set": "3107 020101 02020080",
    "a primitive sequence": "1007 020101 02020080",
    "octet strings": "3007 040101 04020080",
    "in another sequence": "3009 3007 020101 02020080",
}


@given(NUMBERS, NUMBERS)
@settings(deadline=None)
def test_signatures_are_read_as_written(r: int, s: int) -> None:
    for written_as in ("der", "raw"):
        encoded = formats.write_signature(r, s, written_as)
        assert formats.read_signature(encoded, written_as) == formats.read_signature(encoded) == (r, s)
    assert len(formats.write_signature(r, s, "raw")) == 64


@given(st.integers(0, 2**384 - 1), st.integers(0, 2**384 - 1))
@settings(deadline=None)
def test_numbers_of_p384_are_longer(r: int, s: int) -> None:
    for written_as in ("der", "raw"):
        encoded = formats.write_signature(r, s, written_as, number_bytes=48)
        assert formats.read_signature(encoded, written_as, number_bytes=48) == (r, s)
    assert len(formats.write_signature(r, s, "raw", number_bytes=48)) == 96


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=70).map(der.sequence)))
@settings(deadline=None, max_examples=500)
def test_what_reads_as_a_der_signature_is_what_would_be_written(data: bytes) -> None:
    try:
        r, s = formats.read_signature(data, "der")
    except InputError:
        return
    assert formats.write_signature(r, s) == data


@given(NUMBERS, NUMBERS, st.integers(0), st.integers(1, 255))
@settings(deadline=None)
def test_every_altered_der_signature_is_refused_or_another_one(r: int, s: int, position: int, change: int) -> None:
    altered = bytearray(formats.write_signature(r, s))
    altered[position % len(altered)] ^= change
    try:
        read = formats.read_signature(bytes(altered), "der")
    except InputError:
        return
    assert read != (r, s)


@pytest.mark.parametrize("flaw", FLAWED_SIGNATURES)
def test_flawed_signatures_are_refused(flaw: str) -> None:
    assert formats.read_signature(bytes.fromhex("3007 020101 02020080")) == (1, 0x80)
    for written_as in ("der", "auto"):
        with pytest.raises(InputError):
            formats.read_signature(bytes.fromhex(FLAWED_SIGNATURES[flaw]), written_as)


def test_numbers_larger_than_the_curves_are_refused() -> None:
    assert formats.read_signature(formats.write_signature(2**256 - 1, 1)) == (2**256 - 1, 1)
    for pair in ((2**256, 1), (1, 2**256), (1, 2**3000)):
        with pytest.raises(InputError, match="more than 32 bytes"):
            formats.read_signature(formats.write_signature(*pair))


@pytest.mark.parametrize("size", [0, 1, 63, 65, 96, 128])
def test_raw_signatures_have_one_length(size: int) -> None:
    with pytest.raises(InputError, match=rf"has {size} bytes, not 64"):
        formats.read_signature(bytes(size), "raw")
    with pytest.raises(InputError):
        formats.read_signature(bytes(size))


def test_raw_signatures_are_known_by_their_length_unless_they_are_der() -> None:
    raw = b"\x30" + bytes(range(63))
    assert formats.write_signature(*formats.read_signature(raw), "raw") == raw
    encoded = formats.write_signature(2**231 - 1, 2**231 - 1)
    assert len(encoded) == 64
    assert formats.read_signature(encoded) == (2**231 - 1, 2**231 - 1)
    assert formats.read_signature(encoded, "raw") != (2**231 - 1, 2**231 - 1)
    with pytest.raises(InputError):
        formats.read_signature(raw, "der")


@given(CIPHERTEXTS)
@settings(deadline=None)
def test_ciphertexts_are_read_as_written(ciphertext: Ciphertext) -> None:
    encoded = formats.write_ciphertext(ciphertext)
    assert formats.read_ciphertext(encoded, "der") == formats.read_ciphertext(encoded) == ciphertext
    for written_as in RAW_FORMATS:
        encoded = formats.write_ciphertext(ciphertext, written_as, prefix=False)
        assert len(encoded) == 96 + len(ciphertext.c2)
        assert formats.read_ciphertext(encoded, written_as) == ciphertext
        assert ciphertext in formats.ciphertext_readings(encoded)
        assert formats.write_ciphertext(ciphertext, written_as) == b"\x04" + encoded


@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(der.sequence)))
@settings(deadline=None, max_examples=500)
def test_what_reads_as_a_der_ciphertext_is_what_would_be_written(data: bytes) -> None:
    try:
        ciphertext = formats.read_ciphertext(data, "der")
    except InputError:
        return
    assert formats.write_ciphertext(ciphertext) == data


@given(st.binary(max_size=300), st.sampled_from(["auto", "der", *RAW_FORMATS]))
@settings(deadline=None, max_examples=500)
def test_any_bytes_are_a_ciphertext_or_refused(data: bytes, written_as: formats.CiphertextFormat) -> None:
    try:
        readings = formats.ciphertext_readings(data, written_as)
    except InputError:
        assert written_as == "der" or len(data) <= 96
        return
    assert all(len(reading.c3) == 32 and reading.c2 for reading in readings)


@given(CIPHERTEXTS, st.integers(0), st.integers(1, 255))
@settings(deadline=None)
def test_every_altered_der_ciphertext_is_refused_or_another_one(
    ciphertext: Ciphertext, position: int, change: int
) -> None:
    altered = bytearray(formats.write_ciphertext(ciphertext))
    altered[position % len(altered)] ^= change
    try:
        read = formats.read_ciphertext(bytes(altered), "der")
    except InputError:
        return
    assert read != ciphertext


@pytest.mark.parametrize("written_as", RAW_FORMATS)
@pytest.mark.parametrize("prefix", [True, False])
@pytest.mark.parametrize("first", [0x00, 0x04, 0x40, 0x44])
def test_the_first_byte_alone_is_no_prefix(
    written_as: formats.WrittenCiphertextFormat, *, prefix: bool, first: int
) -> None:
    """Whatever x begins with, a C1 with 04 before it and one without are told apart, and C3 finds the order."""
    ciphertext = next(
        found
        for k in range(1, 5000)
        if keys.PrivateKey(k).public_key.x >> 248 == first
        and (found := encryption._encrypt_with(k, KEY.public_key, b"plaintext"))
    )
    encoded = formats.write_ciphertext(ciphertext, written_as, prefix=prefix)
    assert encoded[int(prefix)] == first
    assert formats.read_ciphertext(encoded, written_as) == ciphertext
    assert encryption.decrypt_any(KEY, formats.ciphertext_readings(encoded)) == b"plaintext"


@pytest.mark.parametrize("prefix", [0x00, 0x02, 0x05, 0x06, 0x30])
def test_no_other_prefix_is_passed_over(prefix: int) -> None:
    assert STANDARD is not None
    encoded = bytes([prefix]) + formats.write_ciphertext(STANDARD, "c1c3c2", prefix=False)
    with pytest.raises(IntegrityError):
        encryption.decrypt_any(KEY, formats.ciphertext_readings(encoded))


def test_the_standards_own_ciphertext_in_every_form() -> None:
    assert STANDARD is not None
    assert STANDARD.x >> 248 == 0x04
    for written_as in ("der", *RAW_FORMATS):
        for prefix in (True, False):
            encoded = formats.write_ciphertext(STANDARD, written_as, prefix=prefix)
            assert formats.read_ciphertext(encoded, written_as) == STANDARD
            assert encryption.decrypt_any(KEY, formats.ciphertext_readings(encoded)) == b"encryption standard"
    # The order without 04 is that of data keys from KMS.
    assert formats.write_ciphertext(STANDARD, "c1c3c2", prefix=False).hex() == (
        "04ebfc718e8d1798620432268e77feb6415e2ede0e073c0f4f640ecd2e149a73"
        "e858f9d81e5430a57b36daab8f950a3c64e6ee6a63094d99283aff767e124df0"
        "59983c18f809e262923c53aec295d30383b54e39d609d160afcb1908d0bd8766"
        "21886ca989ca9c7d58087307ca93092d651efa"
    )


@pytest.mark.parametrize("written_as", ["auto", *RAW_FORMATS])
def test_a_raw_ciphertext_holds_at_least_one_byte_of_data(written_as: formats.CiphertextFormat) -> None:
    point = b"".join(coordinate.to_bytes(32, "big") for coordinate in GENERATOR)
    for encoded in (b"", b"\x04", point, point + bytes(32), b"\x04" + point + bytes(32)):
        with pytest.raises(InputError, match="too few"):
            formats.read_ciphertext(encoded, written_as)
    assert formats.read_ciphertext(point + bytes(33), written_as).c2 == b"\0"
    assert formats.read_ciphertext(b"\x04" + point + bytes(33), written_as).c2 == b"\0"


@pytest.mark.parametrize(
    "parts",
    [
        ("02020001", "020101", "0420" + "00" * 32, "0401ff"),
        ("0201ff", "020101", "0420" + "00" * 32, "0401ff"),
        ("0221" + "01" + "00" * 32, "020101", "0420" + "00" * 32, "0401ff"),
        ("020101", "0221" + "01" + "00" * 32, "0420" + "00" * 32, "0401ff"),
        ("020101", "020101", "041f" + "00" * 31, "0401ff"),
        ("020101", "020101", "0421" + "00" * 33, "0401ff"),
        ("020101", "020101", "0420" + "00" * 32, "0400"),
        ("020101", "020101", "0420" + "00" * 32, "048101ff"),
        ("020101", "020101", "0420" + "00" * 32),
        ("020101", "020101", "0420" + "00" * 32, "0401ff", "0500"),
        ("020101", "020101", "2420" + "00" * 32, "0401ff"),
        ("020101", "0420" + "00" * 32, "0401ff"),
    ],
)
def test_flawed_der_ciphertexts_are_refused(parts: tuple[str, ...]) -> None:
    whole = der.sequence(*(bytes.fromhex(part) for part in ("020101", "020101", "0420" + "00" * 32, "0401ff")))
    assert formats.read_ciphertext(whole, "der") == Ciphertext(1, 1, bytes(32), b"\xff")
    for flawed in (der.sequence(*(bytes.fromhex(part) for part in parts)), whole + b"\0", whole[:-1], whole[1:]):
        with pytest.raises(InputError):
            formats.read_ciphertext(flawed, "der")


def test_ciphertexts_of_botan_are_written_as_they_were() -> None:
    vectors = [bytes.fromhex(fields["Ciphertext"]) for fields in stanzas("botan/sm2_enc.vec") if "Ciphertext" in fields]
    assert len(vectors) >= 5
    for encoded in vectors:
        assert formats.write_ciphertext(formats.read_ciphertext(encoded, "der")) == encoded


@pytest.mark.parametrize(("name", "size"), [("secp256r1_sha256", 32), ("secp384r1_sha384", 48)])
def test_valid_signatures_of_wycheproof_are_written_as_they_were(name: str, size: int) -> None:
    valid = [test for test in wycheproof(f"ecdsa_{name}_test.json") if test["result"] == "valid"]
    assert len(valid) > 150
    for test in valid:
        encoded = bytes.fromhex(test["sig"])
        r, s = formats.read_signature(encoded, "auto", number_bytes=size)
        assert formats.write_signature(r, s, number_bytes=size) == encoded


def test_the_largest_data_that_always_fits_into_asymmetricsm2decrypt() -> None:
    """KMS takes at most 256 bytes of DER, and both coordinates may need 33."""
    largest = Ciphertext(2**256 - 1, 2**256 - 1, bytes(32), bytes(146))
    assert len(formats.write_ciphertext(largest)) == 256


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("1.2.840.10045.2.1", "06072a8648ce3d0201"),
        ("1.2.156.10197.1.301", "06082a811ccf5501822d"),
        ("2.16.840.1.101.3.4.1.42", "060960864801650304012a"),
        ("2.999.3", "0603883703"),
    ],
)
def test_object_identifiers(dotted: str, encoded: str) -> None:
    assert der.object_identifier(dotted).hex() == encoded
    assert der.Reader(bytes.fromhex(encoded)).object_identifier().hex() == encoded


@given(st.integers(0, N**5))
@settings(deadline=None)
def test_integers_have_the_shortest_encoding(number: int) -> None:
    encoded = der.integer(number)
    reader = der.Reader(encoded)
    assert reader.integer() == number
    reader.end()
    assert number < 128 or encoded[-(number.bit_length() // 8 + 1)] < 0x80


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 65535, 65536])
def test_lengths_around_the_ends_of_their_forms(size: int) -> None:
    encoded = der.octets(bytes(size))
    reader = der.Reader(encoded)
    assert reader.octets() == bytes(size)
    reader.end()
    for cut in {1, 2, 3, len(encoded) - 1} & set(range(len(encoded))):
        with pytest.raises(InputError):
            der.Reader(encoded[:cut]).octets()


@pytest.mark.parametrize(
    "length", ["80", "8100", "817f", "820080", "83000100", "8500000000ff", "ff", "ff" + "00" * 127]
)
def test_lengths_that_are_not_the_shortest_are_refused(length: str) -> None:
    with pytest.raises(InputError):
        der.Reader(b"\x04" + bytes.fromhex(length) + bytes(300)).octets()


def test_bit_strings_are_of_whole_bytes() -> None:
    assert der.Reader(der.bits(b"ab")).bits() == b"ab"
    for flawed in ("0300", "0303016162", "0302ff61", "040161"):
        with pytest.raises(InputError):
            der.Reader(bytes.fromhex(flawed)).bits()
