"""A key named by a word or by an option, whichever comes to mind first: `key show demo` and `key show --key demo`.

Where the key is what a command acts on, its word comes first. Where it is a means, it is
an option, and a word before those of the command is taken for it if the command has no
other use for so many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from typing import Any, TypeVar

import click

from kmstool.cli.params import KEY
from kmstool.errors import UsageError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])
Options = MutableMapping[str, Any]


class KeyWord(click.Argument):
    """The word of a key, which the option of the parameter `option` may give instead."""

    hidden = False

    def __init__(self, *args: Any, option: str, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.option = option

    def handle_parse_result(self, ctx: click.Context, opts: Any, args: list[str]) -> tuple[Any, list[str]]:
        """Give each word its place, now that it is known which options there are."""
        own = [param for param in ctx.command.params if isinstance(param, click.Argument)]
        after = own[own.index(self) + 1 :]
        words = [word for param in (self, *after) for word in _words(opts.pop(param.name, None))] + args
        self.place(opts, words, after)
        return super().handle_parse_result(ctx, opts, _spread(opts, words, after))

    def place(self, opts: Options, words: list[str], after: list[click.Argument]) -> None:
        """Take the key from its option, else from the first of the words."""
        named = _words(opts.get(self.option))
        if self.nargs < 0:
            named, words[:] = [*named, *words], []
        elif not named and words:
            if len(words) == 1 and after and not self.required and os.path.lexists(words[0]):
                raise UsageError(f"{words[0]!r} is a file, and the key comes first", hint="name both: KEY FILE")
            named = [words.pop(0)]
        if named:
            opts[str(self.name)] = tuple(named) if self.nargs < 0 else named[-1]


class MeansWord(KeyWord):
    """The word of a key that is a means: it stands for the option, which is the way that help shows."""

    hidden = True

    def __init__(self, *args: Any, repeatable: bool, **settings: Any) -> None:
        # The option is read after it.
        super().__init__(*args, required=False, is_eager=True, expose_value=False, **settings)
        self.repeatable = repeatable

    def get_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Show nothing."""
        return []

    def place(self, opts: Options, words: list[str], after: list[click.Argument]) -> None:
        """Make an option of the first word, where there is one more than the command takes.

        Not of a file's name: several files for a command that takes one are a mistake.
        """
        named = _words(opts.get(self.option))
        surplus = len(words) == len(after) + 1 and all(param.nargs == 1 for param in after)
        if surplus and (self.repeatable or not named) and not os.path.lexists(words[0]):
            opts[self.option] = [*named, words.pop(0)] if self.repeatable else words.pop(0)


def _words(value: Any) -> list[str]:
    """Return what was given of a parameter, nothing for what stands for no value."""
    if isinstance(value, str):
        return [value]
    return [word for word in value if isinstance(word, str)] if isinstance(value, tuple | list) else []


def _spread(opts: Options, words: list[str], after: list[click.Argument]) -> list[str]:
    """Hand the words to the arguments in their order, and return those that are left over."""
    rest = list(words)
    for param in after:
        taken, rest = (rest, []) if param.nargs < 0 else (rest[:1], rest[1:])
        if taken:
            opts[str(param.name)] = tuple(taken) if param.nargs < 0 else taken[0]
    return rest


def acted_on(
    name: str, option: str, metavar: str, *, several: bool = False, required: bool = True
) -> Callable[[Decorated], Decorated]:
    """Add the word of what a command acts on, and the option that takes its place."""

    def add(function: Decorated) -> Decorated:
        by_option = f"{name}_by_option"
        function = click.option(
            option,
            by_option,
            type=KEY,
            metavar=metavar,
            multiple=several,
            expose_value=False,
            hidden=True,
            help=f"The same as {metavar}.",
        )(function)
        return click.argument(
            name,
            cls=KeyWord,
            option=by_option,
            type=KEY,
            metavar=metavar + "..." * several,
            nargs=-1 if several else 1,
            required=required,
        )(function)

    return add


def means(
    name: str, text: str, *, spelling: str = "--key", several: bool = False, required: bool = False
) -> Callable[[Decorated], Decorated]:
    """Add `--key` of the parameter `name`, by a spelling of its own too, and the word that takes its place."""

    def add(function: Decorated) -> Decorated:
        function = click.option(
            *dict.fromkeys((spelling, "--key")),
            name,
            type=KEY,
            metavar="KEY",
            multiple=several,
            required=required,
            help=text,
        )(function)
        return click.argument(f"{name}_by_word", cls=MeansWord, option=name, repeatable=several, metavar="KEY")(
            function
        )

    return add
