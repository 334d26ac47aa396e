"""What signing a large file with `kmstool sign` costs beside `openssl dgst`, alternating in one run.

The keys of both are of the same kind; the KMS is the embedded one. The file is read once before the
first round, so that both find it in memory where it fits. Prints medians of time that passes, the
ratio, and the most memory that either had. Usage: signing.py [--bytes N] [--rounds N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

KMSTOOL = (sys.executable, "-m", "kmstool")
# A small process starts the measured one, because a child counts the memory of the one that it came from.
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // (1024 if sys.platform == "darwin" else 1))
sys.exit(code)
"""
CHUNK = 2**20
CASES = {
    "SM2": ("sign-sm2", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2"), ("-sm3",)),
    "RSA": ("sign-rsa-2048", ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"), ("-sha256",)),
}


def run(*command: str, environ: dict[str, str]) -> tuple[float, int]:
    """Return the seconds that a command took, and its most memory in KiB."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-S", "-c", MEASURED, *command], env=environ, stdout=subprocess.PIPE, check=True
    )
    return time.perf_counter() - start, int(done.stdout)


def write_file(path: Path, size: int) -> None:
    """Write random data, the same piece again and again, and read it once."""
    piece = os.urandom(CHUNK)
    with path.open("wb") as file:
        for start in range(0, size, CHUNK):
            file.write(piece[: size - start])
    with path.open("rb") as file:
        while file.read(CHUNK):
            pass


def measure(folder: Path, size: int, rounds: int) -> None:
    """Prepare keys and file, run every case once a round, and print the table."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KMSTOOL_", "TENCENTCLOUD_"))}
    environ = clean | {"HOME": str(folder), "KMSTOOL_PROFILE": "local", "KMSTOOL_LOCAL_HOME": str(folder / "store")}
    path = folder / "file"
    commands: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for name, (usage, parameters, options) in CASES.items():
        command = [*KMSTOOL, "key", "create", "--alias", name, "--usage", usage]
        subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True)
        key = str(folder / f"{name}.key")
        subprocess.run(["openssl", "genpkey", *parameters, "-out", key], stderr=subprocess.DEVNULL, check=True)
        ours = (*KMSTOOL, "sign", "--key", name, "--raw", str(path))
        commands[name] = ours, ("openssl", "dgst", *options, "-sign", key, str(path))
    write_file(path, size)
    found: dict[str, tuple[list[tuple[float, int]], list[tuple[float, int]]]] = {name: ([], []) for name in commands}
    for _ in range(rounds):
        for name, both in commands.items():
            for samples, words in zip(found[name], both, strict=True):
                samples.append(run(*words, environ=environ))
    print(f"{size:,} bytes, {rounds} rounds")
    print(f"{'case':<6} {'kmstool s':>10} {'openssl s':>10} {'ratio':>6} {'kmstool KiB':>12} {'openssl KiB':>12}")
    for name, results in found.items():
        own, other = (statistics.median(seconds for seconds, _ in samples) for samples in results)
        own_memory, other_memory = (max(memory for _, memory in samples) for samples in results)
        print(f"{name:<6} {own:10.2f} {other:10.2f} {own / other:6.2f} {own_memory:12,} {other_memory:12,}")


def main() -> None:
    """Read the options and measure in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description="Compare kmstool sign with openssl dgst.")
    parser.add_argument("--bytes", type=int, default=2**30, dest="size")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), options.size, options.rounds)


if __name__ == "__main__":
    main()
