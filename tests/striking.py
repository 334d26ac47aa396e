"""Work that the kernel strikes at a call to the system: kills it there, or refuses the call; by strace.

The work is done by a fork of this process, which strace watches from the first of its calls on:
a start of Python for each point would take a hundred times as long as what is to be struck.
"""

import os
import posix
import re
import shutil
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from tests.conftest import need

TIMEOUT_SECONDS = 60
FAILED = 70


def struck(work: Callable[[], object], *options: str) -> int:
    """Do some work under strace with these options; return 0, or a negative signal, or FAILED for an exception."""
    program = need("strace")
    waiting, going = os.pipe()
    child = os.fork()
    if child == 0:
        _work(work, waiting, going)
    os.close(waiting)
    command = [program, "-f", *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            assert tracer.stderr
            said = tracer.stderr.readline()
            assert "attached" in said, said
            os.close(going)
            tracer.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            # It has ended, or never will.
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def calls_of(work: Callable[[], object], calls: Iterable[str], log: Path) -> Counter[str]:
    """Do some work and return how often it makes each of the calls."""
    assert struck(work, "-e", f"trace={','.join(calls)}", "-o", str(log)) == 0
    return Counter(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.MULTILINE))


def killed_everywhere(
    original: Path, scratch: Path, work: Callable[[Path], object], calls: Iterable[str], most: int = 100
) -> Iterator[Path]:
    """Yield copies of a folder in which some work was killed: one for each of these calls that it makes.

    Of more than `most` calls of a kind only as many are taken, evenly spread.
    """
    counted = Path(shutil.copytree(original, scratch / "counted"))
    counts = calls_of(lambda: work(counted), calls, scratch / "log")
    assert {"pwrite64", "fdatasync"} <= set(counts), counts
    for call, count in counts.items():
        for number in sorted({1 + place * (count - 1) // max(1, min(most, count) - 1) for place in range(most)}):
            if number <= count:
                folder = Path(shutil.copytree(original, scratch / f"{call}-{number}"))
                inject = f"inject={call}:signal=SIGKILL:when={number}"
                assert struck(partial(work, folder), "-e", f"trace={call}", "-e", inject) == -signal.SIGKILL, folder
                yield folder


def _work(work: Callable[[], object], waiting: int, going: int) -> NoReturn:
    code = FAILED
    try:
        sys.settrace(None)
        os.close(going)
        os.read(waiting, 1)
        work()
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may go on in the child as a second parent
        traceback.print_exc()
    finally:
        # Not by `os._exit`, at which coverage would write what its parent has measured.
        posix._exit(code)
