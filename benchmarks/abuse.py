"""What a well-behaved client of `kmstool local serve` notices while somebody without a credential attacks it.

Each attack runs in a process of its own against a server of its own. The client sends signed
Encrypt requests, in turn on a connection that it keeps and on new ones; printed are the p99 of
both quiet and under the attack, their ratio, how many requests failed, and the peak memory (VmHWM)
of the server. `--source DIR` serves the kmstool of another folder, to compare with.
Usage: abuse.py [--seconds N] [--source DIR] [ATTACK...]
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
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kmstool.api import protocol, tc3

REGION = "ap-singapore"
PLACES = 256
PAUSE_SECONDS = 0.004
TIMEOUT_SECONDS = 20
MIB = 2**20

Address = tuple[str, int]


@dataclass
class Attacker:
    """A number of connections that send the same bytes again and again; those that are closed are opened anew."""

    address: Address
    count: int
    payload: bytes
    reads: bool = True
    once: bool = False
    sent: dict[socket.socket, int] = field(default_factory=dict)

    def run(self) -> None:
        """Attack until the process is killed."""
        with selectors.DefaultSelector() as selector:
            while True:
                for _ in range(min(8, self.count - len(self.sent))):
                    self.open(selector)
                for key, events in selector.select(0.05):
                    assert isinstance(key.fileobj, socket.socket)
                    self.serve(selector, key.fileobj, events)

    def open(self, selector: selectors.BaseSelector) -> None:
        """Open one more connection."""
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(self.address)
        self.sent[client] = 0
        selector.register(client, selectors.EVENT_WRITE | (selectors.EVENT_READ if self.reads else 0))

    def serve(self, selector: selectors.BaseSelector, client: socket.socket, events: int) -> None:
        """Send what goes, read what is there, forget who is closed."""
        with contextlib.suppress(BlockingIOError):
            try:
                if events & selectors.EVENT_READ and not client.recv(65536):
                    raise ConnectionResetError
                if events & selectors.EVENT_WRITE:
                    self.send(selector, client)
            except OSError as error:
                if isinstance(error, BlockingIOError):
                    raise
                selector.unregister(client)
                client.close()
                del self.sent[client]

    def send(self, selector: selectors.BaseSelector, client: socket.socket) -> None:
        """Send the next part of the payload."""
        place = self.sent[client]
        place += client.send(memoryview(self.payload)[place : place + 65536])
        if place == len(self.payload):
            place = 0
            if self.once:
                selector.modify(client, selectors.EVENT_READ)
        self.sent[client] = place


def drip(address: Address, start: bytes) -> None:
    """Take all places; send a byte a second on each, and come back when thrown out."""
    clients: list[socket.socket] = []
    while True:
        while len(clients) < PLACES:
            with contextlib.suppress(OSError):
                client = socket.create_connection(address, timeout=TIMEOUT_SECONDS)
                client.settimeout(0)
                client.sendall(start)
                clients.append(client)
        for client in list(clients):
            try:
                client.send(b"a")
            except OSError:
                client.close()
                clients.remove(client)
        time.sleep(1)


def reconnect(address: Address) -> None:
    """Ask on a new connection each time, eight at a time."""
    Attacker(address, 8, UNSIGNED.replace(b"Host: a", b"Host: a\r\nConnection: close")).run()


UNSIGNED = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"
STRANGER = (
    b"Authorization: TC3-HMAC-SHA256 Credential=%b/%b/kms/tc3_request, SignedHeaders=content-type;host, Signature="
    + b"0" * 64
    + b"\r\nContent-Type: application/json\r\nX-TC-Action: Encrypt\r\nX-TC-Version: 2019-01-18\r\nX-TC-Timestamp: %d\r\n"
)


def stranger(length: int, secret_id: str, body: bytes) -> bytes:
    """Return a request whose signature is wrong, with a body of which all is sent but one byte if it is large."""
    now = int(time.time())
    head = STRANGER % (secret_id.encode(), tc3.utc_date(now).encode(), now)
    return b"POST / HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (head, length) + body


def form() -> bytes:
    """Return a form of 10 MiB, or as it happens 30 kB, that takes long to parse."""
    body = b"a=" + b"%41" * 10_000
    head = (
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n"
    )
    return head % len(body) + body


ATTACKS: dict[str, Callable[[Address, str], None]] = {
    "drip heads": lambda address, _: drip(address, b"POST / HTTP/1.1\r\nHost: a\r\nX: "),
    "drip bodies": lambda address, _: drip(address, b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n"),
    "pipeline": lambda address, _: Attacker(address, 1, UNSIGNED * 10_000).run(),
    "64 pipelines": lambda address, _: Attacker(address, 64, UNSIGNED * 1000).run(),
    "256 pipelines": lambda address, _: Attacker(address, PLACES, UNSIGNED * 1000).run(),
    "answers unread": lambda address, _: Attacker(address, 200, UNSIGNED * 10_000, reads=False).run(),
    "bodies unsigned": lambda address, _: Attacker(
        address,
        24,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (10 * MIB) + bytes(10 * MIB - 1),
        once=True,
    ).run(),
    "bodies of a stranger": lambda address, _: Attacker(
        address, 24, stranger(10 * MIB, "AKIDnobody", bytes(10 * MIB - 1)), once=True
    ).run(),
    "bodies, known SecretId": lambda address, secret_id: Attacker(
        address, 24, stranger(10 * MIB, secret_id, bytes(10 * MIB - 1)), once=True
    ).run(),
    "whole bodies, known": lambda address, secret_id: Attacker(
        address, 24, stranger(10 * MIB, secret_id, b"[" * (10 * MIB))
    ).run(),
    "small bodies held": lambda address, _: Attacker(
        address,
        PLACES,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 32768\r\n\r\n" + bytes(32767),
        once=True,
    ).run(),
    "forms": lambda address, _: Attacker(address, 16, form()).run(),
    "unknown SecretIds": lambda address, _: Attacker(
        address, 16, b"".join(stranger(2, f"AKID{number}", b"{}") for number in range(2000))
    ).run(),
    "reconnecting": lambda address, _: reconnect(address),
}


@dataclass(frozen=True)
class Server:
    """A running server: its process, its address, and what a client needs."""

    pid: int
    netloc: str
    secret: tuple[str, str]
    key_id: str

    @property
    def address(self) -> Address:
        """Host and port."""
        host, _, port = self.netloc.rpartition(":")
        return host, int(port)

    def peak_mib(self) -> float:
        """Return the most memory that the server ever had."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) / 1024

    def ask(self, client: http.client.HTTPConnection) -> None:
        """Encrypt something; raise `OSError` or `HTTPException` unless that succeeds."""
        plaintext = base64.b64encode(bytes(32)).decode()
        body = json.dumps({"KeyId": self.key_id, "Plaintext": plaintext}).encode()
        now = int(time.time())
        headers = {"content-type": "application/json", "host": self.netloc}
        authorization = tc3.sign(tc3.Request("POST", "", headers, body), *self.secret, now)
        more = {
            "authorization": authorization,
            "x-tc-action": "Encrypt",
            "x-tc-version": protocol.VERSION,
            "x-tc-timestamp": str(now),
            "x-tc-region": REGION,
        }
        client.request("POST", "/", body, headers | more)
        if b'"CiphertextBlob"' not in client.getresponse().read():
            raise http.client.HTTPException


@contextlib.contextmanager
def serving(source: str | None) -> Iterator[Server]:
    """Serve a new store with one key."""
    with tempfile.TemporaryDirectory() as folder:
        environ = {**os.environ, "HOME": folder, "KMSTOOL_LOCAL_HOME": f"{folder}/store"}
        if source:
            environ["PYTHONPATH"] = source
        program = [sys.executable, "-P", "-m", "kmstool"]
        created = [*program, "--profile", "local", "key", "create", "--alias", "benchmark", "--region", REGION]
        key_id = subprocess.run(created, env=environ, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        served = [*program, "local", "serve"]
        with subprocess.Popen(served, env=environ, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                process.stdout.readline()
                exported = [*program, "local", "env", "--format", "json"]
                given = json.loads(subprocess.run(exported, env=environ, stdout=subprocess.PIPE, check=True).stdout)
                secret = given["TENCENTCLOUD_SECRET_ID"], given["TENCENTCLOUD_SECRET_KEY"]
                yield Server(process.pid, given["KMSTOOL_ENDPOINT"].removeprefix("http://"), secret, key_id)
            finally:
                process.kill()


@dataclass
class Seen:
    """What the client saw: seconds of each request, on its kept connection and on new ones, and failures."""

    kept: list[float] = field(default_factory=list)
    new: list[float] = field(default_factory=list)
    failed: int = 0


def p99(seconds: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return statistics.quantiles(seconds, n=100, method="inclusive")[98] * 1000


def watch(server: Server, seconds: float) -> Seen:
    """Be a well-behaved client for some time; what fails counts as long as it took."""
    seen, end = Seen(), time.monotonic() + seconds
    kept = http.client.HTTPConnection(server.netloc, timeout=TIMEOUT_SECONDS)
    for turn in itertools.count():
        if time.monotonic() > end and len(seen.new) > 1:
            kept.close()
            return seen
        client = kept if turn % 2 == 0 else http.client.HTTPConnection(server.netloc, timeout=TIMEOUT_SECONDS)
        start = time.perf_counter()
        try:
            server.ask(client)
        except (OSError, http.client.HTTPException):
            seen.failed += 1
            client.close()
        (seen.kept if client is kept else seen.new).append(time.perf_counter() - start)
        if client is not kept:
            client.close()
        time.sleep(PAUSE_SECONDS)
    raise AssertionError


def measure(name: str, source: str | None, seconds: float) -> None:
    """Run one attack and print its line."""
    with serving(source) as server:
        watch(server, 0.5)
        quiet = watch(server, seconds)
        attack = [sys.executable, __file__, "--attack", name, *map(str, server.address), server.secret[0]]
        with subprocess.Popen(attack) as process:
            time.sleep(2)
            under = watch(server, seconds)
            process.kill()
        figures = [p99(quiet.kept), p99(under.kept), p99(quiet.new), p99(under.new)]
        ratios = figures[1] / figures[0], figures[3] / figures[2]
        print(
            f"{name:<23} {figures[0]:8.1f} {figures[1]:9.1f} {ratios[0]:7.1f}x {figures[2]:8.1f} {figures[3]:9.1f}"
            f" {ratios[1]:7.1f}x {under.failed:>6}/{len(under.kept) + len(under.new):<5} {server.peak_mib():7.0f}",
            flush=True,
        )


def main() -> None:
    """Run the attacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--source", metavar="DIR")
    parser.add_argument("--attack", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help=", ".join(ATTACKS))
    options = parser.parse_args()
    if options.attack:
        name, host, port, secret_id = options.attack
        ATTACKS[name]((host, int(port)), secret_id)
    print(f"{'':<23} {'p99 ms, connection kept':^27} {'p99 ms, new connection':^27}")
    print(f"{'attack':<23} {'quiet':>8} {'attacked':>9} {'ratio':>8} {'quiet':>8} {'attacked':>9} {'ratio':>8}", end="")
    print(f" {'failed':>12} {'peak MiB':>8}")
    for name in options.attacks or ATTACKS:
        measure(name, options.source, options.seconds)


if __name__ == "__main__":
    main()
