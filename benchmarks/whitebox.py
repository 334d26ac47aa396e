"""What white-box keys cost, beside what was demanded of them and beside `cryptography` with the key itself.

Prints medians of processor time in milliseconds: making the tables, opening a key file, decrypting
messages in CBC; alternating in one run. Then the sizes of key files. Usage: whitebox.py [ROUNDS]
"""

from __future__ import annotations

import secrets
import statistics
import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from kmstool import whitebox, words
from kmstool.whitebox import binding, generator, key_file

KEY_ID = "6a2b1c9e-1e38-11e9-b129-5cb9019b4b01"
ORIGIN = b"secret\0" + secrets.token_hex(32).encode()
FOREIGN = {"AES_256": algorithms.AES, "SM4": algorithms.SM4}
MESSAGES = {"4 KB": 2**12 - 1, "64 KB": 2**16 - 1}
MAX_GENERATE_MS, MAX_OPEN_AND_DECRYPT_MS = 60, 10


def cases(algorithm: words.Cipher) -> dict[str, tuple[Callable[[], object], Callable[[], object] | None, int | None]]:
    """Return what is measured: ours, theirs if there is the like, and the most milliseconds that ours may take."""
    key, seed, iv = secrets.token_bytes(words.KEY_BYTES[algorithm]), secrets.token_bytes(32), secrets.token_bytes(16)
    tables = generator.generate(algorithm, "decrypt", key, seed)
    bound = key_file.write(algorithm, "decrypt", KEY_ID, tables, [binding.fingerprint(ORIGIN)])
    opened = key_file.read(bound).open(ORIGIN)

    def padded(size: int) -> bytes:
        encryptor = Cipher(FOREIGN[algorithm](key), modes.CBC(iv)).encryptor()
        return encryptor.update(secrets.token_bytes(size) + b"\x01") + encryptor.finalize()

    def with_key(ciphertext: bytes) -> bytes:
        decryptor = Cipher(FOREIGN[algorithm](key), modes.CBC(iv)).decryptor()
        return decryptor.update(ciphertext) + decryptor.finalize()

    small, large = (padded(size) for size in MESSAGES.values())
    return {
        "make the tables": (lambda: generator.generate(algorithm, "decrypt", key, seed), None, MAX_GENERATE_MS),
        "open a bound file": (lambda: key_file.read(bound).open(ORIGIN), None, None),
        "open and decrypt 4 KB": (
            lambda: whitebox.decrypt(bound, iv, small, ORIGIN),
            lambda: with_key(small),
            MAX_OPEN_AND_DECRYPT_MS,
        ),
        "decrypt 4 KB": (lambda: opened.decrypt_cbc(iv, small), lambda: with_key(small), None),
        "decrypt 64 KB": (lambda: opened.decrypt_cbc(iv, large), lambda: with_key(large), None),
    }


def measure(operation: Callable[[], object]) -> float:
    """Return the processor time of one call in milliseconds."""
    start = time.process_time_ns()
    operation()
    return (time.process_time_ns() - start) / 1e6


def main() -> None:
    """Run every case once a round and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 51
    print(f"{'case':<30} {'kmstool ms':>10} {'at most':>8} {'cryptography ms':>16} {'ratio':>7}")
    for algorithm in words.KEY_BYTES:
        measured = cases(algorithm)
        times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in measured}
        for _ in range(rounds):
            for name, (ours, theirs, _) in measured.items():
                times[name][0].append(measure(ours))
                if theirs:
                    times[name][1].append(measure(theirs))
        for name, (own, others) in times.items():
            bar = measured[name][2]
            line = f"{algorithm + ', ' + name:<30} {statistics.median(own):10.2f} {bar or '':>8}"
            if others:
                other = statistics.median(others)
                line += f" {other:16.3f} {statistics.median(own) / other:7.0f}"
            print(line)
    for algorithm in words.KEY_BYTES:
        tables = generator.generate(algorithm, "decrypt", bytes(words.KEY_BYTES[algorithm]), bytes(32))
        sizes = {
            count: len(key_file.write(algorithm, "decrypt", KEY_ID, tables, [binding.fingerprint(ORIGIN)] * count))
            for count in (0, 1, 200)
        }
        print(f"{algorithm} key file: " + ", ".join(f"{size:,} bytes for {n} devices" for n, size in sizes.items()))


if __name__ == "__main__":
    main()
