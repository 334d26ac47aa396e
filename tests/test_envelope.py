"""The envelope commands as users run them: nothing is lost, nothing is released unverified, and every failure is told."""

import fcntl
import hashlib
import importlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kmstool.cli import main
from kmstool.cli.params import ByteRange
from kmstool.cli.session.session import Session
from kmstool.envelope import header
from kmstool.envelope.armor import BEGIN, ArmorWriter
from kmstool.envelope.floe import AES_256_GCM, Floe
from kmstool.envelope.header import Prologue
from kmstool.envelope.stanzas import KEY_ID, LABEL, REGION, WRAPPED, Stanza, decode_fields, encode_fields
from kmstool.errors import OutputError, UsageError
from kmstool.kms.client import KmsClient
from kmstool.kms.cmk_recipients import CmkRecipient
from kmstool.server.app import EmbeddedKms
from tests.conftest import ON_TERMINAL, PROGRAM, need, small_disk
from tests.envelopes import (
    ABROAD,
    HOME_REGION,
    calls_of,
    content,
    done,
    envelope,
    fails,
    header_of,
    key_id,
    make_keys,
    make_tree,
    recipients_of,
    sealed,
    tree_of,
)
from tests.foreign import openssl
from tests.program import PIPE, TIMEOUT_SECONDS, Ran, started, until, waits

# How long a command may take to end after it was told to.
PATIENCE_SECONDS = 8
SEGMENT = 2**20 - 32
MOST_MEMORY_KIB = 64 * 1024
LARGE = 256 * 2**20

# Runs a program and writes the most memory that it had, in KiB, to the file named first. A small process starts it,
# because a child counts the memory of the one that it came from.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as report:
    report.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1)))
sys.exit(code)
"""


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with a store that holds the keys demo, other and, in another region, abroad."""
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    make_keys(kms)
    return workplace


def sparse(name: str, size: int) -> str:
    """Make a file that is large and needs no room."""
    with Path(name).open("wb") as open_file:
        open_file.truncate(size)
    return name


@pytest.fixture
def large_envelope(kms: EmbeddedKms, work: Path) -> str:
    """An envelope of twelve segments."""
    sparse("large", 12 * 2**20 - 1000)
    return sealed(kms, Path("large").read_bytes(), "large.kte")


def altered(name: str, place: int, to: str = "altered.kte") -> str:
    data = bytearray(Path(name).read_bytes())
    data[place] ^= 1
    Path(to).write_bytes(data)
    return to


@pytest.mark.parametrize("size", [0, 1, SEGMENT - 1, SEGMENT, SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1])
def test_sizes_around_the_borders_of_segments(size: int) -> None:
    """Through files, through pipes, and from one to the other."""
    text = os.urandom(min(size, 5000)).ljust(size, b".")
    Path("plain").write_bytes(text)
    assert done("encrypt", "--key", "demo", "plain") == b""
    with Path("plain.kte").open("rb") as made:
        assert done("decrypt", stdin=made) == text
    piped = done("encrypt", "--key", "demo", stdin=text)
    assert done("decrypt", "-", "-o", "opened", stdin=piped) == b""
    assert Path("opened").read_bytes() == text
    # A file knows its length before, and a pipe ends a full segment with an empty one.
    head = header_of("plain.kte")
    assert head.prologue.plaintext_bytes == (size or None)
    assert len(Path("plain.kte").read_bytes()) == head.payload_offset + 74 + size + 32 * max(1, -(-size // SEGMENT))
    assert sorted(os.listdir()) == ["opened", "plain", "plain.kte"]


def test_what_is_made_is_private_and_has_the_next_name() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "--key", "demo", "plain")
    Path("plain").unlink()
    done("decrypt", "plain.kte")
    assert stat.S_IMODE(os.stat("plain").st_mode) == 0o600
    assert Path("plain").read_bytes() == b"text"
    Path("plain.kte").rename("envelope")
    fails(2, "does not end in .kte, so the output needs a name", "decrypt", "envelope")
    assert done("decrypt", "envelope", "-o", "-") == b"text"


def test_an_output_that_exists_is_kept() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "--key", "demo", "plain")
    made = Path("plain.kte").read_bytes()
    fails(8, "cannot write plain.kte: it exists already", "encrypt", "--key", "demo", "plain")
    fails(8, "cannot write plain: it exists already", "decrypt", "plain.kte")
    assert done("decrypt", "plain.kte", "--range", "0-1") == b"te", "a part never takes the name of the whole"
    assert (Path("plain").read_bytes(), Path("plain.kte").read_bytes()) == (b"text", made)
    Path("plain").write_bytes(b"newer")
    done("encrypt", "--key", "demo", "plain", "--force")
    done("decrypt", "plain.kte", "--force")
    assert Path("plain").read_bytes() == b"newer"
    fails(2, "is both input and output", "encrypt", "--key", "demo", "plain", "-o", "./plain", "--force")
    fails(2, "is both input and output", "decrypt", "plain.kte", "-o", "./plain.kte", "--force")
    fails(8, "make the folder first", "decrypt", "plain.kte", "-o", "missing/plain")
    assert sorted(os.listdir()) == ["plain", "plain.kte"]


@pytest.mark.parametrize("span", [(), ("--range", "0-1")], ids=["whole", "range"])
def test_no_part_of_an_envelope_is_replaced_by_its_plaintext(span: tuple[str, ...]) -> None:
    """The payload would open no more without its header, and the only copy of armor would be gone."""
    Path("plain").write_bytes(b"text")
    done("encrypt", "--key", "demo", "--armor", "plain", "-o", "armored.kte")
    done("encrypt", "--key", "demo", "--detached", "head", "plain", "-o", "payload")
    for words in (("armored.kte",), ("payload", "--detached", "head")):
        for name in words[::2]:
            before = Path(name).read_bytes()
            fails(2, "is both input and output", "decrypt", *words, "-o", name, "--force", *span)
            assert Path(name).read_bytes() == before


@pytest.fixture(scope="module")
def openssl_keys() -> dict[str, bytes]:
    """An RSA key of OpenSSL's, by the names of its files."""
    private = openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048").stdout
    return {"private.pem": private, "public.pem": openssl("pkey", "-pubout", data=private).stdout}


@pytest.fixture
def key_pair(openssl_keys: dict[str, bytes], work: Path) -> str:
    """Write an RSA key, `private.pem` and `public.pem`; return the name of an envelope for it."""
    for name, data in openssl_keys.items():
        Path(name).write_bytes(data)
    Path("plain").write_bytes(b"text")
    done("encrypt", "--public-key", "public.pem", "plain", "-o", "private.pem.kte")
    return "private.pem.kte"


PUBLIC = f"{HOME_REGION}:6f6e2a6c-e7ca-11f1-8000-525400000001=public.pem"


@pytest.mark.parametrize(
    ("line", "spared"),
    [
        ("decrypt private.pem.kte --identity private.pem", "private.pem"),
        ("decrypt private.pem.kte --identity private.pem -o ./private.pem", "private.pem"),
        ("decrypt private.pem.kte --identity - -o private.pem", "private.pem"),
        ("decrypt private.pem.kte --identity private.pem -o private.pem --range 0-1", "private.pem"),
        ("decrypt -r sealed --identity opened/private.pem -o opened", "opened/private.pem"),
        ("encrypt plain --public-key public.pem -o public.pem", "public.pem"),
        (f"encrypt plain --public-key {PUBLIC} -o public.pem", "public.pem"),
        ("encrypt plain --public-key public.pem -o out --detached public.pem", "public.pem"),
        ("encrypt -r tree --public-key again/public.pem.kte -o again", "again/public.pem.kte"),
    ],
)
@pytest.mark.usefixtures("key_pair")
def test_no_key_is_replaced_by_what_it_opens_or_seals(line: str, spared: str) -> None:
    """It may be the only one that opens other data."""
    for folder, name in (("sealed", "private.pem.kte"), ("opened", "private.pem"), ("tree", "public.pem")):
        Path(folder).mkdir()
        shutil.copy(name, folder)
    Path("again").mkdir()
    shutil.copy("public.pem", "again/public.pem.kte")
    before = tree_of(".")
    with Path("private.pem").open("rb") as key:
        ran = envelope(*line.split(), "--force", stdin=key, exit_code=9 if " -r " in line else 2)
    assert f"{spared} is both input and output" in ran.stderr.decode()
    assert {name: data for name, data in tree_of(".").items() if name != "again/.kmstool-manifest.kte"} == before


def test_input_that_cannot_be_read() -> None:
    fails(3, "cannot read missing: no such file", "encrypt", "--key", "demo", "missing")
    fails(3, "cannot read missing.kte: no such file", "decrypt", "missing.kte")
    fails(2, r"\. is a folder", "encrypt", "--key", "demo", ".", "-o", "out")
    fails(3, "this is no envelope", "decrypt", "-o", "out", stdin=b"something else, and longer than a header is")
    fails(3, "this is no envelope", "inspect", stdin=b"")
    assert os.listdir() == []


@pytest.mark.parametrize("closed", ["demo", "other"])
def test_kms_moves_whichever_blob_it_can_open(kms: EmbeddedKms, work: Path, closed: str) -> None:
    kms.call("CreateKey", {"Alias": "next"})
    done("encrypt", "--key", "demo", "--key", "other", "-o", "out.kte", stdin=b"secret")
    kms.call("DisableKey", {"KeyId": key_id(kms, closed)})
    done("rewrap", "--server-side", "--from", "demo", "--from", "other", "--to", "next", "out.kte")
    assert recipients_of("out.kte") == [key_id(kms, "next")]
    assert done("decrypt", "out.kte", "-o", "-") == b"secret"


@pytest.mark.parametrize("options", [["missing"], ["."], ["-r", "missing", "-o", "out"]], ids=" ".join)
def test_what_cannot_be_read_costs_no_data_key(work: Path, options: list[str]) -> None:
    assert "GenerateDataKey" in calls_of("encrypt", "--key", "demo", "-o", "out.kte", stdin=b"x")
    assert "GenerateDataKey" not in calls_of("encrypt", "--key", "demo", *options)


def test_an_empty_name_is_no_file() -> None:
    """`-o "$OUT"` and `"$FILE"` with a variable that is not set."""
    Path("plain").write_bytes(b"text")
    fails(2, "an empty name is no file", "encrypt", "--key", "demo", "")
    fails(2, "an empty name is no file", "encrypt", "--key", "demo", "plain", "-o", "")
    done("encrypt", "--key", "demo", "plain")
    fails(2, "an empty name is no file", "decrypt", "plain.kte", "-o", "")
    for command in ("encrypt", "decrypt", "verify", "inspect"):
        fails(2, "an empty name is no file", command, "plain", "--detached", "")
    assert sorted(os.listdir()) == ["plain", "plain.kte"]


@pytest.mark.parametrize("way", ["file", "pipe"])
def test_a_file_whose_size_says_nothing(way: str) -> None:
    """A file of the kernel: its size is 0 and it is not empty. It goes in whole, or the command fails."""
    path = Path("/proc/version")
    if not path.exists():
        pytest.skip("there is no /proc")
    ran = envelope("encrypt", "--key", "demo", str(path), "-o", "-" if way == "pipe" else "made.kte", exit_code=None)
    if ran.exit_code == 0:
        if way == "pipe":
            Path("made.kte").write_bytes(ran.stdout)
        assert done("decrypt", "made.kte", "-o", "-") == path.read_bytes()


def test_any_of_three_keys_in_two_regions_opens_it(kms: EmbeddedKms) -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "--key", "other", "--key", f"{ABROAD}:abroad")
    keys = [(key_id(kms, alias, region), region) for alias, region in
            (("demo", HOME_REGION), ("other", HOME_REGION), ("abroad", ABROAD))]  # fmt: skip
    assert recipients_of("plain.kte") == [key for key, _ in keys]
    assert [stanza.text(REGION) for stanza in header_of("plain.kte").stanzas] == [region for _, region in keys]
    for key, region in keys:
        kms.call("DisableKey", {"KeyId": key}, region)
    for key, region in keys:
        kms.call("EnableKey", {"KeyId": key}, region)
        assert done("decrypt", "plain.kte", "-o", "-") == b"text"
        kms.call("DisableKey", {"KeyId": key}, region)
    errors = fails(6, "no recipient opens the envelope", "decrypt", "plain.kte", "-o", "opened")
    assert all(key in errors for key, _ in keys)
    assert not Path("opened").exists()


def test_a_named_key_that_fails_says_why(kms: EmbeddedKms) -> None:
    """The recipients that were not named are no failure beside it."""
    sealed(kms, b"text", "plain.kte", "demo", "other")
    kms.call("DisableKey", {"KeyId": key_id(kms, "other")})
    fails(6, "CmkDisabled", "decrypt", "plain.kte", "-o", "-", "--key", "other")


def test_a_key_that_is_named_is_the_only_one_asked(kms: EmbeddedKms) -> None:
    sealed(kms, b"text", "plain.kte", "demo", "other")
    assert calls_of("decrypt", "plain.kte", "-o", "out", "--key", "other") == ["ListKeyDetail", "Decrypt"]
    fails(
        4,
        "none of the envelope's recipients can be opened",
        "decrypt",
        "plain.kte",
        "-o",
        "-",
        "--key",
        f"{ABROAD}:abroad",
    )
    kms.call("DisableKey", {"KeyId": key_id(kms, "demo")})
    envelope("decrypt", "plain.kte", "-o", "-", "--key", "demo", exit_code=6)


def test_the_context_that_is_given_must_be_the_one() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "--context", "stage=test", "--context", "app=demo")
    done("encrypt", "plain", "--key", "demo", "-o", "without.kte")
    assert header_of("plain.kte").prologue.context == '{"app":"demo","stage":"test"}'
    both = ("--context", "app=demo", "--context", "stage=test")
    assert done("decrypt", "plain.kte", "-o", "-", *both) == b"text"
    assert done("decrypt", "plain.kte", "-o", "-") == b"text"
    for name, words in (
        ("plain.kte", ("--context", "app=demo")),
        ("plain.kte", ("--context", "app=Demo", "--context", "stage=test")),
        ("plain.kte", (*both, "--context", "more=1")),
        ("without.kte", ("--context", "app=demo")),
    ):
        fails(5, "has another context", "decrypt", "-o", "opened", name, *words)
    fails(5, "has another context", "verify", "plain.kte", "--context", "app=demo")
    assert sorted(os.listdir()) == ["plain", "plain.kte", "without.kte"]


def test_facts_are_bound_to_the_file_and_not_sent_to_kms() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "--aad", "ticket=OPS-1", "--aad", "a=ü")
    assert json.loads(done("inspect", "plain.kte", "--query", "Aad")) == {"ticket": "OPS-1", "a": "ü"}
    data = Path("plain.kte").read_bytes()
    Path("changed.kte").write_bytes(with_checksum(data.replace(b"OPS-1", b"OPS-2")))
    fails(5, "wrong data key or context", "decrypt", "changed.kte")
    fails(3, "at most 8,192", "encrypt", "plain", "--key", "demo", "--aad", "a=" + "b" * 8200, "-o", "large.kte")


def with_checksum(data: bytes) -> bytes:
    import zlib

    size = int.from_bytes(data[12:16], "big")
    return data[:32] + zlib.crc32(data[36 : 36 + size], zlib.crc32(data[:32])).to_bytes(4, "big") + data[36:]


def test_facts_that_are_no_text_are_refused() -> None:
    Path("plain").write_bytes(b"text")
    for option in ("--aad", "--context"):
        fails(3, "not UTF-8", "encrypt", "plain", "--key", "demo", option, os.fsdecode(b"name=\xff"))


def test_a_wrong_command_costs_no_call() -> None:
    """What can be seen without KMS is seen before it makes a data key."""
    assert calls_of("encrypt", "--key", "demo", "--armor", "--detached", "head", stdin=b"text") == []
    assert calls_of("decrypt", "missing.kte") == []
    Path("plain").write_bytes(b"text")
    assert calls_of("encrypt", "--key", "demo", "plain") == ["ListKeyDetail", "GenerateDataKey"]
    assert calls_of("decrypt", "plain.kte", "-o", "out") == ["Decrypt"]


# Altered, cut short, in part.


def test_what_was_altered_is_not_written(large_envelope: str) -> None:
    offset = header_of(large_envelope).payload_offset + 74
    for number in (0, 11):
        name = altered(large_envelope, offset + number * 2**20 + 500)
        errors = fails(5, f"altered or cut short at segment {number}", "decrypt", name, "-o", "opened")
        assert "incomplete" not in errors
        fails(5, f"at segment {number}", "verify", name)
        ran = envelope("decrypt", name, "-o", "-", exit_code=5)
        assert len(ran.stdout) <= number * SEGMENT
        assert ran.stdout == bytes(len(ran.stdout))
        assert (b"the output is incomplete: discard it" in ran.stderr) == (len(ran.stdout) > 0)
        fails(5, f"at segment {number}", "decrypt", name, "-o", "-", "--verify-first")
    assert sorted(os.listdir()) == ["altered.kte", "large", "large.kte"]


def test_what_was_cut_short_is_not_written(large_envelope: str) -> None:
    data = Path(large_envelope).read_bytes()
    offset = header_of(large_envelope).payload_offset + 74
    for size in (offset + 5 * 2**20, offset, offset - 1, 20):
        Path("cut.kte").write_bytes(data[:size])
        ran = envelope("decrypt", "cut.kte", "-o", "opened", exit_code=None)
        assert ran.exit_code in (3, 5), ran.stderr
        piped = envelope("decrypt", stdin=data[:size], exit_code=None)
        assert piped.exit_code in (3, 5)
        assert piped.stdout == bytes(len(piped.stdout))
    Path("cut.kte").write_bytes(data + b"\0")
    fails(5, "trailing data after it", "decrypt", "cut.kte", "-o", "opened")
    envelope("decrypt", stdin=data + b"\0", exit_code=5)
    assert sorted(os.listdir()) == ["cut.kte", "large", "large.kte"]


def test_verify(large_envelope: str) -> None:
    assert done("verify", large_envelope) == b"envelope valid\n"
    assert json.loads(done("verify", large_envelope, "--format", "json")) == {"Valid": True}
    assert done("verify", stdin=Path(large_envelope).read_bytes()) == b"envelope valid\n"


def test_verify_first(large_envelope: str) -> None:
    text = Path("large").read_bytes()
    assert done("decrypt", large_envelope, "--verify-first", "-o", "-") == text
    with Path(large_envelope).open("rb") as made:
        assert done("decrypt", "--verify-first", stdin=made) == text
    fails(2, "which a pipe does not allow", "decrypt", "--verify-first", stdin=Path(large_envelope).read_bytes())


@pytest.mark.parametrize(
    ("span", "begin", "end"),
    [
        ("0-0", 0, 1),
        ("5-9", 5, 10),
        (f"0-{SEGMENT - 1}", 0, SEGMENT),
        (f"{SEGMENT - 1}-{SEGMENT}", SEGMENT - 1, SEGMENT + 1),
        (f"{2 * SEGMENT}-{2 * SEGMENT + 8}", 2 * SEGMENT, 2 * SEGMENT + 9),
    ],
)
def test_a_range(span: str, begin: int, end: int, kms: EmbeddedKms) -> None:
    text = os.urandom(2 * SEGMENT + 9)
    sealed(kms, text)
    assert done("decrypt", "plain.kte", "--range", span, "-o", "-") == text[begin:end]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_range_over_what_was_altered_ends_before_it(number: int, kms: EmbeddedKms) -> None:
    """A pipe gets what was verified, as from `decrypt` of the whole, and is told if that is not all."""
    text = os.urandom(3 * SEGMENT + 9)
    offset = header_of(sealed(kms, text)).payload_offset + 74
    name = altered("plain.kte", offset + number * 2**20 + 500)
    ran = envelope("decrypt", name, "-o", "-", "--range", f"0-{(number + 1) * SEGMENT - 10}", exit_code=5)
    assert ran.stdout == text[: number * SEGMENT]
    assert (b"the output is incomplete: discard it" in ran.stderr) == (number > 0)


@pytest.mark.parametrize("span", ["-", "1", "1-", "-1", "a-b", "0-1-2", "+0-1", "0 -1", "0x0-1", "0-１", "9" * 5000])
def test_what_is_no_range(span: str) -> None:
    with pytest.raises(UsageError, match="is no range"):
        ByteRange.parse(span)


def test_ranges_that_cannot_be(kms: EmbeddedKms) -> None:
    sealed(kms, b"text")
    for span in ("0-4", "3-2", "4-9999999999"):
        fails(3, "is not within the 4 bytes", "decrypt", "plain.kte", "--range", span, "-o", "opened")
    fails(3, "from a regular file only", "decrypt", "--range", "0-1", stdin=Path("plain.kte").read_bytes())
    assert os.listdir() == ["plain.kte"]


def test_an_empty_range_is_not_everything(kms: EmbeddedKms) -> None:
    """`--range "$SPAN"` with a variable that is not set."""
    sealed(kms, b"text")
    fails(2, "is no range", "decrypt", "plain.kte", "--range", "", "-o", "opened")
    assert os.listdir() == ["plain.kte"]


def test_a_range_with_a_number_of_any_length(kms: EmbeddedKms) -> None:
    sealed(kms, b"text")
    ran = envelope("decrypt", "plain.kte", "--range", "0-" + "9" * 5000, "-o", "opened", exit_code=None)
    assert ran.exit_code in (2, 3), ran.stderr


# Armor and headers apart.


def test_armor() -> None:
    Path("plain").write_bytes(b"text")
    text = done("encrypt", "--key", "demo", "-a", "plain", "-o", "-")
    assert text.startswith(BEGIN + b"\n")
    assert text.isascii()
    done("encrypt", "--key", "demo", "--armor", "plain", "-o", "plain.pem")
    assert done("decrypt", stdin=text) == b"text"
    Path("armored").write_bytes(b"\n\n" + text.replace(b"\n", b"\r\n") + b"\n\n")
    assert done("decrypt", "armored", "-o", "-") == b"text"
    done("decrypt", "plain.pem", "-o", "opened")
    assert Path("opened").read_bytes() == b"text"
    assert done("verify", "plain.pem") == b"envelope valid\n"
    assert b"KTE1" in done("inspect", "plain.pem")
    for broken in (text[:-40], text + b"junk", b"junk\n" + text):
        ran = envelope("decrypt", stdin=broken, exit_code=None)
        assert ran.exit_code in (3, 5), ran.stderr
    fails(2, "exclude each other", "encrypt", "--key", "demo", "-a", "--detached", "head", "plain")


@pytest.mark.parametrize("space", [b"\n" * 31, b"\n" * 32, b" \r\n" * 1000], ids=["31", "32", "3000"])
def test_any_white_space_before_armor(space: bytes, kms: EmbeddedKms) -> None:
    text = bytearray()
    writer = ArmorWriter(text.extend)
    writer.write(memoryview(Path(sealed(kms, b"text")).read_bytes()))
    writer.close()
    assert done("decrypt", stdin=space + text) == b"text"


def test_a_detached_header() -> None:
    text = os.urandom(SEGMENT + 5)
    Path("plain").write_bytes(text)
    done("encrypt", "--key", "demo", "plain", "-o", "payload", "--detached", "head.kteh")
    assert Path("payload").stat().st_size == 74 + len(text) + 64
    for extra in ((), ("--verify-first",)):
        assert done("decrypt", "payload", "--detached", "head.kteh", "-o", "-", *extra) == text
    assert done("decrypt", "--detached", "head.kteh", stdin=Path("payload").read_bytes()) == text
    assert done("verify", "payload", "--detached", "head.kteh") == b"envelope valid\n"
    assert done("decrypt", "payload", "--detached", "head.kteh", "-o", "-", "--range", "1-3") == text[1:4]
    facts = json.loads(done("inspect", "payload", "--detached", "head.kteh", "--format", "json"))
    assert (facts["Detached"], facts["PlaintextBytes"], facts["LengthConsistent"]) == (True, len(text), True)
    fails(2, "name the payload's file too", "decrypt", "head.kteh", "-o", "opened")
    fails(3, "payload of an envelope, without its header.*\n.*--detached HEADER", "decrypt", "payload", "-o", "opened")
    assert facts["SegmentBytes"] == 2**20
    alone = ("inspect", "--detached", "head.kteh")
    assert json.loads(done(*alone, "--format", "json", stdin=b""))["SegmentBytes"] is None
    assert b"payload elsewhere" in done(*alone, stdin=b"")
    fails(3, "cannot read missing", "decrypt", "payload", "--detached", "missing", "-o", "opened")
    done("encrypt", "--key", "demo", "plain")
    fails(2, "not detached", "decrypt", "payload", "--detached", "plain.kte", "-o", "opened")
    piped = done("encrypt", "--key", "demo", "--detached", "piped.kteh", stdin=text)
    assert done("decrypt", "--detached", "piped.kteh", stdin=piped) == text
    fails(5, "wrong data key or context", "decrypt", "payload", "--detached", "piped.kteh", "-o", "opened")
    assert not Path("opened").exists()


@pytest.mark.parametrize("source", ["file", "pipe"])
def test_a_detached_header_that_exists(source: str) -> None:
    """It is kept, and replaced where --force says so, wherever the payload goes."""
    Path("plain").write_bytes(b"text")
    Path("head").write_bytes(b"precious")
    arguments = ("plain", "-o", "payload") if source == "file" else ()
    settings = {} if source == "file" else {"stdin": b"text"}
    envelope("encrypt", "--key", "demo", "--detached", "head", *arguments, **settings, exit_code=8)
    assert Path("head").read_bytes() == b"precious"
    payload = done("encrypt", "--key", "demo", "--detached", "head", "--force", *arguments, **settings)
    assert done("decrypt", "--detached", "head", stdin=payload or Path("payload").read_bytes()) == b"text"


def test_a_detached_header_never_replaces_the_input() -> None:
    Path("plain").write_bytes(b"text")
    for arguments in (("plain", "-o", "payload"), ("plain", "-o", "-")):
        envelope("encrypt", "--key", "demo", "--detached", "plain", "--force", *arguments, exit_code=2)
        assert Path("plain").read_bytes() == b"text"
    envelope("encrypt", "--key", "demo", "plain", "--detached", "both", "-o", "both", "--force", exit_code=2)
    assert os.listdir() == ["plain"]


@pytest.mark.parametrize("arguments", [("-o", "payload"), ("-o", "-"), ()], ids=["file", "stdout", "default"])
def test_the_name_of_a_detached_header_is_looked_at_first(arguments: tuple[str, ...]) -> None:
    """Before KMS makes a data key, and before the first byte of a payload that nothing could open leaves."""
    Path("plain").write_bytes(b"text")
    Path("head").write_bytes(b"precious")
    Path("folder").mkdir()
    words = ("encrypt", "--key", "demo", "plain", *arguments, "--detached")
    fails(8, "cannot write head: it exists already", *words, "head")
    fails(8, "cannot write folder: it is a folder", *words, "folder", "--force")
    fails(8, "make the folder first", *words, "missing/head")
    fails(2, "the header is written to a file, not to stdout", *words, "-")
    assert "GenerateDataKey" not in calls_of(*words, "head")
    assert sorted(os.listdir()) == ["folder", "head", "plain"]


def test_a_payload_that_does_not_get_out_leaves_no_header() -> None:
    """A header without its payload would only look like an envelope."""
    Path("head").write_bytes(b"former")
    with Path("/dev/full").open("wb") as full:
        envelope("encrypt", "--key", "demo", "--detached", "head", "--force", stdin=b"text", stdout=full, exit_code=8)
    assert Path("head").read_bytes() == b"former"
    assert os.listdir() == ["head"]


PAIR = [("linkat", 1), ("linkat", 2), ("/^rename", 1), ("/^rename", 2), ("/^unlink", 1)]
PAIR += [("fsync", number) for number in range(1, 8)]


@pytest.mark.usefixtures("uncovered")
def test_header_and_payload_are_on_disk_before_either_has_a_name() -> None:
    Path("plain").write_bytes(b"text")
    traced = (need("strace"), "-f", "-qq", "-o", "calls", "-e", "trace=fsync,linkat")
    done("encrypt", "--key", "demo", "plain", "-o", "payload", "--detached", "head", before=traced)
    before, _, _ = Path("calls").read_text().partition("linkat(")
    assert len(set(re.findall(r"fsync\(([0-9]+)", before))) == 2


@pytest.mark.parametrize(("call", "number"), PAIR)
@pytest.mark.usefixtures("uncovered")
def test_a_kill_while_header_and_payload_are_replaced(call: str, number: int) -> None:
    """What stays is the former pair, the new one, or a payload without a header; never parts of two envelopes."""
    words = ("encrypt", "--key", "demo", "plain", "-o", "payload", "--detached", "head", "--force")
    Path("plain").write_bytes(b"former")
    done(*words)
    Path("plain").write_bytes(b"newer!")
    assert killed_at(call, number, *words) in (-9, 137), "it was not killed"
    assert Path("payload").exists()
    if Path("head").exists():
        assert done("decrypt", "payload", "--detached", "head", "-o", "-") in (b"former", b"newer!")
    done(*words)
    assert done("decrypt", "payload", "--detached", "head", "-o", "-") == b"newer!"


def test_a_detached_header_through_a_pipe_and_verify_first() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "--key", "demo", "plain", "-o", "payload", "--detached", "head")
    shell = 'cat head | "$0" -m kmstool envelope decrypt payload --detached - -o - "$@"'
    for extra in ((), ("--verify-first",)):
        ran = subprocess.run(["sh", "-c", shell, sys.executable, *extra], capture_output=True, timeout=60, check=False)
        assert (ran.returncode, ran.stdout) in ((0, b"text"), (2, b"")), ran.stderr


# What an envelope says of itself.


def test_inspect_asks_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kms: EmbeddedKms) -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "--key", f"{ABROAD}:abroad", "--context", "app=demo", "--aad", "n=1")
    keys = [key_id(kms, "demo"), key_id(kms, "abroad", ABROAD)]
    kms.close()
    shutil.rmtree(tmp_path / "store")
    monkeypatch.delenv("KMSTOOL_PROFILE")
    assert calls_of("inspect", "plain.kte") == []
    facts = json.loads(done("inspect", "plain.kte", "--format", "json"))
    assert [(item["Kind"], item["Region"], item["KeyId"]) for item in facts["Recipients"]] == [
        ("tencent-kms", HOME_REGION, keys[0]),
        ("tencent-kms", ABROAD, keys[1]),
    ]
    wanted = {
        "Format": "KTE1",
        "Suite": "aes-256-gcm",
        "SegmentBytes": 2**20,
        "PlaintextBytes": 4,
        "LengthConsistent": True,
        "Context": {"app": "demo"},
        "Aad": {"n": "1"},
        "Detached": False,
        "Generation": 1,
        "Slots": 1,
    }
    assert {name: facts[name] for name in wanted} == wanted
    shown = done("inspect", "plain.kte").decode()
    for part in ("KTE1, aes-256-gcm", '{"app": "demo"}', "4 bytes, length consistent", *keys, "generation 1"):
        assert part in shown
    assert not (tmp_path / "store").exists()
    assert b"KTE1" in done("inspect", stdin=Path("plain.kte").read_bytes())


def test_inspect_needs_no_network() -> None:
    program = need("unshare")
    if subprocess.run([program, "-rn", "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no network can be taken away here")
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo")
    command = [program, "-rn", *PROGRAM, "envelope", "inspect", "plain.kte"]
    ran = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert b"KTE1" in ran.stdout


def test_inspect_tells_that_the_end_is_missing(large_envelope: str) -> None:
    data = Path(large_envelope).read_bytes()
    Path("cut.kte").write_bytes(data[:-1000])
    ran = envelope("inspect", "cut.kte", exit_code=5)
    assert b"NOT CONSISTENT" in ran.stdout
    assert envelope("inspect", "cut.kte", "--query", "LengthConsistent", exit_code=5).stdout == b"false\n"


HOSTILE = "\x1b[2J\x07\u202e\x9b31m\r"


def crafted(prologue: Prologue, *stanzas: Stanza, raw: dict[int, bytes] | None = None) -> None:
    """Write an envelope whose header says anything."""
    made = header.build(AES_256_GCM, prologue, stanzas)
    if raw is not None:
        text = encode_fields(raw)
        slot = header.encode_slot(header.Slot(1, stanzas), raw[1], made.slot_bytes)
        start = 36 + len(text)
        layout = struct.pack(">IIIIB", len(text), start, len(slot), start + len(slot), 1)
        data = with_checksum(header.MAGIC + b"\1\1\0\0" + layout + bytes(7) + text + slot)
    else:
        data = made.encode()
    Path("crafted.kte").write_bytes(data + Floe.start(AES_256_GCM, bytes(32), b"").header + bytes(32))


def good_stanza(kms: EmbeddedKms, **more: bytes) -> Stanza:
    stanza = CmkRecipient(KmsClient(kms), key_id(kms, "demo"), HOME_REGION).wrap(bytes(32), "")
    numbers = {"label": LABEL, "wrapped": WRAPPED, "wrapped_at": 5}
    return Stanza(stanza.kind, {**stanza.fields, **{numbers[name]: value for name, value in more.items()}})


@pytest.mark.parametrize("way", ["inspect", "json", "decrypt", "verify"])
def test_an_envelope_cannot_move_the_cursor(way: str, kms: EmbeddedKms) -> None:
    """Its texts are shown with their control characters written out."""
    unknown = Stanza(99, {REGION: HOSTILE.encode(), KEY_ID: HOSTILE.encode(), LABEL: HOSTILE.encode()})
    text = json.dumps({HOSTILE: HOSTILE})
    prologue = Prologue(bytes(16), context=text, aad=text, writer=HOSTILE)
    stanzas = (unknown,) if way in ("decrypt", "verify") else (good_stanza(kms, label=HOSTILE.encode()), unknown)
    crafted(prologue, *stanzas)
    arguments = {"inspect": ("inspect",), "json": ("inspect", "--format", "json"), "decrypt": ("decrypt", "-o", "-")}
    ran = envelope(*arguments.get(way, (way,)), "crafted.kte", exit_code=0 if way in ("inspect", "json") else 4)
    shown = (ran.stdout + ran.stderr).decode()
    assert not [char for char in shown if not char.isprintable() and char not in "\n\t"]


def inspected(*options: str) -> Ran:
    return envelope("inspect", "crafted.kte", *options, exit_code=None)


@pytest.mark.parametrize("moment", [2**63, 2**64 - 1, 253_402_300_800])
def test_times_that_cannot_be(moment: int, kms: EmbeddedKms) -> None:
    """A header is shown or refused, whatever it says."""
    at = struct.pack(">Q", moment)
    crafted(Prologue(bytes(16), created_unix=moment), good_stanza(kms))
    first = inspected()
    crafted(Prologue(bytes(16)), good_stanza(kms, wrapped_at=at))
    for ran in (first, inspected(), inspected("--format", "json")):
        assert ran.exit_code in (0, 3), ran.stderr
        assert b"unexpected" not in ran.stderr


def test_texts_that_are_half_a_character(kms: EmbeddedKms) -> None:
    crafted(Prologue(bytes(16), context='{"a":"\\ud800"}', aad='{"\\udfff":""}'), good_stanza(kms))
    for arguments in ((), ("--format", "json")):
        ran = inspected(*arguments)
        assert ran.exit_code in (0, 3), ran.stderr
        assert b"unexpected" not in ran.stderr


def test_a_field_of_a_newer_kmstool(kms: EmbeddedKms) -> None:
    crafted(Prologue(bytes(16)), good_stanza(kms), raw={1: bytes(16), 7: b"new"})
    done("inspect", "crafted.kte")
    crafted(Prologue(bytes(16)), good_stanza(kms), raw={1: bytes(16), 0x8007: b"new"})
    fails(3, "a newer kmstool made it", "inspect", "crafted.kte")


# Other recipients.


def test_rewrap_of_what_a_private_key_opens(key_pair: str) -> None:
    fails(4, "none of the envelope's recipients", "rewrap", key_pair, "--to", "demo")
    fails(
        2,
        "exclude each other",
        "rewrap",
        key_pair,
        "--to",
        "demo",
        "--identity",
        "x",
        "--server-side",
        "--from",
        "demo",
    )
    done("rewrap", key_pair, "--to", "demo", "--identity", "private.pem")
    assert done("decrypt", key_pair, "-o", "-") == Path("plain").read_bytes()


def test_a_rewrap_of_several_asks_once(key_pair: str) -> None:
    """A private key may come from a pipe, and KMS opens a data key that several envelopes share once."""
    Path("copy.kte").write_bytes(Path(key_pair).read_bytes())
    private = Path("private.pem").read_bytes()
    done("rewrap", key_pair, "copy.kte", "--to", "demo", "--identity", "-", stdin=private)
    make_tree(3)
    done("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    names = sorted(str(path) for path in Path("sealed").rglob("*.kte"))
    assert calls_of("rewrap", *names, "--to", "other").count("Decrypt") == 1


def test_a_rewrap_of_armor_says_what_to_do() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "--key", "demo", "--armor", "plain")
    fails(3, "the envelope is armored.*\n.*encrypt it anew", "rewrap", "plain.kte", "--to", "other")


def test_a_dry_rewrap_reads_what_it_would_change() -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "--key", "demo", "plain")
    before = Path("plain.kte").read_bytes()
    ran = envelope("rewrap", "plain.kte", "--to", "other", "--dry-run")
    assert ran.stdout == b"would give plain.kte other recipients\n"
    fails(3, "cannot open missing.kte", "rewrap", "missing.kte", "--to", "other", "--dry-run")
    fails(3, "no envelope", "rewrap", "plain", "--to", "other", "--dry-run")
    assert Path("plain.kte").read_bytes() == before


@pytest.mark.parametrize("reserve", [True, False])
def test_rewrap(reserve: bool, kms: EmbeddedKms, tmp_path: Path) -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "--context", "app=demo", *(["--reserve"] if reserve else []))
    Path("plain.kte").chmod(0o640)
    before, head = Path("plain.kte").read_bytes(), header_of("plain.kte")
    old = key_id(kms, "demo")
    ran = envelope("rewrap", "plain.kte", "--to", "other", "--to", f"{ABROAD}:abroad")
    assert (b"in place" if reserve else b"by a copy") in ran.stderr
    after = Path("plain.kte").read_bytes()
    assert recipients_of("plain.kte") == [key_id(kms, "other"), key_id(kms, "abroad", ABROAD)]
    assert after[header_of("plain.kte").payload_offset :] == before[head.payload_offset :]
    assert header_of("plain.kte").prologue == head.prologue
    assert old.encode() not in after
    assert old.encode() not in done("inspect", "plain.kte")
    assert (len(after) == len(before)) == reserve
    assert stat.S_IMODE(os.stat("plain.kte").st_mode) == 0o640
    kms.call("DisableKey", {"KeyId": old})
    assert content("plain.kte", tmp_path) == b"text"
    fails(4, "none of the envelope's recipients", "decrypt", "plain.kte", "-o", "-", "--key", "demo")
    # Whoever has the old file and the old key still opens it: this takes nothing back.
    kms.call("EnableKey", {"KeyId": old})
    Path("old.kte").write_bytes(before)
    assert content("old.kte", tmp_path) == b"text"
    assert sorted(os.listdir()) == ["old.kte", "plain", "plain.kte"]


def test_large_files_have_room_for_a_rewrap_in_place() -> None:
    sparse("large", 16 * 2**20)
    sparse("smaller", 16 * 2**20 - 1)
    for name, slots in (("large", 2), ("smaller", 1)):
        done("encrypt", "--key", "demo", name)
        assert len(header_of(f"{name}.kte").slots) == slots
    assert (header_of("large.kte").payload_offset + 74) % 4096 == 0


def test_a_record_that_kms_moves_is_opened_before_it_is_written(kms: EmbeddedKms, tmp_path: Path) -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "--reserve", "--context", "app=demo")
    calls = calls_of("rewrap", "plain.kte", "--from", "demo", "--to", "other", "--server-side")
    assert calls == ["ListKeyDetail", "ListKeyDetail", "ReEncrypt", "Decrypt"]
    assert recipients_of("plain.kte") == [key_id(kms, "other")]
    assert content("plain.kte", tmp_path) == b"text"
    assert calls_of("rewrap", "plain.kte", "--to", "demo") == ["ListKeyDetail", "Decrypt", "Encrypt"]
    fails(2, f"no recipient of the envelope is in {ABROAD}", "rewrap", "plain.kte", "--to", f"{ABROAD}:abroad",
          "--from", "other", "--server-side")  # fmt: skip
    assert recipients_of("plain.kte") == [key_id(kms, "demo")]


def test_a_detached_header_is_rewrapped_by_kms_alone(kms: EmbeddedKms) -> None:
    Path("plain").write_bytes(b"text")
    done("encrypt", "plain", "--key", "demo", "-o", "payload", "--detached", "head")
    before = Path("payload").read_bytes()
    fails(2, "add --server-side", "rewrap", "head", "--to", "other")
    done("rewrap", "head", "--from", "demo", "--to", "other", "--server-side")
    assert recipients_of("head") == [key_id(kms, "other")]
    assert Path("payload").read_bytes() == before
    kms.call("DisableKey", {"KeyId": key_id(kms, "demo")})
    assert done("decrypt", "payload", "--detached", "head", "-o", "-") == b"text"


def test_rewrap_of_many_names_those_that_failed(kms: EmbeddedKms) -> None:
    for name in ("a.kte", "c.kte"):
        sealed(kms, b"text", name, reserve=True)
    Path("b.kte").write_bytes(b"no envelope")
    os.link("c.kte", "c-again.kte")
    before = Path("c.kte").read_bytes()
    errors = fails(9, "3 of 4 envelopes were not rewrapped: b.kte, c.kte, missing.kte", "rewrap", "a.kte", "b.kte",
                   "c.kte", "missing.kte", "--to", "other")  # fmt: skip
    assert "b.kte: this is no envelope" in errors
    assert recipients_of("a.kte") == [key_id(kms, "other")]
    assert (Path("b.kte").read_bytes(), Path("c.kte").read_bytes()) == (b"no envelope", before)
    fails(8, "has several names", "rewrap", "c.kte", "--to", "other")
    Path("link.kte").symlink_to("a.kte")
    assert envelope("rewrap", "link.kte", "--to", "demo", exit_code=None).exit_code in (3, 8)
    assert recipients_of("a.kte") == [key_id(kms, "other")]
    assert Path("link.kte").is_symlink()


def test_rewrap_changes_nothing_when_it_is_only_tried_or_fails(kms: EmbeddedKms) -> None:
    sealed(kms, b"text", reserve=True)
    before = Path("plain.kte").read_bytes()
    done("rewrap", "plain.kte", "--to", "other", "--dry-run")
    fails(6, "no key 'missing'", "rewrap", "plain.kte", "--to", "other", "--to", "missing")
    kms.call("DisableKey", {"KeyId": key_id(kms, "other")})
    envelope("rewrap", "plain.kte", "--to", "other", exit_code=6)
    assert Path("plain.kte").read_bytes() == before
    fails(2, "missing option", "rewrap", "plain.kte")


@pytest.mark.parametrize("generation", [0, 2**63, 2**64 - 2])
def test_any_generation_that_is_read_can_be_rewrapped(generation: int, kms: EmbeddedKms, tmp_path: Path) -> None:
    """After the highest one there is none, and a copy begins anew."""
    sealed(kms, b"text", reserve=True)
    head = header_of("plain.kte")
    payload = Path("plain.kte").read_bytes()[head.payload_offset :]
    changed = replace(head, slots=(None, replace(head.newest[1], generation=generation)))
    Path("plain.kte").write_bytes(changed.encode() + payload)
    done("rewrap", "plain.kte", "--to", "other")
    assert header_of("plain.kte").newest[1].generation == (1 if generation == 2**64 - 2 else generation + 1)
    assert content("plain.kte", tmp_path) == b"text"
    last = replace(head, slots=(None, replace(head.newest[1], generation=2**64 - 2))).encode()
    place = last.index((2**64 - 2).to_bytes(8, "big"))
    slot = bytearray(last[place - 8 : place - 8 + head.slot_bytes])
    slot[8:16] = b"\xff" * 8
    body = bytes(slot[48 : 48 + int.from_bytes(slot[4:8], "big")])
    slot[16:48] = hashlib.sha256(head.prologue.file_id + b"\xff" * 8 + struct.pack(">I", len(body)) + body).digest()
    Path("plain.kte").write_bytes(last[: place - 8] + slot + last[place - 8 + head.slot_bytes :] + payload)
    for line in (["rewrap", "plain.kte", "--to", "other"], ["inspect", "plain.kte"], ["verify", "plain.kte"]):
        fails(3, "generation", *line)


@pytest.mark.parametrize("field", [4, 5])
@pytest.mark.parametrize("value", [0, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_no_number_of_a_header_is_too_large_to_be_read(field: int, value: int, kms: EmbeddedKms) -> None:
    sealed(kms, b"text", reserve=True)
    head = header_of("plain.kte")
    fields = decode_fields(head.raw_prologue, range(1, 7)) | {field: struct.pack(">Q", value)}
    prologue = Prologue.decode(encode_fields(fields))
    payload = Path("plain.kte").read_bytes()[head.payload_offset :]
    again = header.build(AES_256_GCM, prologue, head.stanzas, reserve=True)
    Path("plain.kte").write_bytes(again.encode() + payload)
    lines = (["inspect", "plain.kte"], ["verify", "plain.kte"], ["decrypt", "plain.kte", "-o", "-"],
             ["decrypt", "plain.kte", "--range", "0-3", "-o", "-"], ["rewrap", "plain.kte", "--to", "other"])  # fmt: skip
    for line in lines:
        ran = envelope(*line, exit_code=None)
        assert ran.exit_code in (0, 3, 5), ran.stderr
        assert b"unexpected" not in ran.stderr


def bound_socket() -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "socket"])
def test_what_is_no_file_is_not_rewrapped(kind: str, kms: EmbeddedKms) -> None:
    """It is refused at once: nobody writes into that pipe."""
    name = "/dev/zero" if kind == "device" else kind
    make: dict[str, Callable[[], Any]] = {
        "pipe": lambda: os.mkfifo("pipe"),
        "folder": lambda: os.mkdir("folder"),
        "socket": bound_socket,
        "device": lambda: None,
    }
    make[kind]()
    before = sealed(kms, b"text", "good.kte")
    reason = "not a regular file|is a directory|no such device"
    fails(3, reason, "rewrap", name, "--to", "other")
    fails(9, "1 of 2", "rewrap", name, before, "--to", "other")


WAITS = ["verify pipe", "decrypt pipe -o out", "encrypt pipe -o out --key demo", "verify x --detached pipe",
         "rewrap head --to other --payload pipe"]  # fmt: skip


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize(
    ("line", "number"),
    [("inspect pipe", number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    + [(line, signal.SIGTERM) for line in WAITS],
)
def test_a_signal_ends_the_wait_for_a_pipe(line: str, number: signal.Signals) -> None:
    """Pipes are read, and one that nobody writes into is waited for: before it is open, and after."""
    os.mkfifo("pipe")
    Path("x").write_bytes(b"text")
    done("encrypt", "x", "--key", "demo", "-o", "payload", "--detached", "head")
    for opened in (False, True):
        keep = os.open("pipe", os.O_RDWR) if opened else None
        with started("envelope", *shlex.split(line)) as process:
            until(lambda: waits(process, PIPE))
            process.send_signal(number)
            assert process.wait(PATIENCE_SECONDS) == -number
        if keep is not None:
            os.close(keep)
    assert not Path("out").exists()


def test_two_rewraps_of_one_file_at_once(kms: EmbeddedKms) -> None:
    sealed(kms, b"text", reserve=True)
    with Path("plain.kte").open("rb+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        fails(8, "is being rewrapped by another process", "rewrap", "plain.kte", "--to", "other")


@pytest.mark.parametrize(
    ("place", "reserve"),
    [
        ("fcntl.flock", True),
        ("kmstool.workflows.rewrapping.unlock", True),
        ("kmstool.workflows.rewrapping.unlock", False),
        ("kmstool.envelope.sealing.rewrap_copy", False),
    ],
)
@pytest.mark.parametrize("way", ["replaced", "removed", "linked"])
def test_a_file_that_is_another_one_meanwhile(
    place: str, way: str, reserve: bool, kms: EmbeddedKms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name has the other file, or none: to rewrap what it had would change nothing, or undo what was done there."""
    sealed(kms, b"text", reserve=reserve)
    sealed(kms, b"newer", "newer.kte")
    before, newer = Path("plain.kte").read_bytes(), Path("newer.kte").read_bytes()
    steps = {
        "replaced": lambda: os.replace("newer.kte", "plain.kte"),
        "removed": lambda: os.unlink("plain.kte"),
        "linked": lambda: os.link("plain.kte", "again.kte"),
    }
    inode, (owner, _, name) = os.stat("plain.kte").st_ino, place.rpartition(".")
    original = getattr(importlib.import_module(owner), name)

    def meanwhile(*arguments: Any, **settings: Any) -> Any:
        result = original(*arguments, **settings)
        if name != "flock" or os.fstat(arguments[0]).st_ino == inode:
            steps[way]()
        return result

    monkeypatch.setattr(place, meanwhile)
    reason = "has several names" if way == "linked" else "was replaced by another process"
    line = ["envelope", "rewrap", "plain.kte", "--to", "other"]
    context = main.root.make_context("kmstool", line, obj=Session(os.environ))
    with context as ctx, pytest.raises(OutputError, match=reason):
        main.root.invoke(ctx)
    assert Path("plain.kte").exists() == (way != "removed")
    if way != "removed":
        assert Path("plain.kte").read_bytes() == (newer if way == "replaced" else before)


def killed_at(call: str, number: int, *arguments: str) -> int:
    """Run a command that is killed when it makes a call to the system for the n-th time."""
    program = need("strace")
    inject = f"inject={call}:signal=SIGKILL:when={number}"
    before = (program, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", inject)
    return envelope(*arguments, before=before, exit_code=None).exit_code


IN_PLACE = [("pwrite64", 1), ("fsync", 1), ("pwrite64", 2), ("fsync", 2)]
BY_COPY = [("copy_file_range", 1), ("copy_file_range", 2), ("fsync", 1), ("linkat", 1), ("/^rename", 1), ("fsync", 2)]


@pytest.mark.parametrize(
    ("reserve", "call", "number"), [(True, *point) for point in IN_PLACE] + [(False, *point) for point in BY_COPY]
)
@pytest.mark.usefixtures("uncovered")
def test_a_kill_during_a_rewrap(reserve: bool, call: str, number: int, kms: EmbeddedKms, tmp_path: Path) -> None:
    """The file opens for the old or for the new recipients, and rewrapping it again finishes the work."""
    sealed(kms, b"text", reserve=reserve)
    before, head = Path("plain.kte").read_bytes(), header_of("plain.kte")
    assert killed_at(call, number, "rewrap", "plain.kte", "--to", "other") in (-9, 137), "it was not killed"
    old, new = key_id(kms, "demo"), key_id(kms, "other")
    assert recipients_of("plain.kte") in ([old], [new])
    assert Path("plain.kte").read_bytes()[header_of("plain.kte").payload_offset :] == before[head.payload_offset :]
    assert content("plain.kte", tmp_path) == b"text"
    done("rewrap", "plain.kte", "--to", "other")
    assert recipients_of("plain.kte") == [new]
    assert old.encode() not in Path("plain.kte").read_bytes()
    # A kill between the two steps of replacing a file may leave the new one under a second name, and nothing else.
    assert len(os.listdir()) <= 1 + (call == "/^rename")


# Ends that nobody wants.


def feed_with(process: subprocess.Popen[bytes], data: bytes, *, forever: bool) -> None:
    """Give a process its input, and then either more and more of it or nothing at all."""
    stdin, given = process.stdin, threading.Event()
    assert stdin is not None

    def feed() -> None:
        with suppress(BrokenPipeError, ValueError):
            stdin.write(data)
            stdin.flush()
            while forever:
                stdin.write(bytes(2**18))
                stdin.flush()
                given.set()
                time.sleep(0.02)
            given.set()

    threading.Thread(target=feed, daemon=True).start()
    # All that was given has been read, and more of it or nothing comes.
    until(lambda: given.is_set() and (forever or waits(process, PIPE)))


STOPS = [
    ("encrypt", signal.SIGKILL, False),
    ("encrypt", signal.SIGINT, False),
    ("encrypt", signal.SIGTERM, False),
    ("encrypt", signal.SIGINT, True),
    ("encrypt", signal.SIGTERM, True),
    ("decrypt", signal.SIGKILL, False),
    ("decrypt", signal.SIGINT, False),
    ("decrypt", signal.SIGTERM, False),
]


@pytest.mark.parametrize(
    ("command", "number", "input_goes_on"),
    STOPS,
    ids=lambda value: value.name if isinstance(value, signal.Signals) else str(value),
)
def test_a_signal_leaves_nothing(
    command: str, number: signal.Signals, input_goes_on: bool, large_envelope: str
) -> None:
    """Also while it waits for input that does not come: Ctrl-C ends it at once."""
    data = Path(large_envelope).read_bytes()[: 5 * 2**20] if command == "decrypt" else bytes(5 * 2**20)
    options = ("--key", "demo") if command == "encrypt" else ()
    before = sorted(os.listdir())
    with started("envelope", command, *options, "-o", "made", stdout=subprocess.DEVNULL) as process:
        feed_with(process, data, forever=input_goes_on)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == -number
    assert sorted(os.listdir()) == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda value: value.name)
def test_a_signal_ends_it_while_nobody_takes_its_output(number: signal.Signals, work: Path) -> None:
    with (
        Path(sparse("large", 64 * 2**20)).open("rb") as large,
        started("envelope", "encrypt", "--key", "demo", stdin=large) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.read(1) == b"\x89"
        until(lambda: waits(process, PIPE))
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == -number


def test_a_failure_does_not_wait_for_the_rest_of_the_input(work: Path) -> None:
    """What is altered is told at once, also while another worker waits for input that does not come."""
    # This suite takes longer for a segment, so that another worker is reading when it fails.
    sparse("large", 3 * 2**20)
    done("encrypt", "--key", "demo", "--suite", "sm4-gcm", "large")
    offset = header_of("large.kte").payload_offset
    data = bytearray(Path("large.kte").read_bytes()[: offset + 74 + 2**20 + 1000])
    data[offset + 1000] ^= 1
    with started("envelope", "decrypt", "-o", "opened", stdout=subprocess.DEVNULL) as process:
        feed_with(process, bytes(data), forever=False)
        assert process.wait(PATIENCE_SECONDS) == 5
    assert not Path("opened").exists()


def test_a_reader_that_goes_away(large_envelope: str) -> None:
    with started("envelope", "decrypt", large_envelope, "-o", "-") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1) == b"\0"
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 141
        assert process.stderr.read() == b""
    with Path("large").open("rb") as large, started("envelope", "encrypt", "--key", "demo", stdin=large) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.wait(PATIENCE_SECONDS) == 141
        assert process.stderr.read() == b""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", "3m") as place:
        yield place


def test_a_full_disk(disk: Path, large_envelope: str) -> None:
    text = Path("large").read_bytes()
    for arguments in (("encrypt", "--key", "demo", "large"), ("decrypt", large_envelope)):
        fails(8, "cannot write .*made: no space left", *arguments, "-o", str(disk / "made"))
        assert os.listdir(disk) == []
        with (disk / "redirected").open("wb") as target:
            assert b"no space left" in envelope(*arguments, "-o", "-", stdout=target, exit_code=8).stderr
        (disk / "redirected").unlink()
    fails(8, "no space left", "encrypt", "--key", "demo", "-a", "large", "-o", str(disk / "made"))
    assert os.listdir(disk) == []
    # A copy does not fit beside the first, and the first stays; in place there is always room.
    for name, options in (("copied", ()), ("in-place", ("--reserve",))):
        Path(name).write_bytes(text[: 2 * 2**20])
        done("encrypt", "--key", "demo", name, "-o", str(disk / name), *options)
        (disk / "ballast").write_bytes(bytes(2**19))
        before = (disk / name).read_bytes()
        envelope("rewrap", str(disk / name), "--to", "other", exit_code=0 if options else 8)
        assert ((disk / name).read_bytes() == before) == (not options)
        assert sorted(os.listdir(disk)) == sorted(["ballast", name])
        (disk / name).unlink()


def test_output_that_is_always_full() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        ran = envelope("encrypt", "--key", "demo", stdin=b"text", stdout=full, exit_code=8)
    assert b"no space left" in ran.stderr


def shown(command: str, typed: str = "", exit_code: int = 0) -> str:
    """Run a line of the shell on a terminal, and return what that shows."""
    line = f"stty cols 80 rows 24; {command.replace('kmstool', ' '.join(PROGRAM))}"
    ran = subprocess.run([*ON_TERMINAL, line], input=typed.encode(), capture_output=True, timeout=60, check=False)
    text = ran.stdout.decode(errors="backslashreplace")
    assert ran.returncode == exit_code, text
    return text


@pytest.fixture
def for_terminals(kms: EmbeddedKms, work: Path) -> None:
    Path("plain").write_bytes(b"text\n")
    Path("binary").write_bytes(bytes(range(256)))
    for name in ("plain", "binary"):
        sealed(kms, Path(name).read_bytes(), f"{name}.kte")


@pytest.mark.usefixtures("for_terminals")
def test_a_terminal_is_refused_an_envelope_but_for_armor() -> None:
    text = shown("kmstool envelope encrypt --key demo < plain", exit_code=8)
    assert "binary data is not written to a terminal" in text
    assert "\x89" not in text
    assert BEGIN.decode() in shown("kmstool envelope encrypt --key demo --armor < plain")


@pytest.mark.usefixtures("for_terminals")
def test_a_terminal_is_refused_what_it_cannot_show() -> None:
    assert "text\r\n" in shown("kmstool envelope decrypt < plain.kte")
    text = shown("kmstool envelope decrypt < binary.kte", exit_code=8)
    assert "binary data is not written to a terminal" in text
    assert "--armor" not in text, "decrypt has no such option"
    assert "\\xff" not in text
    assert "\\xff" in shown("kmstool envelope decrypt -o - < binary.kte")


@pytest.mark.usefixtures("for_terminals")
def test_a_terminal_that_was_not_named_is_not_read() -> None:
    assert "stdin is a terminal" in shown("kmstool envelope encrypt --no-input --key demo", "typed\n\x04", exit_code=2)


@pytest.mark.parametrize("option", ["", "--quiet"])
def test_progress_is_shown_after_half_a_second(option: str) -> None:
    large = sparse("large", 2**22)
    text = shown(f"(cat {large}; sleep 0.6; cat {large}) | kmstool envelope encrypt {option} --key demo -o made")
    assert ("encrypting" in text) == (option == "")


def memory_of(report: Path, *arguments: str, **settings: Any) -> int:
    """Run a command that has to succeed, and return the most memory that it had, in KiB."""
    command = [sys.executable, "-S", "-c", MEASURED, str(report), *PROGRAM, "envelope", *arguments]
    settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL} | settings
    ran = subprocess.run(command, stderr=subprocess.PIPE, timeout=TIMEOUT_SECONDS, check=False, **settings)
    assert ran.returncode == 0, ran.stderr
    return int(report.read_text())


@pytest.mark.usefixtures("uncovered")
def test_memory_does_not_grow_with_the_input(tmp_path: Path) -> None:
    report = tmp_path / "report"
    sparse("large", LARGE)
    needed = {"file to file": memory_of(report, "encrypt", "--key", "demo", "large")}
    with subprocess.Popen(["cat", "large"], stdout=subprocess.PIPE) as cat:
        needed["pipe to pipe"] = memory_of(report, "encrypt", "--key", "demo", stdin=cat.stdout)
    needed["to stdout"] = memory_of(report, "decrypt", "large.kte", "-o", "-")
    Path("large").unlink()
    needed["to a file"] = memory_of(report, "decrypt", "large.kte")
    Path("large").unlink()
    assert max(needed.values()) <= MOST_MEMORY_KIB, needed
    with Path("large.kte").open("rb+") as made:
        made.truncate(0)


@pytest.mark.usefixtures("uncovered")
def test_memory_does_not_grow_with_the_range(tmp_path: Path) -> None:
    sparse("large", 128 * 2**20)
    done("encrypt", "--key", "demo", "large")
    used = memory_of(tmp_path / "report", "decrypt", "large.kte", "--range", f"1-{100 * 2**20}", "-o", "-")
    assert used <= MOST_MEMORY_KIB


# Folders.


def test_a_folder_goes_through_tar_byte_for_byte() -> None:
    need("tar")
    make_tree(50, 60_000)
    Path("tree", "run.sh").write_text("#!/bin/sh\n")
    Path("tree", "run.sh").chmod(0o750)
    Path("tree", "link").symlink_to("run.sh")
    Path("tree", "empty folder").mkdir()
    os.utime("tree/run.sh", (1, 1))
    script = (
        "set -eo pipefail; tar -c -C tree . | $KMSTOOL envelope encrypt --key demo > tree.kte; "
        "mkdir out; $KMSTOOL envelope decrypt < tree.kte | tar -x -C out; "
        "tar -c -C tree --sort=name . | sha256sum; tar -c -C out --sort=name . | sha256sum"
    )
    environment = {**os.environ, "KMSTOOL": " ".join(PROGRAM)}
    ran = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr
    before, after = ran.stdout.split()[::2]
    assert before == after


def test_a_thousand_files_need_one_data_key() -> None:
    before = make_tree(1000)
    calls = calls_of("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    assert calls == ["ListKeyDetail", "GenerateDataKey"]
    sealed = tree_of("sealed")
    assert set(sealed) == {f"{name}.kte" for name in before} | {".kmstool-manifest.kte"}
    assert len({data[36 : 36 + 22] for data in sealed.values()}) == 1001, "every file has an id of its own"
    calls = calls_of("decrypt", "-r", "sealed", "-o", "opened")
    assert calls == ["Decrypt"]
    assert tree_of("opened") == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path("opened").rglob("*") if path.is_file()} == {0o600}
    facts = json.loads(done("inspect", "sealed/3/file-3.kte", "--query", "Aad"))
    assert facts == {"manifest": ".kmstool-manifest.kte", "path": "3/file-3"}


def test_a_data_key_for_each_file() -> None:
    before = make_tree(5)
    calls = calls_of("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--dek-per-file")
    assert calls.count("GenerateDataKey") in (5, 6)
    blobs = {
        header.parse(data[: header.needed_bytes(data[:36])]).stanzas[0].wrapped for data in tree_of("sealed").values()
    }
    assert len(blobs) == 6
    done("decrypt", "-r", "sealed", "-o", "opened")
    assert tree_of("opened") == before


def test_what_a_child_cannot_open_its_parent_opens() -> None:
    """Other processes than the first cannot ask KMS; what needs it is left to that one, and fails there alone."""
    before = make_tree(200)
    done("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    calls_of("encrypt", "-r", "tree", "-o", "others", "--key", "demo", "--dek-per-file")
    names = sorted(before)
    own, altered, alone = names[50:80], names[60], names[199]
    for name in [*own, alone]:
        Path("others", f"{name}.kte").replace(Path("sealed", f"{name}.kte"))
    path = Path("sealed", f"{altered}.kte")
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    ran = envelope("decrypt", "-r", "sealed", "-o", "opened", "--verbose", "--no-manifest", exit_code=9)
    said = ran.stderr.decode()
    assert said.count(f"{altered}.kte: ") == 1
    assert "1 of 200 files" in said
    assert said.count("Decrypt: ") == len(own) + 2
    assert tree_of("opened") == {name: data for name, data in before.items() if name != altered}


@pytest.mark.parametrize("count", [3, 200])
@pytest.mark.usefixtures("key_pair")
def test_a_private_key_opens_a_folder(count: int, kms: EmbeddedKms) -> None:
    """Without KMS, in all of the processes; and no other one opens it."""
    before = make_tree(count)
    assert calls_of("encrypt", "-r", "tree", "-o", "sealed", "--public-key", "public.pem", "--dek-per-file") == []
    assert calls_of("decrypt", "-r", "sealed", "-o", "opened", "--identity", "private.pem") == []
    assert tree_of("opened") == before
    fails(3, "cannot read missing", "decrypt", "-r", "sealed", "-o", "again", "--identity", "missing")
    fails(3, "cannot read missing", "decrypt", "-r", "sealed", "-o", "again", "--identity", "missing", "--dry-run")
    fails(4, "the manifest .* none of the envelope's", "decrypt", "-r", "sealed", "-o", "again")
    fails(9, f"{count} of {count} files", "decrypt", "-r", "sealed", "-o", "again", "--no-manifest")
    assert not Path("again").exists()


def test_what_a_folder_holds_besides_files() -> None:
    """Links are not followed out of it, and their number is told; what is no envelope is left where it is."""
    Path("tree").mkdir()
    Path("secret").write_text("not in the tree")
    Path("tree", "file").write_text("text")
    Path("tree", "link").symlink_to("../secret")
    Path("tree", "folder").symlink_to("..")
    os.mkfifo("tree/pipe")
    ran = envelope("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    assert b"3 links and special files in" in ran.stderr
    assert sorted(tree_of("sealed")) == [".kmstool-manifest.kte", "file.kte"]
    Path("sealed", "note.txt").write_text("no envelope")
    done("decrypt", "-r", "sealed", "-o", "opened")
    assert tree_of("opened") == {"file": b"text"}


def test_files_of_a_folder_that_fail_are_named(tmp_path: Path) -> None:
    """All others are done."""
    make_tree(200)
    Path("sealed", "3").mkdir(parents=True)
    Path("sealed", "3", "file-3.kte").write_text("precious")
    errors = fails(9, "1 of 200 files in .*tree were not encrypted", "encrypt", "-r", "tree", "-o", "sealed", "--key",
                   "demo")  # fmt: skip
    assert "3/file-3: cannot write" in errors
    assert len(tree_of("sealed")) == 201
    assert Path("sealed", "3", "file-3.kte").read_text() == "precious"
    last = Path("sealed", "5", "file-5.kte")
    last.write_bytes(last.read_bytes()[:-1])
    errors = fails(9, "2 of 200 files in .*sealed were not decrypted", "decrypt", "-r", "sealed", "-o", "opened")
    assert re.search("3/file-3.kte: .*no envelope", errors)
    assert "5/file-5.kte: the payload was" in errors or "5/file-5.kte: the payload is" in errors
    assert len(tree_of("opened")) == 198
    assert not Path("opened", "5", "file-5").exists()


def test_a_file_in_the_way_of_a_folder_is_one_failure() -> None:
    before = make_tree(14)
    Path("sealed").mkdir()
    Path("sealed", "3").write_text("no folder")
    errors = fails(9, "2 of 14 files", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    assert "3/file-3: " in errors
    assert "3/file-10: " in errors
    Path("sealed", "3").unlink()
    done("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--force")
    Path("opened").mkdir()
    Path("opened", "3").write_text("no folder")
    fails(9, "2 of 14 files", "decrypt", "-r", "sealed", "-o", "opened")
    assert len(tree_of("opened")) == len(before) - 1


def bounded(*arguments: str, exit_code: int) -> Ran:
    """Run a command as one who may not read everything, which root may unless it gives that up."""
    bound = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
    return envelope(*arguments, before=bound, exit_code=exit_code)


@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111], ids=oct)
@pytest.mark.parametrize("more", [(), ("--dry-run",)], ids=["done", "tried"])
def test_folders_that_cannot_be_read_are_failures(mode: int, more: tuple[str, ...]) -> None:
    """A backup that leaves out what it cannot see is not called complete; files that can be seen are in it."""
    make_tree(7)
    done("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo")
    # Of a folder with mode 444 the names can be read, and nothing of what they name.
    named = "3/file-3" if mode == 0o444 else "3"
    for folder, options in (("tree", ("--key", "demo")), ("sealed", ())):
        verb = "decrypt" if folder == "sealed" else "encrypt"
        Path(folder, "3").chmod(mode)
        said = bounded(verb, "-r", folder, "-o", f"{folder}-out", *options, *more, exit_code=9).err
        Path(folder, "3").chmod(0o755)
        assert re.search(f"^kmstool: {named}(.kte)?: cannot read .*: permission denied", said, re.MULTILINE), said
        assert re.search(f"1 of 7 files and folders in .*{folder} were not {verb}ed", said), said
        if not more:
            assert len(tree_of(f"{folder}-out")) == 6 + (verb == "encrypt")


def test_a_folder_that_cannot_be_read_at_all() -> None:
    make_tree(3)
    Path("tree").chmod(0)
    ran = bounded("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", exit_code=3)
    Path("tree").chmod(0o755)
    assert "cannot read " in ran.err
    assert not Path("sealed").exists()


def test_a_name_that_is_no_text_is_one_failure_or_none() -> None:
    Path("tree").mkdir()
    for name in (b"a", b"n\xff", b"z"):
        Path("tree", os.fsdecode(name)).write_text("text")
    ran = envelope("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", exit_code=None)
    assert ran.exit_code in (0, 9), ran.stderr
    assert {"a.kte", "z.kte"} <= set(os.listdir("sealed"))
    assert (len(os.listdir("sealed")) == 4) == (ran.exit_code == 0)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("encrypt -r tree", "needs a folder and -o"),
        ("encrypt -r plain -o out", "needs a folder and -o"),
        ("encrypt -r missing -o out", "needs a folder and -o"),
        ("encrypt -r -o out", "needs a folder and -o"),
        ("encrypt -r tree -o tree", "within each other"),
        ("encrypt -r tree -o tree/out", "within each other"),
        ("encrypt -r tree/0 -o .", "within each other"),
        ("encrypt -r tree -o out --armor", "excludes --armor"),
        ("encrypt -r tree -o out --detached head", "excludes --armor and --detached"),
        ("encrypt -r tree -o out --detached ''", "an empty name is no file"),
        ("encrypt -r tree -o ''", "an empty name is no folder"),
        ("encrypt -r '' -o out", "an empty name is no folder"),
        ("encrypt -r tree -o -", "no folder goes to stdout"),
        ("encrypt -r - -o out", "no folder goes to stdout"),
        ("decrypt -r tree -o -", "no folder goes to stdout"),
        ("encrypt plain -o out --armor --reserve", "--armor and --reserve exclude each other"),
        ("encrypt plain --dek-per-file -r --data-key ''", "is a shell variable unset?"),
        ("encrypt plain --dek-per-file -r --data-key key", "which --dek-per-file excludes"),
        ("encrypt -r tree -o out --aad path=x", "--aad cannot set it"),
        ("encrypt plain --dek-per-file", "--recursive"),
        ("encrypt plain --no-manifest", "--recursive"),
        ("encrypt -r tree -o out --aad manifest=x", "--aad cannot set it"),
        ("decrypt plain -o out --no-manifest", "--recursive"),
        ("decrypt plain -o out --ignore-path", "--recursive"),
        ("verify plain --ignore-path", "--recursive"),
        ("verify -r", "needs a folder"),
        ("verify -r plain", "needs a folder"),
        ("verify -r tree --context app=demo", "exclude each other"),
        ("verify -r tree --detached head", "--detached"),
        ("decrypt -r tree", "needs a folder and -o"),
        ("decrypt -r tree -o tree/out", "within each other"),
        ("decrypt -r tree -o out --context app=demo", "exclude each other"),
        ("decrypt -r tree -o out --range 0-1", "--range"),
        ("decrypt -r tree -o out --range ''", "--range"),
        ("decrypt -r tree -o out --detached head", "--detached"),
        ("decrypt -r tree -o out --verify-first", "--verify-first"),
    ],
)
def test_options_that_do_not_go_together(command: str, reason: str) -> None:
    """What would have no effect is refused, rather than passed over."""
    make_tree(3)
    Path("plain").write_bytes(b"text")
    words = shlex.split(command)
    fails(2, reason, *words, *(["--key", "demo"] if words[0] == "encrypt" else []))
    assert sorted(os.listdir()) == ["plain", "tree"]


def processes_of_group(group: int) -> bool:
    with suppress(ProcessLookupError):
        os.killpg(group, 0)
        return True
    return False


@pytest.mark.usefixtures("uncovered")
def test_a_signal_ends_all_processes_of_a_folder(work: Path) -> None:
    for number in range(4000):
        path = Path("tree", str(number % 10), str(number))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, 2**15)

    def made() -> int:
        return sum(len(names) for _, _, names in os.walk("sealed"))

    with started("envelope", "encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", "--quiet") as process:
        until(lambda: made() > 50)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
        until(lambda: not processes_of_group(process.pid))
        assert made() < 4000, "it was faster than the signal"


def test_the_suite_of_chinese_algorithms(tmp_path: Path) -> None:
    text = os.urandom(SEGMENT + 1)
    Path("plain").write_bytes(text)
    done("encrypt", "--key", "demo", "--suite", "sm4-gcm", "plain")
    assert header_of("plain.kte").suite.name == "sm4-gcm"
    assert json.loads(done("inspect", "plain.kte", "--format", "json"))["Suite"] == "sm4-gcm"
    assert done("decrypt", "plain.kte", "-o", "-") == text
    done("rewrap", "plain.kte", "--to", f"{ABROAD}:abroad")
    assert content("plain.kte", tmp_path) == text


def test_an_answer_under_another_key_is_refused(kms: EmbeddedKms) -> None:
    """The header names the key of another blob: what KMS says counts."""
    data = Path(sealed(kms, b"text")).read_bytes()
    head = header_of("plain.kte")
    stanza = head.stanzas[0]
    lying = Stanza(stanza.kind, {**stanza.fields, KEY_ID: key_id(kms, "other").encode()})
    slot = header.encode_slot(header.Slot(1, (lying,)), head.prologue.file_id, head.slot_bytes)
    Path("lying.kte").write_bytes(data[: head.slot_offset] + slot + data[head.payload_offset :])
    fails(5, "the header names the key .*, but the data key is under", "decrypt", "lying.kte", "-o", "opened")


def test_errors_for_programs(large_envelope: str) -> None:
    name = altered(large_envelope, header_of(large_envelope).payload_offset + 74 + 500)
    ran = envelope("decrypt", name, "-o", "-", "--format", "json", exit_code=5)
    assert ran.stdout == b""
    assert json.loads(ran.stderr)["error"]["code"] == "IntegrityError"


@pytest.mark.parametrize("flags", [(), ("--dek-per-file",)])
def test_a_stopped_folder_goes_on_where_it_was(flags: tuple[str, ...], kms: EmbeddedKms) -> None:
    """Nothing that is done and whole is done again: not in KMS, not on disk; what is altered since is."""
    before = make_tree(12)
    done("encrypt", "-r", "tree", "-o", "sealed", "--key", "demo", *flags)
    done("decrypt", "-r", "sealed", "-o", "opened")
    gone = sorted(path for path in Path("opened").rglob("*") if path.is_file())[:3]
    inodes = {path: path.stat().st_ino for path in Path("opened").rglob("*") if path.is_file()}
    for path in gone:
        path.unlink()
    ran = envelope("decrypt", "-r", "sealed", "-o", "opened")
    assert "3 files were decrypted, and 9 were there already" in ran.err
    assert tree_of("opened") == before
    assert all(path.stat().st_ino == inode for path, inode in inodes.items() if path not in gone)
    gone[0].write_bytes(gone[0].read_bytes() + b"longer")
    fails(9, "it exists already", "decrypt", "-r", "sealed", "-o", "opened")

    rewrapped = envelope("rewrap", "-r", "sealed", "--to", "other")
    assert "13 envelopes have other recipients" in rewrapped.err
    actions = calls_of("rewrap", "-r", "sealed", "--to", "other")
    assert not set(actions) & {"Encrypt", "Decrypt", "ReEncrypt"}
    first = min(Path("sealed").rglob("*.kte"))
    done("rewrap", str(first), "--to", "demo")
    assert (
        "1 envelopes have other recipients, and 12 had them already"
        in envelope("rewrap", "-r", "sealed", "--to", "other").err
    )
    kms.call("DisableKey", {"KeyId": key_id(kms, "demo")})
    assert "12 envelopes valid" in envelope("verify", "-r", "sealed").out
