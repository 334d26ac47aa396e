"""What docs/whitebox.md claims is true: the key is found nowhere, and is recovered from an unbound file all the same.

The second half is there so that nobody quietly upgrades the claim. If it fails because the tables
became better, the document is what must change first.
"""

import base64
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from kmstool import words
from kmstool.system import device
from kmstool.whitebox import aes, authentication, binding, generator, key_file, sm4
from tests.test_whitebox import foreign_encrypt
from tests.whitebox_attack import recover_key

DOCUMENT = (Path(__file__).parents[1] / "docs" / "whitebox.md").read_text("utf-8")
ALGORITHMS: tuple[words.Cipher, ...] = ("AES_256", "SM4")
KEY_ID = "6a2b1c9e-1e38-11e9-b129-5cb9019b4b01"
ORIGIN = b"secret\0f3b1c0a95d7e4826b1a6c4d29f8e7350"
SECRET = "f3b1c0a95d7e4826b1a6c4d29f8e7350"

# Each prints a line once it has decrypted, and keeps what it has until its input ends.
WHITE_BOX = """
import sys
from kmstool.whitebox import key_file
algorithm, name = sys.argv[1:]
opened = key_file.read(open(name, "rb").read()).open(b"secret\\0f3b1c0a95d7e4826b1a6c4d29f8e7350")
print(opened.apply(bytes(16)).hex(), flush=True)
sys.stdin.read()
"""
ORDINARY = """
import sys
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
algorithm, name = sys.argv[1:]
key = open(name, "rb").read()
opened = Cipher((algorithms.AES if algorithm == "AES_256" else algorithms.SM4)(key), modes.ECB()).decryptor()
print(opened.update(bytes(16)).hex(), flush=True)
sys.stdin.read()
"""


def tables_of(algorithm: words.Cipher, key: bytes) -> bytes:
    return generator.generate(algorithm, "decrypt", key, secrets.token_bytes(32))


def written(algorithm: words.Cipher, tables: bytes, *fingerprints: str) -> bytes:
    return key_file.write(algorithm, "decrypt", KEY_ID, tables, fingerprints)


# The key is recovered.


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_whoever_can_open_the_file_can_recover_the_key(algorithm: words.Cipher) -> None:
    assert "**Whoever can open the file can recover the key.**" in DOCUMENT
    for _ in range(5):
        key = secrets.token_bytes(words.KEY_BYTES[algorithm])
        assert recover_key(written(algorithm, tables_of(algorithm, key))) == key


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_from_a_bound_file_nothing_is_recovered_without_the_device(algorithm: words.Cipher) -> None:
    """No part of the tables stands in it, and a list of devices that is taken away opens nothing."""
    tables = tables_of(algorithm, secrets.token_bytes(words.KEY_BYTES[algorithm]))
    bound = written(algorithm, tables, binding.fingerprint(ORIGIN))
    assert not [place for place in range(0, len(tables) - 8, 8) if tables[place : place + 8] in bound]
    with pytest.raises(InvalidTag):
        recover_key(bound[:7] + b"\0" + bound[8:24] + bound[104:])


# The key is found nowhere.


def key_parts(algorithm: words.Cipher, key: bytes) -> dict[str, bytes]:
    """Return the key, and everything of 16 bytes that a program could keep of its round keys."""
    parts = {"key": key}
    if algorithm == "AES_256":
        parts |= {f"round key {number}": part for number, part in enumerate(aes.round_keys(key))}
        parts |= {f"inverse round key {number}": part for number, part in enumerate(aes._inverse_round_keys(key))}
        return parts
    words = sm4.round_keys(key)
    for order, ordered in (("", words), ("reversed ", words[::-1])):
        for number in range(len(words) - 3):
            four = ordered[number : number + 4]
            parts[f"{order}round keys from {number}"] = b"".join(four)
            parts[f"{order}little-endian round keys from {number}"] = b"".join(word[::-1] for word in four)
    return parts


def memory(process_id: int) -> Iterator[bytes]:
    """Yield every range of a process's memory that can be read."""
    with open(f"/proc/{process_id}/maps") as maps, open(f"/proc/{process_id}/mem", "rb", buffering=0) as opened:
        for line in maps:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if found is None or "[v" in line:
                continue
            start, end = (int(number, 16) for number in found.groups())
            opened.seek(start)
            yield opened.read(end - start)


def found_in_memory(program: str, algorithm: words.Cipher, file: Path, parts: dict[str, bytes]) -> tuple[str, set[str]]:
    """Run a program until it has decrypted; return what it printed and which parts its memory holds."""
    command = [sys.executable, "-c", program, algorithm, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        line = process.stdout.readline().strip()
        found = {name for piece in memory(process.pid) for name, part in parts.items() if part in piece}
        process.communicate(timeout=60)
    return line, found


@pytest.mark.skipif(sys.platform != "linux", reason="the memory of a process is read as a file of Linux")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("fingerprints", [(), (binding.fingerprint(ORIGIN),)], ids=["unbound", "bound"])
def test_the_key_is_found_nowhere(algorithm: words.Cipher, fingerprints: tuple[str, ...], tmp_path: Path) -> None:
    """The same search finds it in an ordinary process that decrypts the same block."""
    key = secrets.token_bytes(words.KEY_BYTES[algorithm])
    parts = key_parts(algorithm, key)
    tables = tables_of(algorithm, key)
    data = written(algorithm, tables, *fingerprints)
    assert not [name for name, part in parts.items() if part in data or part in tables]
    (tmp_path / "decrypt_key.bin").write_bytes(data)
    (tmp_path / "key").write_bytes(key)
    printed, found = found_in_memory(WHITE_BOX, algorithm, tmp_path / "decrypt_key.bin", parts)
    assert found == set()
    printed_too, found = found_in_memory(ORDINARY, algorithm, tmp_path / "key", parts)
    assert printed == printed_too
    assert "key" in found
    assert len(found) > 1, "the control does not see round keys either"


# The example.


def test_the_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = re.findall(r"^```python\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    key, iv = secrets.token_bytes(32), secrets.token_bytes(16)
    monkeypatch.setenv(device.ORIGIN_VARIABLE, SECRET)
    ciphertext = foreign_encrypt("AES_256", key, iv, b"the secret of a service")
    (tmp_path / "iv.base64").write_bytes(base64.encodebytes(iv))
    (tmp_path / "ciphertext.base64").write_bytes(base64.encodebytes(ciphertext))
    file = written("AES_256", tables_of("AES_256", key), binding.fingerprint(device.origin()))
    (tmp_path / "decrypt_key_aes256.bin").write_bytes(file)
    mac = authentication.make(file, iv, ciphertext, "AES_256", "")
    (tmp_path / "mac.base64").write_bytes(base64.encodebytes(mac))
    names: dict[str, object] = {}
    exec(compile(example, "docs/whitebox.md", "exec"), names)
    secret_key = names["secret_key"]
    assert callable(secret_key)
    assert secret_key(tmp_path) == "the secret of a service"


def test_the_sizes_of_the_document() -> None:
    for algorithm in ALGORITHMS:
        tables = tables_of(algorithm, bytes(words.KEY_BYTES[algorithm]))
        assert f"{len(tables):,}" in DOCUMENT
        assert f"{len(written(algorithm, tables)):,} for {algorithm}" in DOCUMENT
