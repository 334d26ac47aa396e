"""The completion files of bash, zsh and fish, written from the command tree so that TAB starts no Python.

Bash and fish get tables of the commands and the walk over the words before the cursor
that is in `bash.py` and `fish.py`; zsh has `_arguments` for that.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import click

from kmstool.cli.generated import bash, fish, values, zsh
from kmstool.cli.options import GLOBAL

_BRACKETS = r"[\\:\[\]]"


@dataclass(frozen=True, slots=True)
class Value:
    """What a metavar stands for: one of `words`, what comes from a `source`, or anything."""

    metavar: str
    words: tuple[str, ...]
    source: values.Source


@dataclass(frozen=True, slots=True)
class Switch:
    """An option: its spellings, and a value for each word that follows it."""

    names: tuple[str, ...]
    text: str
    values: tuple[Value, ...]
    repeatable: bool
    ends: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or group as completion sees it; the global options are not repeated in it."""

    path: str
    commands: dict[str, str]
    switches: tuple[Switch, ...]
    arguments: tuple[Value, ...]
    variadic: bool


def files(contexts: Sequence[click.Context]) -> dict[str, str]:
    """Return the completion files by path, for these commands (the root first) and the global options."""
    entries = [_entry(ctx) for ctx in contexts]
    everywhere = [_switch(option, contexts[0]) for option in GLOBAL]
    return {
        "completions/kmstool.bash": _bash(entries, everywhere),
        "completions/_kmstool": _zsh(entries, everywhere),
        "completions/kmstool.fish": _fish(entries, everywhere),
    }


def _entry(ctx: click.Context) -> Entry:
    parameters = [
        param for param in ctx.command.get_params(ctx) if param not in GLOBAL and not getattr(param, "hidden", False)
    ]
    arguments = [param for param in parameters if isinstance(param, click.Argument)]
    return Entry(
        path=ctx.command_path,
        commands={name: _line(below.get_short_help_str(1000)) for name, below in commands(ctx.command).items()},
        switches=tuple(_switch(param, ctx) for param in parameters if isinstance(param, click.Option)),
        arguments=tuple(_value(param, ctx) for param in arguments for _ in range(max(param.nargs, 1))),
        variadic=any(param.nargs < 0 for param in arguments),
    )


def _switch(option: click.Option, ctx: click.Context) -> Switch:
    takes = 0 if option.is_flag or option.count else option.nargs
    return Switch(
        names=spellings(option),
        text=_line(option.help or ""),
        values=(_value(option, ctx),) * takes,
        repeatable=option.multiple or option.count,
        ends=option.is_eager,
    )


def _value(param: click.Parameter, ctx: click.Context) -> Value:
    if words := values.fixed(param, ctx.command_path):
        # The metavar of a choice lists its words, which are shown anyway.
        return Value(str(param.name).upper(), words, "")
    metavar = _line(param.make_metavar(ctx))
    return Value(metavar, (), values.source(param, metavar, ctx.command_path))


def commands(command: click.Command) -> dict[str, click.Command]:
    """Return the commands of a group that are not hidden, by name; none for what is no group."""
    below = command.commands if isinstance(command, click.Group) else {}
    return {name: below[name] for name in sorted(below) if not below[name].hidden}


def spellings(option: click.Option) -> tuple[str, ...]:
    """Return every way to write an option, the short ones first."""
    return tuple(sorted((*option.opts, *option.secondary_opts), key=lambda name: name.startswith("--")))


def _common(text: str) -> str:
    return text.replace("SECONDS_FRESH", str(values.SECONDS_FRESH))


def _line(text: str) -> str:
    return " ".join(text.split())


def _places(entries: Iterable[Entry], everywhere: Iterable[Switch]) -> Iterator[tuple[str, Value]]:
    """Yield, as patterns `COMMAND OPTION` and `COMMAND #POSITION`, every place that has something to offer."""
    places: list[tuple[str, Value]] = []
    for entry in entries:
        places += [(f"{entry.path} {name}", value) for name, value in _switch_values(entry.switches)]
        last = len(entry.arguments) - 1
        for position, value in enumerate(entry.arguments):
            places.append((f"{entry.path} #{'*' if entry.variadic and position == last else position}", value))
    places += [(f"* {name}", value) for name, value in _switch_values(everywhere)]
    return (candidate for candidate in places if candidate[1].words or candidate[1].source)


def _switch_values(switches: Iterable[Switch]) -> Iterator[tuple[str, Value]]:
    return ((name, value) for switch in switches for name in switch.names for value in switch.values[:1])


def _valued(switches: Iterable[Switch]) -> list[str]:
    """Return each option that takes values, as often as it takes one."""
    return [name for switch in switches for name in switch.names for _ in switch.values]


def _bash(entries: Sequence[Entry], everywhere: Sequence[Switch]) -> str:
    lines = ["# Completion of kmstool for bash.", "", "_kmstool_command() {", "  commands=() options=() valued=()"]
    lines.append("  case $1 in")
    for entry in entries:
        lines.append(f"    {_bash_pattern(entry.path)})")
        for name, words in (
            ("commands", entry.commands),
            ("options", [name for switch in entry.switches for name in switch.names]),
            ("valued", _valued(entry.switches)),
        ):
            lines += [f"      {name}=({shlex.join(words)})"] if words else []
        lines.append("      ;;")
    lines += ["    *) return ;;", "  esac"]
    lines.append(f"  options+=({shlex.join(name for switch in everywhere for name in switch.names)})")
    lines += [f"  valued+=({shlex.join(_valued(everywhere))})", "}", "", "_kmstool_place() {", "  case $1 in"]
    for pattern, value in _places(entries, everywhere):
        offered = f"source='{value.source}'" if value.source else f"words=({shlex.join(value.words)})"
        lines.append(f"    {_bash_pattern(pattern)}) {offered} ;;")
    lines += ["    *' >') source='file' ;;", "  esac", "}"]
    return "\n".join(lines) + "\n" + _common(bash.TEXT)


def _bash_pattern(text: str) -> str:
    return "*".join(shlex.quote(part) if part else "" for part in text.split("*"))


def _fish(entries: Sequence[Entry], everywhere: Sequence[Switch]) -> str:
    lines = ["# Completion of kmstool for fish.", "", "function __kmstool_command --no-scope-shadowing"]
    lines += [f"    set {name}" for name in ("commands", "options", "valued")]
    lines.append("    switch $path")
    for entry in entries:
        lines.append(f"        case {_fish_word(entry.path)}")
        for name, words in (
            ("commands", [f"{command}\t{text}" for command, text in entry.commands.items()]),
            ("options", _fish_options(entry.switches)),
            ("valued", _valued(entry.switches)),
        ):
            lines += _fish_set(name, words, 12)
    lines += ["        case '*'", "            return", "    end"]
    lines += _fish_set("--append options", _fish_options(everywhere), 4)
    lines += _fish_set("--append valued", _valued(everywhere), 4)
    lines += ["end", "", "function __kmstool_place --no-scope-shadowing", '    switch "$path $place"']
    for pattern, value in _places(entries, everywhere):
        lines.append(f"        case {_fish_word(pattern)}")
        lines += _fish_set("source", [value.source], 12) if value.source else _fish_set("words", value.words, 12)
    return "\n".join([*lines, "    end", "end"]) + "\n" + _common(fish.TEXT)


def _fish_options(switches: Iterable[Switch]) -> list[str]:
    return [f"{name}\t{switch.text}" for switch in switches for name in switch.names]


def _fish_set(name: str, words: Sequence[str], indent: int) -> list[str]:
    blank = " " * indent
    return [f"{blank}set {name} " + f" \\\n{blank}    ".join(map(_fish_word, words))] if words else []


def _fish_word(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace("'", "\\'")
    # A tab parts a candidate from its description, and has no spelling inside quotes.
    return "'" + quoted.replace("\t", "'\\t'") + "'"


def _zsh(entries: Sequence[Entry], everywhere: Sequence[Switch]) -> str:
    lines = ["#compdef kmstool", ""]
    for entry in entries:
        name = "_" + entry.path.replace(" ", "_")
        specs = [_zsh_quote(spec) for switch in entry.switches for spec in _zsh_switch(switch)]
        lines.append(f"{name}() {{")
        if entry.path == entries[0].path:
            lines += ["  local -a everywhere=("]
            lines += [f"    {_zsh_quote(spec)}" for switch in everywhere for spec in _zsh_switch(switch)]
            lines.append("  )")
        if entry.commands:
            lines.append("  local -a subcommands=(")
            lines += [f"    {_zsh_quote(f'{key}:{_zsh_escape(text)}')}" for key, text in entry.commands.items()]
            lines += ["  )", " \\\n    ".join([f"  _kmstool_group {name}", *specs])]
        else:
            specs += [_zsh_quote(spec) for spec in _zsh_arguments(entry)]
            lines.append(" \\\n    ".join(["  _kmstool_arguments", *specs]))
        lines += ["}", ""]
    return "\n".join(lines[:-1]) + "\n" + _common(zsh.TEXT)


def _zsh_switch(switch: Switch) -> Iterator[str]:
    before = "*" if switch.repeatable else f"({' '.join(switch.names)})" if switch.names[1:] else ""
    before = "(- : *)" if switch.ends else before
    values = "".join(_zsh_value(value) for value in switch.values)
    for name in switch.names:
        joint = ("=" if name.startswith("--") else "+") if values else ""
        yield f"{before}{name}{joint}[{_zsh_escape(switch.text, _BRACKETS)}]{values}"


def _zsh_arguments(entry: Entry) -> Iterator[str]:
    last = len(entry.arguments) - 1
    for position, value in enumerate(entry.arguments):
        position_word = "*" if entry.variadic and position == last else str(position + 1)
        yield position_word + (":" if value.source == "command" else "") * (position_word == "*") + _zsh_value(value)


def _zsh_value(value: Value) -> str:
    actions = {"": " ", "file": "_files", "@file": "_kmstool_at_file", "command": "_normal"}
    action = actions.get(value.source) or f"_kmstool_names {value.source}"
    action = f"({shlex.join(value.words)})" if value.words else action
    return f":{_zsh_escape(value.metavar)}:{action}"


def _zsh_escape(text: str, special: str = r"[\\:]") -> str:
    return re.sub(special, r"\\\g<0>", text)


def _zsh_quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
