"""`kmstool key list`: list all keys of the region."""

from __future__ import annotations

from typing import Any

import click

from kmstool.cli import options
from kmstool.cli.commands.key.usages import Usage, usage_name
from kmstool.cli.io import outputs
from kmstool.cli.session.session import Session, pass_session


@click.command("list", cls=options.Command, example="kmstool key list --state enabled")
@click.option("--state", type=click.Choice(options.STATES), help="Only keys in this state.")
@click.option("--usage", type=Usage(), help="Only keys for this purpose.")
@click.option("--search", metavar="TEXT", help="Only keys with this in their alias or id.")
@click.option("--origin", type=click.Choice(["kms", "external"]), help="Only keys with material of this origin.")
@click.option("--owner", type=click.Choice(["user", "product"]), default="user", show_default=True, help="Whose keys.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Only keys with this tag; repeatable.")
@pass_session
def list_(session: Session, owner: str, **filters: Any) -> None:
    """List all keys of the region."""
    found = list(session.client().list_keys(Role=int(owner == "product"), **_filters(**filters)))[::-1]
    answer = {"TotalCount": len(found), "KeyMetadatas": [dict(key.answer) for key in found]}
    rows = [(key.alias, key.state, usage_name(key.usage), key.key_id) for key in found]
    headings = ("ALIAS", "STATE", "USAGE", "KEY ID")
    outputs.answer(session, answer, lambda: outputs.table(session, headings, rows))


def _filters(state: str | None, usage: str | None, **rest: Any) -> dict[str, Any]:
    filters = options.list_filters(**rest)
    if state:
        filters["KeyState"] = options.STATES.index(state) + 1
    if usage:
        filters["KeyUsage"] = usage
    return filters
