"""What the README and the session files show is what happens.

Their ```console blocks run in bash: one process, one home and one empty folder a file,
so that a block finds what an earlier one made. A line that begins with `$ ` is a command,
lines with `> ` after it continue it; all other lines are its output, stdout and stderr
as they come. `[..]` stands for any characters of a line, a line `...` for any lines, and
a last line such as `[exit 5]` for an exit code that is not 0. Whether the output ends in
a newline is not told apart. No block can be left out.
"""

import difflib
import os
import re
import secrets
import select
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests import warm

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
FILES = [README, *sorted((ROOT / "tests" / "sessions").glob("*.md"))]
TIMEOUT_SECONDS = 120

FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,}) *(?P<kind>.*)")
EXIT = re.compile(r"\[exit ([0-9]+)\]")
# Blocks of these kinds look like commands, but only ```console blocks are run.
SHELLS = {"bash", "sh", "shell", "zsh"}
README_SHELL_BLOCKS = 2


@dataclass(frozen=True, slots=True)
class Step:
    """A command of a session and what it must print and return."""

    line: int
    command: str
    expected: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command did print and return."""

    lines: tuple[str, ...]
    exit_code: int


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its kind, and its lines with the number of the first."""

    kind: str
    line: int
    lines: tuple[str, ...]


def blocks(text: str) -> list[Block]:
    found: list[Block] = []
    open_block: tuple[str, str, int, list[str]] | None = None
    for number, line in enumerate(text.split("\n"), 1):
        fence = FENCE.fullmatch(line)
        if open_block is None:
            if fence is None:
                continue
            kind = fence["kind"].strip()
            if kind.startswith("console") and (kind != "console" or fence["indent"]):
                raise ValueError(f"line {number}: a console block is marked ```console, not indented and nothing else")
            open_block = kind, fence["ticks"], number + 1, []
        elif fence and fence["ticks"].startswith(open_block[1]) and not fence["kind"]:
            kind, _, first, lines = open_block
            found.append(Block(kind, first, tuple(lines)))
            open_block = None
        else:
            open_block[3].append(line)
    if open_block is not None:
        raise ValueError(f"line {open_block[2] - 1}: the block is not closed")
    return found


def steps(text: str) -> list[Step]:
    return [step for block in blocks(text) if block.kind == "console" for step in block_steps(block)]


def block_steps(block: Block) -> list[Step]:
    found: list[Step] = []
    rest = list(enumerate(block.lines, block.line))
    while rest:
        number, line = rest.pop(0)
        if not line.startswith("$ "):
            raise ValueError(f"line {number}: a console block begins with a command, `$ …`")
        command = [line[2:]]
        while rest and rest[0][1].startswith("> "):
            command.append(rest.pop(0)[1][2:])
        expected: list[str] = []
        while rest and not rest[0][1].startswith("$ "):
            expected.append(rest.pop(0)[1])
        end = EXIT.fullmatch(expected[-1]) if expected else None
        if end:
            expected.pop()
        found.append(Step(number, "\n".join(command), tuple(expected), int(end[1]) if end else 0))
    return found


def line_matches(expected: str, got: str) -> bool:
    return re.fullmatch(".*".join(re.escape(part) for part in expected.split("[..]")), got, re.DOTALL) is not None


def matches(expected: Sequence[str], got: Sequence[str]) -> bool:
    """Tell whether the lines match, by following all ways to place the `...` at once."""
    ends = {0}
    for line in expected:
        if line == "...":
            ends = set(range(min(ends), len(got) + 1))
        else:
            ends = {end + 1 for end in ends if end < len(got) and line_matches(line, got[end])}
        if not ends:
            return False
    return len(got) in ends


def installed_program() -> Path:
    """Return the kmstool under test: the one that is installed for the running Python."""
    beside = Path(sys.executable).with_name("kmstool")
    found = str(beside) if beside.exists() else shutil.which("kmstool")
    if found is None:
        pytest.fail("kmstool is neither beside the running Python nor on PATH; install it first")
    return Path(found)


def environment(program_folder: Path) -> dict[str, str]:
    unwanted = {"BASH_ENV", "CDPATH", "COLUMNS", "ENV", "FORCE_COLOR", "NO_COLOR"}
    kept = {name: value for name, value in os.environ.items() if name not in unwanted}
    path = str(program_folder) + os.pathsep + os.environ.get("PATH", os.defpath)
    # What goes to a file comes in the order in which it comes to a terminal.
    return kept | {"LC_ALL": "C.UTF-8", "PATH": path, "PYTHONUNBUFFERED": "1", "TZ": "UTC"}


def run(
    session: Sequence[Step], folder: Path, timeout: float = TIMEOUT_SECONDS, *, is_warm: bool = False
) -> list[Outcome]:
    """Run a session in the empty `folder`; fewer outcomes than steps mean that the next one never came back.

    Its kmstool is the installed one, or a warm one.
    """
    bash = shutil.which("bash")
    assert bash, "the sessions need bash"
    mark = f"\x1e{secrets.token_hex(8)}"
    # Eval keeps variables, functions and the folder for the next command, and a syntax error to itself.
    lines = [f"eval {shlex.quote(step.command)} < /dev/null\nprintf '{mark} %s\\n' $?\n" for step in session]
    script, transcript = folder.with_suffix(".bash"), folder.with_suffix(".txt")
    script.write_text("".join(lines))
    folder.mkdir()
    program, address = installed_program(), f"\0{mark}"
    if is_warm:
        program = warm.put_client(folder.with_suffix(".bin"), program, address)
    # A file and not a pipe, which a process left in the background would keep open.
    with transcript.open("ab") as out:
        shell = partial(
            subprocess.Popen,
            [bash, "--noprofile", "--norc", str(script)],
            cwd=folder,
            env=environment(program.parent),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            # As most users have it, so that what is shown works for them too.
            umask=0o022,
        )
        leader, measured = warm.forked(address, shell)
    with open(os.pidfd_open(leader), "rb") as watched:
        select.select([watched], [], [], timeout)
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
    os.waitpid(leader, 0)
    measured.add()
    parts = re.split(f"{mark} ([0-9]+)\n", transcript.read_bytes().decode(errors="backslashreplace"))
    return [Outcome(output_lines(parts[at]), int(parts[at + 1])) for at in range(0, len(parts) - 1, 2)]


def output_lines(output: str) -> tuple[str, ...]:
    lines = output.split("\n")
    return tuple(lines if lines[-1] else lines[:-1])


def faults(name: str, session: Sequence[Step], outcomes: Sequence[Outcome]) -> list[str]:
    """Describe every command that did otherwise than its session says."""
    found = [
        describe(name, step, outcome)
        for step, outcome in zip(session, outcomes, strict=False)
        if outcome.exit_code != step.exit_code or not matches(step.expected, outcome.lines)
    ]
    if len(outcomes) < len(session):
        step = session[len(outcomes)]
        found.append(f"{name}:{step.line}: $ {step.command}\nhung, or ended the shell")
    return found


def describe(name: str, step: Step, outcome: Outcome) -> str:
    expected = [
        got if line_matches(line, got) else line for line, got in zip(step.expected, outcome.lines, strict=False)
    ]
    expected += step.expected[len(expected) :]
    got = list(outcome.lines)
    expected += [f"[exit {step.exit_code}]"] if step.exit_code else []
    got += [f"[exit {outcome.exit_code}]"] if outcome.exit_code else []
    diff = difflib.unified_diff(expected, got, "expected", "got", n=20, lineterm="")
    return "\n".join([f"{name}:{step.line}: $ {step.command}", *diff])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_session(path: Path, tmp_path: Path) -> None:
    session = steps(path.read_text("utf-8"))
    assert session, f"{path.name} shows no command"
    warm.load()
    # What the README shows is all of it: the installed program, started for each command.
    outcomes = run(session, tmp_path / "work", is_warm=path != README)
    found = faults(str(path.relative_to(ROOT)), session, outcomes)
    if found:
        pytest.fail("\n\n".join(found), pytrace=False)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_command_that_is_shown_is_run(path: Path) -> None:
    """Only the README's first two blocks, install and test, are run elsewhere: by CI itself."""
    shells = [index for index, block in enumerate(blocks(path.read_text("utf-8"))) if block.kind in SHELLS]
    assert all(index < README_SHELL_BLOCKS for index in shells) if path == README else not shells


@pytest.mark.parametrize("path", [path for path in FILES if path != README], ids=lambda path: path.name)
def test_a_session_begins_with_prose(path: Path) -> None:
    first = next(line for line in path.read_text("utf-8").split("\n") if line and not line.startswith("#"))
    assert re.match(r"[A-Z`]", first), f"{path.name} does not say what it is about"


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ([], []),
        (["a"], ["a"]),
        (["a [..] c"], ["a b c"]),
        (["a[..]c"], ["ac"]),
        (["[..]"], [""]),
        (["[..]-[..]"], ["1-2-3"]),
        (["..."], []),
        (["..."], ["a", "b"]),
        (["...", "c"], ["a", "b", "c"]),
        (["a", "..."], ["a"]),
        (["...", "b", "...", "d"], ["b", "a", "b", "c", "d"]),
        (["...", "..."], ["a"]),
        (["a.c (1|2)* [x] \\"], ["a.c (1|2)* [x] \\"]),
    ],
)
def test_matching_output(expected: list[str], got: list[str]) -> None:
    assert matches(expected, got)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ([], ["a"]),
        (["a"], []),
        (["a"], ["a", "b"]),
        (["a"], ["b"]),
        (["a"], [" a"]),
        (["a.c"], ["abc"]),
        (["a[..]c"], ["a", "c"]),
        (["a [..] c"], ["a c"]),
        (["...", "c"], ["a", "b"]),
        (["a", "...", "b"], ["a"]),
        ([" ..."], ["a", "b"]),
        ([""], []),
    ],
)
def test_other_output(expected: list[str], got: list[str]) -> None:
    assert not matches(expected, got)


def test_steps_of_a_session() -> None:
    text = "\n".join(
        [
            "Prose.",
            "```sh",
            "$ not run",
            "```",
            "```console",
            "$ one",
            "output",
            "",
            "[exit 5]",
            "$ two \\",
            ">   more",
            "```",
            "````console",
            "$ three",
            "```",
            "````",
        ]
    )
    assert steps(text) == [
        Step(6, "one", ("output", ""), 5),
        Step(10, "two \\\n  more", (), 0),
        Step(14, "three", ("```",), 0),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```console skip: slow\n$ a\n```", "line 1: .*nothing else"),
        ("text\n  ```console\n  $ a\n  ```", "line 2: .*not indented"),
        ("```console\noutput\n```", "line 2: .*begins with a command"),
        ("```console\n$ a", "line 1: .*not closed"),
    ],
)
def test_a_block_that_would_not_be_run(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        steps(text)


def test_state_is_kept_and_input_is_empty(tmp_path: Path) -> None:
    text = "```console\n$ x=1; mkdir f; cd f\n$ echo $x; basename $PWD; cat; echo e >&2\n1\nf\ne\n$ test -t 0\n[exit 1]\n```"
    session = steps(text)
    assert faults("x.md", session, run(session, tmp_path / "work")) == []


def test_a_fault_names_file_line_command_and_difference(tmp_path: Path) -> None:
    session = steps("```console\n$ printf 'one\\ntwo\\n'; exit_with() { return 3; }; exit_with\none\nthree\n```")
    assert faults("x.md", session, run(session, tmp_path / "work")) == [
        "\n".join(
            [
                "x.md:2: $ printf 'one\\ntwo\\n'; exit_with() { return 3; }; exit_with",
                "--- expected",
                "+++ got",
                "@@ -1,2 +1,3 @@",
                " one",
                "-three",
                "+two",
                "+[exit 3]",
            ]
        )
    ]


@pytest.mark.parametrize("command", ["sleep 60", "exit 0", "kill -9 $$"])
def test_a_command_that_does_not_come_back(command: str, tmp_path: Path) -> None:
    session = steps(f"```console\n$ true\n$ {command}\n$ true\n```")
    assert faults("x.md", session, run(session, tmp_path / "work", timeout=1)) == [
        f"x.md:3: $ {command}\nhung, or ended the shell"
    ]


def test_a_process_in_the_background_does_not_hold_up_a_session(tmp_path: Path) -> None:
    session = steps("```console\n$ sleep 60 &\n$ echo done\ndone\n```")
    assert faults("x.md", session, run(session, tmp_path / "work", timeout=10)) == []


def test_a_warm_program_does_what_the_installed_one_does(tmp_path: Path) -> None:
    """It has the words, variables, folder, umask and files of its command, and ends as that ends, by a signal too."""
    commands = [
        "export KMSTOOL_HOME=$PWD/home; kmstool --version",
        "kmstool --quiet init --local && mkdir f && cd f",
        "printf text | kmstool --quiet encrypt -o blob && stat -c %a blob",
        "(umask 077 && printf text | kmstool --quiet encrypt -o closed && stat -c %a closed)",
        "kmstool decrypt /dev/fd/7 7< blob",
        "kmstool decrypt <(cat blob)",
        "kmstool --profile none decrypt < blob",
        "kmstool digest missing | cat; echo ${PIPESTATUS[0]}",
        "kmstool exec --env TEXT=@blob -- sh -c 'echo $TEXT; kill -KILL $$'",
        "kmstool exec --env TEXT=@blob -- sh -c 'echo > started; exec sleep 60' & pid=$!",
        "until [ -e started ]; do sleep 0.01; done; kill $pid; wait $pid",
    ]
    session = [Step(1, command, (), 0) for command in commands]
    warm.load()
    cold, hot = (run(session, tmp_path / name, is_warm=name == "warm") for name in ("cold", "warm"))
    assert [outcome.exit_code for outcome in cold] == [0, 0, 0, 0, 0, 0, 2, 0, 137, 0, 143]
    assert [outcome.exit_code for outcome in hot] == [outcome.exit_code for outcome in cold]
    assert [outcome.lines for outcome in hot[:8]] == [outcome.lines for outcome in cold[:8]]
