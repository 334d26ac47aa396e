"""Before anybody is asked, what a change is about is looked up and shown; what destroys wants the name to be typed."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from kmstool.api.cmk_rules import KeyAddress
from kmstool.cli.session.session import Session
from kmstool.cli.subjects import About
from kmstool.kms.client import KmsClient
from kmstool.kms.names import find_key_id
from kmstool.server.app import EmbeddedKms
from tests.program import kmstool, on_terminal

DUMB = {"TERM": "dumb"}


@pytest.fixture(autouse=True)
def keys() -> None:
    kmstool("init", "--local")
    for alias in ("demo", "other"):
        kmstool("key", "create", "--alias", alias)


def test_a_key_is_shown_with_all_that_tells_it_from_others() -> None:
    shown = on_terminal("key", "disable", "demo", dialogue=[("[y/N]", "n")], exit_code=2, **DUMB).out
    for fact in (
        "alias:   demo",
        "state:   Enabled",
        "usage:   symmetric",
        "region:  ap-guangzhou",
        "profile: local",
        "local KMS",
    ):
        assert fact in shown
    assert kmstool("key", "show", "demo").out.count("Enabled") == 1


def test_a_key_that_is_not_there_is_told_before_any_question() -> None:
    shown = on_terminal("key", "schedule-deletion", "nope", "--days", "7", exit_code=6, **DUMB).out
    assert "there is no key 'nope'" in shown
    assert "Type" not in shown


@pytest.mark.parametrize(("typed", "exit_code"), [("demo", 0), ("y", 2), ("other", 2)])
def test_a_deletion_wants_the_name(typed: str, exit_code: int) -> None:
    kmstool("key", "disable", "demo", "--yes")
    arguments = ("key", "schedule-deletion", "demo", "--days", "7")
    shown = on_terminal(*arguments, dialogue=[("Type demo to go on", typed)], exit_code=exit_code, **DUMB).out
    assert "all that it encrypted is lost" in shown
    assert ("PendingDelete" in kmstool("key", "show", "demo").out) is (exit_code == 0)
    assert exit_code or "the key demo (" in shown


def test_of_several_each_name_is_typed_or_nothing_is_done() -> None:
    kmstool("key", "disable", "demo", "other", "--yes")
    dialogue = [("Type demo", "demo"), ("Type other", "demo")]
    on_terminal("key", "schedule-deletion", "demo", "other", "--days", "7", dialogue=dialogue, exit_code=2, **DUMB)
    assert "PendingDelete" not in kmstool("key", "list").out


def test_a_reset_wants_the_name_of_the_profile() -> None:
    on_terminal("local", "reset", dialogue=[("Type local", "yes")], exit_code=2, **DUMB)
    assert "demo" in kmstool("key", "list").out
    on_terminal("local", "reset", dialogue=[("Type local", "local")], **DUMB)
    assert "demo" not in kmstool("key", "list").out


def test_what_destroys_has_no_default() -> None:
    assert "missing argument" in kmstool("material", "delete", "--yes", exit_code=2).err


@pytest.mark.parametrize("kind", ["data-key", "whitebox"])
def test_other_kinds_are_shown_too(kind: str) -> None:
    if kind == "data-key":
        kmstool("data-key", "generate", "--name", "it", "--key", "demo")
    else:
        kmstool("whitebox", "create", "--alias", "it", "--algorithm", "SM4")
    shown = on_terminal(kind, "disable", "it", dialogue=[("[y/N]", "y")], **DUMB).out
    assert "it\r\n" in shown
    assert "Enabled" in shown
    words = ("it", "--days", "7") if kind == "data-key" else ("it",)
    action = "schedule-deletion" if kind == "data-key" else "delete"
    on_terminal(kind, action, *words, dialogue=[("Type it", "it")], **DUMB)


def test_profiles_and_credentials_are_shown() -> None:
    kmstool("profile", "set", "work", "--region", "ap-shanghai")
    assert "ap-shanghai" in on_terminal("profile", "remove", "work", dialogue=[("Type work", "work")], **DUMB).out
    assert "work" not in kmstool("profile", "list").out


def test_what_was_confirmed_is_changed_and_not_what_has_its_name_since(monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody reads the question, a colleague gives the alias to another key."""
    shown = kmstool("key", "show", "demo", "--query", "KeyMetadata.KeyId").out.strip()

    def confirm(_: object, __: str, about: About, *, typed: bool = False) -> None:
        about()
        with closing(EmbeddedKms(Path(os.environ["HOME"], ".local/share/kmstool/local"))) as kms:
            client = KmsClient(kms)
            client.update_alias(shown, "former")
            client.update_alias(find_key_id(client, KeyAddress.parse("other")), "demo")

    monkeypatch.setattr(Session, "confirm", confirm)
    kmstool("key", "disable", "demo")
    states = {
        alias: kmstool("key", "show", alias, "--query", "KeyMetadata.KeyState").out.strip()
        for alias in ("former", "demo")
    }
    assert states == {"former": "Disabled", "demo": "Enabled"}
