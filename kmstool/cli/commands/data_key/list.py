"""`kmstool data-key list`: list the data keys of the region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from kmstool import words
from kmstool.cli import options
from kmstool.cli.io import outputs, tables, times
from kmstool.cli.io.columns import Column
from kmstool.cli.list_filters import list_filters
from kmstool.cli.params import KEY, Choice
from kmstool.cli.session.session import Session, takes

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


_COLUMNS = (
    tables.name("NAME"),
    tables.STATE,
    Column("BYTES", 3),
    tables.name("KEY", 2),
    Column("DATA KEY ID"),
    tables.name("DESCRIPTION", 4, extra=True),
    tables.wide("DELETION", 5),
    tables.wide("CREATED", 6),
)


@dataclass(frozen=True)
class ListWords:
    """The options of `kmstool data-key list`."""

    state: str | None
    key: KeyAddress | None
    search: str | None
    origin: str | None
    byte_count: int | None
    tags: Mapping[str, str]


@click.command("list", cls=options.Command, example="kmstool data-key list --state enabled")
@click.option("--state", type=Choice(options.DATA_KEY_STATES), help="Only data keys in this state.")
@click.option("--key", type=KEY, metavar="KEY", help="Only data keys under this key.")
@click.option("--search", metavar="TEXT", help="Only data keys with this in their name or id.")
@click.option("--origin", type=Choice(["kms", "external"]), help="Only data keys of this origin.")
@click.option(
    "--bytes", "byte_count", type=click.IntRange(1, words.MAX_DATA_KEY_BYTES), help="Only data keys of this size."
)
@options.pairs_option("--tag", "tags", noun="tag", text="Only data keys with this tag; repeatable.")
@takes(ListWords)
def list_(session: Session, wanted: ListWords) -> None:
    """List the data keys of the region."""
    client, key_id = session.key(wanted.key) if wanted.key else (session.client(), None)
    data_keys = list(client.list_data_keys(**_filters(wanted, key_id)))[::-1]
    answer = {"TotalCount": len(data_keys), "DataKeyMetadatas": [dict(item.answer) for item in data_keys]}
    rows = [
        (
            item.name,
            item.state,
            str(item.byte_count),
            item.key_alias or item.key_id,
            item.data_key_id,
            item.description or "-",
            times.format_day(item.deletion_unix),
            times.format_day(item.created_unix),
        )
        for item in data_keys
    ]
    counted = tables.Counted(
        "data key",
        session.region(session.profile()),
        make="kmstool data-key generate --name NAME",
        see_all="kmstool data-key list" if _filters(wanted, key_id) else "",
    )
    outputs.print_answer(session, answer, lambda: tables.show(session, _COLUMNS, rows, counted))


def _filters(wanted: ListWords, key_id: str | None) -> dict[str, Any]:
    filters = list_filters(wanted.search, wanted.origin, wanted.tags)
    if wanted.state:
        filters["KeyState"] = options.DATA_KEY_STATES.index(wanted.state) + 1
    if key_id:
        filters["KeyId"] = key_id
    if wanted.byte_count:
        filters["DataKeyLen"] = wanted.byte_count
    return filters
