"""Questions go to the terminal whatever stdin and stdout are; secrets are not shown there, and nobody is asked where nobody is."""

from pathlib import Path

import pytest

from kmstool.server import admin
from kmstool.server.app import EmbeddedKms
from tests.program import kmstool, on_terminal

PASSPHRASE = "canary passphrase"
QUESTION = "Passphrase of the store of the local KMS:"


@pytest.fixture(autouse=True)
def demo(kms: EmbeddedKms, workplace: Path) -> str:
    found: str = kms.call("CreateKey", {"Alias": "demo"})["KeyId"]
    return found


@pytest.fixture
def locked(kms: EmbeddedKms, demo: str) -> str:
    admin.protect(kms, "passphrase", PASSPHRASE.encode)
    return demo


def test_a_passphrase_is_asked_for_beside_data_in_a_pipe(locked: str, workplace: Path) -> None:
    shown = on_terminal(
        "encrypt", "--key", "demo", "-o", "blob", stdin=b"a secret", dialogue=[(QUESTION, PASSPHRASE)]
    ).out
    assert PASSPHRASE not in shown
    blob = (workplace / "blob").read_bytes()
    shown = on_terminal("decrypt", stdin=blob, dialogue=[(QUESTION, PASSPHRASE)]).out
    assert shown.splitlines()[-1].startswith("a secret")


def test_a_wrong_passphrase_beside_a_pipe_says_so(locked: str, workplace: Path) -> None:
    shown = on_terminal("encrypt", "--key", "demo", stdin=b"a", dialogue=[(QUESTION, "wrong")], exit_code=4).out
    assert "error: " in shown
    assert "passphrase" in shown.partition("error: ")[2]


@pytest.mark.parametrize("option", ["--no-input", "CI"])
def test_nobody_is_asked_where_that_was_said(locked: str, option: str) -> None:
    variables = {"CI": "true"} if option == "CI" else {}
    words = [] if variables else [option]
    shown = on_terminal("encrypt", "--key", "demo", *words, stdin=b"a", exit_code=4, **variables).out
    assert QUESTION not in shown
    assert "KMSTOOL_PASSPHRASE_FILE" in shown


def test_without_a_terminal_the_error_says_what_to_do(locked: str) -> None:
    for run in ({"fork": True}, {"process": True}, {}):
        assert "KMSTOOL_PASSPHRASE_FILE" in kmstool("encrypt", "--key", "demo", stdin="a", exit_code=4, **run).err


def test_a_confirmation_is_asked_for_beside_a_pipe(demo: str) -> None:
    """What comes through the pipe is no answer."""
    shown = on_terminal("key", "disable", "demo", stdin=b"n\n", dialogue=[("Go on?", "what"), ("y or n.", "y")]).out
    assert "Answer y or n." in shown
    assert kmstool("key", "show", "demo", "--query", "KeyMetadata.KeyState").out == "Disabled\n"


def test_the_half_of_a_login_that_was_not_piped_is_asked_for(home: Path) -> None:
    dialogue = [("SecretKey:", "canary" * 6), ("New passphrase:", PASSPHRASE), ("Repeat it:", "other")]
    dialogue += [("Once more:", PASSPHRASE), ("Repeat it:", PASSPHRASE)]
    words = ("auth", "login", "--profile", "cloud", "--no-verify", "--store", "file")
    shown = on_terminal(*words, stdin=b"AKIDcanarycanary\n", dialogue=dialogue).out
    assert "canary" * 6 not in shown
    assert (home / ".config" / "kmstool" / "cloud.credential").exists()
