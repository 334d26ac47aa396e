"""What `kmstool rotate apply` makes of a quota: processes share it without a coordinator, over a served KMS that is slow.

The served KMS answers each call after 40 ms and keeps to the published rates (`local serve --quota`). Prints for 1, 2
and 4 processes (`--shard`) the items a second, the part of the quota of ReEncrypt that they are, and how many calls were
refused. Usage: rotation.py [--items N]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from client import KMSTOOL, serving

from kmstool.api import protocol


def run(environ: dict[str, str], *arguments: str, stdin: bytes = b"") -> bytes:
    """Run kmstool and return its stdout; exit unless it succeeds."""
    ran = subprocess.run([*KMSTOOL, *arguments], env=environ, input=stdin, capture_output=True, check=False)
    if ran.returncode:
        sys.exit(f"{arguments}: {ran.stderr.decode()}")
    return ran.stdout


def main() -> None:
    """Make a tree, and rotate copies of it by 1, 2 and 4 processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environ = {**os.environ, "HOME": name, "KMSTOOL_LOCAL_HOME": f"{name}/store", "KMSTOOL_PROFILE": "local"}
        for alias in ("old", "new"):
            run(environ, "key", "create", "--alias", alias)
        lines = "".join('{"plaintext": "secret"}\n' for _ in range(options.items))
        blobs = run(environ, "batch", "encrypt", "--key", "old", stdin=lines.encode()).decode()
        (folder / "tree").mkdir()
        for number, blob in enumerate(re.findall(r'"ciphertext": "([^"]+)"', blobs)):
            (folder / "tree" / f"{number}.blob").write_text(blob)
        run(environ, "local", "faults", "add", "--delay", "40ms")
        print(f"{'processes':>10}{'items/s':>10}{'of quota':>10}{'calls':>8}{'refused':>9}")
        with serving(folder, "--quota") as served:
            for count in (1, 2, 4):
                measure(folder, served, count, options.items)


def measure(folder: Path, environ: dict[str, str], count: int, items: int) -> None:
    """Rotate a copy of the tree by some processes at once, and print what came of it."""
    copy = folder / f"copy-{count}"
    shutil.copytree(folder / "tree", copy)
    plan = str(folder / f"{count}.json")
    run(environ, "rotate", "plan", "--from", "old", "--to", "new", "--no-probe", str(copy), "-o", plan)
    quota = protocol.actions()["ReEncrypt"].qps
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
    processes = [
        subprocess.Popen([*command, "--shard", f"{number}/{count}"], env=environ, stderr=subprocess.PIPE, text=True)
        for number in range(1, count + 1)
    ]
    texts = [process.communicate()[1] for process in processes]
    seconds = time.perf_counter() - begun
    if any(process.returncode for process in processes):
        sys.exit("\n".join(text[-2000:] for text in texts))
    calls = sum(len(re.findall(r"ReEncrypt: \d+ ms", text)) for text in texts)
    refused = sum(text.count("RequestLimitExceeded") for text in texts)
    rate = items / seconds
    print(f"{count:>10}{rate:>10.1f}{rate / quota:>10.0%}{calls:>8}{refused / calls:>9.1%}")


if __name__ == "__main__":
    main()
