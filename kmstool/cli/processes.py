"""One file after the other, shared among a process a core: what came of each, and what went wrong."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import astuple, dataclass
from typing import NoReturn

from kmstool.errors import KmsToolError


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one path: the digest of its envelope and a word on it, or what went wrong."""

    path: str
    digest: str = ""
    word: str = ""
    fault: str | None = None
    left: bool = False
    """Whether only the parent can do it."""


class NeedsKms(BaseException):
    """A forked process would have to ask KMS, over a connection that is its parent's."""


def no_client(region: str) -> NoReturn:
    """Stand in for the client of a KMS in a forked process."""
    raise NeedsKms


def in_order(paths: Iterable[str], one: Callable[[str], Outcome]) -> list[Outcome]:
    """Do one path after the other; a failure of one does not keep the others from it."""
    outcomes = []
    for path in paths:
        try:
            outcomes.append(one(path))
        except KmsToolError as error:
            outcomes.append(Outcome(path, fault=error.message))
        except NeedsKms:
            outcomes.append(Outcome(path, left=True))
    return outcomes


def in_processes(
    paths: list[str], one: Callable[[str], Outcome], prepare: Callable[[], None] = lambda: None
) -> list[Outcome]:
    """Share the paths among a process a core; the parent takes part, and does what its children cannot.

    Forked, so that the DEK is in no message; `prepare` is called in each child.
    """
    from kmstool.envelope.workers import threads_for

    workers = min(threads_for(None), 1 + len(paths) // 64)
    children: list[tuple[int, int]] = []
    try:
        children += [_fork(paths[number::workers], one, prepare) for number in range(1, workers)]
        outcomes = in_order(paths[0::workers], one)
        for number, (pid, pipe) in enumerate(children, 1):
            outcomes += _result(pid, pipe, paths[number::workers])
    except BaseException:
        for pid, _ in children:
            with contextlib.suppress(ProcessLookupError, ChildProcessError):
                os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)
        raise
    left = [outcome.path for outcome in outcomes if outcome.left]
    return [outcome for outcome in outcomes if not outcome.left] + in_order(left, one)


def _fork(paths: list[str], one: Callable[[str], Outcome], prepare: Callable[[], None]) -> tuple[int, int]:
    import json

    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    try:
        prepare()
        with os.fdopen(writing, "w") as report:
            json.dump([astuple(outcome) for outcome in in_order(paths, one)], report)
        os._exit(0)
    finally:
        # Whatever happens, the child must not go on as a second parent.
        os._exit(1)


def _result(pid: int, pipe: int, paths: list[str]) -> list[Outcome]:
    import json

    with os.fdopen(pipe) as report:
        text = report.read()
    _, status = os.waitpid(pid, 0)
    try:
        found = [Outcome(*fields) for fields in json.loads(text)]
    except ValueError:
        found = []
        status = status or 1
    return found if status == 0 else [Outcome(path, fault="the process that had it ended early") for path in paths]
