"""What a rotation of very many ciphertexts takes: time, calls, the journal's size and memory, for 10^5 to 10^9 items.

The limiter and the journal are the real ones. KMS is simulated: it answers after a latency, and refuses what is over the
published quota of an action in a second; time is virtual. A simulated job runs for --minutes of that time, and the rate
of its last half is taken for the whole job: with nothing that grows, the rest is like it, which the rate of the half
before shows. Journal, plan and memory are measured at --sample items and at twice as many, and go on as between these.

Prints the table of docs/scale.md. Usage: simulate.py [--minutes N] [--sample N] [--latency SECONDS]
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import json
import os
import random
import tempfile
import tracemalloc
from dataclasses import dataclass, field
from pathlib import Path

from kmstool.api import protocol
from kmstool.kms.transport.limiter import Limiter, Rate
from kmstool.workflows.rotation.journal import Entry, Journal, State
from kmstool.workflows.rotation.plan import Item, Kind, Plan, PlannedFile, ScanOptions
from kmstool.workflows.rotation.plan_files import encode_plan, read_plan
from kmstool.workflows.rotation.tokens import Replacement

_IN_FLIGHT = 16
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 20.0
_BLOB_CHARACTERS = 210
_TOGETHER = 16
_ITEMS = (10**5, 10**7, 10**9)


@dataclass
class SimulatedKms:
    """Performs so many calls of each action in each second, and refuses the others."""

    second: int = 0
    counts: dict[str, int] = field(default_factory=dict)

    def performs(self, action: str, now: float) -> bool:
        """Take a call, or refuse it."""
        if int(now) != self.second:
            self.second, self.counts = int(now), {}
        self.counts[action] = self.counts.get(action, 0) + 1
        return self.counts[action] <= protocol.actions()[action].qps


@dataclass
class Run:
    """What came of a simulated job; `halves` are the items that were done in each half."""

    calls: int = 0
    refused: int = 0
    halves: list[int] = field(default_factory=lambda: [0, 0])


def simulate(processes: int, share_of_quota: float, seconds: float, latency: float, verify: int) -> Run:
    """Let processes, each with a limiter of its own, move items for some seconds of virtual time."""
    now, kms, chance, run = 0.0, SimulatedKms(), random.Random(1), Run()
    rate = share_of_quota * protocol.actions()["ReEncrypt"].qps
    per_second = None if share_of_quota == 0.8 else rate
    limiters = [Limiter(Rate(per_second, 1 / processes), clock=lambda: now) for _ in range(processes)]
    order = itertools.count()
    # When, for equal moments in which order, the process, the steps that are left of its item, and how often one failed.
    moments: list[tuple[float, int, int, list[str], int, bool]] = []

    def ask(process: int, steps: list[str], failed: int, after: float) -> None:
        heapq.heappush(moments, (now + after, next(order), process, steps, failed, False))

    def new_item() -> list[str]:
        compared = verify and chance.randrange(verify) == 0
        return ["ReEncrypt", "Decrypt", "Decrypt"] if compared else ["ReEncrypt"]

    for process in range(processes):
        for _ in range(_IN_FLIGHT):
            ask(process, new_item(), 0, chance.random())
    while moments and moments[0][0] < seconds:
        now, _, process, steps, failed, sent = heapq.heappop(moments)
        limiter, action = limiters[process], steps[0]
        if not sent:
            pause = limiter.reserve(action)
            heapq.heappush(moments, (now + pause, next(order), process, steps, failed, True))
            continue
        run.calls += 1
        if not kms.performs(action, now):
            run.refused += 1
            limiter.throttled(action)
            ask(process, steps, failed + 1, chance.uniform(0, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**failed)) + latency)
            continue
        limiter.performed(action)
        rest = steps[1:]
        if not rest:
            run.halves[int(now >= seconds / 2)] += 1
        ask(process, rest or new_item(), 0, latency * chance.uniform(0.7, 1.3))
    return run


def planned(number: int) -> PlannedFile:
    """Return a file with one ciphertext, as a plan has it."""
    item = Item(12, 12 + _BLOB_CHARACTERS, key_id="0a1b2c3d-0000-11ee-8000-525400000000")
    return PlannedFile(f"/data/{number % 1000:03}/service-{number:012}.env", Kind.TEXT, f"{number:064x}", (item,))


def entry(file: PlannedFile) -> Entry:
    """Return what the journal holds of a file that is moved."""
    old, new = os.urandom(_BLOB_CHARACTERS // 2).hex().encode(), os.urandom(_BLOB_CHARACTERS // 2).hex().encode()
    return Entry(file.path, State.READY, file.digest, "f" * 64, (Replacement(12, old, new),), 1)


def journal_bytes(folder: Path, count: int) -> int:
    """Write a journal as a job does, and return its size."""
    path = folder / f"{count}.journal"
    journal = Journal(path, "0" * 32, write=True)
    # A job has no such setting: its size is what counts here, and not whether it outlives this machine.
    journal._db.execute("PRAGMA synchronous=OFF")  # noqa: SLF001 - no job may have it
    before: list[str] = []
    for start in range(0, count, _TOGETHER):
        ready = [entry(planned(number)) for number in range(start, min(count, start + _TOGETHER))]
        journal.write(ready=ready, done=before)
        before = [one.path for one in ready]
    journal.write(done=before)
    journal.close()
    return path.stat().st_size


def plan_bytes(folder: Path, count: int) -> tuple[int, int]:
    """Write and read a plan; return its size, and the memory that it takes."""
    path = folder / f"{count}.json"
    files = tuple(map(planned, range(count)))
    made = Plan("0" * 32, "rotation", 0, "ap-guangzhou", "old", "new", ("/data",), ScanOptions(), files, ())
    with path.open("w") as file:
        file.writelines(encode_plan(made))
    del made, files
    tracemalloc.start()
    read = read_plan(path)
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(read.files) == count
    return path.stat().st_size, taken


def each(small: int, large: int, sample: int) -> float:
    """Return the bytes that one more item takes."""
    return (large - small) / sample


def shown_bytes(count: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if count < 1000 or unit == "TB":
            return f"{count:,.0f} {unit}" if count >= 10 else f"{count:,.1f} {unit}"
        count /= 1000
    raise AssertionError


def shown_time(seconds: float) -> str:
    """Return a time for people."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.0f} s"


def main() -> None:
    """Simulate, measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--sample", type=int, default=20000)
    parser.add_argument("--latency", type=float, default=0.04)
    parser.add_argument("--json", action="store_true", help="print the numbers, not the tables")
    options = parser.parse_args()
    seconds, quota = options.minutes * 60, protocol.actions()["ReEncrypt"].qps
    rows = []
    for processes, share, verify in ((1, 0.8, 1), (4, 0.8, 1), (16, 0.8, 1), (4, 1.0, 1), (4, 1.0, 0), (16, 1.0, 0)):
        run = simulate(processes, share, seconds, options.latency, verify)
        first, second = (count / (seconds / 2) for count in run.halves)
        rows.append({"processes": processes, "verify": "all" if verify else "none", "rate": share, "first": first, "second": second,
                     "of_quota": second / quota, "refused": run.refused / run.calls,
                     "calls_an_item": run.calls / sum(run.halves)})  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder, sample = Path(name), options.sample
        journal = each(*(journal_bytes(folder, count) for count in (sample, 2 * sample)), sample)
        small, large = plan_bytes(folder, sample), plan_bytes(folder, 2 * sample)
        plan, memory = (each(one, other, sample) for one, other in zip(small, large, strict=True))
    if options.json:
        print(json.dumps({"rows": rows, "journal": journal, "plan": plan, "memory": memory}))
        return
    print("| processes | --rate | --verify | items/s | in the half before | of the quota | refused | calls an item |")
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['processes']} | {row['rate'] * quota:.0f} | {row['verify']} | {row['second']:.1f} | {row['first']:.1f} "
              f"| {row['of_quota']:.0%} | {row['refused']:.1%} | {row['calls_an_item']:.2f} |")  # fmt: skip
    best = rows[1]
    print("\n| items | time | calls | plan | journals | memory, one plan | memory, 100 plans by turns |")
    print("|---|---|---|---|---|---|---|")
    for items in _ITEMS:
        print(f"| 10^{len(str(items)) - 1} | {shown_time(items / best['second'])} | {items * best['calls_an_item']:,.0f} "
              f"| {shown_bytes(items * plan)} | {shown_bytes(items * journal)} | {shown_bytes(items * memory)} "
              f"| {shown_bytes(items * memory / 100)} |")  # fmt: skip


if __name__ == "__main__":
    main()
