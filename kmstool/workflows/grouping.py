"""Many small calls for workers on other machines, sent together: sending one costs as much as a call to KMS.

As long as a worker is idle a call is sent at once; while all are at work calls wait, and go together when one of them is
through. Few calls are thus not held up, and many cost little.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from kmstool.errors import KmsToolError, WorkersKilledError
from kmstool.workflows.many import Workers

TOGETHER = 16


@dataclass(slots=True)
class _Call:
    function: Callable[..., Any]
    args: tuple[Any, ...]
    future: Future[Any] = field(default_factory=Future)


class Grouped(Executor):
    """An executor that sends calls to workers in groups. A call that is sent cannot be cancelled any more."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._waiting: deque[_Call] = deque()
        self._sent = 0
        self._lock = Lock()

    @property
    def ahead(self) -> int:
        """The calls that keep all workers busy."""
        return 2 * TOGETHER * self._workers.slots

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a worker call a function with positional arguments, which are pickled as it is."""
        if kwargs:
            raise TypeError("a call of a group has no named arguments")
        call = _Call(function, args)
        self._waiting.append(call)
        self._send_next()
        return call.future

    def _send_next(self) -> None:
        with self._lock:
            if self._sent >= self._workers.slots:
                return
            group: list[_Call] = []
            while self._waiting and len(group) < TOGETHER:
                call = self._waiting.popleft()
                if call.future.set_running_or_notify_cancel():
                    group.append(call)
            if not group:
                return
            self._sent += 1
        self._send(group, self._ended)

    def _send(self, group: list[_Call], ended: Callable[[], None]) -> None:
        try:
            future = self._workers.submit(perform_all, [(call.function, call.args) for call in group])
        except Exception as error:  # noqa: BLE001 - it is that of the calls
            ended()
            _fail(group, error)
            return
        future.add_done_callback(lambda done: self._give(group, done, ended))

    def _give(self, group: list[_Call], done: Future[list[Any]], ended: Callable[[], None]) -> None:
        ended()
        error = done.exception()
        if isinstance(error, WorkersKilledError) and len(group) > 1:
            # One of them may be what kills workers.
            for call in group:
                self._send([call], _nothing)
        elif error is not None:
            _fail(group, error)
        else:
            for call, result in zip(group, done.result(), strict=True):
                if isinstance(result, KmsToolError):
                    call.future.set_exception(result)
                else:
                    call.future.set_result(result)

    def _ended(self) -> None:
        with self._lock:
            self._sent -= 1
        self._send_next()


def perform_all(calls: list[tuple[Callable[..., Any], tuple[Any, ...]]]) -> list[Any]:
    """Call one function after the other, and return for each its result or its error."""
    results: list[Any] = []
    for function, args in calls:
        try:
            results.append(function(*args))
        except KmsToolError as error:
            results.append(error)
        except Exception as error:  # noqa: BLE001 - it is that of one call
            # Its text may hold anything.
            results.append(KmsToolError(f"a worker failed: {type(error).__name__}"))
    return results


def _fail(group: list[_Call], error: BaseException) -> None:
    for call in group:
        call.future.set_exception(error)


def _nothing() -> None:
    """Do nothing."""
