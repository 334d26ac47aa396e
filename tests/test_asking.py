"""On a terminal every required value is asked for, by what it is; nowhere else, and never with --no-input or in CI."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kmstool.cli.main import root
from kmstool.cli.parameter_kinds import Kind, kind_of
from kmstool.cli.session.asking import _label
from kmstool.cli.session.choices import ACTIONS
from tests.program import kmstool, on_terminal

DUMB = {"TERM": "dumb"}
FULL = {"TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1"}


def leaves(command: click.Command, path: str = "") -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from leaves(command.commands[name], f"{path} {name}".strip())
    else:
        yield path, command


LEAVES = dict(leaves(root))
REQUIRED = {
    path: [param for param in command.params if param.required or param.metavar == "[FILE]"]
    for path, command in LEAVES.items()
    if any(param.required for param in command.params)
}
KEY_KINDS = (Kind.CMK, Kind.DATA_KEY, Kind.WHITE_BOX_KEY)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One key for whatever a command can ask for, made once: nothing here changes it."""
    home = tmp_path_factory.mktemp("store")

    def made(line: str, stdin: bytes = b"") -> None:
        kmstool(*line.split(), stdin=stdin, KMSTOOL_HOME=str(home), KMSTOOL_PROFILE="local")

    for usage in ("symmetric", "sm2", "sign-sm2"):
        made(f"key create --alias {usage} --usage {usage}")
    for alias in ("off", "gone", "archived"):
        made(f"key create --alias {alias}")
        made(f"key archive {alias}" if alias == "archived" else f"key disable {alias} --yes")
    made("key schedule-deletion gone --days 7 --yes")
    made("key create --alias own --external")
    made("import-material --key own", bytes(range(16)))
    for name in ("user-1", "user-2", "user-3"):
        made(f"data-key generate --name {name} --key symmetric")
    made("data-key disable user-2 user-3 --yes")
    made("data-key schedule-deletion user-3 --days 7 --yes")
    for alias in ("app", "app-off"):
        made(f"whitebox create --alias {alias} --algorithm SM4")
    made("whitebox disable app-off --yes")
    made("profile set work --region ap-guangzhou")
    made("local credentials create")
    return home


@pytest.fixture
def everything(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMSTOOL_HOME", str(store))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    monkeypatch.delenv("CI", raising=False)


ANSWERS = {
    Kind.FILE: "nowhere",
    Kind.FOLDER: "nowhere",
    Kind.OTHER: "7",
    Kind.PROFILE: "nowhere",
    Kind.API_KEY: "nowhere",
}


@pytest.mark.parametrize("path", REQUIRED)
def test_every_required_value_is_asked_for(everything: None, path: str) -> None:
    """Each is answered but the last, where it is stopped: nothing is to be done here."""
    required = sorted(REQUIRED[path], key=lambda param: isinstance(param, click.Option))
    replies = [ANSWERS.get(kind_of(path, param), "1") for param in required[:-1]] + ["\x03"]
    dialogue = [(_label(param).split(" (")[0], reply) for param, reply in zip(required, replies, strict=True)]
    on_terminal(*path.split(), dialogue=dialogue, exit_code=None, timeout=10, **DUMB)


@pytest.mark.parametrize("surroundings", ["no terminal", "--no-input", "CI"])
def test_nowhere_else_is_anything_asked(everything: None, surroundings: str) -> None:
    for path in ("key show", "data-key generate", "sign", "api", "digest"):
        if surroundings == "no terminal":
            code = kmstool(*path.split(), exit_code=None).exit_code
        elif surroundings == "CI":
            code = on_terminal(*path.split(), exit_code=None, CI="true", **DUMB).exit_code
        else:
            code = on_terminal(*path.split(), "--no-input", exit_code=None, **DUMB).exit_code
        assert code == 2, path


def test_a_key_is_picked_of_those_that_fit(everything: None) -> None:
    shown = on_terminal("key", "enable", "--dry-run", dialogue=[("or its number", "1")], **DUMB).out
    assert "1  off  Disabled  symmetric  ap-guangzhou" in shown
    assert "  2  " not in shown


def test_a_key_is_picked_by_typing_and_arrows_while_data_comes_by_stdin(everything: None, tmp_path: Path) -> None:
    shown = on_terminal("sign", stdin=b"a message", dialogue=[("type to filter", "sign")], **FULL).out
    assert "KEY: sign-sm2" in shown
    down = "\x1b[B"
    shown = on_terminal("key", "show", dialogue=[("type to filter", f"off{down}{down}\x1b[A")], **FULL).out
    assert "state:        Disabled" in shown


def test_what_fits_no_row_is_taken_as_it_is_typed(everything: None) -> None:
    assert "nowhere" in on_terminal("key", "show", dialogue=[("type to filter", "nowhere")], exit_code=6, **FULL).out


def test_a_value_that_cannot_be_is_asked_for_again(everything: None) -> None:
    shown = on_terminal("random", dialogue=[("BYTES", "many"), ("BYTES", "2000"), ("BYTES", "4")], **DUMB).out
    assert "is not a valid integer" in shown


def test_a_file_is_asked_for(everything: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "message.txt").write_text("abc")
    assert (
        "66c7f0f462eeedd9"
        in on_terminal("digest", "--algorithm", "sm3", dialogue=[("FILE", "message.txt")], **FULL).out
    )


def test_a_choice_is_a_list(everything: None) -> None:
    shown = on_terminal("local", "clock", dialogue=[("or its number", "1")], **DUMB).out
    assert "2  advance" in shown


def test_what_a_key_is_for_is_known_of_every_command() -> None:
    anything = {
        "batch decrypt",
        "data-key list",
        "envelope decrypt",
        "envelope verify",
        "key show",
        "key tag",
        "key unbind",
        "profile set",
    }
    named = {
        path for path, command in LEAVES.items() if any(kind_of(path, param) is Kind.CMK for param in command.params)
    }
    # Under its former name.
    assert named - {"key describe"} == (set(ACTIONS) & set(LEAVES)) | anything
