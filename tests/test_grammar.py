"""A word means one thing in every command: the table of docs/grammar.md, held to the whole tree."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from kmstool import words
from kmstool.cli import main
from kmstool.cli.generated import completion
from kmstool.cli.key_words import KeyWord, MeansWord
from kmstool.cli.options import GLOBAL
from kmstool.cli.session.session import Session
from kmstool.errors import UsageError

ENCODINGS = {"hex", "base64", "pem", "der", "raw"}


def commands(command: click.Command = main.root, path: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield every command that is not a group, by its words."""
    if not isinstance(command, click.Group):
        yield path.strip(), command
    for name, below in completion.commands(command).items():
        yield from commands(below, f"{path} {name}")


TREE = dict(commands())
TREE_OF = {group: {path.split()[1] for path in TREE if path.startswith(f"{group} ")} for group in ("key", "data-key")}


def parameters(command: click.Command) -> list[click.Parameter]:
    ctx = click.Context(command, **command.context_settings)
    return [param for param in command.get_params(ctx) if param not in GLOBAL]


def option(command: click.Command, name: str) -> click.Option | None:
    found = [param for param in parameters(command) if isinstance(param, click.Option) and name in param.opts]
    return found[0] if found else None


def choices(param: click.Parameter | None) -> set[str]:
    return set(param.type.choices) if param and isinstance(param.type, click.Choice) else set()


@pytest.mark.parametrize("path", TREE)
def test_a_word_means_one_thing(path: str) -> None:
    command = TREE[path]
    key, algorithm, usage = (option(command, name) for name in ("--key", "--algorithm", "--usage"))
    assert key is None or key.metavar == "KEY", "--key is a key in KMS, by any of its names"
    assert not choices(algorithm) & set(words.USAGES) - {"sm2"}, "what a key is for is --usage"
    assert usage is None or choices(usage) == set(words.USAGES)
    assert choices(option(command, "--encoding")) <= ENCODINGS
    assert choices(option(command, "--input-encoding")) <= set(words.ENCODINGS)
    raw = option(command, "--raw")
    assert raw is None or (raw.is_flag and (raw.help or "").startswith("Write ")), "--raw is how something is written"


@pytest.mark.parametrize("path", TREE)
def test_what_the_api_calls_otherwise_has_no_name_of_the_api(path: str) -> None:
    """DescribeKey shows a key, and ListAlgorithms lists usages."""
    assert not {"describe", "algorithms"} & set(path.split())


ACTED_ON = {
    *(f"key {name}" for name in TREE_OF["key"] - {"create", "list", "usages"}),
    *(f"data-key {name}" for name in TREE_OF["data-key"] - {"generate", "import", "list"}),
    *(f"whitebox {name}" for name in ("delete", "disable", "download-key", "enable", "show")),
    *(f"fingerprint {name}" for name in ("bind", "import", "list", "unbind")),
    *("material delete", "material params", "import-material", "public-key"),
}
NOT_OF_ONE_KEY = {
    "data-key list": "a filter",
    "profile set": "the name of the profile comes first",
    "whitebox renew": "the folder comes first",
}


def key_word(command: click.Command) -> KeyWord | None:
    return next((param for param in command.params if isinstance(param, KeyWord)), None)


@pytest.mark.parametrize("path", TREE)
def test_a_key_is_a_word_where_it_is_acted_on_and_an_option_where_it_is_a_means(path: str) -> None:
    command, word = TREE[path], key_word(TREE[path])
    spelling = "--data-key" if path.startswith("data-key ") and path in ACTED_ON else "--key"
    by_option = option(command, spelling)
    if path in ACTED_ON:
        assert word, "KEY"
        assert by_option, "--key"
        assert not isinstance(word, MeansWord)
        assert (word.hidden, by_option.hidden) == (False, True), "one way is shown"
    elif by_option and path not in NOT_OF_ONE_KEY:
        assert isinstance(word, MeansWord), "--key and KEY"
        assert not by_option.hidden
    else:
        assert word is None


def parsed(path: str, *arguments: str) -> dict[str, object]:
    with main.root.make_context("kmstool", path.split(), resilient_parsing=True):
        ctx = TREE[path].make_context(path, list(arguments), obj=Session({}))
    return {name: str(value) for name, value in ctx.params.items() if value not in (None, (), {}, False)}


@pytest.mark.parametrize(
    ("path", "by_option", "by_word"),
    [
        ("key show", ["--key", "demo"], ["demo"]),
        ("key rename", ["--key", "demo", "new"], ["demo", "new"]),
        ("key rotation", ["on", "--key", "demo"], ["on", "demo"]),
        ("data-key show", ["--data-key", "one"], ["one"]),
        ("public-key", ["--key", "demo"], ["demo"]),
        ("import-material", ["--key", "demo", "m"], ["demo", "m"]),
        ("fingerprint bind", ["f1", "--key", "demo", "f2"], ["demo", "f1", "f2"]),
        ("encrypt", ["f", "--key", "demo"], ["demo", "f"]),
        ("data-key generate", ["--key", "demo", "--name", "n"], ["demo", "--name", "n"]),
        ("whitebox encrypt", ["--key", "demo", "f"], ["demo", "f"]),
        ("reencrypt", ["--to", "demo", "f"], ["--key", "demo", "f"]),
        ("reencrypt", ["--to", "demo", "f"], ["demo", "f"]),
        ("batch reencrypt", ["--to", "demo", "f"], ["demo", "f"]),
        ("envelope encrypt", ["--key", "demo", "f"], ["demo", "f"]),
    ],
)
def test_both_ways_to_name_a_key_are_the_same(path: str, by_option: list[str], by_word: list[str]) -> None:
    assert parsed(path, *by_option) == parsed(path, *by_word)
    assert "demo" in str(parsed(path, *by_word)) or path == "data-key show"


def test_the_words_of_several_keys_add_up() -> None:
    with_both = TREE["key enable"].make_context("enable", ["a", "--key", "b", "c"], obj=Session({}))
    assert sorted(map(str, with_both.params["keys"])) == ["a", "b", "c"]
    more = TREE["envelope encrypt"].make_context("encrypt", ["a", "f", "--key", "b"], obj=Session({}))
    assert sorted(map(str, more.params["keys"])) == ["a", "b"]


def test_a_sole_word_is_the_file_and_two_files_are_no_key(workplace: Path) -> None:
    for name in ("one", "two"):
        Path(name).touch()
    assert parsed("encrypt", "one") == {"file": "one"}
    for arguments in (["one", "two"], ["a", "b", "c"], ["--key", "a", "b", "c"]):
        with pytest.raises(click.UsageError, match="extra argument"):
            parsed("encrypt", *arguments)
    with pytest.raises(UsageError, match="the key comes first"):
        parsed("import-material", "one")
