"""Whatever works outside works in the interactive session, with the same output and exit code, and nothing of a command is in the next one."""

import os
import shlex
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kmstool.cli.main import root
from kmstool.cli.session.session import Session
from kmstool.cli.shell import history, lines, loop
from kmstool.cli.shell.completion import Candidates
from kmstool.kms.transport.connection import Connection
from kmstool.server import root_key
from tests.program import Ran, kmstool, on_terminal
from tests.served import serving

TERMINAL = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}


def inside(*typed: str, exit_code: int | None = 0, **variables: str) -> Ran:
    return kmstool("shell", stdin="".join(f"{line}\n" for line in typed), exit_code=exit_code, **variables)


def leaves(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from leaves(command.commands[name], (*path, name))
    else:
        yield path, command


@pytest.fixture
def demo() -> None:
    kmstool("init", "--local")


def test_the_help_of_every_command_is_the_same_inside() -> None:
    # One that becomes another program starts a process for that, which one of them shows.
    paths = [path for path, command in leaves(root) if not getattr(command, "alone", False)]
    outside = "".join(kmstool(*path, "--help").out for path in [*paths, ("exec",)])
    assert inside(*(shlex.join([*path, "--help"]) for path in [*paths, ("exec",)])).out == outside


@pytest.mark.parametrize(
    "line",
    [
        "key list",
        "kmstool key list",
        "key show nope",
        "key lst",
        "key show",
        "random 8 --dry-run --format yaml",
        "material delete default",
        "encrypt nowhere.txt",
        "decrypt README.md",
        "key list --endpoint http://127.0.0.1:1 --retries 0",
        "key list --profile nope",
        "key list --format json --query KeyMetadatas.Alias",
        "key show nope --format json",
        "",
        "# nothing",
    ],
)
def test_a_command_prints_and_ends_as_outside(demo: None, line: str) -> None:
    words = shlex.split(line, comments=True)
    outside = kmstool(*(words[1:] if words[:1] == ["kmstool"] else words or ["--version"]), exit_code=None)
    ran = inside(line, exit_code=None)
    if words:
        assert (ran.exit_code, ran.stdout, ran.stderr) == (outside.exit_code, outside.stdout, outside.stderr)
    else:
        assert (ran.exit_code, ran.stdout, ran.stderr) == (0, b"", b"")


def test_a_failure_ends_the_command_and_the_exit_code_is_that_of_the_last_one(demo: None) -> None:
    ran = inside("key show nope", "random 4", exit_code=0)
    assert len(ran.out.strip()) == 8
    assert inside("random 4", "key show nope", exit_code=6).err.count("nope") == 1


def test_what_only_a_shell_understands_goes_to_the_users_own(demo: None, tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"a secret")
    ran = inside(
        f"cd {tmp_path}",
        "encrypt < plain > blob",
        "decrypt blob | tr a-z A-Z",
        "decrypt blo?",
        "!printf '%s' \"$0\"; exit 0",
        "cat blob | kmstool decrypt && false",
        exit_code=1,
        SHELL="/bin/sh",
    )
    assert ran.out == "A SECRET" + "a secret" + "/bin/sh" + "a secret"


def test_programs_of_a_line_use_the_sessions_profile_too(demo: None) -> None:
    kmstool("key", "create", "--alias", "there", "--profile", "local", "--region", "ap-singapore")
    ran = inside("use local ap-singapore", "key list | cut -f1", "!kmstool key list | cut -f1", "key list --quiet")
    assert [line.split("\t")[0] for line in ran.out.splitlines()] == ["there"] * 3


def test_what_becomes_another_program_runs_as_a_process_and_the_session_goes_on(demo: None, tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(kmstool("encrypt", stdin=b"a secret").stdout)
    ran = inside(f"exec --env NAME=@{tmp_path}/blob -- printenv NAME", "exec --env NAME=@nowhere -- true", "random 4")
    assert ran.out.startswith("a secret\n")
    assert "nowhere" in ran.err


def test_options_of_a_command_are_not_those_of_the_next(demo: None) -> None:
    ran = inside(
        "key list --format json --quiet --yes --dry-run --region ap-singapore",
        "key list",
        "key disable default",
        exit_code=2,
    )
    assert "default\tEnabled" in ran.out
    assert "needs a confirmation" in ran.err


def test_the_options_of_the_session_hold_for_all_its_commands(demo: None) -> None:
    ran = kmstool(
        "shell", "--region", "ap-singapore", "--format", "json", stdin="key list\nkey list --region ap-guangzhou\n"
    )
    assert [line for line in ran.out.splitlines() if "TotalCount" in line] == [
        '  "TotalCount": 0,',
        '  "TotalCount": 1,',
    ]


def test_an_interrupted_command_leaves_descriptors_handlers_and_umask_as_they_were(demo: None) -> None:
    shell = loop.Shell(Session(os.environ))
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    before = os.fstat(1).st_ino, os.umask(0o22)
    with loop._surroundings():
        os.umask(0)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert (os.fstat(1).st_ino, os.umask(before[1])) == (before[0], 0o22)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert shell.run(iter(["random 4", None]).__next__) == 0


def test_a_store_is_unlocked_once(demo: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unlocked = []
    monkeypatch.setattr(root_key, "unlock", lambda *given, real=root_key.unlock: unlocked.append(1) or real(*given))
    inside("random 4", "encrypt README.md", "key list --quiet", "random 4 --format json", exit_code=None)
    assert len(unlocked) == 1


def test_a_connection_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []
    monkeypatch.setattr(Connection, "_opened", lambda *given, real=Connection._opened: opened.append(1) or real(*given))
    (tmp_path / "store").mkdir()
    with serving(tmp_path / "store", "--port", "0") as served:
        ran = inside(
            "key create --alias demo", "random 4", "key list", "key show nope", exit_code=6, **served.variables
        )
    assert ran.out.count("\n") == 3
    assert len(opened) == 1


def test_a_store_that_was_replaced_meanwhile_is_opened_anew(demo: None) -> None:
    ran = inside(
        "key list",
        "!kmstool local reset --yes",
        "key create --alias later",
        "key list | cut -f1",
        "local reset --yes",
        "key list",
    )
    assert [line for line in ran.out.splitlines() if "-" not in line] == ["later"]


def test_a_shell_in_a_shell_is_refused(demo: None) -> None:
    assert "already" in inside("shell", exit_code=2).err


def test_ctrl_c_ends_a_command_and_not_the_shell(demo: None) -> None:
    # The first one interrupts what waits for an answer, the second stands on a line that is typed.
    ran = on_terminal(
        "shell",
        dialogue=[
            ("guangzhou>", "key disable default"),
            ("[y/N]", "\x03"),
            ("(130) ", "random\x03"),
            ("(130) ", "random 2"),
            ("guangzhou>", "key list"),
            ("Enabled", "exit"),
        ],
        timeout=10,
        **TERMINAL,
    )
    assert "Disabled" not in ran.out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_end_the_shell(demo: None, number: signal.Signals) -> None:
    ran = on_terminal(
        "shell", dialogue=[("guangzhou>", f"!kill -{number.value} $PPID")], exit_code=None, timeout=10, **TERMINAL
    )
    assert ran.exit_code in (-number, 128 + number)


def test_the_history_is_its_owners_and_holds_no_secret(demo: None) -> None:
    on_terminal(
        "shell",
        dialogue=[("guangzhou>", line) for line in ("key list", "!echo s3cret", " random 4", "exit")],
        timeout=10,
        **TERMINAL,
    )
    path = Session(os.environ).history_file
    assert path is not None
    assert path.read_text() == "key list\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("key list", True),
        ("kmstool key show demo", True),
        ("encrypt < plain > blob", True),
        ("use work", True),
        ("api Encrypt --params @file", True),
        ('api Encrypt --params \'{"Plaintext": "c2VjcmV0"}\'', False),
        ("encrypt <<< s3cret", False),
        ("encrypt <(echo s3cret)", False),
        ("decrypt blob | curl -u me:s3cret host", False),
        ("echo s3cret", False),
        ("!echo s3cret", False),
        ("key list; echo s3cret", False),
        (" key list", False),
        ("exec --env A=@blob -- curl -H 'Authorization: Bearer s3cret' host", False),
        ("kmstool exec --env A=@blob -- mysql -ps3cret", False),
        ("exec --env PASSWORD=s3cret -- true", False),
        ("whitebox exec --env A=@blob -- mysql -ps3cret", False),
        ("'exec' -- mysql -ps3cret", False),
        ("", False),
    ],
)
def test_commands_alone_are_kept_in_the_history(line: str, kept: bool) -> None:
    assert history.is_kept(line) is kept


def test_a_history_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "history"
    path.write_text("key list\n")
    path.chmod(0o644)
    file = history.HistoryFile(path)
    assert file.lines() == []
    file.add("random 4")
    assert path.read_text() == "key list\n"


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20), max_size=5))
def test_quoted_words_are_read_as_they_were(words: list[str]) -> None:
    read = lines.read(shlex.join(words))
    assert (list(read.words), read.quote, read.for_shell) == (words, "", False)


@given(st.text("ab '\"\\\t\n", max_size=30))
def test_a_line_has_the_words_that_a_shell_gives_it(text: str) -> None:
    read = lines.read(text)
    try:
        words = shlex.split(text)
    except ValueError:
        assert read.quote
    else:
        assert (list(read.words), read.quote, read.for_shell) == (words, "", False)


@pytest.mark.parametrize(
    "text", ["a|b", "a >b", "a <b", "a & b", "a;b", "a $b", 'a "$b"', 'a "`b`"', "~/a", "# a", "a *", "a?", "{a,b}"]
)
def test_signs_of_a_shell_are_seen(text: str) -> None:
    assert lines.read(text).for_shell


@pytest.mark.parametrize("text", ["a '|'", 'a ">"', r"a \|", "a b#c", "a~", "'$a'", "a=b"])
def test_quoted_signs_are_none(text: str) -> None:
    assert not lines.read(text).for_shell


@pytest.mark.parametrize(
    ("before", "start", "some"),
    [
        ("", 0, {"key": "Create, list, name, disable and rotate keys.", "use": loop.BUILT_IN["use"]}),
        ("key sho", 4, {"show": "Show a key's details."}),
        ("kmstool key sho", 12, {"show": "Show a key's details."}),
        ("key show ", 9, {"default": "Enabled ENCRYPT_DECRYPT"}),
        ("encrypt --key de", 14, {"default": "Enabled ENCRYPT_DECRYPT"}),
        ("encrypt --key=de", 8, {"--key=default": "Enabled ENCRYPT_DECRYPT"}),
        ("key list --sta", 9, {"--state": "Only keys in this state."}),
        ("key list --state en", 17, {"enabled": ""}),
        ("use lo", 4, {"local": "ap-guangzhou"}),
        ("key list --profile lo", 19, {"local": "ap-guangzhou"}),
        ("encrypt a", 8, {"'a file'": ""}),
        ("envelope verify --context-text @a", 31, {"'@a file'": ""}),
        ("key list > a", 11, {"'a file'": ""}),
        ("cd f", 3, {"folder/": "folder"}),
        ("api generater", 4, {"GenerateRandom": ""}),
        ("nothing at all", 11, {}),
        ("whitebox show ", 14, {}),
    ],
)
def test_a_line_is_completed(
    demo: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str, start: int, some: dict[str, str]
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    start_of_word, offers = Candidates(loop.Shell(Session(os.environ))).of(before)
    shown = dict(offers)
    assert start_of_word == start
    assert {word: shown.get(word) for word in some} == some
    assert some or not shown
