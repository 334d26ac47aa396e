"""What `kmstool rotate apply` makes of a quota: processes share it without a coordinator, over a served KMS that is slow.

The served KMS answers each call after 40 ms and keeps to 300 a second of each action (`local serve --quota 300`). Prints for 1, 2
and 4 processes (`--shard`) the items a second, the part of the quota that they are, and how many calls were
refused. Usage: rotation.py [--items N] [--quota RATE]
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from client import KMSTOOL, make_blobs, run, serving, stored


def main() -> None:
    """Make a tree, and rotate copies of it by 1, 2 and 4 processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=6000)
    parser.add_argument("--quota", type=int, default=300)
    options = parser.parse_args()
    with stored("old", "new") as (folder, environ):
        make_blobs(environ, folder / "tree", options.items)
        run(environ, "local", "faults", "add", "--delay", "40ms")
        print(f"{'processes':>10}{'items/s':>10}{'of quota':>10}{'calls':>8}{'refused':>9}")
        with serving(folder, "--quota", str(options.quota)) as served:
            for count in (1, 2, 4):
                measure(folder, served, count, options.items, options.quota)


def measure(folder: Path, environ: dict[str, str], count: int, items: int, quota: int) -> None:
    """Rotate a copy of the tree by some processes at once, and print what came of it."""
    copy = folder / f"copy-{count}"
    shutil.copytree(folder / "tree", copy)
    plan = str(folder / f"{count}.json")
    run(environ, "rotate", "plan", "--from", "old", "--to", "new", "--no-probe", str(copy), "-o", plan)
    begun = time.perf_counter()
    command = [
        *KMSTOOL,
        "--verbose",
        "rotate",
        "apply",
        plan,
        "--rate",
        str(quota),
        "--verify",
        "none",
        "--workers",
        "16",
    ]
    # Into files: a pipe that nobody reads holds up who writes to it.
    logs = [folder / f"{count}-{number}.log" for number in range(1, count + 1)]
    processes = []
    for number, log in enumerate(logs, 1):
        with log.open("wb") as stderr:
            processes.append(subprocess.Popen([*command, "--shard", f"{number}/{count}"], env=environ, stderr=stderr))
    for process in processes:
        process.wait()
    seconds = time.perf_counter() - begun
    texts = [log.read_text() for log in logs]
    if any(process.returncode for process in processes):
        sys.exit("\n".join(text[-2000:] for text in texts))
    calls = sum(len(re.findall(r"ReEncrypt: \d+ ms", text)) for text in texts)
    refused = sum(text.count("RequestLimitExceeded") for text in texts)
    rate = items / seconds
    print(f"{count:>10}{rate:>10.1f}{rate / quota:>10.0%}{calls:>8}{refused / calls:>9.1%}")


if __name__ == "__main__":
    main()
