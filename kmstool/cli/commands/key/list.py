"""`kmstool key list`: list all keys of the region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import options, watching
from kmstool.cli.commands.key.usage_names import Usage, usage_name
from kmstool.cli.io import outputs, tables, times
from kmstool.cli.io.columns import Column
from kmstool.cli.list_filters import list_filters
from kmstool.cli.params import Choice
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.kms.answers import Key

_COLUMNS = (
    tables.name("ALIAS"),
    tables.STATE,
    Column("USAGE", 2),
    Column("KEY ID"),
    tables.name("DESCRIPTION", 3, extra=True),
    tables.wide("NEXT ROTATION", 5),
    tables.wide("DELETION", 4),
    tables.wide("OWNER", 6),
)


@dataclass(frozen=True)
class ListWords:
    """The options of `kmstool key list`."""

    state: str | None
    usage: str | None
    search: str | None
    origin: str | None
    owner: str
    tags: Mapping[str, str]
    watch: bool


@click.command("list", cls=options.Command, example="kmstool key list --state enabled")
@click.option("--state", type=Choice(options.STATES), help="Only keys in this state.")
@click.option("--usage", type=Usage(), help="Only keys for this purpose.")
@click.option("--search", metavar="TEXT", help="Only keys with this in their alias or id.")
@click.option("--origin", type=Choice(["kms", "external"]), help="Only keys with material of this origin.")
@click.option("--owner", type=Choice(["user", "product"]), default="user", show_default=True, help="Whose keys.")
@options.pairs_option("--tag", "tags", noun="tag", text="Only keys with this tag; repeatable.")
@click.option("--watch", is_flag=True, help="Show the list again whenever it changes, until Ctrl-C.")
@takes(ListWords)
def list_(session: Session, wanted: ListWords) -> None:
    """List all keys of the region."""
    region = session.region(session.profile())
    narrowed = bool(_filters(wanted)) or wanted.owner == "product"
    counted = tables.Counted(
        "key", region, make="kmstool key create --alias NAME", see_all="kmstool key list" if narrowed else ""
    )
    if wanted.watch:
        watching.watch(session, _COLUMNS, lambda: [_row(key) for key in _keys(session, wanted)], counted)
    keys = _keys(session, wanted)
    answer = {"TotalCount": len(keys), "KeyMetadatas": [dict(key.answer) for key in keys]}
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, [_row(key) for key in keys], counted))


def _keys(session: Session, wanted: ListWords) -> list[Key]:
    """Return the keys that are asked for, the newest first."""
    return list(session.client().list_keys(Role=int(wanted.owner == "product"), **_filters(wanted)))[::-1]


def _row(key: Key) -> tuple[str, ...]:
    return (
        key.alias,
        key.state,
        usage_name(key.usage),
        key.key_id,
        key.description or "-",
        times.format_day(key.next_rotation_unix) if key.rotation_enabled else "-",
        times.format_day(key.deletion_unix),
        key.owner,
    )


def _filters(wanted: ListWords) -> dict[str, Any]:
    filters = list_filters(wanted.search, wanted.origin, wanted.tags)
    if wanted.state:
        filters["KeyState"] = options.STATES.index(wanted.state) + 1
    if wanted.usage:
        filters["KeyUsage"] = wanted.usage
    return filters
