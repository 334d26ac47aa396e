"""Types of the words on a command line: what click hands to a command is a value, and not a text to be read there."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from kmstool.cli.io import times
from kmstool.errors import ArgumentError, InputError, UsageError

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress
    from kmstool.api.context import Context

    ParamType = click.ParamType[Any, Any]
else:
    # Only the type checker knows it as generic in every release that is supported.
    ParamType = click.ParamType

_RANGE = re.compile(r"([0-9]{1,18})-([0-9]{1,18})", re.ASCII)


class ChoiceError(click.BadParameter):
    """A word that is none of the choices; `hint` is the one that may have been meant."""

    hint: str | None = None


class Choice(click.Choice[str]):
    """One of some words; one that is none of them is answered with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the word."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            from kmstool import near

            refusal = ChoiceError(error.message, ctx, param)
            refusal.hint = near.question(str(value), self.choices)
            raise refusal from error


class Parsed(ParamType):
    """A type of the values that a function makes of a word; it raises `UsageError` or, from below, `ArgumentError`."""

    def __init__(self, name: str, parse: Callable[[str], object]) -> None:
        self.name = name
        self._parse = parse

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> object:
        """Return the value; for an empty word, which comes of a variable that is not set, name the option too."""
        if not isinstance(value, str):
            return value
        try:
            return self._parse(value)
        except (UsageError, ArgumentError) as error:
            if not value:
                self.fail(f"{error.message}; is a shell variable unset?", param, ctx)
            raise


class ByteRange(NamedTuple):
    """The bytes `first` to `last` of a plaintext, both included and counted from 0."""

    first: int
    last: int

    @classmethod
    def parse(cls, word: str) -> ByteRange:
        """Read `A-B`; raise `UsageError`."""
        numbers = _RANGE.fullmatch(word)
        if not numbers:
            raise UsageError(f"{word!r} is no range", hint="for example 0-1023")
        return cls(int(numbers[1]), int(numbers[2]))


@dataclass(frozen=True, slots=True)
class PublicKeyFile:
    """A public key in a file; with region and key id where KMS has its private key, which are empty otherwise."""

    file: str
    region: str = ""
    key_id: str = ""

    @classmethod
    def parse(cls, word: str) -> PublicKeyFile:
        """Read `FILE` or `REGION:KEYID=FILE`; raise `UsageError`."""
        from kmstool.api.cmk_rules import is_key_id

        region, _, key_id = (before := word.partition("=")[0]).partition(":")
        in_kms = before != word and "/" not in before and (":" in before or is_key_id(before))
        if not in_kms:
            return cls(word)
        if not (region and is_key_id(key_id)):
            raise UsageError(f"{before!r} is no REGION:KEYID", hint="see both: kmstool key list")
        return cls(word.removeprefix(f"{before}="), region, key_id)


def _address(word: str) -> KeyAddress:
    from kmstool.api.cmk_rules import KeyAddress

    return KeyAddress.parse(word)


KEY = Parsed("key", _address)
"""`KeyAddress`: a key, data key or white-box key by id or name, alone or behind a region or profile."""
DURATION = Parsed("duration", times.parse_duration)
"""`int`: seconds."""
DELAY = Parsed("delay", times.parse_delay)
"""`float`: seconds, down to milliseconds."""
END = Parsed("time", times.End.parse)
"""`times.End`: a moment, or a duration from now, whatever clock tells that."""
RANGE = Parsed("range", ByteRange.parse)
"""`ByteRange`."""
PUBLIC_KEY = Parsed("public key", PublicKeyFile.parse)
"""`PublicKeyFile`."""


def _context_text(word: str) -> str:
    from kmstool.api import context

    if not word:
        raise UsageError("an empty text is no context")
    if not word.startswith("@"):
        return context.exact(word)
    from kmstool.cli.io import inputs
    from kmstool.forms import texts

    source = inputs.read(word[1:], texts.MAX_BYTES, "{size} bytes are no context; KMS takes 1,024 characters", "")
    text = texts.decode(source.data)
    if text is None:
        raise InputError(f"{inputs.shown(word[1:])} is not text")
    # Editors end the last line.
    return context.exact(text.removesuffix("\n").removesuffix("\r"))


CONTEXT_TEXT = Parsed("context", _context_text)
"""`str`: a JSON object as it is written."""


def collected_context(_ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> Context:
    """Return the context of repeated words, see `context_of`."""
    return context_of(words, param.opts[-1])


def context_of(words: Sequence[str], option: str) -> Context:
    """Return the context of `NAME=VALUE` words or, where the one word is a JSON object, its exact text.

    Raises `UsageError` as `parse_pairs` does, and for a JSON object beside other words.
    """
    if any(word.lstrip().startswith("{") for word in words):
        from kmstool.api import context

        if any(context.as_object(word) is not None for word in words):
            if len(words) == 1:
                return context.exact(words[0])
            raise UsageError(f"a context in JSON is all of it: give one {option}")
    return parse_pairs(words, "context", option)


def one_context(context: Context, context_text: str | None, option: str = "--context") -> Context:
    """Return the context of two options of which only one may be given; raise `UsageError`."""
    if context and context_text is not None:
        raise UsageError(f"{option} and {option}-text are two ways to give one context")
    return context if context_text is None else context_text


@dataclass(frozen=True)
class ContextWords:
    """The two ways to give an encryption context."""

    context: Context
    context_text: str | None

    @property
    def encryption_context(self) -> Context:
        """The one that was given."""
        return one_context(self.context, self.context_text)


def collected(noun: str) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], dict[str, str]]:
    """Return a callback that makes one mapping of repeated words `NAME=VALUE`; `noun` is what they are called."""

    def collect(_ctx: click.Context, param: click.Parameter, words: tuple[str, ...]) -> dict[str, str]:
        return parse_pairs(words, noun, param.opts[-1])

    return collect


def parse_pairs(words: Iterable[str], noun: str, option: str) -> dict[str, str]:
    """Read `NAME=VALUE` words, whose values may hold further equal signs.

    Raises `UsageError` for a word without `=`, an empty name and a name given twice.
    """
    pairs: dict[str, str] = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name:
            raise UsageError(f"{noun} {word!r} is not of the form NAME=VALUE", hint=f"for example {option} app=billing")
        if name in pairs:
            raise UsageError(f"{noun} name {name!r} is given twice", hint="give each name once")
        pairs[name] = value
    return pairs
