"""`kmstool key list`: list all keys of the region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usages import Usage, usage_name
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, takes


@dataclass(frozen=True)
class ListWords:
    """The options of `kmstool key list`."""

    state: str | None
    usage: str | None
    search: str | None
    origin: str | None
    owner: str
    tags: Mapping[str, str]


@click.command("list", cls=options.Command, example="kmstool key list --state enabled")
@click.option("--state", type=click.Choice(options.STATES), help="Only keys in this state.")
@click.option("--usage", type=Usage(), help="Only keys for this purpose.")
@click.option("--search", metavar="TEXT", help="Only keys with this in their alias or id.")
@click.option("--origin", type=click.Choice(["kms", "external"]), help="Only keys with material of this origin.")
@click.option("--owner", type=click.Choice(["user", "product"]), default="user", show_default=True, help="Whose keys.")
@options.pairs_option("--tag", "tags", noun="tag", text="Only keys with this tag; repeatable.")
@takes(ListWords)
def list_(session: Session, wanted: ListWords) -> None:
    """List all keys of the region."""
    keys = list(session.client().list_keys(Role=int(wanted.owner == "product"), **_filters(wanted)))[::-1]
    answer = {"TotalCount": len(keys), "KeyMetadatas": [dict(key.answer) for key in keys]}
    rows = [(key.alias, key.state, usage_name(key.usage), key.key_id) for key in keys]
    headings = ("ALIAS", "STATE", "USAGE", "KEY ID")
    outputs.print_answer(session, answer, lambda: outputs.print_table(session, headings, rows))


def _filters(wanted: ListWords) -> dict[str, Any]:
    filters = options.list_filters(wanted.search, wanted.origin, wanted.tags)
    if wanted.state:
        filters["KeyState"] = options.STATES.index(wanted.state) + 1
    if wanted.usage:
        filters["KeyUsage"] = wanted.usage
    return filters
