"""The embedded KMS served over HTTP by a process of its own, as other programs meet it."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tests.conftest import PROGRAM
from tests.program import Ran, kmstool

TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A running server: `environ` is what kmstool needs beside it, `variables` what `kmstool local env` says."""

    folder: Path
    environ: Mapping[str, str]
    process: "subprocess.Popen[str]"
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        return self.variables["KMSTOOL_ENDPOINT"]

    @property
    def netloc(self) -> str:
        return self.endpoint.partition("://")[2]

    def run(self, *arguments: str, exit_code: int = 0, stdin: str | bytes = b"") -> Ran:
        """Run kmstool beside the server, on the same store."""
        return kmstool(*arguments, exit_code=exit_code, stdin=stdin, env=self.environ)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Tell the server to end, which it must do well."""
        self.process.send_signal(number)
        assert self.process.wait(TIMEOUT_SECONDS) == 0


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Served]:
    """Serve the store in a folder and stop at the end; what the server reports goes to `server.log` there."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("KMSTOOL_", "TENCENTCLOUD_"))}
    environ = {**clean, "HOME": str(folder), "KMSTOOL_LOCAL_HOME": str(folder / "store")}
    with (
        (folder / "server.log").open("a") as log,
        subprocess.Popen(
            [*PROGRAM, "local", "serve", *options], env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            assert process.stdout
            line = process.stdout.readline()
            assert line.startswith("listening on http"), (folder / "server.log").read_text()
            server = Served(folder, environ, process)
            exported = re.findall(r"export ([A-Z_]+)='([^']*)'\n", server.run("local", "env").out)
            yield replace(server, variables=dict(exported))
            if process.poll() is None:
                server.stop()
        finally:
            process.kill()
