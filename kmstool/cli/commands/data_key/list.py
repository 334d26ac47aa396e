"""`kmstool data-key list`: list the data keys of the region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kmstool.cli import options
from kmstool.cli.commands.data_key.hosted import MAX_BYTES
from kmstool.cli.io import outputs
from kmstool.cli.params import KEY
from kmstool.cli.session.session import Session, pass_session

if TYPE_CHECKING:
    from kmstool.api.cmk_rules import KeyAddress


@click.command("list", cls=options.Command, example="kmstool data-key list --state enabled")
@click.option("--state", type=click.Choice(options.DATA_KEY_STATES), help="Only data keys in this state.")
@click.option("--key", type=KEY, metavar="KEY", help="Only data keys under this key.")
@click.option("--search", metavar="TEXT", help="Only data keys with this in their name or id.")
@click.option("--origin", type=click.Choice(["kms", "external"]), help="Only data keys of this origin.")
@click.option("--bytes", "byte_count", type=click.IntRange(1, MAX_BYTES), help="Only data keys of this size.")
@click.option("--tag", "tags", multiple=True, metavar="K=V", help="Only data keys with this tag; repeatable.")
@pass_session
def list_(session: Session, key: KeyAddress | None, state: str | None, byte_count: int | None, **filters: Any) -> None:
    """List the data keys of the region."""
    client, key_id = session.key(key) if key is not None else (session.client(), None)
    wanted = options.list_filters(**filters)
    if state:
        wanted["KeyState"] = options.DATA_KEY_STATES.index(state) + 1
    wanted |= {"KeyId": key_id} if key_id else {}
    wanted |= {"DataKeyLen": byte_count} if byte_count else {}
    found = list(client.list_data_keys(**wanted))[::-1]
    answer = {"TotalCount": len(found), "DataKeyMetadatas": [dict(item.answer) for item in found]}
    rows = [
        (item.name, item.state, str(item.byte_count), item.key_alias or item.key_id, item.data_key_id) for item in found
    ]
    headings = ("NAME", "STATE", "BYTES", "KEY", "DATA KEY ID")
    outputs.answer(session, answer, lambda: outputs.table(session, headings, rows))
