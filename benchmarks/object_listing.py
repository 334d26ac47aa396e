"""A million names in a store, listed and planned: peak memory, time, and the sizes of the plan and the journal.

The store is a fake that makes pages of 1,000 names and their contents as they are asked for, so that what is
measured is kmstool. Each step is a process of its own. Usage: python benchmarks/object_listing.py [NAMES]
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kmstool.server.app import EmbeddedKms
from kmstool.storage import objects, stores
from kmstool.storage.places import ObjectUrl
from kmstool.storage.stores import Stat
from kmstool.workflows.rotation.journal import Entry, Journal, State
from kmstool.workflows.rotation.plan import ScanOptions
from kmstool.workflows.rotation.plan_files import encode_plan
from kmstool.workflows.rotation.planning import PlanRequest, make_plan
from kmstool.workflows.rotation.tokens import Replacement

REGION, KEY_ID, TO = "ap-guangzhou", "11111111-0000-0000-0000-000000000001", "11111111-0000-0000-0000-000000000002"


def fake_store(count: int) -> Any:
    """Return a store that makes names and contents as they are asked for."""
    with tempfile.TemporaryDirectory() as folder:
        kms = EmbeddedKms(Path(folder))
        key = kms.call("CreateKey", {"Alias": "demo"}, REGION)["KeyId"]
        blob = str(kms.call("Encrypt", {"KeyId": key, "Plaintext": "c2VjcmV0"}, REGION)["CiphertextBlob"])
    content = f"PASSWORD={blob}\n".encode()
    facts = Stat(len(content), '"0123456789abcdef0123456789abcdef"')

    class Fake:
        def stat(self, path: str) -> Stat | None:
            return facts if "file" in path else None

        def fetch(self, path: str, start: int, end: int, etag: str) -> bytes:
            return content[start:end]

        def pages(self, path: str) -> Iterator[Sequence[tuple[str, Stat]]]:
            for first in range(0, count, stores.PAGE):
                last = min(count, first + stores.PAGE)
                yield [(f"{path}/team-{n % 97:02}/service-{n:07}/file.env", facts) for n in range(first, last)]

    return Fake()


def listing(count: int) -> str:
    """List all names and keep none."""
    return f"{sum(1 for _ in objects.listed(ObjectUrl('s3', 'bucket/company'))):,} names of {count:,}"


def planning(count: int) -> str:
    """Plan a rotation of all, without KMS, and write the plan."""
    request = PlanRequest(
        region=REGION, from_key=KEY_ID, to_key=TO, roots=(ObjectUrl("s3", "bucket/company"),), scan=ScanOptions(),
        probe=False,
    )  # fmt: skip
    # Without a probe nobody is asked, and so there is no mover.
    plan = make_plan(request, None)
    with tempfile.NamedTemporaryFile("w", dir=".") as file:
        file.writelines(encode_plan(plan))
        file.flush()
        return f"{plan.items:,} items of {count:,}, plan of {Path(file.name).stat().st_size / 1e6:,.0f} MB"


def journal(count: int) -> str:
    """Write what an apply of all would."""
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder, "plan.json.journal")
        one = Journal(path, "0" * 32, write=True)
        token = b"x" * 190
        for first in range(0, count, 64):
            names = [f"s3://bucket/company/team-{n % 97:02}/service-{n:07}/file.env" for n in range(first, first + 64)]
            entries = [Entry(n, State.READY, "0" * 64, "1" * 64, (Replacement(9, token, token),), 1) for n in names]
            one.write(ready=entries)
            one.write(done=names)
        one.close()
        return f"journal of {path.stat().st_size / 1e6:,.0f} MB"


def main() -> None:
    """Run all steps, or one of them."""
    if len(sys.argv) == 3:
        count, step = int(sys.argv[1]), sys.argv[2]
        if step != "journal":
            store = fake_store(count)
            objects.store_of = lambda _: store
        before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
        said = {"listing": listing, "planning": planning, "journal": journal}[step](count)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            f"{step}: {said}; {time.perf_counter() - begun:,.1f} s, {(peak - before) / 1024:,.0f} MiB more than before"
        )
        return
    names = sys.argv[1] if len(sys.argv) > 1 else "1000000"
    for step in ("listing", "planning", "journal"):
        subprocess.run([sys.executable, __file__, names, step], check=True)


if __name__ == "__main__":
    main()
