"""What a worker process makes for a job and keeps until its end: connections, data keys, tasks.

A worker gets each piece of work by itself, and would ask KMS for a data key for each. What is kept has a name in its
job, so that the pieces of one job share it and those of another do not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from threading import RLock
from typing import Any, TypeVar, cast

Value = TypeVar("Value")

_MOST_JOBS = 8

_jobs: dict[str, dict[Hashable, Any]] = {}
_lock = RLock()


def kept(job: str, name: Hashable, make: Callable[[], Value]) -> Value:
    """Return what this process keeps for a job under a name; the first who asks makes it, and the others wait."""
    with _lock:
        values = _jobs.pop(job, {})
        # The job that was asked for last is the last to go: a job whose end nobody told is forgotten too.
        _jobs[job] = values
        while len(_jobs) > _MOST_JOBS:
            del _jobs[next(iter(_jobs))]
        if name not in values:
            values[name] = make()
        return cast("Value", values[name])


def forget(job: str) -> None:
    """Drop all that is kept for a job."""
    with _lock:
        _jobs.pop(job, None)
