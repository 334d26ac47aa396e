"""A click group that knows its commands by name and summary, and imports one when it is run.

Everything that walks a click tree reads `group.commands`, so that is a mapping which
loads on access, not an override of `get_command`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import click

from kmstool.cli.options import Group


class LazyCommands(MutableMapping[str, click.Command]):
    """Commands by name; a value is imported from its `module:attribute` when it is first asked for."""

    def __init__(self, table: Mapping[str, tuple[str, str]]) -> None:
        self._places = {name: target for name, (target, _) in table.items()}
        self._loaded: dict[str, click.Command] = {}

    def __getitem__(self, name: str) -> click.Command:
        if name not in self._loaded:
            module, _, attribute = self._places[name].partition(":")
            self._loaded[name] = getattr(importlib.import_module(module), attribute)
        return self._loaded[name]

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._places.setdefault(name, "")
        self._loaded[name] = command

    def __delitem__(self, name: str) -> None:
        del self._places[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def groups(self) -> Iterator[str]:
        """Yield the names of those that are groups themselves, without an import."""
        return (name for name, target in self._places.items() if target.partition(":")[0].endswith(".group"))


class LazyGroup(Group):
    """A group over a table `name → (module:attribute, summary)`; its help imports no command."""

    commands: LazyCommands

    def __init__(self, *args: Any, table: Mapping[str, tuple[str, str]], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.commands = LazyCommands(table)
        self.summaries = {name: summary for name, (_, summary) in table.items()}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(self.summaries.items()))
