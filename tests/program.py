"""The program under test, as its users run it: arguments, stdin and variables in; exit code, stdout and stderr out.

In this process unless a test asks for one of its own, which costs forty times as much and is
for signals, terminals, pipes, descriptors, start-up and several programs at once. What runs
here is the same boundary, `kmstool.cli.main.command_line`, on real descriptors 0, 1 and 2, so
that its children and `os.write` find what they would find in a process. A fork of this process
is between the two: it can become another program, and has no start of Python.
"""

import fcntl
import gc
import json
import os
import posix
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import IO, Any, NoReturn

from kmstool import __main__ as start
from kmstool.cli.main import command_line
from kmstool.system import leftovers, mounts, terminal
from tests.conftest import PROGRAM
from tests.measured import Measured

TIMEOUT_SECONDS = 60
_PIPE_BYTES = 65536
_FAILED = 70
_STREAMS = ("stdin", "stdout", "stderr")
# What a process remembers of what it has seen and said; a new one does not.
REMEMBERED: tuple[set[Any], ...] = (leftovers._swept, mounts._told)
_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Ran:
    """What came of a run of the program."""

    exit_code: int
    stdout: bytes
    stderr: bytes

    @property
    def out(self) -> str:
        """Stdout as text."""
        return self.stdout.decode()

    @property
    def err(self) -> str:
        """Stderr as text."""
        return self.stderr.decode()

    @property
    def json(self) -> Any:
        """The JSON value on stdout."""
        return json.loads(self.stdout)

    @property
    def error(self) -> dict[str, Any]:
        """The error of a run with `--format json`, which stands alone on stderr."""
        fields: dict[str, Any] = json.loads(self.stderr)["error"]
        return fields


class HungError(BaseException):
    """The command did not come back."""


def kmstool(
    *arguments: str | Path,
    exit_code: int | None = 0,
    stdin: bytes | str | int | IO[bytes] = b"",
    stdout: int | IO[bytes] | None = None,
    env: Mapping[str, str] | None = None,
    cwd: str | Path | None = None,
    umask: int | None = None,
    process: bool = False,
    fork: bool = False,
    user: int | None = None,
    before: Sequence[str] = (),
    timeout: float = TIMEOUT_SECONDS,
    **variables: str,
) -> Ran:
    """Run kmstool and check its exit code, unless that is None.

    `stdin` is what is piped in, or an open file; `stdout` one that is written to. `env` takes the place of the
    environment, `variables` are added to it. With `process`, or with words that come `before` the program
    (such as strace), it is a process; with `fork`, or as another `user`, a fork of this one.
    """
    words = [str(argument) for argument in arguments]
    run = Run(
        stdin.encode() if isinstance(stdin, str) else stdin if isinstance(stdin, bytes) else _number(stdin),
        None if stdout is None else _number(stdout),
        {**(os.environ if env is None else env), **variables},
        cwd,
        umask,
        timeout,
    )
    if process or before:
        ran = run.in_a_process([*before, *PROGRAM, *words])
    else:
        ran = run.in_a_fork(words, user) if fork or user is not None else run.here(words)
    assert exit_code in (None, ran.exit_code), f"exit code {ran.exit_code}: {ran.stderr.decode('utf-8', 'replace')}"
    assert "--debug" in words or b"Traceback" not in ran.stderr, ran.stderr.decode("utf-8", "replace")
    return ran


def on_terminal(
    *arguments: str | Path,
    typed: str = "",
    dialogue: Sequence[tuple[str, str]] = (),
    stdin: bytes | None = None,
    exit_code: int | None = 0,
    timeout: float = TIMEOUT_SECONDS,
    **variables: str,
) -> Ran:
    """Run kmstool in a fork on a terminal of 80 columns; all that this shows is the stdout of what is returned.

    `stdin` is what is piped in, else it is the terminal too. `typed` is there from the beginning; of a `dialogue`
    each line is typed when its prompt has appeared and somebody waits for it.
    """
    run = Run(b"", None, {**os.environ, **variables}, None, None, timeout)
    ours, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    measured = Measured()
    with _readable(stdin or b"") as piped:
        child = os.fork()
        if child == 0:
            os.close(ours)
            # The terminal takes all three places.
            kept = None if stdin is None else os.dup(piped)
            steps = [partial(os.login_tty, terminal), *([] if kept is None else [partial(os.dup2, kept, 0)])]
            run.become([str(argument) for argument in arguments], measured, *steps, _close_others)
    os.close(terminal)
    shown = bytearray()
    with open(ours, "r+b", buffering=0) as screen:
        screen.write(typed.encode())
        seen = 0
        for prompt, reply in dialogue:
            assert _shows(screen, shown, timeout, prompt.encode(), seen), bytes(shown)
            seen = shown.index(prompt.encode(), seen) + len(prompt)
            until(lambda: _is_raw(ours) or waits(child, "n_tty_read|wait_woken"))
            screen.write(reply.encode() + b"\n")
        _shows(screen, shown, timeout)
        status = _ended(child, timeout)
    measured.add()
    ran = Ran(os.waitstatus_to_exitcode(status), bytes(shown), b"")
    assert exit_code in (None, ran.exit_code), f"exit code {ran.exit_code}: {ran.stdout.decode('utf-8', 'replace')}"
    return ran


def _is_raw(terminal: int) -> bool:
    """Tell whether somebody edits a line on a terminal, key by key, who misses none of them."""
    return not termios.tcgetattr(terminal)[3] & termios.ICANON


def _shows(screen: IO[bytes], shown: bytearray, seconds: float, wanted: bytes | None = None, start: int = 0) -> bool:
    """Collect what a terminal shows until that holds what is wanted, or everybody has closed it; tell which."""
    while wanted is None or shown.find(wanted, start) < 0:
        assert _is_readable(screen, seconds), bytes(shown)
        try:
            part = screen.read(4096)
        except OSError:
            return False
        shown += part
    return True


@dataclass(frozen=True, slots=True)
class Run:
    """The surroundings of a run of the program."""

    stdin: bytes | int
    stdout: int | None
    environ: Mapping[str, str]
    cwd: str | Path | None
    umask: int | None
    timeout: float

    def in_a_process(self, command: list[str]) -> Ran:
        piped = self.stdin != b"" and isinstance(self.stdin, bytes)
        streams: dict[str, Any] = {"input": self.stdin} if piped else {"stdin": self.stdin or subprocess.DEVNULL}
        done = subprocess.run(
            command,
            env=self.environ,
            cwd=self.cwd,
            umask=-1 if self.umask is None else self.umask,
            stdout=subprocess.PIPE if self.stdout is None else self.stdout,
            stderr=subprocess.PIPE,
            timeout=self.timeout,
            check=False,
            start_new_session=True,
            **streams,
        )
        return Ran(done.returncode, done.stdout or b"", done.stderr)

    def in_a_fork(self, words: list[str], user: int | None = None) -> Ran:
        with (
            open(os.memfd_create("stdout"), "rb") as out,
            open(os.memfd_create("stderr"), "rb") as err,
            _readable(self.stdin) as stdin,
        ):
            files = (stdin, out.fileno() if self.stdout is None else self.stdout, err.fileno())
            measured = Measured()
            child = os.fork()
            if child == 0:
                steps = (lambda: _put_in_place(*files), os.setsid, _close_others, partial(_be_user, user))
                self.become(words, measured, *steps)
            status = _ended(child, self.timeout)
            measured.add()
            return Ran(os.waitstatus_to_exitcode(status), _content(out), _content(err))

    def become(self, words: list[str], measured: Measured, *prepare: Callable[[], object]) -> NoReturn:
        """Let a fork be the program, from its first instruction to its end, with the descriptors that are prepared."""
        try:
            measured.begin()
            for step in prepare:
                step()
            _set_environment(self.environ)
            _open_streams()
            for name in _STREAMS:
                # The program puts its own streams in place of an interpreter's.
                setattr(sys, f"__{name}__", getattr(sys, name))
            _warn_as_always()
            if self.cwd is not None:
                os.chdir(self.cwd)
            if self.umask is not None:
                os.umask(self.umask)
            _begin(words)
            start.run()
        finally:
            posix._exit(_FAILED)

    def here(self, words: list[str]) -> Ran:
        assert threading.current_thread() is threading.main_thread(), "descriptors and signals are those of all threads"
        with ExitStack() as stack:
            stack.enter_context(_surroundings(self.environ, self.cwd, self.umask))
            out, err = (stack.enter_context(open(os.memfd_create(name), "rb")) for name in ("stdout", "stderr"))
            stdin = stack.enter_context(_readable(self.stdin))
            stack.enter_context(_streams(stdin, out.fileno() if self.stdout is None else self.stdout, err.fileno()))
            stack.enter_context(_end_of_all())
            stack.enter_context(_handlers(self.timeout))
            stack.enter_context(_never_another_program())
            stack.enter_context(_no_terminal())
            stack.callback(setattr, sys, "argv", sys.argv)
            _begin(words)
            exit_code = command_line()
            for stream in (sys.stdout, sys.stderr):
                # What cannot be written is given up, as at the end of the process.
                with suppress(OSError):
                    stream.flush()
            return Ran(exit_code, _content(out), _content(err))


@contextmanager
def started(
    *arguments: str | Path,
    stdin: int | IO[bytes] = subprocess.PIPE,
    stdout: int = subprocess.PIPE,
    before: Sequence[str] = (),
    **variables: str,
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start kmstool in a process group of its own, which ends with the block."""
    command = [*before, *PROGRAM, *map(str, arguments)]
    with subprocess.Popen(
        command,
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, **variables},
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    with suppress(BrokenPipeError):
                        stream.close()


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that has to happen."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


# Where the kernel has a process that waits for a pipe: to be opened at its other end, to have data, to have room.
PIPE = "wait_for_partner|pipe_read|pipe_write"


def waits(process: "int | subprocess.Popen[Any]", where: str) -> bool:
    """Tell whether a thread of a process waits in a function of the kernel that a pattern names."""
    number = process if isinstance(process, int) else process.pid
    with suppress(OSError):
        places = [Path(task, "wchan").read_text() for task in Path(f"/proc/{number}/task").iterdir()]
        return any(re.search(where, place) for place in places)
    return False


def _number(file: int | IO[bytes]) -> int:
    return file if isinstance(file, int) else file.fileno()


def _begin(words: list[str]) -> None:
    sys.argv = ["kmstool", *words]
    for memory in REMEMBERED:
        memory.clear()


@contextmanager
def _never_another_program() -> Iterator[None]:
    """Keep the tests' process from becoming another program."""

    def refuse(*arguments: object) -> NoReturn:
        raise HungError("this becomes another program: add fork=True")

    before = os.execve
    os.execve = refuse
    try:
        yield
    finally:
        os.execve = before


def _is_readable(file: IO[bytes], seconds: float) -> bool:
    """Wait until something can be read, also by a process that has more files open than `select` knows."""
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def _ended(child: int, timeout: float) -> int:
    """Return the status of a child when it has ended, or kill it."""
    with open(os.pidfd_open(child), "rb", closefd=True) as watched:
        ready = _is_readable(watched, timeout)
    if not ready:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert ready, "it did not come back"
    return status


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


@contextmanager
def _no_terminal() -> Iterator[None]:
    """Keep the questions of a run from the person who runs the tests."""
    before, terminal.PATH = terminal.PATH, os.devnull + "/none"
    try:
        yield
    finally:
        terminal.PATH = before


@contextmanager
def _surroundings(environ: Mapping[str, str], cwd: str | Path | None, umask: int | None) -> Iterator[None]:
    before = dict(os.environ)
    with ExitStack() as stack:
        if cwd is not None:
            here = os.open(".", os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, here)
            os.chdir(cwd)
            stack.callback(os.fchdir, here)
        if umask is not None:
            stack.callback(os.umask, os.umask(umask))
        try:
            _set_environment(environ)
            yield
        finally:
            _set_environment(before)


def _set_environment(environ: Mapping[str, str]) -> None:
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    for name, value in environ.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


@contextmanager
def _readable(stdin: bytes | int) -> Iterator[int]:
    """Give a descriptor that reads what is piped in, from `/dev/null` if that is nothing."""
    if isinstance(stdin, int):
        yield stdin
        return
    if not stdin:
        reading, writing = os.open(os.devnull, os.O_RDONLY), None
    else:
        reading, writing = os.pipe()
    feeder = threading.Thread(target=_feed, args=(writing, stdin))
    if writing is not None and len(stdin) <= _PIPE_BYTES:
        _feed(writing, stdin)
    elif writing is not None:
        feeder.start()
    try:
        yield reading
    finally:
        os.close(reading)
        if feeder.ident is not None:
            feeder.join()


def _feed(pipe: int, data: bytes) -> None:
    with suppress(BrokenPipeError), open(pipe, "wb") as file:
        file.write(data)


@contextmanager
def _streams(*descriptors: int) -> Iterator[None]:
    """Put other descriptors in the place of 0, 1 and 2, with the streams that a new interpreter would make of them."""
    before = [getattr(sys, name) for name in _STREAMS]
    for stream in before[1:]:
        stream.flush()
    kept = [os.dup(number) for number in range(3)]
    try:
        _put_in_place(*descriptors)
        _open_streams()
        yield
    finally:
        for number, (name, stream, descriptor) in enumerate(zip(_STREAMS, before, kept, strict=True)):
            with suppress(OSError):
                getattr(sys, name).close()
            setattr(sys, name, stream)
            os.dup2(descriptor, number)
            os.close(descriptor)


def _put_in_place(*descriptors: int) -> None:
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)


def _close_others() -> None:
    os.closerange(len(_STREAMS), os.sysconf("SC_OPEN_MAX"))


def _be_user(user: int | None) -> None:
    if user is not None:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)


def _warn_as_always() -> None:
    """Take warnings as Python does by itself; in the tests' process they are errors."""
    warnings.resetwarnings()
    for category in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", category)


def _open_streams() -> None:
    at_once = bool(os.environ.get("PYTHONUNBUFFERED"))
    for number, name in enumerate(_STREAMS):
        file = open(number, "wb" if number else "rb", closefd=False)  # noqa: SIM115 - as long as the program runs
        errors = "backslashreplace" if name == "stderr" else "strict"
        by_line = name == "stderr" or file.isatty()
        setattr(sys, name, TextIOWrapper(file, "utf-8", errors, line_buffering=by_line, write_through=at_once))


@contextmanager
def _end_of_all() -> Iterator[None]:
    """Free what the program made, connections and files, as the end of its process does; only that is looked through."""
    gc.freeze()
    try:
        yield
    finally:
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()
        gc.unfreeze()


@contextmanager
def _handlers(timeout: float) -> Iterator[None]:
    """Let the program have its own handlers of signals, and end it when it hangs."""

    def hung(number: int, frame: FrameType | None) -> NoReturn:
        raise HungError

    kept = {number: signal.getsignal(number) for number in (*_HANDLED, signal.SIGALRM)}
    signal.signal(signal.SIGALRM, hung)
    signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in kept.items():
            signal.signal(number, handler)
