"""Work that the kernel strikes at a call to the system: kills it there, or refuses the call; by strace.

The work is done by a fork of this process, which strace watches from the first of its calls on:
a start of Python for each point would take a hundred times as long as what is to be struck.
"""

import json
import mmap
import os
import posix
import re
import shutil
import signal
import subprocess
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from tests.conftest import need
from tests.program import kmstool

TIMEOUT_SECONDS = 60
FAILED = 70
_ANSWER_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Struck:
    """What became of some work: how its process ended, what it returned (None if it did not), and what strace saw."""

    exit_code: int
    returned: Any
    trace: str


def struck(work: Callable[[], object], *options: str) -> Struck:
    """Do some work under strace with these options, and return what became of it; an exception is FAILED."""
    assert not any(option.startswith("-q") for option in options), "what strace says of its start is waited for"
    program = need("strace")
    waiting, going = os.pipe()
    # Memory that both have: what is written there takes no call that could be struck.
    answer = mmap.mmap(-1, _ANSWER_BYTES)
    child = os.fork()
    if child == 0:
        os.close(going)
        _work(work, waiting, answer)
    os.close(waiting)
    command = [program, "-f", *options, "-p", str(child)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            assert tracer.stderr
            said = tracer.stderr.readline()
            assert "attached" in said, said
            os.close(going)
            _, trace = tracer.communicate(timeout=TIMEOUT_SECONDS)
        finally:
            # It has ended, or never will.
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
    text = answer[:].rstrip(b"\0")
    answer.close()
    return Struck(os.waitstatus_to_exitcode(status), json.loads(text) if text else None, trace)


def program_struck(options: Sequence[str], *words: str | Path, **settings: Any) -> tuple[int, str]:
    """Run kmstool as `struck` does, with what `kmstool` may be told; return its exit code and all that was said of it.

    The exit code is negative for a signal that nothing handled.
    """

    def run() -> tuple[int, str]:
        ran = kmstool(*words, exit_code=None, **settings)
        return ran.exit_code, ran.err

    ran = struck(run, *options)
    exit_code, said = ran.returned or (ran.exit_code, "")
    return exit_code, said + ran.trace


def calls_of(work: Callable[[], object], calls: Iterable[str], log: Path) -> Counter[str]:
    """Do some work and return how often it makes each of the calls."""
    ran = struck(work, "-e", f"trace={','.join(calls)}", "-o", str(log))
    assert ran.exit_code == 0, ran
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
                ran = struck(partial(work, folder), "-e", f"trace={call}", "-e", inject)
                assert ran.exit_code == -signal.SIGKILL, (folder, ran)
                yield folder


def _work(work: Callable[[], object], waiting: int, answer: mmap.mmap) -> NoReturn:
    code = FAILED
    try:
        sys.settrace(None)
        os.read(waiting, 1)
        answer.write(json.dumps(work()).encode())
        code = 0
    except BaseException:  # noqa: BLE001 - nothing may go on in the child as a second parent
        traceback.print_exc()
    finally:
        # Not by `os._exit`, at which coverage would write what its parent has measured.
        posix._exit(code)
