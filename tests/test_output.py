"""Data goes to stdout and all else to stderr: tables for people, plain lines for pipes, the API's names as JSON.

Text from outside never reaches a terminal with its control characters.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest

from kmstool.server.app import EmbeddedKms
from tests.program import kmstool, on_terminal

COLUMNS = 80


ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
COLOUR = re.compile(r"\x1b\[([0-9;]*;)?(3[0-8]|4[0-8]|9[0-7]|10[0-7])[;m]")

# Colour, bell, title, C1 control, carriage return, line break, backspace, delete, right-to-left override.
NASTY = "red\x1b[31m bell\x07 title\x1b]0;x\x07 c1\x9b31m return\rline\nback\b delete\x7f override\u202e end"
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(autouse=True)
def demo(kms: EmbeddedKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Work with a store that holds the key `demo` with a description in Chinese; return its id."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    key_id: str = kms.call("CreateKey", {"Alias": "demo", "Description": "演示"})["KeyId"]
    return key_id


@pytest.fixture
def nasty(kms: EmbeddedKms) -> str:
    kms.call("CreateKey", {"Alias": "nasty", "Description": NASTY})
    return "nasty"


def shown_by(*arguments: str, exit_code: int | None = 0, **variables: str) -> str:
    """Run the program on a terminal; return all that this shows, line ends as `\\n`."""
    return on_terminal(*arguments, exit_code=exit_code, **variables).out.replace("\r\n", "\n")


def test_a_table_on_a_terminal_has_headings_and_fits(kms: EmbeddedKms) -> None:
    kms.call("CreateKey", {"Alias": "a" * 60})
    shown = shown_by("key", "list")
    lines = ESCAPE.sub("", shown).splitlines()
    assert lines[0].split() == ["ALIAS", "STATE", "USAGE", "KEY", "ID"]
    assert max(map(len, lines)) <= COLUMNS
    assert lines[1].startswith("aaaaaaaaaaaaaaaa")


def test_a_key_id_in_a_table_can_be_copied(demo: str) -> None:
    """The widest column is the one that is needed whole: a key id in two pieces names no key."""
    assert demo in shown_by("key", "list")


def test_a_table_in_a_pipe_is_plain(demo: str) -> None:
    """One line a row, tabs between cells, no headings: what cut, sort and awk read."""
    done = kmstool("key", "list")
    assert done.err == ""
    assert re.fullmatch(rf"demo\tEnabled\tsymmetric\t{demo}\n", done.out)


def test_an_empty_table_in_a_pipe_is_empty() -> None:
    done = kmstool("key", "list", "--state", "archived")
    assert (done.out, done.err) == ("", "")


def test_one_thing_is_lines_of_names_and_values(demo: str) -> None:
    lines = kmstool("key", "show", "demo").out.splitlines()
    values = dict(re.split(r": +", line, maxsplit=1) for line in lines)
    assert values["alias"] == "demo"
    assert values["key id"] == demo
    assert values["description"] == "演示"
    assert len({line.index(values[name]) for name, line in zip(values, lines, strict=True) if name != "usage"}) == 1


def test_text_is_the_same_on_a_terminal_and_in_a_pipe() -> None:
    assert shown_by("key", "show", "demo") == kmstool("key", "show", "demo").out


def test_json_has_the_names_of_the_api(demo: str) -> None:
    answer = kmstool("key", "list", "--format", "json").json
    assert set(answer) == {"TotalCount", "KeyMetadatas"}
    assert answer["TotalCount"] == 1
    shown = kmstool("key", "show", "demo", "--format", "json").json
    assert shown == {"KeyMetadata": answer["KeyMetadatas"][0]}
    assert (shown["KeyMetadata"]["KeyId"], shown["KeyMetadata"]["Description"]) == (demo, "演示")


def test_json_is_the_same_on_a_terminal_and_in_a_pipe() -> None:
    words = ("key", "list", "--format", "json")
    assert shown_by(*words) == kmstool(*words).out


@pytest.mark.parametrize(
    ("query", "text", "as_json"),
    [
        ("KeyMetadatas[0].Alias", "demo\n", '"demo"\n'),
        ("KeyMetadatas[0].Description", "演示\n", '"演示"\n'),
        ("TotalCount", "1\n", "1\n"),
        ("KeyMetadatas[0].KeyRotationEnabled", "false\n", "false\n"),
        ("KeyMetadatas[].Alias", '[\n  "demo"\n]\n', '[\n  "demo"\n]\n'),
        ("Nothing", "null\n", "null\n"),
    ],
)
def test_a_query_cuts_out_a_part(query: str, text: str, as_json: str) -> None:
    assert kmstool("key", "list", "--query", query).out == text
    assert kmstool("key", "list", "--query", query, "--format", "json").out == as_json


@pytest.mark.parametrize("query", ["[", "KeyMetadatas[", "nothing()", "abs(KeyMetadatas)", "sort_by(KeyMetadatas)"])
def test_a_query_that_cannot_be_answered(query: str) -> None:
    done = kmstool("key", "list", "--query", query, exit_code=2)
    assert done.out == ""
    assert "--query" in done.err
    assert len(done.err) < 500, "the message repeats the whole answer"


def test_what_is_no_expression_is_refused_before_anything_is_done() -> None:
    kmstool("key", "create", "--alias", "made", "--query", "[", exit_code=2)
    assert "made" not in kmstool("key", "list").out


@pytest.mark.parametrize(
    "arguments",
    [
        ["key", "show", "nasty"],
        ["key", "show", "nasty", "--format", "json"],
        ["key", "show", "nasty", "--query", "KeyMetadata.Description"],
        ["key", "show", "nasty", "--query", "[KeyMetadata.Description]"],
        ["key", "show", "nasty", "--query", "KeyMetadata.Description", "--format", "json"],
        ["key", "list", "--format", "json"],
        ["api", "ListKeyDetail"],
        ["key", "set-description", "nasty", NASTY, "--dry-run"],
    ],
    ids=lambda arguments: " ".join(arguments).replace(NASTY, "NASTY"),
)
@pytest.mark.usefixtures("nasty")
def test_control_characters_never_reach_a_terminal(arguments: list[str]) -> None:
    shown = shown_by(*arguments)
    assert "override" in shown
    assert FORBIDDEN.findall(shown) == []
    assert "\r" not in shown


@pytest.mark.usefixtures("nasty")
def test_a_description_is_one_line_of_text_and_all_of_it_in_json() -> None:
    lines = kmstool("key", "show", "nasty").out.splitlines()
    assert len(lines) == len(kmstool("key", "show", "demo").out.splitlines())
    assert kmstool("key", "show", "nasty", "--format", "json").json["KeyMetadata"]["Description"] == NASTY


@pytest.mark.parametrize(
    "arguments",
    [
        ["\x1b[31mred"],
        ["key", "\x1b[31mred"],
        ["--\x1b[31mred"],
        ["key", "show", "\x1b[31mred"],
        ["key", "list", "--region", "\x1b[31mred"],
        ["key", "list", "--profile", "\x1b[31mred"],
        ["key", "list", "--state", "\x1b[31mred"],
        ["key", "list", "--query", "\x1b[31mred"],
        ["key", "create", "--alias", "\x1b[31mred"],
        ["key", "create", "--alias", "new", "--tag", "\x1b[31mred"],
        ["key", "list", "surplus\x1b[31mred"],
        ["encrypt", "--context", "\x1b[31mred", "-"],
        ["decrypt", "\x1b[31mred"],
        ["random", "8", "-o", "missing/\x1b[31mred"],
        ["random", "\x1b[31mred"],
        ["api", "\x1b[31mred"],
        ["api", "ListKeys", "--params", "@\x1b[31mred"],
        ["api", "ListKeys", "--params", '{"\x9b31mred": 1}'],
    ],
    ids=repr,
)
def test_messages_show_control_characters_as_escapes(arguments: list[str]) -> None:
    """The name of a file may come from an archive or a download."""
    shown = shown_by(*arguments, exit_code=None)
    assert "kmstool: error: " in shown
    assert FORBIDDEN.findall(shown) == []


@pytest.mark.parametrize(
    ("arguments", "environment"), [([], {"NO_COLOR": "1"}), (["--no-color"], {}), ([], {"TERM": "dumb"})]
)
@pytest.mark.parametrize(
    "command", [["key", "list"], ["local", "status"], ["key", "show", "demo"], ["--help"]], ids=" ".join
)
def test_colours_can_be_turned_off(command: list[str], arguments: list[str], environment: dict[str, str]) -> None:
    shown = shown_by(*arguments, *command, **environment)
    assert not COLOUR.search(shown)
    if "TERM" in environment:
        assert "\x1b" not in shown


@pytest.mark.parametrize("command", [["key", "list"], ["local", "status"], ["--help"], ["key", "shw"]], ids=" ".join)
def test_a_pipe_gets_no_escapes(command: list[str]) -> None:
    done = kmstool(*command, FORCE_COLOR="", TERM="xterm-256color", exit_code=None)
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gbk", "utf-8"])
@pytest.mark.parametrize(
    "arguments", [["key", "show", "demo"], ["key", "show", "demo", "--format", "json"]], ids=" ".join
)
def test_text_that_the_terminal_cannot_show_is_no_failure(arguments: list[str], encoding: str) -> None:
    done = kmstool(*arguments, process=True, PYTHONIOENCODING=encoding)
    assert done.stderr == b""
    assert "demo" in done.stdout.decode(encoding)


@pytest.mark.parametrize("quiet", [[], ["--quiet"]], ids=["loud", "quiet"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["key", "rename", "demo", "other"],
        ["key", "set-description", "demo", "text"],
        ["init", "--local"],
        ["profile", "use", "local"],
        ["local", "reset", "--yes"],
        ["key", "create", "--alias", "other", "--dry-run"],
    ],
    ids=" ".join,
)
def test_notes_go_to_stderr_and_quiet_drops_them(arguments: list[str], quiet: list[str]) -> None:
    done = kmstool(*arguments, *quiet)
    assert re.fullmatch(r"" if quiet else r"(kmstool: .+\n)+", done.err)
    assert not [line for line in done.out.splitlines() if line.startswith("kmstool: ")]


def test_quiet_drops_no_error() -> None:
    done = kmstool("key", "show", "dmeo", "--quiet", exit_code=6)
    assert done.err.startswith("kmstool: error: ")


def test_notes_and_errors_name_the_local_kms() -> None:
    for arguments in (["key", "rename", "demo", "demo"], ["key", "show", "dmeo"]):
        assert "(local KMS, for development and tests)" in kmstool(*arguments, exit_code=None).err


@pytest.mark.parametrize(
    ("data", "noted"),
    [("secret\n", True), ("secret", False), ("two\nlines\n", False), ("\n", False), ("secret\r\n", True)],
)
def test_the_newline_note(data: str, *, noted: bool) -> None:
    """A password that was piped from `echo` has one newline, at its end; a text file has more."""
    done = kmstool("encrypt", "--key", "demo", stdin=data)
    assert ("--trim-newline" in done.err) == noted


NEWLINE = "ends in a newline, which was kept; --trim-newline drops it"


def keys_for_newlines(kms: EmbeddedKms) -> None:
    kms.call("CreateKey", {"Alias": "rsa", "KeyUsage": "ASYMMETRIC_DECRYPT_RSA_2048"})
    kms.call("CreateKey", {"Alias": "own", "Type": 2})
    kms.call("CreateWhiteBoxKey", {"Alias": "box", "Algorithm": "AES_256"})


TRAPS = [
    ("encrypt", "--key", "demo"),
    ("asymmetric", "encrypt", "--key", "rsa"),
    ("whitebox", "encrypt", "--key", "box", "-o", "sealed"),
    ("whitebox", "bundle", "--key", "box", "-o", "bundle"),
    ("data-key", "import", "--key", "demo", "--name", "kept"),
    ("import-material", "--key", "own"),
]


@pytest.mark.parametrize("command", TRAPS, ids=" ".join)
def test_a_secret_that_ends_in_a_newline_is_said_whatever_it_came_from(
    command: tuple[str, ...], kms: EmbeddedKms
) -> None:
    keys_for_newlines(kms)
    data = "fifteen letters\n"
    Path("secret.txt").write_text(data)
    assert f"kmstool: secret.txt {NEWLINE}" in kmstool(*command, "secret.txt", exit_code=None).err
    for folder in ("sealed", "bundle"):
        shutil.rmtree(folder, ignore_errors=True)
    assert f"kmstool: the input {NEWLINE}" in kmstool(*command, stdin=data, exit_code=None).err


@pytest.mark.parametrize("command", TRAPS, ids=" ".join)
def test_who_trims_is_told_nothing(command: tuple[str, ...], kms: EmbeddedKms) -> None:
    keys_for_newlines(kms)
    Path("secret.txt").write_text("exactly sixteen.\n")
    assert NEWLINE not in kmstool(*command, "--trim-newline", "secret.txt").err


def test_bytes_are_no_line() -> None:
    Path("material").write_bytes(b"\xff" * 15 + b"\n")
    assert kmstool("encrypt", "--key", "demo", "material").err == ""


@pytest.mark.parametrize(("options", "value"), [((), "secret\n"), (("--trim-newline",), "secret")])
def test_a_variable_with_a_newline_is_said_or_trimmed(options: tuple[str, ...], value: str) -> None:
    kmstool("encrypt", "--key", "demo", "-o", "blob", stdin="secret\n")
    kmstool("whitebox", "create", "--alias", "box", "--algorithm", "SM4")
    kmstool("whitebox", "bundle", "--key", "box", "-o", "bundle", stdin="secret\n")
    code = ("--", sys.executable, "-c", "import os; print(repr(os.environ['IT']))")
    for words in (("exec", "--env", "IT=@blob"), ("whitebox", "exec", "--bundle", "bundle", "--env", "IT")):
        done = kmstool(*words, *options, *code, fork=True)
        assert done.out == f"{value!r}\n"
        assert (f"the secret for IT {NEWLINE}" in done.err) == (not options)
        assert not kmstool(*words, "--quiet", *code, fork=True).err.count("newline")


@pytest.mark.parametrize("width", ["46", "60", "200"])
def test_a_table_follows_the_width_of_the_terminal(width: str, demo: str) -> None:
    shown = shown_by("key", "list", COLUMNS=width)
    assert demo in shown
    table = ESCAPE.sub("", shown).splitlines()[:2]
    assert max(map(len, table)) <= int(width)
