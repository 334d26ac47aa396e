"""Options that many commands share, and the click classes that accept the global ones anywhere.

`kmstool --profile local key list` and `kmstool key list --profile local` are the same;
the later one wins where both are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from functools import partial, update_wrapper
from typing import Any, TypeVar

import click

from kmstool import words
from kmstool.cli import input_files, key_words, targets
from kmstool.cli.docstrings import Described
from kmstool.cli.params import CONTEXT_TEXT, Choice, collected, collected_context

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100, "show_default": True}
"""The settings of every command."""
OWN_ARGUMENTS = {**CONTEXT, "allow_interspersed_args": False}
"""Those of a command that runs another one: what comes after that is its own."""

STATES = tuple(
    "".join(f"-{char.lower()}" if char.isupper() else char for char in state).removeprefix("-")
    for state in words.STATES
)
DATA_KEY_STATES = STATES[:3]


def not_empty(ctx: click.Context, param: click.Parameter, value: Any, *, why: str = "it is empty") -> Any:
    """Refuse an empty value, which comes of a variable that is not set: it would be as if the option were not there."""
    if value == "":
        raise click.BadParameter(f"{why}; is a shell variable unset?", ctx, param)
    return value


not_empty_file = partial(not_empty, why="an empty name is no file")


class NumberRange(click.FloatRange):
    """A number of a range, which `nan` is not, though it is neither below nor above it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


def _remember(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if not_empty(ctx, param, value) is not None and ctx.obj is not None:
        setattr(ctx.obj.settings, str(param.name), value)


def _checked_query(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    """Refuse what is no expression before anything is done, and not when the answer is to be shown."""
    if value is not None:
        from kmstool.cli.answers import check_query

        check_query(value)
    _remember(ctx, param, value)


def _global(name: str, text: str, **settings: Any) -> click.Option:
    settings = {"callback": _remember, **settings}
    return click.Option([name], help=text, expose_value=False, default=None, **settings)


def _flag(name: str, text: str) -> click.Option:
    return _global(name, text, is_flag=True, flag_value=True, type=bool)


GLOBAL = (
    _global("--profile", "Profile to use: which KMS, region and key.", metavar="NAME"),
    _global("--region", "Region of the keys.", metavar="REGION"),
    _global("--endpoint", "KMS host or URL to use instead of the default.", metavar="URL"),
    _global("--transport", "What sends requests: kmstool itself, or Tencent's SDK.", type=Choice(["own", "sdk"])),
    _global(
        "--timeout", "Seconds that one call to KMS may take; default 30.", type=NumberRange(0.1, 600), metavar="SECONDS"
    ),
    _global(
        "--retries",
        "Maximum number of retries; default 10, or 1 where nothing is at the address.",
        type=click.IntRange(0, 1000),
        metavar="N",
    ),
    _global(
        "--max-wait",
        "Give up retrying after this many seconds; default 60.",
        type=NumberRange(0, 86400),
        metavar="SECONDS",
    ),
    _global(
        "--format",
        "Output format: text, or the API response as JSON; default text.",
        type=Choice(["text", "json"]),
    ),
    _global(
        "--query", "Filter the JSON response with a JMESPath expression.", metavar="JMESPATH", callback=_checked_query
    ),
    _flag("--yes", "Answer yes to every question."),
    _flag("--dry-run", "Show what would change without changing anything."),
    _flag("--no-input", "Never ask anything."),
    _flag("--quiet", "Print no notes."),
    _flag("--verbose", "Report each call to KMS."),
    _flag("--debug", "Show where an unexpected error came from."),
    _flag("--no-color", "Use no colours."),
    _flag("--no-pager", "Do not send long lists through a pager."),
)


class _GlobalOptions(Described):
    """Accepts the global options, shows them at the root only, and ends help with an example."""

    def __init__(self, *args: Any, example: str = "", **settings: Any) -> None:
        settings.setdefault("context_settings", CONTEXT)
        super().__init__(*args, **settings)
        self.example = example
        for param in self.params:
            if isinstance(param, click.Option) and param.default in ("", 0):
                param.show_default = False  # It stands for what is not given.

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the command's own parameters, the global options and `--help`."""
        own = super().get_params(ctx)
        return [*own[:-1], *GLOBAL, own[-1]]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options; away from the root, the global ones are only pointed to."""
        shown = [
            param
            for param in self.get_params(ctx)
            if isinstance(param, click.Option) and (ctx.parent is None or param not in GLOBAL)
        ]
        records = [record for option in shown if (record := option.get_help_record(ctx)) is not None]
        with formatter.section("Options"):
            formatter.write_dl(records)
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        if ctx.parent is not None:
            formatter.write_paragraph()
            formatter.write_text("Global options, accepted here too: kmstool --help")

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example."""
        if self.example:
            with formatter.section("Example"):
                formatter.write(f"{'':>{formatter.current_indent}}{self.example}\n")


class Command(_GlobalOptions):
    """A command of kmstool; `example` is one line that the tests run.

    `alone` is one that becomes another program, or runs until it is stopped. Raises `TypeError` if the callback, made by `reads`, does not read exactly the parameters that the command has.
    """

    def __init__(self, *args: Any, alone: bool = False, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.alone = alone
        names = {str(param.name) for param in self.params if param.expose_value}
        if self.callback and (read := getattr(self.callback, _READS, None)) != names:
            raise TypeError(f"the command {self.name} has the parameters {sorted(names)}, but reads {read}")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the words, and ask for what is missing where somebody can be asked.

        Raises `NeedsProcess` where an interactive session would not survive the command.
        """
        if self.alone and ctx.obj is not None and ctx.obj.kept is not None:
            raise NeedsProcess
        while True:
            try:
                return super().parse_args(ctx, list(args))
            except click.MissingParameter as error:
                # An answer is the parameter's default from then on.
                if error.param is None or ctx.obj is None or not ctx.obj.supplies(ctx, error.param):
                    raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, when what it writes can be written as far as that can be seen."""
        targets.look_at(ctx)
        return super().invoke(ctx)


class NeedsProcess(BaseException):
    """A command has to run in a process of its own; no failure, so nothing on the way takes it for one."""


_READS = "reads_parameters"


def reads(names: Iterable[str], callback: Callable[..., None], function: Callable[..., None]) -> Callable[..., None]:
    """Return a command's callback as one that stands for `function` and reads the parameters of these names."""
    setattr(callback, _READS, frozenset(names))
    return update_wrapper(callback, function)


class Group(_GlobalOptions, click.Group):
    """A group of kmstool's commands."""

    command_class = Command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read `help COMMAND` as `COMMAND --help`, where `help` is no command itself."""
        if args[:1] == ["help"] and "help" not in self.commands:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)


key_option = key_words.means("key", "Key id, alias or REGION:NAME; default: the profile's key.")
"""Add `--key`, for which the profile may have a default."""
key_argument = key_words.acted_on("key", "--key", "KEY")
own_key_argument = key_words.acted_on("key", "--key", "KEY", required=False)
keys_argument = key_words.acted_on("keys", "--key", "KEY", several=True)
"""Add KEY..., one at least."""


def pairs_option(*names: str, noun: str, text: str) -> Callable[[Decorated], Decorated]:
    """Add a repeatable option of `NAME=VALUE` words, called `noun`, whose value is a mapping."""
    return click.option(*names, metavar="K=V", multiple=True, callback=collected(noun), help=text)


def encryption_context_option(function: Decorated) -> Decorated:
    """Add `--context` and `--context-text`, see `params.ContextWords`."""
    return context_options("", "Encryption context, bound to the data; repeatable.")(function)


def context_options(prefix: str, text: str) -> Callable[[Decorated], Decorated]:
    """Add the two ways to give a context, under names that begin with the prefix."""

    def add(function: Decorated) -> Decorated:
        exact = click.option(
            f"--{prefix}context-text",
            type=CONTEXT_TEXT,
            metavar="TEXT|@FILE",
            help="The context as the exact text that KMS got from another program.",
        )
        pairs = click.option(f"--{prefix}context", metavar="K=V", multiple=True, callback=collected_context, help=text)
        return pairs(exact(function))

    return add


input_argument = input_files.input_argument
"""Add FILE: None for stdin."""


def output_options(function: Decorated) -> Decorated:
    """Add `-o, --out FILE` and `--force`, which may be for a file that the command itself names."""
    function = click.option("--force", is_flag=True, help="Replace an existing output file.")(function)
    return file_target("-o", "--out", help='Output file; "-" for stdout.')(function)


def file_target(*names: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """Add an option for a file that is written; see `targets.Target`."""
    return click.option(*names, cls=targets.Target, metavar="FILE", **settings)


def folder_target(
    *names: str, holds: Callable[[], Collection[str]], **settings: Any
) -> Callable[[Decorated], Decorated]:
    """Add an option for a folder that gets files of the names that it `holds`."""
    return folder_option(*names, cls=targets.Target, names=holds, **settings)


def _shield(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        ctx.obj.shield = True


def shield_option(function: Decorated) -> Decorated:
    """Add `--shield-dek`, which makes the session ask KMS for wrapped answers."""
    return click.option(
        "--shield-dek",
        is_flag=True,
        expose_value=False,
        callback=_shield,
        help="Have KMS encrypt the response to this process, hiding it from TLS-inspecting proxies.",
    )(function)


def folder_option(*names: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """Add an option that takes a folder, which an empty name is not: it would mean the working one."""
    return click.option(
        *names, metavar="DIR", callback=partial(not_empty, why="an empty name is no folder"), **settings
    )


def file_option(*names: str, **settings: Any) -> Callable[[Decorated], Decorated]:
    """Add an option that takes a file, which an empty name is not."""
    return click.option(*names, metavar="FILE", callback=not_empty_file, **settings)
