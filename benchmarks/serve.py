"""How many Encrypt requests a second `kmstool local serve` answers, beside moto's server, alternating in one run.

Both encrypt the same 32 bytes under one key with AES-256; kmstool checks the signature of
each request, moto checks none. Needs `wrk`; moto's program `moto_server` is named by
--moto or KMSTOOL_MOTO, without it kmstool is measured alone.
--before names a folder with another kmstool to compare with, such as a checkout of an earlier commit.
Prints medians over the rounds and ratios.
Usage: serve.py [--rounds N] [--seconds N] [--moto PROGRAM] [--before DIR]
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import http.client
import itertools
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kmstool.api import protocol, tc3

CONNECTIONS = (1, 16)
PLAINTEXT = base64.b64encode(bytes(range(32))).decode()
# A cipher both have: the local KMS uses AES-256 outside mainland China.
REGION = "ap-singapore"
MOTO_REGION = "us-east-1"
START_SECONDS = 30

Headers = Mapping[str, str]

LUA = """
wrk.method = "POST"
wrk.body = [[{body}]]
{headers}
done = function(summary, latency)
  local errors = summary.errors
  io.write(string.format("RESULT %d %d %d %d %d %d\\n", summary.requests, summary.duration, summary.bytes,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Contender:
    """A running server: where it is, and how a request to encrypt looks just now."""

    name: str
    netloc: str
    request: Callable[[], tuple[Headers, bytes]]

    def ask(self) -> int:
        """Send one request and return the size of the whole answer; raise unless it holds a ciphertext."""
        headers, body = self.request()
        answer, data = post(self.netloc, headers, body)
        if b'"CiphertextBlob"' not in data:
            sys.exit(f"{self.name} does not encrypt: {answer.status} {data[:300]!r}")
        return len(data)


@dataclass(frozen=True)
class Figures:
    """What one run of wrk found; latencies in microseconds."""

    requests_per_second: float
    p50: float
    p99: float


def post(netloc: str, headers: Headers, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
    """Send one request on a connection of its own."""
    with contextlib.closing(http.client.HTTPConnection(netloc, timeout=30)) as client:
        client.request("POST", "/", body, dict(headers))
        answer = client.getresponse()
        return answer, answer.read()


def measure(contender: Contender, connections: int, seconds: int, folder: Path) -> Figures:
    """Let wrk send requests for some seconds; exit if not all of them were answered well."""
    size = contender.ask()
    headers, body = contender.request()
    script = folder / "request.lua"
    lines = [f"wrk.headers[ [[{name}]] ] = [[{value}]]" for name, value in headers.items()]
    script.write_text(LUA.format(body=body.decode(), headers="\n".join(lines)))
    command = ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://{contender.netloc}/"], capture_output=True, text=True, check=True)
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+) (\d+)", done.stdout)
    if not found:
        sys.exit(done.stdout + done.stderr)
    requests, duration, total, errors, p50, p99 = (int(text) for text in found.groups())
    # A refusal is HTTP 200 too, but shorter than a ciphertext.
    if errors or total / requests < size:
        sys.exit(f"{contender.name}: {errors} errors, {total / requests:.0f} bytes an answer, {size} expected")
    contender.ask()
    return Figures(requests / duration * 1e6, p50, p99)


@contextlib.contextmanager
def running(command: list[str], environ: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run a server for as long as the block does."""
    with subprocess.Popen(
        command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


@contextlib.contextmanager
def kmstool(folder: Path, name: str = "kmstool", source: str = "") -> Iterator[Contender]:
    """Serve a new store with one key, by the kmstool in another folder if one is named."""
    program = [sys.executable, "-P", "-m", "kmstool"]
    environ = {**os.environ, "HOME": str(folder), "KMSTOOL_LOCAL_HOME": str(folder / f"store of {name}")}
    if source:
        environ["PYTHONPATH"] = source
    created = [*program, "--profile", "local", "key", "create", "--alias", "benchmark", "--region", REGION]
    key_id = subprocess.run(created, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with running([*program, "local", "serve"], environ) as process:
        assert process.stdout
        process.stdout.readline()
        exported = [*program, "local", "env", "--format", "json"]
        given = json.loads(subprocess.run(exported, env=environ, stdout=subprocess.PIPE, check=True).stdout)
        netloc = given["KMSTOOL_ENDPOINT"].removeprefix("http://")

        def request() -> tuple[Headers, bytes]:
            # A signature is good for five minutes, which is longer than a run.
            body = json.dumps({"KeyId": key_id, "Plaintext": PLAINTEXT}).encode()
            now = int(time.time())
            signed = {"content-type": "application/json", "host": netloc}
            secret = given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"]
            more = {
                "authorization": tc3.sign(tc3.Request("POST", "", signed, body), *secret, now),
                "x-tc-action": "Encrypt",
                "x-tc-version": protocol.VERSION,
                "x-tc-timestamp": str(now),
                "x-tc-region": REGION,
            }
            return {name.title(): value for name, value in (signed | more).items()}, body

        yield Contender(name, netloc, request)


@contextlib.contextmanager
def moto(program: str) -> Iterator[Contender]:
    """Serve moto with one key."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    netloc = f"127.0.0.1:{port}"
    environ = {**os.environ, "MOTO_PORT": str(port)}
    with running([program, "-H", "127.0.0.1", "-p", str(port)], environ):
        wait_for(port)

        def headers(action: str) -> Headers:
            return {
                "Content-Type": "application/x-amz-json-1.1",
                "Host": netloc,
                "X-Amz-Target": f"TrentService.{action}",
                "X-Amz-Date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
                "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDexample/20260101/"
                f"{MOTO_REGION}/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
            }

        _, data = post(netloc, headers("CreateKey"), b"{}")
        metadata: dict[str, Any] = json.loads(data)["KeyMetadata"]
        body = json.dumps({"KeyId": metadata["KeyId"], "Plaintext": PLAINTEXT}).encode()
        yield Contender("moto", netloc, lambda: (headers("Encrypt"), body))


def wait_for(port: int) -> None:
    """Wait until somebody listens on a port."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    sys.exit("moto's server does not start")


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--moto", default=os.environ.get("KMSTOOL_MOTO"), metavar="PROGRAM")
    parser.add_argument("--before", default="", metavar="DIR")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contenders = [stack.enter_context(kmstool(folder))]
        if options.before:
            contenders.append(stack.enter_context(kmstool(folder, "before", options.before)))
        if options.moto:
            contenders.append(stack.enter_context(moto(options.moto)))
        found: dict[tuple[str, int], list[Figures]] = {}
        for _ in range(options.rounds):
            for connections in CONNECTIONS:
                for contender in contenders:
                    figures = measure(contender, connections, options.seconds, folder)
                    found.setdefault((contender.name, connections), []).append(figures)
    print(f"{'server':<10} {'connections':>11} {'requests/s':>10} {'best':>8} {'p50 ms':>8} {'p99 ms':>8}")
    rates = {case: statistics.median(item.requests_per_second for item in runs) for case, runs in found.items()}
    for (name, connections), runs in sorted(found.items(), key=lambda item: (item[0][1], item[0][0])):
        best = max(item.requests_per_second for item in runs)
        p50, p99 = (statistics.median(getattr(item, field) for item in runs) / 1000 for field in ("p50", "p99"))
        print(f"{name:<10} {connections:>11} {rates[name, connections]:>10.0f} {best:>8.0f} {p50:>8.2f} {p99:>8.2f}")
    for name, connections in itertools.product(("before", "moto"), CONNECTIONS):
        if (name, connections) in rates:
            ratio = rates["kmstool", connections] / rates[name, connections]
            print(f"kmstool / {name} at {connections} connections: {ratio:.2f}")


if __name__ == "__main__":
    main()
