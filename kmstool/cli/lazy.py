"""A click group that knows its commands by name and summary, and imports one when it is run.

Everything that walks a click tree reads `group.commands`, so that is a mapping which
loads on access, not an override of `get_command`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
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

    def __init__(
        self,
        *args: Any,
        table: Mapping[str, tuple[str, str]],
        sectioned: bool = False,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.commands = LazyCommands(table)
        self.summaries = {name: summary for name, (_, summary) in table.items()}
        self.sectioned = sectioned

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table; at the root in sections, with the topics."""
        if not self.sectioned:
            self._write(formatter, "Commands", sorted(self.summaries), self.summaries)
            return
        from kmstool.cli.topics import SECTIONS, TOPICS

        rest = set(self.summaries).difference(*SECTIONS.values())
        for title, names in {**SECTIONS, "More": sorted(rest)}.items():
            self._write(formatter, title, names, self.summaries)
        topics = {name: topic.summary for name, topic in TOPICS.items()}
        self._write(formatter, "Topics (kmstool help TOPIC)", list(topics), topics)

    def _write(
        self, formatter: click.HelpFormatter, title: str, names: Sequence[str], texts: Mapping[str, str]
    ) -> None:
        width = max(map(len, self.summaries))
        with formatter.section(title):
            formatter.write_dl([(name.ljust(width), texts[name]) for name in names if name in texts])
