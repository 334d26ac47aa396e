"""A scheduler of Dask and its workers, in processes of their own that write down every message they send or get."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.program import until

_HERE = Path(__file__).resolve().parent
# A message is written down as it was meant, and an error of a task with all its arguments.
_SETTINGS = {"DASK_DISTRIBUTED__COMM__COMPRESSION": "False", "PYTHONPATH": str(_HERE.parent)}


@dataclass
class DaskCluster:
    """A running scheduler with its workers; all of them end with the block that made it."""

    folder: Path
    stack: ExitStack
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)

    @property
    def address(self) -> str:
        return str(json.loads(self.contact.read_text())["address"])

    @property
    def contact(self) -> Path:
        return self.folder / "scheduler.json"

    @property
    def messages(self) -> bytes:
        """All that went over any of the connections, each of which has an end in one of these processes."""
        return b"\n".join(path.read_bytes() for path in sorted(self.folder.glob("messages-*")))

    @property
    def left_behind(self) -> bytes:
        """What the processes logged, and the files that the workers wrote."""
        files = [*self.folder.glob("*.log"), *(path for path in self.folder.glob("scratch-*/**/*") if path.is_file())]
        return b"\n".join(path.read_bytes() for path in files)

    def log(self, name: str) -> bytes:
        return (self.folder / f"{name}.log").read_bytes()

    def start_scheduler(self) -> None:
        self._start("scheduler", "scheduler", {}, "--port", "0", "--dashboard-address", "127.0.0.1:0")
        until(lambda: self.contact.exists() and self.contact.read_bytes().endswith(b"}"))

    def start_worker(self, name: str, environ: Mapping[str, str], *, threads: int = 1) -> "subprocess.Popen[bytes]":
        """Start a worker, which is there when its log says so."""
        scratch = str(self.folder / f"scratch-{name}")
        words = ("--no-nanny", "--nthreads", str(threads), "--name", name, "--local-directory", scratch)
        return self._start(name, "worker", environ, *words)

    def wait_for(self, name: str) -> None:
        until(lambda: b"Registered to" in self.log(name) or self.processes[name].poll() is not None)
        assert self.processes[name].poll() is None, self.log(name)

    def _start(self, name: str, kind: str, environ: Mapping[str, str], *words: str) -> "subprocess.Popen[bytes]":
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("KMSTOOL_", "TENCENTCLOUD_"))}
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", "--scheduler-file", str(self.contact)]
        common = ("--host", "127.0.0.1", "--no-dashboard", "--preload", str(_HERE / "dask_recorder.py"))
        with (self.folder / f"{name}.log").open("wb") as log:
            process = self.stack.enter_context(
                subprocess.Popen(
                    [*command, *common, *words],
                    env={**clean, **_SETTINGS, "KMSTOOL_TEST_RECORD": str(self.folder), **environ},
                    stdout=log,
                    stderr=log,
                )
            )
        self.stack.callback(process.kill)
        self.processes[name] = process
        return process


@contextmanager
def dask_cluster(folder: Path, **homes: Mapping[str, str]) -> Iterator[DaskCluster]:
    """Start a scheduler, and a worker in each of the environments, by name."""
    with ExitStack() as stack:
        cluster = DaskCluster(folder, stack)
        cluster.start_scheduler()
        for name, environ in homes.items():
            cluster.start_worker(name, environ)
        for name in homes:
            cluster.wait_for(name)
        yield cluster
