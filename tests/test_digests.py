"""A digest does not depend on how the data is cut, and equals the one that others compute."""

import hashlib
import os
import time
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kmstool.crypto import digests
from kmstool.system import descriptors
from tests.foreign import openssl, package, stanzas

NAMES: tuple[digests.Name, ...] = get_args(digests.Name)
# FIPS 180-4's and GB/T 32905's first examples.
OF_ABC: dict[digests.Name, str] = {
    "SHA-256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    "SHA-384": "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
    "SM3": "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
}


@pytest.fixture(params=["hashlib", "cryptography"])
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where SM3 comes from: the second is for a Python whose OpenSSL has none."""
    name: str = request.param
    if name == "cryptography":
        available = hashlib.new

        def without_sm3(name: str, data: bytes = b"") -> object:
            if name == "sm3":
                raise ValueError("unsupported hash type sm3")
            return available(name, data)

        monkeypatch.setattr(hashlib, "new", without_sm3)
    return name


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("name", NAMES)
def test_the_standards_examples(name: digests.Name) -> None:
    digest = digests.new(name)
    digest.update(b"abc")
    assert digest.digest().hex() == OF_ABC[name]
    assert len(digest.digest()) == digests.DIGEST_BYTES[name]


@pytest.mark.usefixtures("source")
@pytest.mark.parametrize("name", NAMES)
def test_a_digest_goes_on_and_a_copy_goes_its_own_way(name: digests.Name) -> None:
    digest = digests.new(name)
    digest.update(b"a")
    other = digest.copy()
    digest.update(b"b")
    assert digest.digest() == digests.of_chunks(name, [b"ab"])
    digest.update(b"c")
    other.update(b"!")
    assert digest.digest().hex() == OF_ABC[name]
    assert other.digest() == digests.of_chunks(name, [b"a!"])


def test_the_two_sources_of_sm3_are_what_they_should_be(source: str) -> None:
    assert (type(digests.new("SM3")).__module__ == digests.__name__) == (source == "cryptography")


@given(st.sampled_from(NAMES), st.lists(st.binary(max_size=200)))
@settings(deadline=None)
def test_how_data_is_cut_does_not_matter(name: digests.Name, chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    assert digests.of_chunks(name, chunks) == digests.of_chunks(name, [whole])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [0, 1, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 1_000_000])
def test_a_file_is_read_to_its_end_in_parts(name: digests.Name, size: int, tmp_path: Path) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    path = tmp_path / "data"
    path.write_bytes(data[:size])
    with path.open("rb") as file:
        assert digests.of_chunks(name, descriptors.chunks(file.fileno())) == digests.of_chunks(name, [data[:size]])
        os.lseek(file.fileno(), size // 2, os.SEEK_SET)
        rest = descriptors.chunks(file.fileno())
        assert digests.of_chunks(name, rest) == digests.of_chunks(name, [data[size // 2 : size]])


def test_an_unknown_name_is_a_fault_of_the_caller() -> None:
    with pytest.raises(KeyError):
        digests.new("MD5")


@pytest.mark.usefixtures("source")
def test_vectors_of_botan() -> None:
    vectors = [fields for fields in stanzas("botan/sm3.vec") if "In" in fields]
    assert len(vectors) >= 139
    for fields in vectors:
        assert digests.of_chunks("SM3", [bytes.fromhex(fields["In"])]).hex() == fields["Out"].lower()


@pytest.mark.usefixtures("source")
def test_vectors_of_openssl() -> None:
    vectors = [fields for fields in stanzas("openssl/evpmd_sm3.txt") if fields.get("Digest") == "SM3"]
    assert len(vectors) >= 3
    for fields in vectors:
        # A stanza may give its input in lines, each to be appended.
        assert fields["text"].count("Input") == 1
        assert digests.of_chunks("SM3", [bytes.fromhex(fields["Input"])]).hex() == fields["Output"].lower()


@pytest.mark.parametrize("name", NAMES)
def test_the_openssl_program_agrees(name: digests.Name) -> None:
    data = bytes(range(251)) * 1000
    answer = openssl("dgst", f"-{name.replace('-', '').lower()}", "-binary", data=data).stdout
    assert digests.of_chunks(name, [data]) == answer


def test_gmssl_agrees() -> None:
    data = bytes(range(251)) * 100
    assert digests.of_chunks("SM3", [data]) == package("gmssl_pyx").sm3_hash(data)


def test_sm3_runs_at_the_speed_of_a_compiled_library() -> None:
    """In pure Python 8 MiB take more than a minute."""
    start = time.process_time()
    digests.of_chunks("SM3", [bytes(8 << 20)])
    assert time.process_time() - start < 2
