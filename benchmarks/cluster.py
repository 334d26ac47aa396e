"""What the workers of Dask cost and give, beside this machine's own processes: one tree, the same commands twice.

Makes a tree (5,000 files, 2 GiB in all, most of it holes), encrypts, verifies, decrypts and rewraps it without Dask and
with `--dask local:N`, compares what comes of it, and prints seconds, throughput and what a run costs before its first
file. With --items it also moves blobs over a served KMS that is slow and keeps to its quota, with four workers, and
prints the part of the quota that they use. Usage: cluster.py [--files N] [--mebibytes N] [--processes N] [--items N] [--quota N]
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import shutil
import sys
import time
from pathlib import Path

from client import make_blobs, run, serving, stored

_LARGE = 8
"""Files that hold half of the bytes."""


def timed(environ: dict[str, str], *arguments: str) -> tuple[float, str]:
    """Run kmstool and return its seconds and its stdout; exit unless it succeeds."""
    begun = time.perf_counter()
    printed = run(environ, *arguments)
    return time.perf_counter() - begun, printed.decode()


def make_tree(folder: Path, files: int, size: int) -> None:
    """Make files in 50 folders; each has a beginning and an end of its own, and holes between them."""
    large = min(_LARGE, files)
    for number in range(files):
        place = folder / f"{number % 50:02}" / f"{number:05}.bin"
        place.parent.mkdir(parents=True, exist_ok=True)
        length = size // 2 // large if number < large else size // 2 // max(1, files - large)
        with place.open("wb") as file:
            file.write(f"file {number}".encode())
            file.truncate(max(length, 64))
            file.seek(-16, os.SEEK_END)
            file.write(f"{number:016}".encode())


def same(one: Path, other: Path) -> bool:
    """Tell whether two folders hold the same."""
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    if names != sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file()):
        return False
    return not any(filecmp.cmpfiles(one, other, map(str, names), shallow=False)[1:])


def compare_trees(folder: Path, environ: dict[str, str], options: argparse.Namespace) -> None:
    """Do the tree with and without workers, and print what each step takes."""
    make_tree(folder / "tree", options.files, options.mebibytes * 2**20)
    (folder / "small").mkdir()
    (folder / "small" / "file").write_bytes(b"x")
    dask = ("--dask", f"local:{options.processes}")
    print(f"{'':>10}{'without':>10}{'MiB/s':>8}{'with':>10}{'MiB/s':>8}{'ratio':>8}")
    steps = {
        "nothing": ("encrypt", "-r", "small", "-o", "small-{}", "--key", "old"),
        "encrypt": ("encrypt", "-r", "tree", "-o", "sealed-{}", "--key", "old"),
        "verify": ("verify", "-r", "sealed-{}"),
        "decrypt": ("decrypt", "-r", "sealed-{}", "-o", "opened-{}"),
        "rewrap": ("rewrap", "-r", "sealed-{}", "--to", "new"),
    }
    os.chdir(folder)
    for name, words in steps.items():
        seconds, outputs = [], []
        for which, more in (("without", ()), ("with", dask)):
            took, text = timed(environ, "envelope", *(word.format(which) for word in words), *more)
            seconds.append(took)
            outputs.append(text)
        if outputs[0] != outputs[1]:
            sys.exit(f"{name}: {outputs}")
        rates = [options.mebibytes / took if name not in ("nothing", "rewrap") else 0 for took in seconds]
        shown = [f"{rate:.0f}" if rate else "-" for rate in rates]
        first, second = seconds
        print(f"{name:>10}{first:>9.1f}s{shown[0]:>8}{second:>9.1f}s{shown[1]:>8}{second / first:>8.2f}", flush=True)
        if name == "decrypt":
            if not (same(folder / "tree", folder / "opened-with") and same(folder / "tree", folder / "opened-without")):
                sys.exit("what was decrypted is not the tree")
            print("the trees are the same")
            for which in ("with", "without"):
                shutil.rmtree(folder / f"opened-{which}")
    names = [sorted(str(path.relative_to(place)) for path in place.rglob("*.kte"))
             for place in (folder / "sealed-with", folder / "sealed-without")]  # fmt: skip
    sizes = [
        [os.path.getsize(place / name) for name in names[0]]
        for place in (folder / "sealed-with", folder / "sealed-without")
    ]
    if names[0] != names[1] or sizes[0] != sizes[1]:
        sys.exit("the envelopes have other names or sizes")
    text = run(environ, "envelope", "verify", "-r", "sealed-with", "--key", "new", "--format", "json")
    print(f"rewrapped by workers and valid: {json.loads(text)['Files']}")


def measure_quota(folder: Path, environ: dict[str, str], items: int, quota: int) -> None:
    """Move blobs by four workers over a KMS that answers after 40 ms, and print the part of the quota that they use."""
    run(environ, "local", "faults", "add", "--delay", "40ms")
    taken = []
    with serving(folder, "--quota", str(quota)) as served:
        # One item takes as long as the start and the end of the workers.
        for count in (1, items):
            blobs, plan = folder / f"blobs-{count}", str(folder / f"{count}.json")
            make_blobs(environ, blobs, count)
            run(served, "rotate", "plan", "--from", "old", "--to", "new", "--no-probe", str(blobs), "-o", plan)
            words = ("--rate", str(quota), "--verify", "none", "--workers", "32", "--dask", "local:4")
            taken.append(timed(served, "rotate", "apply", plan, *words)[0])
    start, seconds = taken
    busy = seconds - start
    print(
        f"{items} items by 4 workers in {seconds:.1f} s, of which {start:.1f} s are the start and end of the workers:"
    )
    print(f"{items / busy:.0f} items/s while they run, {items / busy / quota:.0%} of the quota of {quota}/s")


def main() -> None:
    """Compare the trees, and measure the quota."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--mebibytes", type=int, default=2048)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--items", type=int, default=0)
    parser.add_argument("--quota", type=int, default=300)
    options = parser.parse_args()
    with stored("old", "new") as (folder, environ):
        if options.files:
            compare_trees(folder, environ, options)
        if options.items:
            measure_quota(folder, environ, options.items, options.quota)


if __name__ == "__main__":
    main()
