"""The stand-in for Tencent's white-box library: how it is built, and what its toy cipher encrypts."""

import subprocess
from pathlib import Path

from tests.conftest import need

SOURCE = Path(__file__).with_suffix(".c")
IV = bytes(range(16))


def build(path: Path, *options: str, source: Path = SOURCE) -> Path:
    """Build the stub; the C compiler is part of what tests need."""
    subprocess.run([need("cc"), "-shared", "-fPIC", *options, "-o", path, source], check=True, timeout=60)
    return path


def encrypt(key: int, plaintext: bytes, iv: bytes = IV) -> bytes:
    """Encrypt with the stub's toy cipher."""
    size = 16 - len(plaintext) % 16
    padded, before, out = plaintext + bytes((size,)) * size, iv, b""
    for start in range(0, len(padded), 16):
        before = bytes(byte ^ key ^ other for byte, other in zip(padded[start : start + 16], before, strict=True))
        out += before
    return out
