"""Long computations inside C libraries, which a signal can end.

Python runs the handlers of signals in the main thread and between two of its instructions: a
call that computes for seconds holds them up, also the second Ctrl-C.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Result = TypeVar("Result")


def run(compute: Callable[[], Result]) -> Result:
    """Return what `compute` returns, or raise what it raises; what a handler of a signal raises ends the wait.

    The computation then goes on by itself, unheard, until it or the process ends. It must be a
    call that lets other threads run meanwhile, as those of `hashlib` and most of `cryptography` do.
    """
    if threading.current_thread() is not threading.main_thread():
        # Signals are heard elsewhere already.
        return compute()
    task = _Task(compute)
    try:
        threading.Thread(target=task.run, daemon=True).start()
    except RuntimeError:
        # No thread is to be had: the result counts more than the wait for it.
        return compute()
    task.done.wait()
    if task.failure is not None:
        raise task.failure
    return task.results[0]


class _Task(Generic[Result]):
    """A computation with its end."""

    def __init__(self, compute: Callable[[], Result]) -> None:
        self._compute = compute
        self.done = threading.Event()
        self.results: list[Result] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Compute, whatever comes of it."""
        try:
            self.results.append(self._compute())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self.failure = error
        finally:
            self.done.set()
