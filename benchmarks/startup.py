"""How long kmstool takes to start, beside bare Python and `import click`, alternating in one run.

Prints medians in milliseconds and the ratio to bare Python. Usage: startup.py [ROUNDS]
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time

CASES = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "python -c 'import click'": [sys.executable, "-c", "import click"],
    "kmstool --version": ["kmstool", "--version"],
    "kmstool --help": ["kmstool", "--help"],
    "kmstool key --help": ["kmstool", "key", "--help"],
}


def measure(command: list[str]) -> float:
    """Return the wall time of one run in seconds."""
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    """Run every case once a round and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 21
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    if shutil.which("kmstool") is None:
        sys.exit("kmstool is not installed beside this Python")
    times: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(rounds):
        for name, command in CASES.items():
            times[name].append(measure(command))
    bare = statistics.median(times["python -c pass"])
    print(f"{'case':<26} {'median ms':>9} {'min ms':>7} {'ratio':>6}")
    for name, samples in times.items():
        median = statistics.median(samples)
        print(f"{name:<26} {median * 1000:9.1f} {min(samples) * 1000:7.1f} {median / bare:6.2f}")


if __name__ == "__main__":
    main()
