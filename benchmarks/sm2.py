"""What SM2 costs beside PyPI's gmssl, alternating in one run, the same messages and keys for both.

Prints medians of processor time in milliseconds and how many times as long gmssl takes. Its
public key is given in the form that it does not mangle. Usage: sm2.py [ROUNDS]
"""

from __future__ import annotations

import secrets
import statistics
import sys
import time
from collections.abc import Callable

from gmssl.func import random_hex
from gmssl.sm2 import CryptSM2

from kmstool.crypto import formats
from kmstool.crypto.sm2 import encryption, keys, signatures

PLAINTEXT = secrets.token_bytes(32)


def cases() -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Return what is measured: ours and theirs of each operation."""
    key = keys.PrivateKey.generate()
    theirs = CryptSM2(f"{key.scalar:064x}", "", mode=1)
    theirs.public_key = key.public_key.to_bytes()[1:].hex()
    e = signatures.digest(key.public_key, b"message")
    signature = signatures.sign(key, e)
    raw_signature = formats.write_signature(*signature, "raw").hex()
    ciphertext = encryption.encrypt(key.public_key, PLAINTEXT)
    raw_ciphertext = formats.write_ciphertext(ciphertext, "c1c3c2", prefix=False)
    return {
        "sign": (lambda: signatures.sign(key, e), lambda: theirs.sign(e, random_hex(64))),
        "verify": (
            lambda: signatures.verify(key.public_key, e, *signature),
            lambda: theirs.verify(raw_signature, e),
        ),
        "encrypt": (lambda: encryption.encrypt(key.public_key, PLAINTEXT), lambda: theirs.encrypt(PLAINTEXT)),
        "decrypt": (lambda: encryption.decrypt(key, ciphertext), lambda: theirs.decrypt(raw_ciphertext)),
    }


def measure(operation: Callable[[], object]) -> float:
    """Return the processor time of one call in milliseconds."""
    start = time.process_time_ns()
    operation()
    return (time.process_time_ns() - start) / 1e6


def main() -> None:
    """Run every case once a round and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 51
    # The tables of the generator are made by the first call of a process, and belong to it.
    first = measure(lambda: signatures.sign(keys.PrivateKey(12345), bytes(32)))
    measured = cases()
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in measured}
    for _ in range(rounds):
        for name, operations in measured.items():
            for samples, operation in zip(times[name], operations, strict=True):
                samples.append(measure(operation))
    print(f"{'case':<10} {'kmstool ms':>10} {'gmssl ms':>10} {'ratio':>6}")
    for name, (ours, others) in times.items():
        own, other = statistics.median(ours), statistics.median(others)
        print(f"{name:<10} {own:10.2f} {other:10.2f} {other / own:6.1f}")
    print(f"the first signature of a process: {first:.2f} ms")


if __name__ == "__main__":
    main()
