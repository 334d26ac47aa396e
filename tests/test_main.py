"""Every end of the program is an exit code, every failure one message on stderr; nobody sees a traceback.

Where pipes, terminals, signals, full disks or its start are what counts, it runs as users run it: as a process.
"""

import base64
import itertools
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import click
import pytest

from kmstool.cli import main, options
from kmstool.server.app import EmbeddedKms
from kmstool.server.tables.store import DATABASE
from tests.conftest import PROGRAM
from tests.program import PIPE, TIMEOUT_SECONDS, Ran, kmstool, on_terminal, started, until, waits

# How long a command that was told to end may take, and one that goes on would take longer.
SOON_SECONDS = 20
ERROR_FIELDS = {"code", "exit", "message", "hint", "kms_code", "request_id"}


needs_dev_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")

# What prints text, JSON and bytes, with and without importing a command.
PRINTING = (
    ["--version"],
    ["--help"],
    ["key", "create", "--help"],
    ["key", "list"],
    ["key", "list", "--format", "json"],
    ["key", "list", "--query", "TotalCount"],
    ["key", "show", "demo"],
    ["random", "32"],
    ["random", "1024", "--encoding", "raw"],
    ["local", "status"],
)

FAILING = {
    "no command": ([], 2),
    "no command of a group": (["key"], 2),
    "unknown command": (["kye"], 2),
    "unknown command of a group": (["key", "shw"], 2),
    "unknown option": (["key", "list", "--stat", "enabled"], 2),
    "option without value": (["key", "list", "--state"], 2),
    "no such choice": (["key", "list", "--state", "asleep"], 2),
    "missing argument": (["key", "show"], 2),
    "surplus argument": (["key", "list", "surplus"], 2),
    "unknown profile": (["--profile", "prod", "key", "list"], 2),
    "bad query": (["key", "list", "--query", "["], 2),
    "no confirmation": (["local", "reset"], 2),
    "unknown action": (["api", "EncryptX"], 2),
    "unreadable": (["decrypt", "missing.blob"], 3),
    "no blob": (["decrypt", "plain.txt"], 3),
    "altered": (["decrypt", "altered.blob"], 5),
    "unknown key": (["key", "show", "dmeo"], 6),
    "refused by KMS": (["key", "create", "--alias", "demo"], 6),
    "unknown region": (["key", "list", "--region", "ap-atlantis"], 6),
    "existing output": (["random", "8", "-o", "plain.txt"], 8),
}


@pytest.fixture(autouse=True)
def demo(kms: EmbeddedKms, workplace: Path) -> str:
    """Work in an empty folder, with a store that holds the key `demo`; return its id."""
    (workplace / "plain.txt").write_text("plain")
    (workplace / "altered.blob").write_text("AA==-k-AA==-k-AA==\n")
    key_id: str = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    return key_id


@pytest.fixture
def shadow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a module of another content before a library, for the program's next runs."""
    folder = tmp_path / "shadow"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])))

    def put(name: str, text: str) -> None:
        (folder / f"{name}.py").write_text(text)

    return put


def redirected(redirection: str) -> tuple[str, ...]:
    """Return the words that run the program with a redirection of the shell, such as `>&-`."""
    return ("sh", "-c", f'"$@" {redirection}', "sh")


@contextmanager
def waiting_for_input(*arguments: str, before: Sequence[str] = ()) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """Start the program with a pipe named `input` as FILE; give it and the pipe's other end once it reads."""
    os.mkfifo("input")
    with started(*arguments, "input", stdin=subprocess.DEVNULL, before=before) as process:
        writer = os.open("input", os.O_WRONLY)
        yield process, writer


def opened_by(process: "subprocess.Popen[bytes]", name: str) -> bool:
    """Tell whether a process has opened a file of that name."""
    with suppress(OSError):
        return any(os.readlink(link).endswith(name) for link in Path(f"/proc/{process.pid}/fd").iterdir())
    return False


def error_of(done: Ran) -> dict[str, Any]:
    """Return the one JSON object that stderr is."""
    answer = json.loads(done.stderr)
    assert set(answer) == {"error"}
    error: dict[str, Any] = answer["error"]
    return error


def assert_a_message(stderr: str) -> None:
    assert "Traceback" not in stderr
    first = stderr.splitlines()[0]
    assert re.fullmatch(r"kmstool: error: [^A-Z].*[^.]", first), first


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_a_reader_that_goes_away_ends_the_program_quietly(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = kmstool(*arguments, stdout=writer, exit_code=141, process=True)
    os.close(writer)
    assert done.err == ""


@needs_dev_full
@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
def test_output_that_does_not_fit_is_an_error(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = kmstool(*arguments, stdout=full, exit_code=8, process=True)
    assert "no space left" in done.err


@pytest.mark.parametrize("arguments", [["key", "list"], ["random", "8"], ["key", "show", "demo", "--format", "json"]])
def test_closed_stdout_is_an_error(arguments: list[str]) -> None:
    """What was asked for got lost; exit code 0 would say that it did not."""
    kmstool(*arguments, before=redirected(">&-"), exit_code=8)


@pytest.mark.parametrize(
    "arguments", [["encrypt", "--key", "demo"], ["decrypt", "-"], ["api", "ListKeys", "--params", "-"]]
)
def test_closed_stdin_is_an_error(arguments: list[str]) -> None:
    done = kmstool(*arguments, before=redirected("<&-"), exit_code=None)
    assert_a_message(done.err)
    assert done.exit_code in (2, 3)


def test_closed_stderr_does_not_turn_notes_into_data() -> None:
    done = kmstool("encrypt", "--key", "demo", stdin="secret\n", before=redirected("2>&-"))
    assert re.fullmatch(r"\S+-k-\S+-k-\S+\n", done.out), done.out


def test_closed_stderr_keeps_the_exit_code() -> None:
    kmstool("key", "show", "dmeo", before=redirected("2>&-"), exit_code=6)


@needs_dev_full
def test_full_stderr_keeps_the_exit_code() -> None:
    kmstool("key", "show", "dmeo", before=redirected("2>/dev/full"), exit_code=6)


SIGNALS = [(number, -number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("target", ["new.blob", "plain.txt"])
def test_a_signal_leaves_no_half_file(number: signal.Signals, code: int, target: str) -> None:
    """A new file does not appear, an old one stays as it was, and nothing temporary is left."""
    before = sorted(os.listdir())
    with waiting_for_input("encrypt", "--key", "demo", "-o", target, "--force") as (process, writer):
        os.write(writer, b"half of a secr")
        until(lambda: waits(process, PIPE))
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        os.close(writer)
    assert (process.returncode, stdout) == (code, b"")
    assert b"Traceback" not in stderr
    assert sorted(os.listdir()) == sorted([*before, "input"])
    assert Path("plain.txt").read_text() == "plain"


def test_a_hang_up_that_was_to_be_ignored_is_ignored() -> None:
    """`nohup kmstool …` goes on after the terminal is closed."""
    ignored = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")
    with waiting_for_input("encrypt", "--key", "demo", before=ignored) as (process, writer):
        # It is there before the next byte is.
        process.send_signal(signal.SIGHUP)
        os.write(writer, b"secret")
        os.close(writer)
        stdout, _ = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, "the hang-up ended it"
    assert b"-k-" in stdout


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_ends_the_wait_for_a_busy_store(number: signal.Signals, code: int, tmp_path: Path) -> None:
    """Whoever presses Ctrl-C does not wait until the other process is done."""
    import sqlite3

    busy = sqlite3.connect(tmp_path / "store" / DATABASE, isolation_level=None)
    busy.execute("BEGIN IMMEDIATE")
    with closing(busy), started("key", "create", "--alias", "other", stdin=subprocess.DEVNULL) as process:
        until(lambda: opened_by(process, DATABASE) and waits(process, "nanosleep"))
        process.send_signal(number)
        stdout, _ = process.communicate(timeout=SOON_SECONDS)
    assert (process.returncode, stdout) == (code, b"")


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("command", [["key", "list"], ["--help"], ["decrypt", "altered.blob"]], ids=" ".join)
def test_a_signal_ends_the_wait_for_a_reader(
    number: signal.Signals, code: int, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it prints goes into a pipe that is full, and nobody reads: one signal is enough."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(4096))
    os.set_blocking(writing, True)
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    with started(*command, stdin=subprocess.DEVNULL, stdout=writing) as process:
        until(lambda: waits(process, PIPE) or process.poll() is not None)
        process.send_signal(number)
        _, stderr = process.communicate(timeout=SOON_SECONDS)
    os.close(reading)
    os.close(writing)
    assert process.returncode == (5 if command[0] == "decrypt" else code)
    assert b"Traceback" not in stderr


def test_an_interrupt_during_the_start_shows_no_traceback(shadow: Callable[[str, str], None]) -> None:
    """The first tenth of a second belongs to imports; Ctrl-C must be quiet there too."""
    shadow("click", "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = kmstool("key", "list", process=True, exit_code=None)
    assert (done.exit_code, done.err) == (-signal.SIGINT, "")


@pytest.mark.parametrize(("number", "code"), SIGNALS, ids=str)
def test_a_signal_counts_also_where_python_makes_another_exception_of_it(
    shadow: Callable[[str, str], None], number: signal.Signals, code: int
) -> None:
    """Python up to 3.11 does so while a class is made, which imports do all the time."""
    kill = f"import os\nclass Field:\n    def __set_name__(self, *_):\n        os.kill(os.getpid(), {int(number)})\n"
    shadow("jmespath", f"{kill}class Library:\n    field = Field()\n")
    done = kmstool("key", "list", "--query", "x", process=True, exit_code=code)
    assert done.out == ""
    assert "unexpected" not in done.err


@pytest.mark.parametrize("library", ["click", "jmespath"])
def test_an_interrupt_while_a_class_is_made_is_quiet(shadow: Callable[[str, str], None], library: str) -> None:
    """Before the command line has its handlers and after; Python up to 3.11 makes a RuntimeError of it."""
    kill = "import os\nclass Field:\n    def __set_name__(self, *_):\n        os.kill(os.getpid(), 2)\n"
    shadow(library, f"{kill}class Library:\n    field = Field()\n")
    done = kmstool("key", "list", "--query", "x", process=True, exit_code=-signal.SIGINT)
    assert done.out == ""
    assert done.err in ("", "kmstool: stopped; no file was changed\n")


def test_an_interrupt_while_an_object_is_freed_is_not_forgotten(shadow: Callable[[str, str], None]) -> None:
    """What is raised there would be written out as ignored, and the command would go on."""
    shadow("click", "import os\nclass Freed:\n    def __del__(self):\n        os.kill(os.getpid(), 2)\nFreed()\n")
    done = kmstool("key", "list", process=True, exit_code=-signal.SIGINT)
    assert (done.out, done.err) == ("", "")


# What runs in a function of the program. Until its first one is called Ctrl-C is the interpreter's, which shows where it was.
OWN_FUNCTION = re.compile(r'File ".*/kmstool/[a-z_/]+\.py", line [0-9]+, in (?!<module>)')


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
@pytest.mark.parametrize("first", range(0, 20, 4))
@pytest.mark.usefixtures("uncovered")
def test_a_signal_at_any_time_is_quiet(number: signal.Signals, first: int) -> None:
    """From before the first instruction to after the last; when each one arrives does not matter."""
    command = [*PROGRAM, "key", "list", "--format", "json"]
    for milliseconds in range(first, 120, 20):
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            time.sleep(milliseconds / 1000)
            process.send_signal(number)
            stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        assert not OWN_FUNCTION.search(stderr), stderr
        assert "unexpected" not in stderr
        if stderr in ("", "kmstool: stopped; no file was changed\n"):
            assert process.returncode in (0, -number)
            assert process.returncode != 0 or json.loads(stdout)


@pytest.mark.usefixtures("uncovered")
@pytest.mark.parametrize("megabytes", [*range(16, 48, 2), 64])
def test_too_little_memory_is_said(megabytes: int) -> None:
    """However far it comes: in its own imports, in those of a library, or with room enough."""
    limited = ["sh", "-c", f'ulimit -v {megabytes * 1024} && exec "$@"', "sh", *PROGRAM, "random", "8"]
    # Where not even the interpreter starts, that shows a traceback of its own.
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS)
    if done.returncode == 0:
        assert re.fullmatch(r"[0-9a-f]{16}\n", done.stdout)
    elif OWN_FUNCTION.search(done.stderr) or done.stderr.startswith("kmstool"):
        assert_a_message(done.stderr)
        assert "out of memory" in done.stderr
        assert done.returncode == 8


def test_an_answer_that_takes_all_memory_is_no_bug(shadow: Callable[[str, str], None]) -> None:
    shadow("jmespath", "import jmespath_is_large")
    shadow("jmespath_is_large", "bytearray(1 << 62)")
    done = kmstool("key", "list", "--query", "x", process=True, exit_code=8)
    assert done.out == ""
    assert done.err.startswith("kmstool: error: out of memory")


@pytest.mark.parametrize(
    "query",
    ["[" * 5000, "(" * 5000, "!" * 5000, "{a:" * 5000, "`" + "[" * 5000, "a|" * 5000 + "a", "`1` < 'a'", "'a' >= `1`"],
    ids=lambda query: query[:12],
)
def test_a_query_that_cannot_be_answered_is_a_usage_error(query: str) -> None:
    done = kmstool("key", "list", "--query", query, exit_code=2)
    assert done.out == ""
    assert_a_message(done.err)
    assert "is no JMESPath expression" in done.err
    assert len(done.err) < 500


@pytest.fixture
def broken(shadow: Callable[[str, str], None]) -> None:
    """Make a damaged installation: one library is there and empty."""
    shadow("sqlite3", "")


@pytest.mark.usefixtures("broken")
def test_an_unexpected_fault_says_how_to_go_on() -> None:
    done = kmstool("key", "list", process=True, exit_code=1)
    assert done.out == ""
    assert_a_message(done.err)
    assert "kmstool: error: unexpected AttributeError" in done.err
    assert "kmstool: hint: " in done.err
    assert "--debug" in done.err


@pytest.mark.usefixtures("broken")
def test_debug_shows_where_an_unexpected_fault_came_from() -> None:
    done = kmstool("key", "list", "--debug", process=True, exit_code=1)
    assert "Traceback" in done.err
    assert done.err.splitlines()[-2].startswith("kmstool: error: unexpected AttributeError")


@pytest.mark.usefixtures("broken")
def test_an_unexpected_fault_as_json() -> None:
    done = kmstool("key", "list", "--format", "json", process=True, exit_code=1)
    assert done.out == ""
    assert error_of(done)["exit"] == 1


@pytest.mark.parametrize(("arguments", "code"), FAILING.values(), ids=FAILING)
def test_a_failure_is_a_message(arguments: list[str], code: int) -> None:
    done = kmstool(*arguments, exit_code=code)
    assert done.out == ""
    errors = [line for line in done.err.splitlines() if line.startswith("kmstool: error: ")]
    assert len(errors) == 1
    assert_a_message(errors[0])


PLACES: tuple[tuple[list[str], list[str]], ...] = (
    (["--format=json"], []),
    ([], ["--format", "json"]),
    (["--format", "json"], []),
)
# Each failure with the option in one of the places where it may stand.
FAILING_AS_JSON = {
    name: ([*before, *arguments, *after], code)
    for (name, (arguments, code)), (before, after) in zip(FAILING.items(), itertools.cycle(PLACES), strict=False)
}


@pytest.mark.parametrize(("arguments", "code"), FAILING_AS_JSON.values(), ids=FAILING_AS_JSON)
def test_a_failure_is_one_json_object(arguments: list[str], code: int) -> None:
    done = kmstool(*arguments, exit_code=code)
    assert done.out == ""
    error = error_of(done)
    assert set(error) == ERROR_FIELDS
    assert error["exit"] == code
    assert re.fullmatch(r"[A-Z]\w+Error", error["code"])
    assert re.fullmatch(r"[^A-Z].*[^.]", error["message"])
    assert all(error[name] is None or isinstance(error[name], str) for name in ("hint", "kms_code", "request_id"))


def test_json_names_the_code_and_the_request_of_kms() -> None:
    error = error_of(kmstool("key", "create", "--alias", "demo", "--format", "json", exit_code=6))
    assert error["kms_code"] == "InvalidParameterValue.AliasAlreadyExists"
    assert re.fullmatch(r"[0-9a-f-]{36}", error["request_id"])


def test_without_a_profile_both_ways_out_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KMSTOOL_PROFILE")
    error = error_of(kmstool("key", "list", "--format", "json", exit_code=4))
    assert (error["code"], error["exit"]) == ("AccessError", 4)
    assert "kmstool init --local" in error["hint"]
    assert "Tencent Cloud" in error["hint"]


def test_a_note_before_a_failure_does_not_spoil_the_json() -> None:
    done = kmstool("encrypt", "--key", "dmeo", "--format", "json", stdin="secret\n", exit_code=6)
    assert error_of(done)["exit"] == 6


@pytest.mark.parametrize(
    ("arguments", "json_wins"),
    [
        (["--format", "json", "key", "show", "dmeo", "--format", "text"], False),
        (["--format", "text", "key", "show", "dmeo", "--format", "json"], True),
        (["--format=json", "key", "--format=text", "show", "dmeo"], False),
        (["key", "show", "dmeo", "--format", "json", "--format", "text"], False),
    ],
)
def test_the_later_format_wins_for_failures_too(arguments: list[str], *, json_wins: bool) -> None:
    assert kmstool(*arguments, exit_code=6).err.startswith("{") == json_wins


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "json", "key", "list"],
        ["key", "--format", "json", "list"],
        ["key", "list", "--format", "json"],
        ["--format", "text", "key", "list", "--format", "json"],
        ["--format", "text", "key", "--format", "json", "list"],
        ["key", "list", "--format", "text", "--format", "json"],
    ],
    ids=" ".join,
)
def test_a_global_option_may_stand_anywhere_and_the_later_one_wins(arguments: list[str], demo: str) -> None:
    answer = kmstool(*arguments).json
    assert [key["KeyId"] for key in answer["KeyMetadatas"]] == [demo]


def test_the_later_region_wins() -> None:
    assert kmstool("--region", "ap-singapore", "key", "list", "--query", "TotalCount").out == "0\n"
    assert (
        kmstool("--region", "ap-singapore", "key", "list", "--query", "TotalCount", "--region", "ap-guangzhou").out
        == "1\n"
    )


def test_an_option_beats_the_environment() -> None:
    environment = {"KMSTOOL_PROFILE": "prod", "KMSTOOL_REGION": "ap-singapore"}
    assert kmstool("key", "list", "--profile", "local", "--query", "TotalCount", **environment).out == "0\n"
    assert (
        kmstool(
            "--profile", "local", "key", "list", "--region", "ap-guangzhou", "--query", "TotalCount", **environment
        ).out
        == "1\n"
    )


def test_every_command_accepts_the_global_options() -> None:
    groups: list[click.Command] = [main.root]
    while groups:
        command = groups.pop()
        # click keeps the help option of the first context that asks, for all tests of this process.
        context = click.Context(command, help_option_names=["-h", "--help"])
        assert set(options.GLOBAL) <= set(command.get_params(context)), command.name
        groups += command.commands.values() if isinstance(command, click.Group) else []


@pytest.mark.parametrize("arguments", [["encrypt", "--key", "", "plain.txt"], ["key", "show", ""]], ids=" ".join)
def test_an_empty_key_is_not_the_default_one(arguments: list[str]) -> None:
    """`--key "$KEY"` with a variable that is not set must not encrypt under another key than was meant."""
    kmstool("init", "--local")
    done = kmstool(*arguments, exit_code=2)
    assert done.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["key", "list", "--profile", ""],
        ["--region", "", "key", "list"],
        ["key", "list", "--endpoint="],
        ["reencrypt", "altered.blob", "--to", ""],
        ["auth", "login", "--secret-id", ""],
        ["auth", "login", "--store", "file", "--passphrase-file", ""],
        ["import-material", "demo", "plain.txt", "--passphrase-file", ""],
        ["local", "serve", "--port-file", ""],
        ["local", "credentials", "create", "--lifetime", ""],
    ],
    ids=" ".join,
)
def test_an_empty_value_is_not_as_if_the_option_were_not_there(arguments: list[str]) -> None:
    """Of `--profile "$PROFILE"` with a variable that is not set, the user learns before the wrong account does."""
    done = kmstool(*arguments, exit_code=2)
    assert done.out == ""
    option = next(word for word in arguments if word.startswith("--") and word != "--store")
    assert f"{option.rstrip('=')}'" in done.err
    assert "is a shell variable unset?" in done.err


WITHOUT_EFFECT = [
    (["auth", "login", "--passphrase-file", "plain.txt"], "--passphrase-file goes with --store file"),
    (["auth", "import-tccli", "--passphrase-file", "plain.txt"], "--passphrase-file goes with --store file"),
    (["key", "rotation", "off", "demo", "--days", "90"], "--days goes with on"),
    (["key", "rotation", "status", "demo", "--days", "365"], "--days goes with on"),
    (["sign", "--message-type", "digest", "--digest", "never", "plain.txt"], "--digest goes with messages"),
    (["sign", "--message-type", "digest", "--digest", "auto", "plain.txt"], "--digest goes with messages"),
    (["profile", "set", "local", "--credentials", "tke"], "--credentials goes with the other profiles"),
    (["random", "8", "--force"], "--force goes with -o"),
    (["encrypt", "--force", "plain.txt"], "--force goes with -o"),
    (["public-key", "demo", "--force"], "--force goes with -o"),
    (["random", "8", "--encoding", "raw", "--format", "json"], "--encoding goes with text"),
    (["random", "8", "--encoding", "hex", "--query", "Plaintext"], "--encoding goes with text"),
]


@pytest.mark.parametrize(("arguments", "message"), WITHOUT_EFFECT, ids=[" ".join(words) for words, _ in WITHOUT_EFFECT])
def test_an_option_without_effect_is_refused(arguments: list[str], message: str) -> None:
    """Whoever gives it believes that it does something."""
    done = kmstool(*arguments, exit_code=2)
    assert done.out == ""
    assert message in done.err


def test_an_option_may_stand_before_the_one_that_it_goes_with() -> None:
    for arguments in (
        ["random", "8", "--force", "-o", "plain.txt"],
        ["random", "8", "--encoding", "raw", "--format", "json", "-o", "new"],
        ["key", "rotation", "on", "demo"],
    ):
        kmstool(*arguments)
    assert len(Path("plain.txt").read_text()) == 17
    assert len(Path("new").read_bytes()) == 8
    assert kmstool("key", "rotation", "status", "demo", "--format", "json").json["RotateDays"] == 365


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    kmstool("init", "--local")
    for name in ("KMSTOOL_PROFILE", "KMSTOOL_REGION", "KMSTOOL_ENDPOINT"):
        monkeypatch.setenv(name, "")
    kmstool("key", "list")


def test_a_lifetime_of_no_time_is_not_one_for_ever() -> None:
    done = kmstool("local", "credentials", "create", "--lifetime", "0s", exit_code=2)
    assert done.out == ""
    assert "--lifetime" in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["key", "create", "--alias", "new", "--description", "\udcff"],
        ["key", "create", "--alias", "new", "--tag", "team=\udcff"],
        ["key", "create", "--alias", "\udcff"],
        ["key", "set-description", "demo", "\udcff"],
        ["key", "list", "--tag", "team=\udcff"],
        ["key", "show", "\udcff"],
        ["encrypt", "--key", "demo", "--context", "app=\udcff", "plain.txt"],
        ["api", "CreateKey", "--params", '{"Alias": "new", "Description": "\\ud800"}'],
        ["api", "CreateKey", "--params", '{"Alias": "new", "Tags": [{"TagKey": "\\ud800", "TagValue": ""}]}'],
        ["api", "DescribeKey", "--params", '{"KeyId": "\\ud800"}'],
    ],
    ids=ascii,
)
def test_bytes_that_are_no_text_are_the_users_mistake(arguments: list[str]) -> None:
    """Arguments from a terminal or script in another encoding, and halves of characters in JSON."""
    done = kmstool(*arguments, exit_code=None)
    assert done.exit_code in (0, 2, 3, 6), done.err
    kmstool("key", "list", "--format", "json")


@pytest.mark.parametrize(
    "arguments",
    [
        ["key", "list", "--timeout", "nan"],
        ["key", "list", "--timeout", "inf"],
        ["--max-wait", "nan", "key", "list"],
        ["local", "faults", "add", "--code", "InternalError", "--probability", "nan"],
        ["local", "faults", "add", "--code", "InternalError", "--probability", "-inf"],
    ],
    ids=" ".join,
)
def test_what_python_takes_for_a_number_and_is_none_is_refused(arguments: list[str]) -> None:
    done = kmstool(*arguments, exit_code=2)
    assert done.out == ""
    assert "invalid value for '--" in done.err


def test_a_destructive_command_asks_on_a_terminal_and_takes_no_for_an_answer() -> None:
    shown = on_terminal("local", "reset", typed="n\n", exit_code=2).out
    assert "can never be read again" in shown
    assert "nothing was done" in shown
    assert kmstool("key", "list", "--query", "TotalCount").out == "1\n"


@pytest.mark.parametrize("typed", ["\n", "\x04"], ids=["enter", "end of input"])
def test_without_a_clear_yes_nothing_is_destroyed(typed: str) -> None:
    on_terminal("local", "reset", typed=typed, exit_code=2)
    assert kmstool("key", "list", "--query", "TotalCount").out == "1\n"


def test_a_destructive_command_goes_on_after_the_name_is_typed() -> None:
    on_terminal("local", "reset", typed="local\n")
    assert kmstool("key", "list", "--query", "TotalCount").out == "0\n"


def test_yes_is_not_asked_for_when_it_was_given() -> None:
    shown = on_terminal("local", "reset", "--yes").out
    assert "?" not in shown


def test_no_input_asks_nothing_on_a_terminal() -> None:
    shown = on_terminal("local", "reset", "--no-input", typed="y\n", exit_code=2).out
    assert "--yes" in shown
    assert kmstool("key", "list", "--query", "TotalCount").out == "1\n"


def test_nobody_is_asked_where_nobody_can_answer() -> None:
    done = kmstool("local", "reset", stdin="y\n", exit_code=2)
    assert "--yes" in done.err
    assert kmstool("key", "list", "--query", "TotalCount").out == "1\n"


def test_verbose_reports_calls_and_no_parameters(demo: str) -> None:
    done = kmstool("encrypt", "--key", "demo", "--context", "app=billing", "--verbose", stdin="a secret")
    assert re.search(r"^kmstool: Encrypt: [0-9]+ ms, ok, request id [0-9a-f-]{36}$", done.err, re.MULTILINE)
    assert not [
        word for word in (demo, "billing", "secret", base64.b64encode(b"a secret").decode()) if word in done.err
    ]
    refused = kmstool("key", "create", "--alias", "demo", "--description", "a text", "--verbose", exit_code=6)
    assert "CreateKey: " in refused.err
    assert "AliasAlreadyExists, request id" in refused.err
    assert "a text" not in refused.err


def test_a_secret_leaves_no_trace(tmp_path: Path) -> None:
    """It goes in by a pipe and comes out by a pipe; it is in no file, command line, environment or message."""
    secret = f"canary-{base64.b32encode(os.urandom(20)).decode()}".encode()
    traces = [secret, base64.b64encode(secret)[:-4], secret.hex().encode()]
    with waiting_for_input("encrypt", "--key", "demo", "--verbose", "--debug") as (process, writer):
        os.write(writer, secret)
        until(lambda: waits(process, PIPE))
        folder = Path(f"/proc/{process.pid}")
        seen = [(folder / name).read_bytes() for name in ("cmdline", "environ") if folder.exists()]
        os.close(writer)
        blob, messages = process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0, messages
    decrypted = kmstool("decrypt", "--verbose", "--debug", stdin=blob)
    assert decrypted.stdout == secret
    refused = kmstool(
        "api", "Encrypt", "--params", "-", "--debug", stdin=json.dumps({"Plaintext": secret.decode()}), exit_code=6
    )
    seen += [blob, messages, decrypted.stderr, refused.stderr, refused.stdout]
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert tmp_path / "store" / DATABASE in files
    seen += [path.read_bytes() for path in files]
    assert not [trace for trace in traces for text in seen if trace in text]


def contents(folder: Path) -> dict[str, bytes | None]:
    """Return all that is in a folder, None for a folder."""
    return {str(path): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


SEED = """
[[key]]
alias = "seeded"
"""

DRY = {
    "encrypt": "encrypt --key demo plain.txt -o old --force",
    "decrypt": "decrypt good.blob -o old --force",
    "random": "random 8 -o new",
    "data-key generate": "data-key generate --key demo --name user -o new",
    "data-key plaintext": "data-key plaintext kept -o old --force",
    "envelope encrypt": "envelope encrypt --key demo plain.txt",
    "envelope encrypt, detached": "envelope encrypt --key demo plain.txt -o new --detached head",
    "envelope encrypt, detached, replaced": "envelope encrypt --key demo plain.txt -o old --detached good.kte --force",
    "envelope encrypt -r": "envelope encrypt --key demo -r tree -o new",
    "envelope decrypt": "envelope decrypt good.kte -o old --force",
    "envelope decrypt --range": "envelope decrypt good.kte --range 0-1 -o new",
    "envelope decrypt -r": "envelope decrypt -r sealed -o new",
    "digest": "digest --algorithm sm3 plain.txt -o new",
    "local backup": "local backup new",
    "local export": "local export -o new",
    "local credentials create": "local credentials create",
    "local faults add": "local faults add --drop",
    "local seed": "local seed seed.toml",
    "local restore": "local restore copy --yes",
    "whitebox encrypt": "whitebox encrypt --key app plain.txt -o new",
    "whitebox download-key": "whitebox download-key app -o new",
    "whitebox bundle": "whitebox bundle --key app plain.txt -o new",
}


@pytest.mark.parametrize("line", DRY.values(), ids=DRY)
def test_a_dry_run_changes_no_file(kms: EmbeddedKms, line: str, tmp_path: Path) -> None:
    kms.call("CreateWhiteBoxKey", {"Alias": "app", "Algorithm": "SM4"})
    for prepared in (
        "encrypt --key demo plain.txt -o good.blob",
        "envelope encrypt --key demo plain.txt -o good.kte",
        "envelope encrypt --key demo -r tree -o sealed",
        "data-key generate --key demo --name kept",
        "local backup copy",
    ):
        Path("tree").mkdir(exist_ok=True)
        Path("tree/a").write_text("a")
        kmstool(*prepared.split())
    Path("old").write_text("old")
    Path("seed.toml").write_text(SEED)
    before = contents(tmp_path)
    done = kmstool(*line.split(), "--dry-run")
    assert "dry run, nothing was changed" in done.err
    assert done.out.splitlines()
    assert all(told.startswith("would ") for told in done.out.splitlines())
    assert contents(tmp_path) == before
    answer = kmstool(*line.split(), "--dry-run", "--format", "json").json
    assert answer["DryRun"] is True
    assert [change.keys() for change in answer["Changes"]] == [{"Change", "Params"}] * len(done.out.splitlines())
    assert contents(tmp_path) == before
    kmstool(*line.split())
    assert contents(tmp_path) != before, "without --dry-run it does something"


def test_a_dry_run_deletes_no_credential() -> None:
    secret_id = kmstool("local", "credentials", "create", "--query", "SecretId").out.strip()
    kmstool("local", "credentials", "delete", secret_id, "--dry-run")
    assert secret_id in kmstool("local", "credentials", "list").out


@pytest.mark.parametrize("folder", ["fresh", "empty"])
@pytest.mark.parametrize("options", [(), ("--format", "json")], ids=["text", "json"])
def test_a_dry_run_makes_no_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, options: tuple[str, ...]
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / folder))
    for command in (["key", "create", "--alias", "demo"], ["key", "list"], ["init", "--local"]):
        done = kmstool(*command, "--dry-run", *options)
        assert f"make a store in {tmp_path / folder}" in done.out
        assert "dry run, nothing was changed" in done.err
        assert "is in use" not in done.err
    assert contents(tmp_path / folder) == {}
