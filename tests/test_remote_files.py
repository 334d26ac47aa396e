"""Single envelopes in an object store: what holds for files holds for them, and their headers lie beside them."""

import os
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.envelopes import done, envelope, fails, make_keys
from tests.object_store import ObjectStore
from tests.program import kmstool

DATA = os.urandom(3 * 2**20)
URL = "s3://bucket/folder/big"


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path, s3: ObjectStore) -> Path:
    """Work in an empty folder with a file, a store of keys and a bucket."""
    make_keys(kms)
    Path("big").write_bytes(DATA)
    return workplace


def test_a_file_goes_to_a_store_and_comes_back(s3: ObjectStore) -> None:
    done("encrypt", "--key", "demo", "big", "-o", f"{URL}.kte")
    assert s3.names() == ["folder/big.kte", "folder/big.kte-header"]
    assert len(s3.get("folder/big.kte-header")) < 2**14
    done("verify", f"{URL}.kte")
    assert '"Detached": true' in done("inspect", f"{URL}.kte", "--format", "json").decode()
    done("decrypt", f"{URL}.kte", "-o", "copy")
    assert Path("copy").read_bytes() == DATA
    assert done("decrypt", f"{URL}.kte", "--range", "1000000-1000999") == DATA[1_000_000:1_001_000]
    done("decrypt", f"{URL}.kte", "--verify-first")
    assert s3.get("folder/big") == DATA


def test_stdin_goes_to_a_store_and_an_object_to_another(s3: ObjectStore) -> None:
    done("encrypt", "--key", "demo", "-o", f"{URL}.kte", stdin=DATA)
    assert done("decrypt", f"{URL}.kte", "-o", "-") == DATA
    s3.put("plain", DATA)
    done("encrypt", "--key", "demo", "s3://bucket/plain")
    assert done("decrypt", "s3://bucket/plain.kte", "-o", "-") == DATA
    done("encrypt", "--key", "demo", "--armor", "big", "-o", "s3://bucket/text.pem")
    assert s3.get("text.pem").startswith(b"-----BEGIN")
    assert done("decrypt", "s3://bucket/text.pem", "-o", "-") == DATA


def test_an_envelope_that_was_copied_into_a_store_is_opened_and_one_that_was_copied_out(s3: ObjectStore) -> None:
    done("encrypt", "--key", "demo", "big")
    s3.put("copied.kte", Path("big.kte").read_bytes())
    assert done("decrypt", "s3://bucket/copied.kte", "-o", "-") == DATA
    done("encrypt", "--key", "demo", "big", "-o", f"{URL}.kte")
    for name in ("back.kte", "back.kte-header"):
        Path(name).write_bytes(s3.get(f"folder/{name.replace('back', 'big')}"))
    assert done("decrypt", "back.kte", "-o", "-") == DATA


def test_nothing_is_replaced_unless_it_was_asked_for(s3: ObjectStore) -> None:
    s3.put("folder/big.kte", b"old")
    fails(
        8,
        "cannot write s3://bucket/folder/big.kte: it exists already",
        "encrypt",
        "--key",
        "demo",
        "big",
        "-o",
        f"{URL}.kte",
    )
    assert s3.get("folder/big.kte") == b"old"
    done("encrypt", "--key", "demo", "big", "-o", f"{URL}.kte", "--force")
    assert done("decrypt", f"{URL}.kte", "-o", "-") == DATA
    fails(2, "is both input and output", "decrypt", f"{URL}.kte", "-o", f"{URL}.kte", "--force")


@pytest.mark.parametrize("damage", ["cut", "altered"])
def test_what_does_not_authenticate_leaves_no_object(damage: str, s3: ObjectStore) -> None:
    done("encrypt", "--key", "demo", "big", "-o", f"{URL}.kte")
    sealed = bytearray(s3.get("folder/big.kte"))
    sealed[-1] ^= 1
    s3.put("folder/big.kte", bytes(sealed) if damage == "altered" else bytes(sealed[:-1]))
    fails(5, "", "decrypt", f"{URL}.kte")
    fails(5, "", "verify", f"{URL}.kte")
    assert s3.names() == ["folder/big.kte", "folder/big.kte-header"]
    assert s3.uploads() == []


def test_a_dry_run_sends_nothing(s3: ObjectStore) -> None:
    done("encrypt", "--key", "demo", "big", "-o", f"{URL}.kte", "--dry-run")
    assert s3.names() == []


def test_exit_codes_are_those_of_files(s3: ObjectStore) -> None:
    fails(3, "no such object", "decrypt", "s3://bucket/nothing.kte")
    fails(8, "no such bucket", "encrypt", "--key", "demo", "big", "-o", "s3://nowhere/big.kte")
    fails(2, "unknown scheme ftp://", "decrypt", "ftp://host/x.kte", "-o", "x")
    s3.wire.cut_after = 0
    error = envelope("verify", f"{URL}.kte", "--format", "json", exit_code=7).error
    assert "cannot read s3://bucket/folder/big.kte" in error["message"]


def test_a_batch_reads_its_lines_from_a_store(s3: ObjectStore) -> None:
    s3.put("secrets.jsonl", b"".join(b'{"id": %d, "plaintext": "x"}\n' % number for number in range(3)))
    lines = kmstool("batch", "encrypt", "--key", "demo", "s3://bucket/secrets.jsonl").out
    assert kmstool("batch", "decrypt", stdin=lines).out.count('"plaintext": "x"') == 3
