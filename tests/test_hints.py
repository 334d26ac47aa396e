"""Every reason has a way out, and what a hint says to type is there: its command, and its options."""

import re
import shlex
import string
from collections.abc import Iterator

import click
import pytest

from kmstool.cli import hints, options
from kmstool.cli.hints import hint_of
from kmstool.cli.main import root
from kmstool.errors import ArgumentError, InputError, KmsToolError, Reason, ServiceError

LINE = re.compile(r"kmstool ((?:[a-z-]+|[A-Z]+)(?: (?:[a-z-]+|[A-Z]+))*)")
TEXTS = sorted({*hints.REASONS.values(), *hints.CODES.values()})


def every_option(command: click.Command = root) -> Iterator[str]:
    """Yield all options of a command and of those below it."""
    for param in command.params:
        yield from (*param.opts, *param.secondary_opts)
    if isinstance(command, click.Group):
        for name in command.commands:
            yield from every_option(command.commands[name])


GLOBAL = {option for param in options.GLOBAL for option in param.opts}
OPTIONS = {option for option in every_option() if option.startswith("-")} | GLOBAL


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and what follows its name."""
    command: click.Command = root
    while words and isinstance(command, click.Group) and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: str(reason.name))
def test_every_reason_has_a_way_out(reason: Reason) -> None:
    assert hint_of(KmsToolError("it failed", reason=reason))


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_hint_says_to_type_is_there(text: str) -> None:
    text = text.replace("{noun}", "data-key")
    for line in LINE.findall(text):
        command, words = command_of(line.split())
        assert command is not root, line
        known = GLOBAL | set(every_option(command))
        asked = {word for word in words if word.startswith("-")}
        assert asked <= known, line
    assert set(re.findall(r"(?<!\S)--[a-z-]+", text)) <= OPTIONS


@pytest.mark.parametrize("text", TEXTS)
def test_a_hint_is_one_line_in_lower_case_without_a_full_stop(text: str) -> None:
    assert text == text.strip()
    assert "\n" not in text
    assert not text.endswith(".")
    assert text[0] == text[0].lower()


def test_what_is_known_stands_in_the_command_and_what_is_not_in_capitals() -> None:
    unknown = InputError("it is old", reason=Reason.PARAMETERS_UNUSABLE)
    assert hint_of(unknown) == "get them anew: kmstool material params --key KEY -o DIR"
    known = InputError("it is old", reason=Reason.PARAMETERS_UNUSABLE, facts={"key": "orders"})
    assert hint_of(known) == "get them anew: kmstool material params --key orders -o DIR"


@pytest.mark.parametrize("value", ["two words", "a;reboot", "$(id)", "it's", "`id`", "{key}", "{0}"])
def test_a_fact_is_one_word_for_a_shell(value: str) -> None:
    hint = hint_of(InputError("it is old", reason=Reason.PARAMETERS_UNUSABLE, facts={"key": value})) or ""
    assert value in shlex.split(hint)


def test_the_errors_own_hint_comes_first_then_its_reason_then_its_code() -> None:
    code = "ResourceUnavailable.CmkNotFound"
    both = ServiceError("it failed", reason=Reason.WHITE_BOX_KEY_ENABLED, kms_code=code)
    assert hint_of(ServiceError("it failed", kms_code=code)) == hints.CODES[code]
    assert "whitebox disable" in str(hint_of(both))
    both.hint = "its own"
    assert hint_of(both) == "its own"
    assert hint_of(ServiceError("it failed", kms_code="New.Code")) is None


def test_another_message_keeps_what_is_known() -> None:
    first = ArgumentError(
        "one", hint="a hint", kms_code="A.B", request_id="1", reason=Reason.KEY_UNKNOWN, facts={"region": "ap-tokyo"}
    )
    second = first.retold("two")
    assert type(second) is ArgumentError
    assert {**vars(first), "message": ""} == {**vars(second), "message": ""}
    assert (str(second), second.message) == ("two", "two")


def test_every_field_of_a_hint_is_a_fact_that_some_error_has() -> None:
    fields = {name for text in TEXTS for _, name, _, _ in string.Formatter().parse(text) if name}
    assert fields <= {"bytes", "characters", "digest", "elsewhere", "encoding", "key", "name", "noun", "profile"}
