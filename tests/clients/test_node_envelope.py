"""Envelopes open without kmstool: a few lines of Node, written after docs/envelope-format.md, read what it wrote."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kmstool.envelope import header
from kmstool.kms.client import KmsClient
from kmstool.server.app import EmbeddedKms
from tests.conftest import need

SCRIPT = Path(__file__).with_name("open_envelope.js")
SEGMENT = 2**20 - 32
SIZES = sorted({max(0, number * SEGMENT + more) for number in range(4) for more in (-1, 0, 1)})


@pytest.fixture(autouse=True)
def work(kms: EmbeddedKms, workplace: Path) -> Path:
    """Work in an empty folder, with a store that holds the key demo."""
    kms.call("CreateKey", {"Alias": "demo"})
    return workplace


def encrypt(*arguments: str, text: bytes = b"") -> bytes:
    command = [sys.executable, "-m", "kmstool", "envelope", "encrypt", "--key", "demo", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def dek_of(name: str, kms: EmbeddedKms) -> bytes:
    """Let the embedded KMS open the DEK of an envelope."""
    data = Path(name).read_bytes()
    head = header.parse(data[: header.needed_bytes(data[:36])])
    return KmsClient(kms).decrypt(head.stanzas[0].wrapped.decode(), head.prologue.context).plaintext


def opened_by_node(name: str, dek: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([need("node"), str(SCRIPT), name], input=dek, capture_output=True, timeout=60, check=False)


@pytest.mark.parametrize("size", SIZES)
def test_node_opens_what_kmstool_wrote(size: int, kms: EmbeddedKms) -> None:
    """From a file and from a pipe, whose last segment may be an empty one."""
    need("node")
    text = os.urandom(min(size, 3000)) + bytes(max(0, size - 3000))
    Path("plain").write_bytes(text)
    encrypt("plain", "--context", "app=demo", "--aad", "n=1", "-o", "file.kte")
    Path("pipe.kte").write_bytes(encrypt(text=text))
    for name in ("file.kte", "pipe.kte"):
        done = opened_by_node(name, dek_of(name, kms))
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout == text


def test_node_opens_what_has_room_for_a_rewrap(kms: EmbeddedKms) -> None:
    need("node")
    Path("plain").write_bytes(b"text")
    encrypt("plain", "--reserve")
    assert opened_by_node("plain.kte", dek_of("plain.kte", kms)).stdout == b"text"


def test_node_refuses_what_kmstool_refuses(kms: EmbeddedKms) -> None:
    """The rules are in the format, not in the program."""
    need("node")
    Path("plain").write_bytes(bytes(SEGMENT + 5))
    encrypt("plain")
    data, dek = Path("plain.kte").read_bytes(), dek_of("plain.kte", kms)
    begin = header.needed_bytes(data[:36]) + 74
    changed = bytearray(data)
    changed[begin + 100] ^= 1
    other_prologue = data.replace(b"kmstool/", b"Kmstool/", 1)
    for altered in (bytes(changed), data[:-1], data + b"\0", data[: begin + 2**20], other_prologue):
        Path("altered.kte").write_bytes(altered)
        assert opened_by_node("altered.kte", dek).returncode != 0
    assert opened_by_node("plain.kte", bytes(32)).returncode != 0
    assert opened_by_node("plain.kte", dek).returncode == 0
