"""How long one `kmstool encrypt` takes, by each transport, beside one `tccli kms Encrypt` on the same served KMS, alternating.

tccli is named by --tccli or KMSTOOL_TCCLI. Prints medians of wall and processor time
in milliseconds and the ratios. Usage: client.py [--rounds N] [--tccli PROGRAM]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

KMSTOOL = [sys.executable, "-m", "kmstool"]
PLAINTEXT = bytes(range(32))


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """Serve a new store; give the environment for programs that use it."""
    environ = {**os.environ, "HOME": str(folder), "KMSTOOL_LOCAL_HOME": str(folder / "store")}
    with subprocess.Popen(
        [*KMSTOOL, "local", "serve", *options], env=environ, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            process.stdout.readline()
            exported = [*KMSTOOL, "local", "env", "--format", "json"]
            yield environ | json.loads(subprocess.run(exported, env=environ, stdout=subprocess.PIPE, check=True).stdout)
        finally:
            process.terminate()


def run(environ: Mapping[str, str], *arguments: str, stdin: bytes = b"") -> bytes:
    """Run kmstool and return its stdout; exit unless it succeeds."""
    ran = subprocess.run([*KMSTOOL, *arguments], env=environ, input=stdin, capture_output=True, check=False)
    if ran.returncode:
        sys.exit(f"{arguments}: exit {ran.returncode}: {ran.stderr.decode()[-3000:]}")
    return ran.stdout


@contextlib.contextmanager
def stored(*aliases: str) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give a folder that is gone afterwards, and the environment of a store in it with keys of these names."""
    with tempfile.TemporaryDirectory() as name:
        environ = {**os.environ, "HOME": name, "KMSTOOL_LOCAL_HOME": f"{name}/store", "KMSTOOL_PROFILE": "local"}
        for alias in aliases:
            run(environ, "key", "create", "--alias", alias)
        yield Path(name), environ


def make_blobs(environ: Mapping[str, str], folder: Path, count: int) -> None:
    """Make a folder of files, each a blob under the key old."""
    lines = "".join('{"plaintext": "secret"}\n' for _ in range(count))
    answers = run(environ, "batch", "encrypt", "--key", "old", "--rate", "100000", stdin=lines.encode()).splitlines()
    folder.mkdir()
    for number, answer in enumerate(answers):
        (folder / f"{number}.blob").write_text(json.loads(answer)["ciphertext"])


def measure(command: list[str], given: Path, environ: Mapping[str, str]) -> tuple[float, float]:
    """Return wall and processor time of one run in seconds; exit unless it prints a ciphertext."""
    with given.open("rb") as stdin, tempfile.TemporaryFile() as stdout:
        start = time.perf_counter()
        process = subprocess.Popen(command, env=environ, stdin=stdin, stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        stdout.seek(0)
        if process.returncode or b"-k-" not in stdout.read():
            sys.exit(f"{command[0]} does not encrypt")
    return wall, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Run both once a round and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--tccli", default=os.environ.get("KMSTOOL_TCCLI"), metavar="PROGRAM")
    options = parser.parse_args()
    if not options.tccli:
        sys.exit("name tccli with --tccli or KMSTOOL_TCCLI")
    with tempfile.TemporaryDirectory() as name, serving(Path(name)) as environ:
        given = Path(name) / "plaintext"
        given.write_bytes(PLAINTEXT)
        created = [*KMSTOOL, "key", "create", "--alias", "benchmark"]
        key_id = subprocess.run(created, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        program = str(Path(sys.executable).with_name("kmstool"))
        endpoint = environ["KMSTOOL_ENDPOINT"]
        plaintext = base64.b64encode(PLAINTEXT).decode()
        cases = {
            "kmstool encrypt": [program, "encrypt", "--key", key_id],
            "the same by the SDK": [program, "encrypt", "--key", key_id, "--transport", "sdk"],
            "tccli kms Encrypt": [options.tccli, "kms", "Encrypt", "--KeyId", key_id, "--Plaintext", plaintext,
                                  "--endpoint", endpoint],
        }  # fmt: skip
        times: dict[str, list[tuple[float, float]]] = {case: [] for case in cases}
        for number in range(options.rounds + 1):
            for case, command in cases.items():
                figures = measure(command, given, environ)
                # The first round fills the caches of files.
                if number:
                    times[case].append(figures)
    print(f"{'program':<20} {'wall ms':>8} {'min':>7} {'processor ms':>13}")
    medians = {}
    for case, samples in times.items():
        walls, processor = zip(*samples, strict=True)
        medians[case] = statistics.median(walls), statistics.median(processor)
        wall, busy = medians[case]
        print(f"{case:<20} {wall * 1000:>8.0f} {min(walls) * 1000:>7.0f} {busy * 1000:>13.0f}")
    ours, *others = medians.values()
    for case, theirs in zip(list(medians)[1:], others, strict=True):
        print(f"{case} / kmstool encrypt: wall {theirs[0] / ours[0]:.2f}, processor {theirs[1] / ours[1]:.2f}")


if __name__ == "__main__":
    main()
