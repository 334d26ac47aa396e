"""Whoever waits is told for whom, on a terminal by one line that is rewritten; an address where nothing is, is given up soon."""

import io
import socket
import sys
from pathlib import Path

import pytest

from kmstool.cli.io import progress
from kmstool.cli.io.waiting import Waiting, line_of
from kmstool.errors import KmsToolError, LimitError, NobodyThereError, UnreachableError
from kmstool.kms.transport import failures
from kmstool.kms.transport.deadline import Deadline
from kmstool.kms.transport.retry import Again, RetryingTransport
from tests.program import kmstool, on_terminal

HOST = "kms.tencentcloudapi.com"
UNKNOWN = failures.of_service(HOST, socket.gaierror(socket.EAI_NONAME, "no name"), None)
CREDENTIAL = {"TENCENTCLOUD_SECRET_ID": "AKIDwaiting", "TENCENTCLOUD_SECRET_KEY": "waiting"}


@pytest.fixture
def closed() -> str:
    """An endpoint where nothing is."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


class Failing:
    def __init__(self, failure: KmsToolError, successes_after: int = 1000) -> None:
        self.failure, self.left, self.calls = failure, successes_after, 0

    def call(self, action: str, params: object) -> dict[str, str]:
        self.calls += 1
        if self.calls > self.left:
            return {"RequestId": action}
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (ConnectionRefusedError(), NobodyThereError),
        (socket.gaierror(socket.EAI_NONAME, ""), NobodyThereError),
        (socket.gaierror(socket.EAI_AGAIN, ""), UnreachableError),
        (TimeoutError(), UnreachableError),
    ],
)
def test_what_seldom_passes_is_known(failure: Exception, kind: type[KmsToolError]) -> None:
    assert type(failures.of_service(HOST, failure, None)) is kind


@pytest.mark.parametrize(("retries", "calls"), [(None, 2), (0, 1), (1, 2), (5, 6)])
def test_where_nothing_is_two_tries_do_unless_more_are_asked_for(retries: int | None, calls: int) -> None:
    kms = Failing(UNKNOWN)
    with pytest.raises(NobodyThereError):
        RetryingTransport(kms, retries=retries, deadline=Deadline(10_000), sleep=lambda _: None).call("Encrypt", {})
    assert kms.calls == calls


def test_other_failures_are_tried_as_often_as_before() -> None:
    kms = Failing(UnreachableError("no answer in time"))
    with pytest.raises(UnreachableError):
        RetryingTransport(kms, deadline=Deadline(10_000), sleep=lambda _: None).call("Encrypt", {})
    assert kms.calls == 11


def test_pauses_are_told_and_their_end() -> None:
    told: list[Again | None] = []
    kms = Failing(LimitError("too many requests", kms_code="RequestLimitExceeded"), 2)
    RetryingTransport(kms, retries=9, waits=told.append, sleep=lambda _: None).call("Encrypt", {})
    first, second, end = told
    assert first is not None
    assert second is not None
    assert [(one.number, one.of) for one in (first, second)] == [(2, 10), (3, 10)]
    assert end is None


def test_who_is_answered_at_once_is_told_nothing() -> None:
    """A closed connection is opened again without a pause."""
    told: list[Again | None] = []
    kms = Failing(UnreachableError("the connection was closed without an answer"), 1)
    RetryingTransport(kms, waits=told.append).call("Encrypt", {})
    assert told == []


def test_the_words() -> None:
    assert line_of(Again(UNKNOWN, 3.2, 2, 10)) == f"{HOST}: the name is not known; trying again (2 of 10), 3 s"
    limit = LimitError("too many requests", kms_code="RequestLimitExceeded")
    line = "KMS: too many requests [RequestLimitExceeded]; trying again (2 of 2), 0.1 s"
    assert line_of(Again(limit, 0.1, 2, 2)) == line


def test_a_line_on_a_terminal_is_rewritten_fits_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    screen = io.StringIO()
    monkeypatch.setattr(sys, "stderr", screen)
    waiting = Waiting(rewrites=True)
    for number in (2, 3):
        waiting.tell(Again(UNKNOWN, 3, number, 10))
    waiting.tell(None)
    waiting.tell(None)
    *lines, last = screen.getvalue().split("\r\x1b[K")[1:]
    assert lines == [f"kmstool: {HOST}: the n"] * 2
    assert last == ""


def test_elsewhere_each_failure_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    waiting = Waiting(rewrites=False)
    for number in (2, 3):
        waiting.tell(Again(UNKNOWN, 3, number, 10))
        waiting.tell(None)
    assert capfd.readouterr().err == f"kmstool: {HOST}: the name is not known; trying again (2 of 10), 3 s\n"


def test_a_command_says_whom_it_waits_for(closed: str) -> None:
    done = kmstool("random", "8", "--endpoint", closed, exit_code=7, **CREDENTIAL)
    host = closed.removeprefix("http://")
    first, second, third = done.err.splitlines()
    assert first == f"kmstool: {host}: connection refused; trying again (2 of 2), 0.5 s"
    assert second.startswith(f"kmstool: error: cannot reach {host}: connection refused")
    assert third.startswith("kmstool: hint: ")
    assert kmstool("random", "8", "--endpoint", closed, "--quiet", exit_code=7, **CREDENTIAL).err.count("\n") == 2
    words = ("random", "8", "--endpoint", closed, "--format", "json")
    assert kmstool(*words, exit_code=7, **CREDENTIAL).error["exit"] == 7


def test_on_a_terminal_nothing_of_it_is_left(closed: str) -> None:
    shown = on_terminal("random", "8", "--endpoint", closed, exit_code=7, **CREDENTIAL).out
    assert "trying again (2 of 2)" in shown
    assert shown.split("\r\x1b[K")[-1].startswith("kmstool: error: ")
    assert on_terminal("random", "8", "--endpoint", closed, exit_code=7, CI="true", **CREDENTIAL).out.count("\x1b") == 0


@pytest.mark.parametrize(
    "command", [("digest", "--algorithm", "sha256", "large"), ("digest", "--algorithm", "sm3", "large")]
)
def test_who_reads_a_large_file_sees_how_much(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_WAIT_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    with open("large", "wb") as file:
        file.truncate(2**24)
    assert "reading" in on_terminal(*command, TERM="xterm").out
    assert "reading" not in on_terminal(*command, TERM="dumb").out
    assert "reading" not in on_terminal(*command, CI="true", TERM="xterm").out
    assert kmstool(*command).err == ""
