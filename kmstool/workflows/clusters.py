"""The workers of Dask as an executor: those of a scheduler that is there, or processes of this machine.

What is sent is a function and its arguments as bytes, so that neither the scheduler nor a log shows them, and what
comes back is a result or an error as a value: Dask logs the arguments of a task that raises.
"""

from __future__ import annotations

import pickle
import secrets
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from kmstool.errors import (
    ArgumentError,
    InputError,
    KmsToolError,
    NetworkError,
    Reason,
    UnreachableError,
    WorkersKilledError,
)
from kmstool.workflows.keeping import forget
from kmstool.workflows.many import Workers

LOCAL = "local:"
MAX_PROCESSES = 256

_PROTOCOLS = ("tcp://", "tls://")
_CONNECT_SECONDS = 10
_WAIT_SECONDS = 60
_QUIET = ("distributed", "distributed.client", "distributed.gc", "distributed.worker", "tornado", "tornado.application")


def check_address(address: str) -> str:
    """Return what names a cluster, `local:N` or a scheduler's `tcp://HOST:PORT`; raise `ArgumentError` for anything else."""
    count = address.removeprefix(LOCAL)
    if address.startswith(LOCAL) and count.isascii() and count.isdecimal() and len(count) <= len(str(MAX_PROCESSES)):
        if 1 <= int(count) <= MAX_PROCESSES:
            return address
    elif address.startswith(_PROTOCOLS) and address[len(_PROTOCOLS[0]) :].rpartition(":")[0]:
        return address
    raise ArgumentError(
        f"{address!r} names no workers", hint="for example local:4, or the address of a scheduler: tls://host:8786"
    )


class Cluster(Workers):
    """Workers of Dask, to which this process connects when they are first needed; it must be shut down.

    `calls` is how many tasks the processes of `local:N` run at once, one each at least. Raises `InputError` where Dask is not
    installed, `UnreachableError` for a scheduler that does not answer or has no worker.
    """

    def __init__(self, address: str, *, calls: int = 1) -> None:
        self._address, self._calls = check_address(address), calls
        self._cluster: Any = None
        self._opened = False
        self.job = secrets.token_hex(8)

    @cached_property
    def _client(self) -> Any:
        dask = _dask()
        self._opened = True
        try:
            if not self._address.startswith(LOCAL):
                client = dask.Client(self._address, timeout=_CONNECT_SECONDS, set_as_default=False)
            else:
                processes = int(self._address.removeprefix(LOCAL))
                self._cluster = _local_cluster(dask, processes, -(-self._calls // processes))
                client = dask.Client(self._cluster, set_as_default=False)
            client.wait_for_workers(1, timeout=_WAIT_SECONDS)
        except OSError as error:
            raise UnreachableError(f"no workers answer at {self._address}") from error
        except (ValueError, RuntimeError) as error:
            raise UnreachableError(f"the workers at {self._address} cannot be reached: {error}") from error
        return client

    @cached_property
    def _executor(self) -> Any:
        return self._client.get_executor(pure=False)

    @cached_property
    def _threads_of_processes(self) -> list[int]:
        return list(self._client.nthreads().values()) or [1]

    @property
    def processes(self) -> int:  # type: ignore[override]
        """The worker processes there were at the beginning."""
        return len(self._threads_of_processes)

    @property
    def slots(self) -> int:  # type: ignore[override]
        """The tasks that run at once."""
        return sum(self._threads_of_processes)

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Let a worker call a function; raises `WorkersKilledError` in the future if all that tried it were killed."""
        inner = self._executor.submit(perform, pickle.dumps((function, args, kwargs)))
        outer: Future[Any] = Future()
        outer.add_done_callback(lambda _: inner.cancel())
        inner.add_done_callback(lambda _: self._pass_on(inner, outer))
        return outer

    def on_each(self, function: Callable[[], object]) -> None:
        """Call a function once in every worker process; raise the error of one that fails."""
        payload = pickle.dumps((function, (), {}))
        for answer in self._client.run(perform, payload).values():
            answer.value()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 - its parent's
        """Let the workers forget the job, and end those of this machine."""
        del wait, cancel_futures
        if not self._opened or "_client" not in self.__dict__:
            self._close_cluster()
            return
        client = self.__dict__.pop("_client")
        with suppress(Exception):
            if self._cluster is None:
                client.run(forget, self.job, wait=False)
        with suppress(Exception):
            client.close(timeout=2)
        self._close_cluster()

    def _close_cluster(self) -> None:
        if self._cluster is not None:
            with suppress(Exception):
                self._cluster.close(timeout=5)
            self._cluster = None

    def _pass_on(self, inner: Future[Any], outer: Future[Any]) -> None:
        if not outer.set_running_or_notify_cancel():
            return
        if inner.cancelled():
            outer.set_exception(NetworkError(f"the scheduler at {self._address} is gone"))
            return
        error = inner.exception()
        if error is None:
            answer = inner.result()
            if answer.error is None:
                outer.set_result(answer.result)
            else:
                outer.set_exception(answer.error)
        elif type(error).__name__ == "KilledWorker":
            outer.set_exception(WorkersKilledError("each worker that took it was killed, perhaps for want of memory"))
        else:
            outer.set_exception(InputError(f"the workers cannot run it: {type(error).__name__}: {error}"))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call in a worker."""

    result: Any = None
    error: KmsToolError | None = None

    def value(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result


def perform(payload: bytes) -> Answer:
    """Call a function in a worker. A fault of kmstool's own is told by its kind alone: its text may hold anything."""
    try:
        function, args, kwargs = pickle.loads(payload)  # noqa: S301 - who may send tasks may run anything
        return Answer(function(*args, **kwargs))
    except KmsToolError as error:
        return Answer(error=error)
    except Exception as error:  # noqa: BLE001 - Dask would log its text with the task
        return Answer(error=KmsToolError(f"a worker failed: {type(error).__name__}"))


def _dask() -> Any:
    try:
        import dask.config  # noqa: PLC0415 - only for those who ask for it

        with dask.config.set({"logging": dict.fromkeys(_QUIET, "critical")}):
            import distributed  # noqa: PLC0415 - as above
    except ImportError as error:
        raise InputError("Dask is not installed", reason=Reason.DASK_MISSING) from error
    return distributed


def _local_cluster(dask: Any, processes: int, threads: int) -> Any:
    """Start workers on this machine that nobody else can reach: whoever may send them a task is this user to them."""
    import logging  # noqa: PLC0415 - it is imported by Dask

    from dask import config  # noqa: PLC0415 - as in `_dask`

    quiet = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.scheduler.no-workers-timeout": f"{_WAIT_SECONDS}s",
        "distributed.worker.daemon": True,
    }
    with config.set(quiet):
        return dask.LocalCluster(
            n_workers=processes,
            threads_per_worker=threads,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            security=True,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={"dashboard": False},
        )
