"""Ctrl-C, termination and a hang-up end the program by the signal itself, and one line says what became of its work."""

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from kmstool.cli import stops
from kmstool.cli.console import Job
from kmstool.cli.io import inputs
from kmstool.cli.session.session import Session
from kmstool.server.app import EmbeddedKms
from kmstool.system import signals
from tests.conftest import PROGRAM, need
from tests.program import PIPE, TIMEOUT_SECONDS, kmstool, started, until, waits

NOTHING = "stopped; no file was changed"
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture(autouse=True)
def demo(kms: EmbeddedKms, workplace: Path) -> None:
    kms.call("CreateKey", {"Alias": "demo"})
    os.mkfifo("input")


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


class Terminal:
    """A shell on a terminal of its own."""

    def __init__(self, line: str) -> None:
        self.child, self.screen = pty.fork()
        if self.child == 0:
            os.execvp("bash", ["bash", "-c", line])

    def waits_for_input(self) -> bool:
        """Tell whether something that the shell started waits for the pipe to be opened."""
        return any(waits(child, PIPE) for child in children_of(self.child))

    def end(self) -> tuple[str, int]:
        shown = b""
        try:
            while part := os.read(self.screen, 4096):
                shown += part
        except OSError:
            pass
        os.close(self.screen)
        return shown.decode(), os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])


def test_ctrl_c_ends_a_loop_of_the_shell_too() -> None:
    """A shell goes on with the next file where the program has only an exit code for it."""
    need("bash")
    program = " ".join(PROGRAM)
    terminal = Terminal(f"for each in 1 2 3; do {program} encrypt --key demo input; echo code $?; done; echo after")
    until(terminal.waits_for_input)
    os.write(terminal.screen, b"\x03")
    shown, exit_code = terminal.end()
    assert exit_code == -signal.SIGINT
    assert shown == f"^C\r\nkmstool: {NOTHING}\r\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_shell_sees_the_usual_codes(number: signal.Signals) -> None:
    line = f'{" ".join(PROGRAM)} encrypt --key demo input; echo "code $?"'
    with subprocess.Popen(["bash", "-c", line], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as shell:
        until(lambda: any(waits(child, PIPE) for child in children_of(shell.pid)))
        os.kill(children_of(shell.pid)[0], number)
        out, err = shell.communicate(timeout=TIMEOUT_SECONDS)
    assert out == f"code {128 + number}\n"
    assert f"kmstool: {NOTHING}\n" in err


def test_the_program_that_runs_a_command_line_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(name: str | None) -> NoReturn:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError(name)

    monkeypatch.setattr(inputs, "open_input", stop)
    assert kmstool("encrypt", "--key", "demo", exit_code=143).err == f"kmstool: {NOTHING}\n"
    error = kmstool("encrypt", "--key", "demo", "--format", "json", exit_code=143).error
    assert error["message"] == NOTHING
    assert (error["code"], error["exit"]) == ("Stopped", 143)


def test_how_many_lines_of_a_batch_are_done() -> None:
    with started("batch", "encrypt", "--key", "demo") as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b'{"plaintext": "YQ=="}\n' * 3)
        process.stdin.flush()
        lines = [json.loads(process.stdout.readline()) for _ in range(3)]
        until(lambda: waits(process, PIPE))
        process.send_signal(signal.SIGTERM)
        _, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
    assert all("ciphertext" in line for line in lines)
    assert process.returncode == -signal.SIGTERM
    assert stderr.decode() == "kmstool: stopped: 3 lines are done\n"


def session() -> Session:
    return Session({})


def test_a_job_says_how_far_it_is() -> None:
    stopped = session()
    stopped.job = Job("files", None, goes_on=True)
    stopped.job.expect(3000)
    stopped.job.advance(1120)
    assert stops.outcome(stopped) == "stopped: 1,120 of 3,000 files are done; the same command goes on"


def test_what_was_done_and_what_is_not_known_is_said(tmp_path: Path) -> None:
    stopped = session()
    with stopped.changes.created(tmp_path / "one") as file:
        file.write(b"1")
        assert stops.outcome(stopped) == NOTHING
    assert stops.outcome(stopped) == f"stopped; this was done: write {tmp_path / 'one'}"
    with pytest.raises(KeyboardInterrupt), stopped.changes.noted("call CreateKey"):
        raise KeyboardInterrupt
    assert stops.outcome(stopped) == "stopped; it is not known whether this was done: call CreateKey"


def test_a_change_that_failed_was_not_made(tmp_path: Path) -> None:
    stopped = session()
    (tmp_path / "one").touch()
    for change in (
        lambda: stopped.changes.created(tmp_path / "one").__enter__(),
        lambda: stopped.changes.make(lambda: 1 // 0, "divide"),
    ):
        with pytest.raises(Exception, match=r"exists|cannot|division"):
            change()
    assert stops.outcome(stopped) == NOTHING


def test_output_that_is_not_all_is_said_to_be_so() -> None:
    stopped = session()
    stopped.cut_short = True
    assert stops.outcome(stopped) == "stopped; what went to stdout is not all: discard it"


def test_no_worker_outlives_the_second_signal() -> None:
    code = (
        "import multiprocessing, os, signal, sys, time\n"
        "from kmstool.system import signals\n"
        "child = multiprocessing.get_context('fork').Process(target=signal.pause)\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "signals.end_by(signal.SIGTERM)\n"
    )
    done = subprocess.run([PROGRAM[0], "-c", code], stdout=subprocess.PIPE, check=False, timeout=TIMEOUT_SECONDS)
    assert done.returncode == -signal.SIGTERM
    assert re.fullmatch(rb"\d+\n", done.stdout)
    until(lambda: not Path(f"/proc/{int(done.stdout)}").exists())


def test_the_first_process_of_a_container_ends_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system keeps such a process from its own signals."""
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(os, "kill", lambda *_: None)
        signals.end_by(signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 143
