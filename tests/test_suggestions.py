"""Who mistypes a name is told which one may be meant: commands, options, values, keys, regions, profiles, actions."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kmstool import near
from kmstool.cli import suggestions
from kmstool.cli.main import root
from kmstool.server.app import EmbeddedKms
from tests.program import kmstool


@pytest.fixture(autouse=True)
def store(kms: EmbeddedKms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KMSTOOL_LOCAL_HOME", str(tmp_path / "store"))
    monkeypatch.setenv("KMSTOOL_PROFILE", "local")
    for alias in ("Billing", "invoices"):
        kms.call("CreateKey", {"Alias": alias})


MISTAKES = [
    ("key delete demo", "kmstool key schedule-deletion"),
    ("key remove demo", "kmstool key schedule-deletion"),
    ("whitebox rm app", "kmstool whitebox delete"),
    ("key ls", "kmstool key list"),
    ("key lst", "kmstool key list"),
    ("kye", "kmstool key"),
    ("rewrap", "kmstool envelope rewrap"),
    ("key import-material x", "kmstool import-material"),
    ("login", "kmstool auth login"),
    ("whoami", "kmstool auth status"),
    ("CreateKey", "kmstool key create"),
    ("describe-key", "kmstool key show"),
    ("schedule_key_deletion", "kmstool key schedule-deletion"),
    ("DescribeWhiteBoxKey", "kmstool api DescribeWhiteBoxKey"),
    ("key list --frmat json", "--format"),
    ("key list --output json", "--format"),
    ("random 8 --output x", "--out or --format"),
    ("key list --stat enabled", "--state"),
    ("encrypt --key-id x", "--key"),
    ("key list --state achived", "archived"),
    ("key list --state PendingDelete", "pending-delete"),
    ("random 8 --encoding base46", "base64"),
    ("key list --format JSON", "json"),
    ("key create --alias x --usage symetric", "symmetric"),
    ("key create --alias x --usage Sign_SM2", "sign-sm2"),
    ("digest --algorithm sha-256", "sha256"),
    ("key show billing", "Billing"),
    ("key show INVOICE", "invoices"),
    ("key list --region ap-guangzou", "ap-guangzhou"),
    ("key show ap_singapore:x", "ap-singapore"),
    ("key list --profile lokal", "local"),
    ("api describe-key", "DescribeKey"),
    ("api ListKey", "ListKeys"),
]


@pytest.mark.parametrize(("words", "meant"), MISTAKES, ids=[words for words, _ in MISTAKES])
def test_a_mistake_is_answered_with_what_may_be_meant(words: str, meant: str) -> None:
    done = kmstool(*words.split(), "--format=json" if "--format" not in words else "--quiet", exit_code=None)
    assert done.exit_code in (2, 6)
    hint = done.err.rpartition("did you mean ")[2]
    assert hint.startswith(meant), done.err
    assert hint[len(meant)] in "? "


@pytest.mark.parametrize("words", ["xyzzy", "key xyzzy", "key list --xyzzy", "key list --state xyzzy"])
def test_what_is_near_nothing_points_to_the_help(words: str) -> None:
    command = "kmstool key list" if "list" in words else "kmstool key" if "key" in words else "kmstool"
    assert kmstool(*words.split(), exit_code=2).err.endswith(f"hint: see {command} --help\n")


def test_an_unknown_profile_that_is_near_nothing_is_answered_with_all() -> None:
    assert "hint: one of: local" in kmstool("key", "list", "--profile", "xyzzy", exit_code=2).err


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("DESCRIBE_KEY", ["DescribeKey", "DescribeKeys"], ["DescribeKey"]),
        ("a-b", ["ab", "A_B", "abc"], ["ab", "A_B"]),
        ("shwo", ["show", "list"], ["show"]),
        ("", ["show"], []),
        ("show", [], []),
        ("list", ["list1", "list2", "list3", "list4"], ["list1", "list2", "list3"]),
        ("ap-guangzou", ["ap-bangkok", "ap-guangzhou"], ["ap-guangzhou"]),
    ],
)
def test_spelling_counts_first(word: str, known: list[str], meant: list[str]) -> None:
    assert near.near(word, known) == meant


def commands(command: click.Command, before: tuple[str, ...] = ()) -> Iterator[str]:
    for name, sub in command.commands.items() if isinstance(command, click.Group) else ():
        yield " ".join((*before, name))
        yield from commands(sub, (*before, name))


def test_every_suggestion_is_a_command_or_an_option() -> None:
    tree = list(commands(root))
    assert {*suggestions.COMMANDS.values()} - {*tree} == set()
    names = {path.rpartition(" ")[2] for path in tree}
    assert {verb for verbs in suggestions.VERBS.values() for verb in verbs} - names == set()
    assert not {*suggestions.VERBS} & {*suggestions.COMMANDS}
