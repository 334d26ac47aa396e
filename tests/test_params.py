"""Words become values of the types that their names promise, and a command reads exactly the options that it has."""

from collections.abc import Callable
from dataclasses import dataclass

import click
import pytest

from kmstool.api.cmk_rules import KeyAddress
from kmstool.cli import options, params
from kmstool.cli.io import times
from kmstool.cli.session.session import Session, pass_session, takes
from kmstool.errors import ArgumentError, UsageError

KEY_ID = "6f6e2a6c-e7ca-11f1-8000-525400000001"


@dataclass(frozen=True)
class Trim:
    out: str | None
    trim_newline: bool


def command(read: Callable[..., None]) -> Callable[[], None]:
    """Return what makes a command with the options of `Trim`."""

    def make() -> None:
        decorated = click.option("--out")(click.option("--trim-newline", is_flag=True)(read))
        click.command(cls=options.Command)(decorated)

    return make


def test_a_command_gets_its_options_as_one_value() -> None:
    taken: list[object] = []

    @click.command(cls=options.Command)
    @click.option("--out")
    @click.option("--trim-newline", is_flag=True)
    @takes(Trim)
    def trim(session: Session, wanted: Trim) -> None:
        taken.extend((session, wanted))

    session = Session({})
    trim.main(["--trim-newline"], obj=session, standalone_mode=False)
    assert taken == [session, Trim(None, trim_newline=True)]


def test_a_mistyped_field_or_parameter_is_found_when_the_module_is_imported() -> None:
    @dataclass(frozen=True)
    class Misnamed:
        out: str | None
        trim_new_line: bool

    @dataclass(frozen=True)
    class Forgotten:
        out: str | None

    @dataclass(frozen=True)
    class Another(Trim):
        force: bool

    def good(session: Session, out: str | None, trim_newline: bool) -> None: ...
    def bad(session: Session, out: str | None, trim_new_line: bool) -> None: ...

    for read in (takes(Trim)(lambda _session, _wanted: None), pass_session(good)):
        command(read)()
    for kind in (Misnamed, Forgotten, Another):
        with pytest.raises(TypeError, match="trim_newline"):
            command(takes(kind)(lambda _session, _wanted: None))()
    with pytest.raises(TypeError, match="trim_new_line"):
        command(pass_session(bad))()


def convert(kind: params.Parsed, word: str) -> object:
    """Convert as click does."""
    return kind.convert(word, click.Option(["--it"], type=kind), None)


@pytest.mark.parametrize(
    ("kind", "word", "value"),
    [
        (params.KEY, f"ap-seoul:{KEY_ID}", KeyAddress(KEY_ID, "ap-seoul")),
        (params.KEY, "profile/prod/alias/demo", KeyAddress("demo", profile="prod", alias_only=True)),
        (params.DURATION, "2h", 7200),
        (params.END, "2h", times.End(7200, from_now=True)),
        (params.END, "1970-01-02", times.End(86400)),
        (params.RANGE, "0-1023", params.ByteRange(0, 1023)),
        (params.PUBLIC_KEY, "a:b/c=d", params.PublicKeyFile("a:b/c=d")),
        (params.PUBLIC_KEY, "name=value.pem", params.PublicKeyFile("name=value.pem")),
        (params.PUBLIC_KEY, f"ap-seoul:{KEY_ID}=a=b.pem", params.PublicKeyFile("a=b.pem", "ap-seoul", KEY_ID)),
    ],
)
def test_words_become_values(kind: params.Parsed, word: str, value: object) -> None:
    assert convert(kind, word) == value
    assert kind.convert(value, None, None) is value


@pytest.mark.parametrize(
    ("kind", "word", "said"),
    [
        (params.KEY, "team/demo", "invalid key name 'team/demo'"),
        (params.DURATION, "2 hours", "'2 hours' is no duration"),
        (params.END, "tomorrow", "'tomorrow' is no time"),
        (params.RANGE, "1-", "'1-' is no range"),
        (params.RANGE, "٣-4", "'٣-4' is no range"),
        (params.PUBLIC_KEY, "ap-seoul:demo=key.pem", "'ap-seoul:demo' is no REGION:KEYID"),
        (params.PUBLIC_KEY, f"{KEY_ID}=key.pem", f"'{KEY_ID}' is no REGION:KEYID"),
    ],
)
def test_other_words_are_named(kind: params.Parsed, word: str, said: str) -> None:
    with pytest.raises((UsageError, ArgumentError)) as caught:
        convert(kind, word)
    assert caught.value.message == said
    assert caught.value.hint


@pytest.mark.parametrize("kind", [params.KEY, params.DURATION, params.END, params.RANGE])
def test_an_empty_word_is_no_value_and_names_its_option(kind: params.Parsed) -> None:
    with pytest.raises(click.BadParameter, match="is a shell variable unset") as caught:
        convert(kind, "")
    assert caught.value.param is not None
    assert caught.value.param.name == "it"


def test_an_end_goes_by_the_clock_that_it_is_asked_with() -> None:
    assert times.End.parse("90s").unix(1000) == 1090
    assert times.End.parse("500").unix(1000) == 500


def test_pairs_are_split_at_the_first_equal_sign() -> None:
    words = ["app=billing", "query=a=b=", "empty=", "blank = x "]
    assert params.parse_pairs(words, "tag", "--tag") == {
        "app": "billing",
        "query": "a=b=",
        "empty": "",
        "blank ": " x ",
    }


@pytest.mark.parametrize("words", [["app"], ["app=1", ""], ["=billing"], ["="], ["app=1", "app=2"]])
def test_other_pairs_are_refused_with_a_hint(words: list[str]) -> None:
    with pytest.raises(UsageError) as caught:
        params.parse_pairs(words, "tag", "--tag")
    assert caught.value.message.startswith("tag ")
    assert caught.value.hint
