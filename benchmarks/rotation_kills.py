"""A tree of ciphertexts is rotated by `kmstool rotate`, killed again and again, as an operator would see it.

2,000 blobs (500 as files, 1,000 in 50 files of YAML, JSON and dotenv with comments and CRLF, 500 in Kubernetes
Secrets) and 200 envelopes (binary, armored, with detached headers) on three keys of a served KMS move to a fourth one,
a plan a key. `rotate apply` is killed by SIGKILL at random moments and run again. Then every plaintext, every other byte,
the key of every ciphertext and the number of calls are compared, with the old keys disabled, and it is rolled back.
Prints what was found; exits with 1 at the first thing that is not as it should be. Usage: rotation_kills.py [--kills N]
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from client import KMSTOOL, run, stored

BLOB = re.compile(rb"[0-9A-Za-z+/=]{4,}(?:-k-[0-9A-Za-z+/=]+){2}")
ENCODED = re.compile(rb"(?<=: )[0-9A-Za-z+/]{80,}={0,2}(?=\n)")
OLD = ("a", "b", "c")
NEW = "new"
# Longer than the start of the program, shorter than a run that nobody kills.
KILL_SECONDS = (0.3, 2.5)


class Shell:
    """Runs kmstool as a user would, against a served KMS whose log it counts."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.folder, self.environ = folder, environ
        self.log = folder / "kms.log"

    def run(self, *words: str, stdin: bytes = b"") -> bytes:
        """Return what a command prints; exit unless it succeeds."""
        return run(self.environ, *words, stdin=stdin)

    def calls(self, action: str) -> int:
        """Return how many calls of an action the KMS performed."""
        return len(re.findall(rf"\b{action}\b", self.log.read_text()))

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve the store, and let the commands use that."""
        port = self.folder / "port"
        command = [*KMSTOOL, "--verbose", "local", "serve", "--port-file", str(port)]
        with self.log.open("wb") as log, subprocess.Popen(command, env=self.environ, stdout=log, stderr=log) as process:
            try:
                while not port.exists():
                    time.sleep(0.05)
                del self.environ["KMSTOOL_PROFILE"]
                self.environ |= json.loads(self.run("local", "env", "--format", "json"))
                yield
            finally:
                process.terminate()


def check(holds: object, what: str) -> None:
    """Print what holds, or exit."""
    if not holds:
        sys.exit(f"NOT SO: {what}")
    print(f"- {what}")


def encrypted(shell: Shell, count: int) -> list[bytes]:
    """Return blobs, a third on each of the old keys."""
    lines = [json.dumps({"key": OLD[n % 3], "plaintext": f"secret {n}"}) for n in range(count)]
    answers = shell.run("batch", "encrypt", "--rate", "100000", stdin="\n".join(lines).encode()).splitlines()
    return [json.loads(answer)["ciphertext"].encode() for answer in answers]


def make_tree(shell: Shell, tree: Path) -> None:
    """Write the files of the tree."""
    blobs = encrypted(shell, 2000)
    for n, blob in enumerate(blobs[:500]):
        (tree / f"{n}.blob").write_bytes(blob + b"\n" * (n % 2))
    forms = (
        b'# of the billing team\r\nname%d: "%s" # do not touch\r\n',
        b'{"name": %d, "note": "1 < 2", "value": "%s"}\n',
        b"# r\xc3\xa9gion\nexport NAME_%d='%s'\n",
    )
    for file in range(50):
        suffix = ("yaml", "json", "env")[file % 3]
        lines = [forms[file % 3] % (n, blobs[500 + file * 20 + n]) for n in range(20)]
        (tree / f"many-{file}.{suffix}").write_bytes(b"".join(lines))
    for file in range(100):
        secret = b"apiVersion: v1\nkind: Secret\ndata:\n"
        for n in range(5):
            secret += b"  key%d: %s\n" % (n, base64.b64encode(blobs[1500 + file * 5 + n]))
        (tree / f"secret-{file}.yaml").write_bytes(secret)
    for number, key in enumerate(OLD):
        plain, place = shell.folder / f"plain-{key}", tree / f"envelopes-{key}"
        plain.mkdir()
        for n in range((67, 67, 66)[number]):
            (plain / f"{n}.txt").write_text(f"file {n} of {key}\n" * 100)
        if key == "a":
            shell.run("envelope", "encrypt", "-r", str(plain), "--key", key, "-o", str(place))
            continue
        place.mkdir()
        for path in plain.iterdir():
            target = str(place / f"{path.name}.kte")
            form = ["--armor"] if key == "b" else ["--detached", f"{target}-header"]
            shell.run("envelope", "encrypt", str(path), "--key", key, *form, "-o", target)


def files_of(tree: Path) -> dict[str, bytes]:
    """Return all files by name."""
    return {str(path.relative_to(tree)): path.read_bytes() for path in sorted(tree.rglob("*")) if path.is_file()}


def blobs_of(tree: Path) -> list[bytes]:
    """Return the blobs of the texts, in order, out of base64 too."""
    found = []
    for name, data in files_of(tree).items():
        if "/" not in name:
            plain = ENCODED.sub(lambda it: base64.b64decode(it[0]), data) if name.startswith("secret") else data
            found += BLOB.findall(plain)
    return found


def rest_of(tree: Path) -> dict[str, bytes]:
    """Return the texts without their blobs."""
    texts = {name: data for name, data in files_of(tree).items() if "/" not in name}
    return {
        name: BLOB.sub(b"", ENCODED.sub(b"", data) if name.startswith("secret") else data)
        for name, data in texts.items()
    }


def payloads_of(tree: Path) -> dict[str, str]:
    """Return the digests of what no rotation touches: detached payloads."""
    files = files_of(tree / "envelopes-c")
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name.endswith(".kte")}


def plaintexts(shell: Shell, blobs: list[bytes]) -> list[str]:
    """Return what the blobs decrypt to."""
    lines = b"\n".join(json.dumps({"ciphertext": blob.decode()}).encode() for blob in blobs)
    answers = shell.run("batch", "decrypt", "--rate", "100000", stdin=lines).splitlines()
    return [json.loads(answer)["plaintext"] for answer in answers]


def applied_in_spite_of_kills(shell: Shell, plan: Path, kills: int, chance: random.Random) -> int:
    """Apply a plan, killed some times; return how many of the kills hit a running program."""
    hits = 0
    for _ in range(kills):
        with subprocess.Popen(
            [*KMSTOOL, "rotate", "apply", str(plan)], env=shell.environ, stderr=subprocess.DEVNULL
        ) as process:
            try:
                process.wait(chance.uniform(*KILL_SECONDS))
            except subprocess.TimeoutExpired:
                process.kill()
                hits += 1
    shell.run("rotate", "apply", str(plan))
    return hits


def main() -> None:
    """Make the tree, rotate it under fire, and look."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with stored(*OLD, NEW) as (folder, environ):
        shell, tree = Shell(folder, environ), folder / "tree"
        tree.mkdir()
        with shell.serving():
            make_tree(shell, tree)
            rotate(shell, tree, options.kills)


def rotate(shell: Shell, tree: Path, kills: int) -> None:
    """Plan, apply, compare and roll back."""
    before, blobs, rest = files_of(tree), blobs_of(tree), rest_of(tree)
    secrets, payloads = plaintexts(shell, blobs), payloads_of(tree)
    check(len(blobs) == 2000 and len(set(secrets)) == 2000, f"{len(blobs)} blobs with as many plaintexts")
    plans, items, calls, hits, chance = [], 0, 0, 0, random.Random(time.time_ns())
    for key in OLD:
        # One after the other: a file that changed since its plan was made is left as it is.
        plan = shell.folder / f"{key}.json"
        shell.run("rotate", "plan", "--base64", "--from", key, "--to", NEW, str(tree), "-o", str(plan))
        plans.append(plan)
        items += sum(len(file["items"]) for file in json.loads(plan.read_text())["files"])
        planned, probes = files_of(tree), shell.calls("ReEncrypt")
        shell.run("rotate", "apply", str(plan), "--dry-run")
        check(files_of(tree) == planned and shell.calls("ReEncrypt") == probes, f"{key}: a dry run moves nothing")
        hits += applied_in_spite_of_kills(shell, plan, -(-kills // 3), chance)
        calls += shell.calls("ReEncrypt") - probes
    # The folder that was encrypted whole has a manifest, which is an envelope too.
    check(items == 2201, f"{items} items planned")
    print(f"  killed {hits} times; {calls} calls of ReEncrypt, of which the kills lost {calls - items} answers")
    moved = blobs_of(tree)
    check(
        not set(moved) & set(blobs) and plaintexts(shell, moved) == secrets,
        "every blob is another, every plaintext is equal",
    )
    check(rest_of(tree) == rest and payloads_of(tree) == payloads, "every other byte is as it was")
    for key in OLD:
        shell.run("key", "disable", key, "--yes")
    check(plaintexts(shell, moved) == secrets, "with the old keys disabled every blob opens")
    for path in sorted(tree.glob("envelopes-*/*.kte")):
        header = path.with_name(f"{path.name}-header")
        more = ["--detached", str(header)] if header.exists() else []
        text = shell.run("envelope", "decrypt", str(path), *more, "-o", "-")
        if text != (shell.folder / f"plain-{path.parent.name[-1]}" / path.stem).read_bytes():
            sys.exit(f"NOT SO: {path} is what it was")
    check(True, "with the old keys disabled all 200 envelopes open")
    again = shell.calls("ReEncrypt")
    for plan in plans:
        shell.run("rotate", "apply", str(plan))
    check(shell.calls("ReEncrypt") == again, "another run moves nothing")
    for plan in reversed(plans):
        shell.run("rotate", "rollback", str(plan))
    check(files_of(tree) == before, "rollback brings back every byte")


if __name__ == "__main__":
    main()
