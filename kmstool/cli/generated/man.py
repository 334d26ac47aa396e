"""The man pages, and the one command that writes them and the completions: `python -m kmstool.cli.generated.man [DIR]`.

Both come from the click tree that runs, and hold no date, so that the same tree always
gives the same bytes. Nothing here is imported when kmstool starts.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from kmstool import __version__
from kmstool.cli import main, topics
from kmstool.cli.generated import completion
from kmstool.cli.options import GLOBAL
from kmstool.cli.topic_texts import ENVIRONMENT, FILES

_SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}


def render(root: click.Command = main.root) -> dict[str, str]:
    """Return the text of every completion file and man page by its path below the project."""
    return {**completion.files(list(_walk("kmstool", root, None))), **pages(root)}


def pages(root: click.Command = main.root) -> dict[str, str]:
    """Return the text of every man page by its path below the project; it takes click alone."""
    texts = {f"man/{_page(ctx)}.1": _man(ctx) for ctx in _walk("kmstool", root, None)}
    return texts | {f"man/kmstool-{name}.7": _topic_page(name, topic) for name, topic in topics.TOPICS.items()}


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write these texts below the folder, and remove the pages of commands that are gone."""
    for path in sorted((folder / "man").glob("kmstool*.[17]")):
        if f"man/{path.name}" not in texts:
            path.unlink()
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _walk(name: str, command: click.Command, parent: click.Context | None) -> Iterator[click.Context]:
    """Yield a context for the command and each below it that is not hidden, depth first by name."""
    ctx = command.context_class(command, info_name=name, parent=parent, **command.context_settings)
    yield ctx
    for below, child in completion.commands(command).items():
        yield from _walk(below, child, ctx)


def _page(ctx: click.Context) -> str:
    return ctx.command_path.replace(" ", "-")


def _summary(command: click.Command) -> str:
    return command.get_short_help_str(limit=1000).rstrip(".")


def _man(ctx: click.Context) -> str:
    command, root = ctx.command, ctx.find_root()
    summary = _summary(command)
    # A name such as KMS keeps its capitals.
    summary = summary if summary[1:2].isupper() else summary[:1].lower() + summary[1:]
    lines = [
        f'.TH {_roff(_page(ctx).upper())} 1 "" "kmstool {__version__}" "kmstool"',
        # Neither hyphens nor wide spaces in what readers copy.
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_roff(_page(ctx))} \\- {_roff(summary)}",
        ".SH SYNOPSIS",
        f".B {_roff(ctx.command_path)}",
        " ".join(_roff(piece) for piece in _synopsis(ctx)),
        ".SH DESCRIPTION",
        *_paragraphs(command.help or ""),
        ".SH OPTIONS",
        *_options(ctx),
    ]
    if isinstance(command, click.Group):
        lines += [".SH COMMANDS", *_commands(ctx)]
    if example := getattr(command, "example", ""):
        lines += [".SH EXAMPLES", *_shell_lines([example])]
    if ctx is root:
        lines += [".SH EXIT STATUS", *_terms(topics.exit_codes())]
        lines += [".SH ENVIRONMENT", *_terms(ENVIRONMENT), ".SH FILES", *_terms(FILES)]
    else:
        lines += [
            ".SH EXIT STATUS",
            "0 on success; every other code is explained in",
            _reference(f"{_page(root)}-exit-codes", 7),
        ]
        lines += [".SH ENVIRONMENT", "Variables and files that every command reads are explained in"]
        lines += [
            _reference(f"{_page(root)}-environment", 7),
            ".SH FILES",
            "See",
            _reference(f"{_page(root)}-environment", 7),
        ]
    return "\n".join([*lines, ".SH SEE ALSO", *_see_also(ctx)]) + "\n"


def _topic_page(name: str, topic: topics.Topic) -> str:
    page = f"kmstool-{name}"
    lines = [
        f'.TH {_roff(page.upper())} 7 "" "kmstool {__version__}" "kmstool"',
        ".nh",
        ".ad l",
        ".SH NAME",
        f"{_roff(page)} \\- {_roff(topic.summary[:1].lower() + topic.summary[1:].rstrip('.'))}",
        ".SH DESCRIPTION",
    ]
    for block in topic.blocks():
        if isinstance(block, str):
            lines += [".PP", _line(block)]
        elif isinstance(block, Mapping):
            lines += _terms(block)
        else:
            lines += _shell_lines(block)
    others = [_reference(f"kmstool-{other}", 7, ",") for other in topics.TOPICS if other != name]
    return "\n".join([*lines, ".SH SEE ALSO", *others, _reference("kmstool", 1, "")]) + "\n"


def _terms(terms: Mapping[str, str]) -> Iterator[str]:
    for name, text in terms.items():
        yield from (".TP", f".B {_roff(name)}", _line(text))


def _shell_lines(shown: Sequence[str]) -> list[str]:
    return [".RS 4", ".nf", *map(_line, shown), ".fi", ".RE"]


def _reference(page: str, section: int, end: str = ".") -> str:
    return f".BR {_roff(page)} ({section})" + end


def _synopsis(ctx: click.Context) -> list[str]:
    own = [
        param
        for param in ctx.command.get_params(ctx)
        if isinstance(param, click.Argument) and not getattr(param, "hidden", False)
    ]
    required = [
        f"{param.opts[-1]} {_metavar(param, ctx)}"
        for param in ctx.command.get_params(ctx)
        if isinstance(param, click.Option) and param.required and not param.hidden
    ]
    pieces = [*required, "[OPTIONS]", *(param.make_metavar(ctx) for param in own)]
    return [*pieces, "COMMAND [ARGUMENTS]..."] if isinstance(ctx.command, click.Group) else pieces


def _options(ctx: click.Context) -> Iterator[str]:
    for param in ctx.command.get_params(ctx):
        if isinstance(param, click.Option) and not param.hidden and (ctx.parent is None or param not in GLOBAL):
            yield ".TP"
            names = ", ".join(f"\\fB{_roff(name)}\\fR" for name in completion.spellings(param))
            metavar = _metavar(param, ctx)
            yield f"{names} \\fI{_roff(metavar)}\\fR" if metavar else names
            yield _line(" ".join(_option_text(param, ctx)))
    if ctx.parent is not None:
        yield ".PP"
        yield "The global options are accepted too; see"
        yield f".BR {_roff(_page(ctx.find_root()))} (1)."


def _metavar(option: click.Option, ctx: click.Context) -> str:
    if option.is_flag or option.count:
        return ""
    if isinstance(option.type, click.Choice):
        # The metavar of a choice lists its words in one piece, too long for a line.
        return str(option.name).upper()
    return option.make_metavar(ctx)


def _option_text(option: click.Option, ctx: click.Context) -> Iterator[str]:
    yield option.help or ""
    if isinstance(option.type, click.Choice):
        yield f"One of: {', '.join(map(str, option.type.choices))}."
    extra = option.get_help_extra(ctx)
    if "default" in extra:
        yield f"Default: {extra['default']}."
    if "range" in extra:
        yield f"Range: {extra['range']}."
    if "required" in extra:
        yield "Required."


def _commands(ctx: click.Context) -> Iterator[str]:
    for name, below in completion.commands(ctx.command).items():
        yield ".TP"
        yield f".BR {_roff(f'{_page(ctx)}-{name}')} (1)"
        yield _line(f"{_summary(below)}.")


def _see_also(ctx: click.Context) -> Iterator[str]:
    above = [ctx.parent] if ctx.parent else []
    above = [ctx.find_root(), *above] if ctx.parent and ctx.parent.parent else above
    pages = [*map(_page, above), *(f"{_page(ctx)}-{name}" for name in completion.commands(ctx.command))]
    for page in pages:
        yield f".BR {_roff(page)} (1)" + ("" if page == pages[-1] else ",")


def _paragraphs(text: str) -> Iterator[str]:
    """Write a docstring as click reads it: blank lines part paragraphs, and one behind a backspace keeps its lines."""
    cleaned = inspect.cleandoc(text).partition("\f")[0].strip()
    for number, paragraph in enumerate(re.split(r"\n\s*\n", cleaned)):
        if number:
            yield ".PP"
        if paragraph.startswith("\b"):
            yield from (".nf", *map(_line, paragraph.removeprefix("\b").strip("\n").split("\n")), ".fi")
        else:
            yield _line(" ".join(paragraph.split()))


def _line(text: str) -> str:
    """Return a line of text that roff does not take for a request."""
    return f"\\&{_roff(text)}" if text.startswith(".") else _roff(text)


def _roff(text: str) -> str:
    """Return text in which nothing is markup: dashes stay ASCII and quotes straight, so that examples can be copied."""
    return "".join(_SPECIAL.get(char) or (char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text)


if __name__ == "__main__":
    write(Path(sys.argv[1] if sys.argv[1:] else "."), render())
