"""How fast envelopes are, beside age, `openssl enc` and `cat`, alternating in one run.

Whole processes over files in the page cache and through pipes, then many small files, then
the engine alone beside `openssl speed`. Prints a table of medians with the peak memory of
each program; `x kmstool` is how many times as long as kmstool a program takes. Needs
/usr/bin/time; age and openssl are left out where they are missing. The folder needs room for
three times the largest size and is emptied afterwards.

Usage: envelope.py [--size GIB]... [--rounds N] [--files N] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kmstool.envelope.floe import AES_256_GCM, SM4_GCM, Floe, Suite
from kmstool.envelope.workers import threads_for

MEASURE = "/usr/bin/time"
OPENSSL = f"openssl enc -aes-256-ctr -K {'11' * 32} -iv {'22' * 16}"
SMALL_BYTES = 4096
ENGINE_BYTES = 2**30


@dataclass
class Case:
    """A command to measure; `{tool}` in its line stands for the program whose memory counts."""

    group: str
    name: str
    tool: str
    line: str = "{tool}"
    removed: str | None = None
    """What it makes, which must not be there before."""
    source: str | None = None
    """What it reads."""
    last: tuple[str, ...] = ()
    """What nobody needs after it; little is kept, so that all of it stays in the page cache."""
    seconds: list[float] = field(default_factory=list)
    peak_kib: int = 0


def remove(folder: Path, name: str | None) -> None:
    """Remove a file or folder if it is there."""
    if name is None:
        return
    path = folder / name
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def measure(case: Case, folder: Path) -> None:
    """Run a case once: its input is in the page cache, and what earlier ones wrote has reached the disk.

    A copy that is removed just before leaves the memory for the output at hand. What was
    freed long ago a virtual machine has given back to its host, and to get it again takes
    longer than all that is to be measured.
    """
    os.sync()
    if case.source:
        copy = folder / "copy"
        with copy.open("wb") as out:
            subprocess.run(["cat", folder / case.source], check=True, stdout=out)
        copy.unlink()
    remove(folder, case.removed)
    report = folder / "peak"
    line = case.line.format(tool=f"{MEASURE} -f %M -o {report} {case.tool}")
    start = time.perf_counter()
    done = subprocess.run(["bash", "-c", f"set -eo pipefail; {line}"], cwd=folder, check=False, stderr=subprocess.PIPE)
    case.seconds.append(time.perf_counter() - start)
    if done.returncode != 0:
        sys.exit(f"{case.group} {case.name} failed: {done.stderr.decode()}")
    case.peak_kib = max(case.peak_kib, int(report.read_text().split()[-1]))
    for name in case.last:
        remove(folder, name)


def large_cases() -> list[Case]:
    """Return what is done with one large file `plain`: encrypted and decrypted, by name and through pipes."""
    tools = {
        "kmstool": ("kmstool envelope encrypt {0} -o {1} --force", "kmstool envelope decrypt {0} -o {1} --force"),
        "age": ("age -R age.pub -o {1} {0}", "age -d -i age.key -o {1} {0}"),
        "openssl": (OPENSSL + " -in {0} -out {1}", OPENSSL + " -d -in {0} -out {1}"),
    }
    pipes = {
        "kmstool": ("kmstool envelope encrypt", "kmstool envelope decrypt"),
        "age": ("age -R age.pub", "age -d -i age.key"),
        "openssl": (OPENSSL, OPENSSL + " -d"),
    }
    cases = []
    for tool, (encrypt, decrypt) in tools.items():
        sealed = f"sealed.{tool}"
        encrypt_pipe, decrypt_pipe = pipes[tool]
        through = "cat {0} | {{tool}} | cat > /dev/null"
        cases += [
            Case("encrypt, file", tool, encrypt.format("plain", sealed), removed=sealed, source="plain"),
            Case("encrypt, pipe", tool, encrypt_pipe, through.format("plain"), source="plain"),
            Case(
                "decrypt, file",
                tool,
                decrypt.format(sealed, "opened"),
                removed="opened",
                source=sealed,
                last=("opened",),
            ),
            Case("decrypt, pipe", tool, decrypt_pipe, through.format(sealed), source=sealed, last=(sealed,)),
        ]
    cases += [
        Case("copy, file", "cat", "cat plain", "{tool} > copied", removed="copied", source="plain", last=("copied",)),
        Case("copy, pipe", "cat", "cat", "cat plain | {tool} | cat > /dev/null", source="plain"),
    ]
    return [case for case in cases if shutil.which(case.tool.split()[0])]


def small_cases() -> list[Case]:
    """Return what is done with the folder `small`; age and openssl know single files only."""
    each = "find {0} -type f | {{tool}}"
    one_by_one = "xargs -I FILE {0}"
    cases = []
    for verb, source, target, way in (("encrypt", "small", "sealed", ""), ("decrypt", "sealed", "opened", "-d ")):
        group = f"{verb}, small"
        cases.append(
            Case(group, "kmstool", f"kmstool envelope {verb} -r {source}.kmstool -o {target}.kmstool",
                 removed=f"{target}.kmstool")
        )  # fmt: skip
        loops = {
            "age": f"age {'-R age.pub' if verb == 'encrypt' else '-d -i age.key'} -o {target}.age/FILE FILE",
            "openssl": f"{OPENSSL} {way}-in FILE -out {target}.openssl/FILE",
        }
        for tool, line in loops.items():
            folder = f"{target}.{tool}"
            inner = f"small.{tool}" if verb == "encrypt" else f"sealed.{tool}/small.{tool}"
            prepared = f"mkdir -p {folder}/{inner}; {each.format(inner)}"
            cases.append(Case(group, tool, one_by_one.format(line), prepared, removed=folder))
        cases.append(Case(group, "cp", f"cp -r small.kmstool {target}.cp", removed=f"{target}.cp"))
    return [case for case in cases if shutil.which(case.name)]


def run_all(cases: list[Case], folder: Path, rounds: int) -> None:
    """Run every case once a round, so that a disturbance meets all alike."""
    for number in range(rounds):
        for case in cases:
            measure(case, folder)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)


def show(title: str, cases: list[Case], size: int) -> None:
    """Print the table of one size."""
    print(f"\n{title}")
    print(f"{'case':<26} {'median s':>9} {'best s':>8} {'GB/s':>6} {'x kmstool':>10} {'x cat':>7} {'MiB':>5}")
    medians = {(case.group, case.name): statistics.median(case.seconds) for case in cases}
    groups = list(dict.fromkeys(case.group for case in cases))
    for case in sorted(cases, key=lambda case: groups.index(case.group)):
        median = medians[case.group, case.name]
        way = case.group.partition(", ")[2]
        kmstool = medians.get((case.group, "kmstool"))
        copied = medians.get((f"copy, {way}", "cat")) or medians[case.group, "cp"]
        print(
            f"{case.group + ' ' + case.name:<26} {median:9.3f} {min(case.seconds):8.3f} {size / median / 1e9:6.2f} "
            f"{f'{median / kmstool:.2f}' if kmstool else '-':>10} {median / copied:7.2f} {case.peak_kib / 1024:5.0f}"
        )


def engine_rate(suite: Suite, threads: int, *, unseal: bool, size: int = ENGINE_BYTES) -> float:
    """Return GB/s of sealing or opening segments from memory to memory."""
    keys = Floe.start(suite, bytes(suite.dek_bytes), b"associated data")
    sealed = memoryview(bytearray(keys.segment_bytes))
    keys.seal_into(0, bytes(keys.plain_bytes), sealed, final=False)
    count = size // keys.plain_bytes // threads

    def work() -> None:
        plain, out = memoryview(bytearray(keys.plain_bytes)), memoryview(bytearray(keys.segment_bytes))
        for _ in range(count):
            if unseal:
                keys.unseal_into(0, sealed, plain, final=False)
            else:
                keys.seal_into(0, plain, out, final=False)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return count * threads * keys.plain_bytes / (time.perf_counter() - start) / 1e9


def openssl_rate(processes: int) -> float:
    """Return GB/s of `openssl speed` for AES-256-GCM in blocks of 1 MiB, in so many processes."""
    command = ["openssl", "speed", "-mr", "-seconds", "2", "-bytes", str(2**20), "-evp", "aes-256-gcm"]
    command[2:2] = ["-multi", str(processes)] if processes > 1 else []
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\+F:.*:([0-9.]+)$", output, re.MULTILINE)
    return float(found[-1]) / 1e9 if found else float("nan")


def show_engine(rounds: int) -> None:
    """Print how fast segments are sealed and opened in memory, alternating with openssl's own measure."""
    threads = threads_for(None)
    measured: dict[str, list[float]] = {}
    for _ in range(rounds):
        for count in sorted({1, threads}):
            if shutil.which("openssl"):
                measured.setdefault(f"openssl speed x {count}", []).append(openssl_rate(count))
            for suite in (AES_256_GCM, SM4_GCM):
                for unseal, verb in ((False, "seal"), (True, "unseal")):
                    size = ENGINE_BYTES if suite is AES_256_GCM else ENGINE_BYTES // 8
                    rate = engine_rate(suite, count, unseal=unseal, size=size)
                    measured.setdefault(f"{suite.name} {verb} x {count}", []).append(rate)
    print(f"\nthe engine alone, segments of 1 MiB from memory to memory, {rounds} rounds")
    print(f"{'case':<26} {'median GB/s':>11} {'best':>6} {'/ openssl':>9}")
    for name, rates in measured.items():
        beside = measured.get(f"openssl speed x {name.rpartition(' ')[2]}", rates)
        median = statistics.median(rates)
        print(f"{name:<26} {median:11.2f} {max(rates):6.2f} {median / statistics.median(beside):9.2f}")


@contextmanager
def prepared(folder: Path) -> Iterator[None]:
    """Make keys for all programs in the folder, and remove everything from it at the end."""
    os.environ["PATH"] = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
    os.environ.update(HOME=str(folder), KMSTOOL_HOME=str(folder / "kmstool"))
    if not Path(MEASURE).exists() or shutil.which("kmstool") is None:
        sys.exit(f"{MEASURE} is missing, or kmstool is not installed beside this Python")
    os.environ.pop("KMSTOOL_PROFILE", None)
    try:
        subprocess.run(["kmstool", "init", "--local", "--quiet"], check=True)
        if shutil.which("age-keygen"):
            line = "age-keygen -o age.key 2> /dev/null && age-keygen -y age.key > age.pub"
            subprocess.run(["bash", "-c", line], cwd=folder, check=True)
        yield
    finally:
        for path in folder.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def make_large(path: Path, size: int) -> None:
    """Write a file of random bytes; random ones, so that no program gains by what they are."""
    piece = os.urandom(2**24)
    with path.open("wb") as out:
        for _ in range(-(-size // len(piece))):
            out.write(piece)
        out.truncate(size)


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, action="append", metavar="GIB", help="default: 1 and 4")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=5000, help="small files; 0 leaves them out")
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder) as name, prepared(Path(name)):
        folder = Path(name)
        for gib in options.size or [1.0, 4.0]:
            size = int(gib * 2**30)
            make_large(folder / "plain", size)
            cases = large_cases()
            run_all(cases, folder, options.rounds)
            show(f"{gib:g} GiB, {options.rounds} rounds", cases, size)
            for path in folder.glob("*sealed*"):
                path.unlink()
        if options.files:
            for tool in ("kmstool", "age", "openssl"):
                (folder / f"small.{tool}").mkdir()
                for number in range(options.files):
                    (folder / f"small.{tool}" / str(number)).write_bytes(os.urandom(SMALL_BYTES))
            rounds = min(options.rounds, 3)
            cases = small_cases()
            run_all(cases, folder, rounds)
            show(
                f"{options.files:,} files of {SMALL_BYTES:,} bytes, {rounds} rounds", cases, options.files * SMALL_BYTES
            )
        show_engine(min(options.rounds, 5))


if __name__ == "__main__":
    main()
